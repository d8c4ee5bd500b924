"""Kinds of the orchestration's classes and of their instances.

A class is rebuilt empty from its name and bases, then given its attributes, so that no `__init_subclass__` and no
`__set_name__` of the program runs again. What a decorator or the standard library generated (the methods of a data class,
the machinery of enums and named tuples) is generated again.
"""

from __future__ import annotations

import abc
import collections
import collections.abc
import enum
import types
import typing
from typing import Any

from weft_workflows.machine.codec import Kind, Taken, Unstorable
from weft_workflows.machine.codec_dataclasses import dataclass_of, fill_dataclass
from weft_workflows.machine.codec_enums import ENUM, MEMBER
from weft_workflows.machine.codec_functions import NAMED, annotations_of
from weft_workflows.machine.codec_names import Surroundings
from weft_workflows.machine.contexts import AsyncContextDecorator
from weft_workflows.machine.tool_errors import ToolError, tool_error_class
from weft_workflows.sandbox.library.contexts import CONTEXT_BASES

_METACLASSES: dict[str, Any] = {"type": type, "ABCMeta": abc.ABCMeta, "_ProtocolMeta": type(typing.Protocol)}
#: Attributes that a class is made with; they stand first, so that the order of the others is the same after a restore.
_MADE_WITH = ("__module__", "__doc__", "__slots__", "__orig_bases__")
#: What protocols note of themselves, as sets of names, from Python 3.12 on.
_PROTOCOL_SETS = ("__protocol_attrs__", "__non_callable_proto_members__")
#: What making a class, or a property of it, brings about again; annotations are kept apart.
_BROUGHT = frozenset(
    (
        *_MADE_WITH, "__dict__", "__weakref__", "__annotations__", "__annotate_func__", "__annotations_cache__",
        "__annotate__", "__conditional_annotations__", "_abc_impl", "__abstractmethods__", "__dataclass_fields__", "__dataclass_params__",
        *_PROTOCOL_SETS, "__classdictcell__",
        "__parameters__",
        "_is_protocol",
    )
)  # fmt: skip


def kind_of_class(run: Surroundings, value: type) -> Kind:
    """The kind of a class object: named where it is a builtin's or a library's."""
    if run.name_of(value) is not None:
        return NAMED
    if issubclass(value, ToolError) and not run.owns(value):
        return TOOL_ERROR
    if not run.owns(value):
        raise Unstorable(value)
    if isinstance(value, enum.EnumMeta):
        return ENUM
    if type(value).__name__ == "_TypedDictMeta":
        return _TYPED_DICT
    if value.__bases__ == (tuple,) and "_field_defaults" in value.__dict__:
        return _NAMED_TUPLE
    return _CLASS


# -- errors of tools -------------------------------------------------------------------------------------------------------


def _tool_error(_run: Surroundings, value: type) -> Taken:
    bases = [base for base in value.__bases__ if base is not ToolError]
    return (value.__name__, bases[0].__name__ if bases else "Exception"), None


TOOL_ERROR = Kind("tool error", "name, base", _tool_error, lambda _run, *parts: tool_error_class(*parts))

# -- classes ---------------------------------------------------------------------------------------------------------------


def _class(run: Surroundings, value: type) -> Taken:
    own = value.__dict__
    slots = own.get("__slots__")
    made_with = (own.get("__module__"), tuple(slots) if isinstance(slots, list) else slots, own.get("__orig_bases__"))
    parts = (value.__name__, value.__qualname__, type(value).__name__, *made_with, *value.__bases__)
    abstract = tuple(sorted(own.get("__abstractmethods__", ())))
    protocol = tuple(tuple(sorted(own[name])) if name in own else None for name in _PROTOCOL_SETS)
    contents = [own.get("__doc__"), _own_annotations(run, value), abstract, protocol, dataclass_of(run, value)]
    return parts, [*contents, *attributes_of(run, value, frozenset())]


def _own_annotations(run: Surroundings, value: type) -> dict[str, Any] | None:
    """The annotations of the class itself, without those of its bases."""
    if "__annotations__" in value.__dict__ or "__annotate_func__" in value.__dict__:
        return annotations_of(run, value)
    return None


def attributes_of(run: Surroundings, value: type, brought: frozenset[str]) -> list[Any]:
    """Names and values of what the orchestration put into the class, by name; `brought` is there without it.

    A program cannot see the order of a class's attributes, and it is another one after a restore.
    """
    return [
        each
        for name, attribute in sorted(value.__dict__.items())
        if name not in _BROUGHT and not (name in brought and not _is_own(run, attribute)) and not _is_generated(run, attribute)
        for each in (name, attribute)
    ]  # fmt: skip


def _is_own(run: Surroundings, attribute: Any) -> bool:
    function = getattr(attribute, "__func__", attribute)
    return isinstance(function, types.FunctionType) and function.__globals__ is run.program.namespace


def _is_generated(run: Surroundings, attribute: Any) -> bool:
    """Whether the library made it: descriptors of slots, methods of data classes, `__subclasshook__` of protocols."""
    if isinstance(attribute, types.MemberDescriptorType | types.GetSetDescriptorType):
        return True
    function = getattr(attribute, "__func__", attribute)
    if not isinstance(function, types.FunctionType) or function.__globals__ is run.program.namespace:
        return False
    return run.name_of(function) is None and run.wrapper_of(function) is None


def _make_class(
    run: Surroundings, name: str, qualname: str, meta: str, module: Any, slots: Any, originals: Any, *bases: type
) -> type:
    body = {"__module__": module, "__qualname__": qualname}
    body |= {} if slots is None else {"__slots__": slots}
    body |= {} if originals is None else {"__orig_bases__": originals}
    made: type = _METACLASSES[meta](name, bases, body)
    if isinstance(made, abc.ABCMeta):
        # Empty as it is, it lacks what a base of the library asks for; its instances may come before its methods.
        made.__abstractmethods__ = frozenset()
    run.environment.classes.trust(made)
    return made


def _fill_class(_run: Surroundings, target: type, contents: list[Any]) -> None:
    doc, noted, abstract, protocol, dataclass, *attributes = contents
    put_attributes(target, attributes)
    for name, kept in zip(_PROTOCOL_SETS, protocol, strict=True):
        if kept is not None:
            type.__setattr__(target, name, set(kept))
    if noted is not None:
        target.__annotations__ = noted
    if dataclass is not None:
        fill_dataclass(target, dataclass)
        put_attributes(target, attributes)
        if noted is not None:
            target.__annotations__ = noted
    target.__doc__ = doc
    if isinstance(target, abc.ABCMeta):
        target.__abstractmethods__ = frozenset(abstract)


def put_attributes(target: type, attributes: list[Any]) -> None:
    for name, value in zip(attributes[::2], attributes[1::2], strict=True):
        type.__setattr__(target, name, value)


_CLASS = Kind(
    "class",
    "name, qualname, metaclass, module, slots, bases; doc, annotations, abstract methods, protocol, data class, attributes",
    _class,
    _make_class,
    _fill_class,
)

# -- named tuples and typed dicts ---------------------------------------------------------------------------------------------

_PLAIN_TUPLE = frozenset(collections.namedtuple("_PLAIN_TUPLE", ("a",)).__dict__)


def _named_tuple(run: Surroundings, value: Any) -> Taken:
    brought = _PLAIN_TUPLE | frozenset(value._fields) | {"__orig_bases__"}
    contents = [
        value.__doc__,
        _own_annotations(run, value),
        value.__new__.__defaults__,
        value.__dict__.get("__orig_bases__"),
    ]
    return (value.__name__, value.__module__, *value._fields), [*contents, *attributes_of(run, value, brought)]


def _make_named_tuple(run: Surroundings, name: str, module: str, *fields: str) -> Any:
    made = collections.namedtuple(name, fields, module=module)  # type: ignore[misc]
    return run.environment.classes.trust(made)


def _fill_named_tuple(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    doc, noted, defaults, originals, *attributes = contents
    put_attributes(target, attributes)
    if noted is not None:
        target.__annotations__ = noted
        target.__new__.__annotations__ = noted
    if originals is not None:
        target.__orig_bases__ = originals
    target.__new__.__defaults__ = defaults
    given = defaults or ()
    target._field_defaults = dict(zip(target._fields[len(target._fields) - len(given) :], given, strict=True))
    target.__doc__ = doc


_NAMED_TUPLE = Kind(
    "named tuple", "name, module, fields; doc, annotations, defaults, bases, attributes",
    _named_tuple, _make_named_tuple, _fill_named_tuple,
)  # fmt: skip


def _typed_dict(run: Surroundings, value: Any) -> Taken:
    noted = {name: str(kind) for name, kind in value.__annotations__.items()}
    return (
        value.__name__,
        value.__module__,
        value.__total__,
        value.__doc__,
        *(e for pair in noted.items() for e in pair),
    ), None


def _make_typed_dict(run: Surroundings, name: str, module: str, total: bool, doc: Any, *noted: Any) -> Any:
    make: Any = typing.TypedDict
    made = make(name, dict.fromkeys(noted[::2], typing.Any), total=total)
    made.__annotations__ = dict(zip(noted[::2], noted[1::2], strict=True))
    made.__module__, made.__doc__ = module, doc
    return run.environment.classes.trust(made)


_TYPED_DICT = Kind("typed dict", "name, module, total, doc, annotations as text", _typed_dict, _make_typed_dict)

# -- instances -------------------------------------------------------------------------------------------------------------

#: The abstract classes of containers and iterators say what a class can do.
_ABILITIES = tuple(each for each in vars(collections.abc).values() if isinstance(each, type))
#: Classes of the library without any state.
_MARKERS = frozenset(
    (object, abc.ABC, typing.Generic, typing.Protocol, AsyncContextDecorator, *CONTEXT_BASES, *_ABILITIES)
)


def base_of(run: Surroundings, kind: type) -> type:
    """The first class in a hierarchy that is not the orchestration's: what its instances are to CPython."""
    return next((base for base in kind.__mro__ if not run.owns(base) and base not in _MARKERS), object)


def _instance(run: Surroundings, value: Any) -> Taken:
    kind = type(value)
    parts, held = _content(run, base_of(run, kind), value)
    attributes = object.__getattribute__(value, "__dict__") if _has_dict(kind) else None
    return (kind, *parts), [held, attributes, *_slot_values(value, kind)]


def _has_dict(kind: type) -> bool:
    return any("__dict__" in base.__dict__ for base in kind.__mro__)


def _slot_values(value: Any, kind: type) -> list[Any]:
    """Index of the class in the hierarchy, name and value of each slot that is set."""
    found: list[Any] = []
    for index, base in enumerate(kind.__mro__):
        for name, member in sorted(base.__dict__.items()):
            if isinstance(member, types.MemberDescriptorType):
                try:
                    found += [index, name, member.__get__(value, kind)]
                except AttributeError:
                    continue
    return found


def _content(run: Surroundings, base: type, value: Any) -> tuple[tuple[Any, ...], Any]:
    """What an instance holds as one of a builtin type: parts to make it from, and a plain container to fill it from."""
    if base is object:
        return (), None
    if issubclass(base, tuple):
        return tuple(tuple.__iter__(value)), None
    if issubclass(base, list):
        return (), list(list.__iter__(value))
    if issubclass(base, collections.deque):
        return (value.maxlen,), list(collections.deque.__iter__(value))
    if issubclass(base, collections.OrderedDict):
        return (), list(collections.OrderedDict.items(value))
    if issubclass(base, collections.defaultdict):
        return (), [value.default_factory, *dict.items(value)]
    if issubclass(base, dict):
        return (), list(dict.items(value))
    plain = _plain_value(base, value)
    if plain is None:
        raise Unstorable(value)
    return (plain,), None


def _plain_value(base: type, value: Any) -> Any:
    """The same value as an instance of the builtin type itself."""
    return next((bare(value) for kind, bare in _BARE.items() if issubclass(base, kind)), None)


_BARE: dict[type, Any] = {
    str: lambda v: "".join(str.__iter__(v)),
    bytes: lambda v: bytes(memoryview(v)),
    int: lambda v: int.__add__(v, 0),
    float: lambda v: float.__add__(v, -0.0),
    complex: lambda v: complex.__add__(v, 0j),
}


def _make_instance(run: Surroundings, kind: Any, *parts: Any) -> Any:
    base = base_of(run, kind)
    if base is object:
        return object.__new__(kind)
    maker: Any = next(each for each in base.__mro__ if "__new__" in each.__dict__)
    if issubclass(base, tuple):
        return tuple.__new__(kind, parts)
    if issubclass(base, collections.deque):
        made = maker.__new__(kind)
        collections.deque.__init__(made, (), parts[0])
        return made
    return maker.__new__(kind, *parts)


def _fill_instance(run: Surroundings, target: Any, contents: list[Any]) -> None:
    _held, attributes, *slots = contents
    if attributes is not None:
        object.__setattr__(target, "__dict__", attributes)
    hierarchy = type(target).__mro__
    for index, name, value in zip(slots[::3], slots[1::3], slots[2::3], strict=True):
        hierarchy[index].__dict__[name].__set__(target, value)


def _fill_container(run: Surroundings, target: Any, contents: list[Any]) -> None:
    _fill_instance(run, target, contents)
    held, base = contents[0], base_of(run, type(target))
    if issubclass(base, list):
        list.extend(target, held)
    elif issubclass(base, collections.deque):
        collections.deque.extend(target, held)
    else:
        if issubclass(base, collections.defaultdict):
            target.default_factory, *held = held
        put: Any = collections.OrderedDict if issubclass(base, collections.OrderedDict) else dict
        for key, value in held:
            put.__setitem__(target, key, value)


_LAYOUT = "class, plain value; elements, attributes, slots"
INSTANCE = Kind("instance", _LAYOUT, _instance, _make_instance, _fill_instance)
_CONTAINER = Kind("container instance", _LAYOUT, _instance, _make_instance, _fill_container, last=True)


def kind_of_instance(run: Surroundings, value: Any) -> Kind:
    """Instances of containers' subclasses are filled last, when what they hash is complete."""
    filled = (list, dict, collections.deque)
    return _CONTAINER if issubclass(base_of(run, type(value)), filled) else INSTANCE


OTHER_KINDS = (TOOL_ERROR, _CLASS, _NAMED_TUPLE, _TYPED_DICT, INSTANCE, _CONTAINER, ENUM, MEMBER)
