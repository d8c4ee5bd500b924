"""Enums: members by name, values, and attributes; the machinery is made by the enum module again."""

from __future__ import annotations

import enum
import types
from typing import Any

from weft_workflows.machine.codec import Kind, Taken
from weft_workflows.machine.codec_names import Surroundings

_META: Any = type(enum.Enum)
_OWN_STATE = frozenset(("_value_", "_name_", "__objclass__", "_sort_order_", "_inverted_"))
_METHODS = (types.FunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
_PLAIN = frozenset((int, str, float, bool, bytes, type(None)))


class _Template(enum.Enum):
    """What every enum has in its namespace."""

    MEMBER = 1


class _FlagTemplate(enum.Flag):
    """What every flag has in its namespace."""

    MEMBER = 1


_BROUGHT = (frozenset(_Template.__dict__) | frozenset(_FlagTemplate.__dict__)) - {"MEMBER"}


def _enum(run: Surroundings, value: Any) -> Taken:
    """Aliases are names of a member that has another name."""
    members = [
        each
        for name, member in value.__members__.items()
        for each in (name, member._name_, _build_value(value, member))
    ]
    head = (value.__name__, value.__qualname__, value.__module__, len(value.__bases__), *value.__bases__)
    own = [(member._value_, _extra(member)) for member in value.__members__.values()]
    taken = _taken_over(run, value)
    return (*head, *members), [value.__doc__, own, taken, *_attributes(run, value, {name for name, *_ in taken})]


def _build_value(kind: Any, member: Any) -> Any:
    """The value to build with: a placeholder where equality of values cannot be asked before they are complete."""
    value = member._value_
    if issubclass(kind, enum.Flag) or kind._member_type_ is not object or _is_plain(value):
        return value
    return f"weft placeholder {member._name_}"


def _is_plain(value: Any) -> bool:
    return type(value) in _PLAIN or (type(value) is tuple and all(type(each) in _PLAIN for each in value))


def _extra(member: Any) -> dict[str, Any] | None:
    return {name: each for name, each in member.__dict__.items() if name not in _OWN_STATE} or None


def _taken_over(run: Surroundings, value: type) -> list[tuple[str, int, str]]:
    """Methods of a base, put here by the enum module or by `__str__ = str.__str__`: the name here, which class of the
    hierarchy has it, and its name there.
    """
    return [
        (name, *source)
        for name, attribute in sorted(value.__dict__.items())
        if name not in _BROUGHT and isinstance(attribute, _METHODS) and not _is_own(run, attribute)
        if (source := _source(value, name, attribute)) is not None
    ]


def _source(value: type, name: str, attribute: Any) -> tuple[int, str] | None:
    bases = list(enumerate(value.__mro__))[1:]
    same = [(index, name) for index, base in bases if base.__dict__.get(name) is attribute]
    other = ((index, each) for index, base in bases for each, found in base.__dict__.items() if found is attribute)
    return same[0] if same else next(other, None)


def _attributes(run: Surroundings, value: Any, taken: set[str]) -> list[Any]:
    return [
        each
        for name, attribute in sorted(value.__dict__.items())
        if name not in value.__members__ and name not in taken
        if _is_own(run, attribute) or not _is_brought(name, attribute)
        for each in (name, attribute)
    ]


def _is_own(run: Surroundings, attribute: Any) -> bool:
    function = getattr(attribute, "__func__", attribute)
    return isinstance(function, types.FunctionType) and function.__globals__ is run.program.namespace


def _is_brought(name: str, attribute: Any) -> bool:
    """What the enum module puts there itself and makes of members, and where they keep their state."""
    if name in _BROUGHT or (name.startswith("_") and name.endswith("_") and not name.startswith("__")):
        return True
    if isinstance(attribute, types.GetSetDescriptorType):
        return True
    return isinstance(attribute, enum.property) and attribute.fget is None


def _make_enum(run: Surroundings, name: str, qualname: str, module: str, count: int, *rest: Any) -> Any:
    bases, members = rest[:count], rest[count:]
    body = _META.__prepare__(name, bases)
    body["__module__"], body["__qualname__"] = module, qualname
    for alias, value in zip(members[::3], members[2::3], strict=True):
        body[alias] = value
    return run.environment.classes.trust(_META(name, bases, body))


def _fill_enum(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    doc, own, taken, *attributes = contents
    for member, (value, extra) in zip(target.__members__.values(), own, strict=True):
        if member._value_ is not value:
            _set_value(target, member, value)
        if extra is not None:
            member.__dict__.update(extra)
    for name, each in zip(attributes[::2], attributes[1::2], strict=True):
        type.__setattr__(target, name, each)
    for name, index, there in taken:
        type.__setattr__(target, name, target.__mro__[index].__dict__[there])
    type.__setattr__(target, "__doc__", doc)


def _set_value(target: Any, member: Any, value: Any) -> None:
    """Puts a value in place of a placeholder, also in the tables by which `Kind(value)` finds its member.

    Which tables there are differs between the minors of Python.
    """
    state = target.__dict__
    placeholder, member._value_ = member._value_, value
    target._value2member_map_.pop(placeholder, None)
    hashable = state.get("_hashable_values_", [])
    if placeholder in hashable:
        hashable.remove(placeholder)
    try:
        target._value2member_map_.setdefault(value, member)
        hashable.append(value)
    except TypeError:
        state.get("_unhashable_values_", []).append(value)
        state.get("_unhashable_values_map_", {}).setdefault(member._name_, []).append(value)


ENUM = Kind(
    "enum",
    "name, qualname, module, bases, members; doc, values, methods of bases, attributes",
    _enum,
    _make_enum,
    _fill_enum,
)


def _member(_run: Surroundings, value: Any) -> Taken:
    kind = type(value)
    is_named = value._name_ in kind.__members__
    return (kind, is_named, value._name_ if is_named else value._value_), None


def _make_member(_run: Surroundings, kind: Any, is_named: bool, which: Any) -> Any:
    return kind.__members__[which] if is_named else kind(which)


MEMBER = Kind("member", "enum, whether named, name or value", _member, _make_member)
