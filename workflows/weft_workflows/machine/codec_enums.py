"""Enums: members by name, values, and attributes; the machinery is made by the enum module again."""

from __future__ import annotations

import enum
import types
from typing import Any

from weft_workflows.machine.codec import Kind, Taken
from weft_workflows.machine.codec_names import Surroundings

_META: Any = type(enum.Enum)
_OWN_STATE = frozenset(("_value_", "_name_", "__objclass__", "_sort_order_", "_inverted_"))
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
    return (*head, *members), [value.__doc__, own, *_attributes(run, value)]


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


def _attributes(run: Surroundings, value: Any) -> list[Any]:
    return [
        each
        for name, attribute in sorted(value.__dict__.items())
        if name not in value.__members__ and (_is_own(run, attribute) or not _is_brought(name, attribute))
        for each in (name, attribute)
    ]


def _is_own(run: Surroundings, attribute: Any) -> bool:
    function = getattr(attribute, "__func__", attribute)
    return isinstance(function, types.FunctionType) and function.__globals__ is run.program.namespace


def _is_brought(name: str, attribute: Any) -> bool:
    """What the enum module puts there itself, makes of members, and takes over from the type of their values."""
    if name in _BROUGHT or (name.startswith("_") and name.endswith("_") and not name.startswith("__")):
        return True
    if isinstance(attribute, types.MethodDescriptorType | types.WrapperDescriptorType):
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
    doc, own, *attributes = contents
    for member, (value, extra) in zip(target.__members__.values(), own, strict=True):
        if member._value_ is not value:
            _set_value(target, member, value)
        if extra is not None:
            member.__dict__.update(extra)
    for name, each in zip(attributes[::2], attributes[1::2], strict=True):
        type.__setattr__(target, name, each)
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


ENUM = Kind("enum", "name, qualname, module, bases, members; doc, values, attributes", _enum, _make_enum, _fill_enum)


def _member(_run: Surroundings, value: Any) -> Taken:
    kind = type(value)
    is_named = value._name_ in kind.__members__
    return (kind, is_named, value._name_ if is_named else value._value_), None


def _make_member(_run: Surroundings, kind: Any, is_named: bool, which: Any) -> Any:
    return kind.__members__[which] if is_named else kind(which)


MEMBER = Kind("member", "enum, whether named, name or value", _member, _make_member)
