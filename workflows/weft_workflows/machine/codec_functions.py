"""Kinds of what can be called: functions, methods, cells, coroutines' functions, and what decorators make of them.

A function of the orchestration is kept as the place of its code and its cells; all others by name. Annotations that cannot
be kept become their text.
"""

from __future__ import annotations

import functools
import operator
import types
import typing
from typing import Any

from weft_workflows.machine.aio import AsyncioModule
from weft_workflows.machine.codec import DamagedCheckpoint, Kind, Taken, Unstorable
from weft_workflows.machine.codec_code import Place
from weft_workflows.machine.codec_names import UNSET, Surroundings, is_method
from weft_workflows.machine.values import MachineFunction, ToolFunction
from weft_workflows.sandbox.facades import Module
from weft_workflows.sandbox.library.data import Hash
from weft_workflows.sandbox.library.logs import Logger

# -- names -------------------------------------------------------------------------------------------------------------------


def _named(run: Surroundings, value: Any) -> Taken:
    name = run.name_of(value)
    if name is None:
        raise Unstorable(value)
    return name, None


NAMED = Kind("n", "group, name", _named, lambda run, group, name: run.named(group, name))


def _module(_run: Surroundings, value: Any) -> Taken:
    return (value.__name__,), None


def _tool(_run: Surroundings, value: ToolFunction) -> Taken:
    return (value.spec.name,), None


def _wrapper(run: Surroundings, value: Any) -> Taken:
    found = run.wrapper_of(value)
    assert found is not None
    return found, None


_WRAPPER = Kind("replaced method", "type, name, table", _wrapper, lambda run, *parts: run.wrapper(*parts))

# -- functions of the orchestration ------------------------------------------------------------------------------------------

_METADATA = ("__name__", "__qualname__", "__doc__", "__module__")


def _function(run: Surroundings, value: types.FunctionType) -> Taken:
    place = run.program.unit.places.find(value.__code__)
    if place is None or value.__globals__ is not run.program.namespace:
        raise Unstorable(value)
    fresh = types.FunctionType(value.__code__, value.__globals__, None, None, value.__closure__)
    metadata = [_override(value, fresh, name) for name in _METADATA]
    contents = [value.__defaults__, value.__kwdefaults__, value.__dict__ or None, annotations_of(run, value), *metadata]
    return (*place, *(value.__closure__ or ())), contents


def _override(value: Any, fresh: Any, name: str) -> Any:
    own = getattr(value, name)
    return UNSET if own == getattr(fresh, name) else own


def _make_function(run: Surroundings, *parts: Any) -> types.FunctionType:
    code = run.program.unit.places.code_at(Place(*parts[:4]))
    return types.FunctionType(code, run.program.namespace, None, None, tuple(parts[4:]) or None)


def _fill_function(_run: Surroundings, target: types.FunctionType, contents: list[Any]) -> None:
    defaults, kwdefaults, attributes, noted, *metadata = contents
    target.__defaults__, target.__kwdefaults__ = defaults, kwdefaults
    if attributes is not None:
        target.__dict__ = attributes
    if noted is not None:
        target.__annotations__ = noted
    for name, value in zip(_METADATA, metadata, strict=True):
        if value is not UNSET:
            setattr(target, name, value)


FUNCTION = Kind(
    "F()", "place, cells; defaults, attributes, annotations, metadata", _function, _make_function, _fill_function
)


def kind_of_function(run: Surroundings, value: Any) -> Kind:
    """The kind of a Python function: one of the orchestration's, or one of the library's that has a name."""
    if value.__globals__ is run.program.namespace:
        return FUNCTION
    if run.name_of(value) is not None:
        return NAMED
    if run.wrapper_of(value) is not None:
        return _WRAPPER
    raise Unstorable(value)


def _machine_function(_run: Surroundings, value: MachineFunction) -> Taken:
    return (value.loaded.key,), [value.binder, value.__dict__ or None]


def _make_machine_function(run: Surroundings, key: str) -> MachineFunction:
    made: MachineFunction = object.__new__(MachineFunction)
    made.program, made.loaded = run.program, run.program.unit.functions[key]
    return made


def _fill_machine_function(_run: Surroundings, target: MachineFunction, contents: list[Any]) -> None:
    target.binder = contents[0]
    if contents[1] is not None:
        target.__dict__ = contents[1]


# -- cells and methods -------------------------------------------------------------------------------------------------------


def _cell(_run: Surroundings, value: types.CellType) -> Taken:
    try:
        return (), [value.cell_contents]
    except ValueError:
        return (), None


def _fill_cell(_run: Surroundings, target: types.CellType, contents: list[Any]) -> None:
    target.cell_contents = contents[0]


def _method(run: Surroundings, value: types.MethodType) -> Taken:
    """The function and its object; of a class that is not the orchestration's, the name of the function."""
    if run.name_of(value) is not None:
        return (None, *_named(run, value)[0]), None
    function, bound_to = value.__func__, value.__self__
    is_library = isinstance(function, types.FunctionType) and function.__globals__ is not run.program.namespace
    if is_library and run.wrapper_of(function) is None and run.name_of(function) is None:
        return (True, bound_to, _method_name(value, bound_to, function.__name__)), None
    return (False, bound_to, function), None


def _method_name(value: Any, bound_to: Any, name: str) -> str:
    kind = bound_to if isinstance(bound_to, type) else type(bound_to)
    if not is_method(kind, name):
        raise Unstorable(value)
    return name


def _make_method(run: Surroundings, how: bool | None, bound_to: Any, rest: Any) -> Any:
    if how is None:
        return run.named(bound_to, rest)
    return _bound(run, bound_to, rest) if how else types.MethodType(rest, bound_to)


def _builtin(run: Surroundings, value: types.BuiltinFunctionType) -> Taken:
    if run.name_of(value) is not None:
        return (None, *_named(run, value)[0]), None
    return (True, value.__self__, _method_name(value, value.__self__, value.__name__)), None


def _bound(run: Surroundings, bound_to: Any, name: str) -> Any:
    """A method of a type that is not the orchestration's, bound past whatever a subclass of it defines."""
    kind = bound_to if isinstance(bound_to, type) else type(bound_to)
    if not is_method(kind, name):
        raise DamagedCheckpoint(f"the checkpoint binds {kind.__name__}.{name}, which programs cannot have")
    if isinstance(bound_to, type):
        return getattr(bound_to, name)
    base = next(each for each in kind.__mro__ if name in each.__dict__ and not run.owns(each))
    return base.__dict__[name].__get__(bound_to, kind)


def _descriptor(run: Surroundings, value: Any) -> Taken:
    """`str.upper`: a method of a type that no object is bound to."""
    if run.name_of(value) is not None:
        return (None, *_named(run, value)[0]), None
    return (True, value.__objclass__, _method_name(value, value.__objclass__, value.__name__)), None


def _make_descriptor(run: Surroundings, how: bool | None, kind: Any, name: str) -> Any:
    if how is None:
        return run.named(kind, name)
    return _bound(run, kind, name)


_DESCRIPTOR = Kind("descriptor", "whether of a type, type, name", _descriptor, _make_descriptor)
_METHOD_LAYOUT = "whether by name, object, function"

# -- what decorators make ------------------------------------------------------------------------------------------------------


def _property(_run: Surroundings, value: property) -> Taken:
    return (value.fget, value.fset, value.fdel, value.__doc__), None


def _make_property(_run: Surroundings, read: Any, write: Any, delete: Any, doc: Any) -> property:
    made = property(read, write, delete, doc)
    # Without a text, a property takes that of its getter, which is not complete yet.
    made.__doc__ = doc
    return made


def _wrapped(_run: Surroundings, value: Any) -> Taken:
    return (value.__func__,), None


def _partial(_run: Surroundings, value: functools.partial[Any]) -> Taken:
    return (), [value.func, value.args, value.keywords, value.__dict__ or None]


def _fill_partial(_run: Surroundings, target: functools.partial[Any], contents: list[Any]) -> None:
    target.__setstate__(tuple(contents))  # type: ignore[attr-defined]


def _hash(_run: Surroundings, value: Hash) -> Taken:
    raise Unstorable(value, remedy="finish it before: keep `.digest()` or `.hexdigest()`")


# -- logging -----------------------------------------------------------------------------------------------------------------


def _logger(_run: Surroundings, value: Logger) -> Taken:
    return (value.name,), [value.level, value.handlers, value.propagate, value.disabled]


def _make_logger(run: Surroundings, name: str) -> Any:
    return run.named("logging", "getLogger")(name)


def _fill_logger(_run: Surroundings, target: Logger, contents: list[Any]) -> None:
    target.level, target.handlers, target.propagate, target.disabled = contents


# -- annotations -------------------------------------------------------------------------------------------------------------

_PLAIN = (str, int, bool, type(None), type(...))
#: The types of `list[int]`, `Optional[int]`, `Callable[[int], str]` and their like.
_ALIASES: tuple[type, ...] = (
    types.GenericAlias,
    *(
        getattr(typing, name)
        for name in ("_GenericAlias", "_UnionGenericAlias", "_CallableGenericAlias", "_LiteralGenericAlias")
        if hasattr(typing, name)
    ),
)


def annotations_of(run: Surroundings, holder: Any) -> dict[str, Any] | None:
    """What is noted about parameters or fields; None where nothing is. What cannot be kept becomes its text."""
    try:
        noted: dict[str, Any] = holder.__annotations__
    except NameError:
        return None
    return {name: _annotation(run, value, 20) for name, value in noted.items()} or None


def _annotation(run: Surroundings, value: Any, depth: int) -> Any:
    if type(value) in _PLAIN or run.name_of(value) is not None or (isinstance(value, type) and run.owns(value)):
        return value
    if isinstance(value, typing.TypeVar | typing.ForwardRef):
        return value.__name__ if isinstance(value, typing.TypeVar) else value.__forward_arg__
    if (
        depth
        and type(value) in (*_ALIASES, types.UnionType)
        and all(_is_kept(run, each, depth - 1) for each in typing.get_args(value))
    ):
        return value
    return str(value)


def _is_kept(run: Surroundings, value: Any, depth: int) -> bool:
    if type(value) is list:
        return all(_is_kept(run, each, depth) for each in value)
    return _annotation(run, value, depth) is value


def _subscripted(_run: Surroundings, value: Any) -> Taken:
    """`list[int]`, `Optional[str]`: what is subscripted, and with what."""
    origin, arguments = value.__reduce__()[1]
    if type(arguments) is tuple:
        arguments = tuple(tuple(each) if type(each) is list else each for each in arguments)
    return (type(value) is types.GenericAlias, origin, arguments), None


def _make_subscripted(_run: Surroundings, is_plain: bool, origin: Any, arguments: Any) -> Any:
    # The parameters of `Callable` stand in a list, which would still be empty now: they are kept as a tuple.
    if type(arguments) is tuple:
        arguments = tuple(list(each) if type(each) is tuple else each for each in arguments)
    return types.GenericAlias(origin, arguments) if is_plain else origin[arguments]


def _union(_run: Surroundings, value: types.UnionType) -> Taken:
    return tuple(value.__args__), None


def _make_union(_run: Surroundings, *members: Any) -> Any:
    return functools.reduce(operator.or_, members)


def _type_variable(_run: Surroundings, value: typing.TypeVar) -> Taken:
    return (value.__name__, value.__covariant__, value.__contravariant__, value.__bound__, *value.__constraints__), None


def _make_type_variable(_run: Surroundings, name: str, co: bool, contra: bool, bound: Any, *choices: Any) -> Any:
    made: Any = typing.TypeVar
    return made(name, *choices, covariant=co, contravariant=contra, bound=bound)


_SUBSCRIPT = Kind("subscripted", "whether plain, origin, arguments", _subscripted, _make_subscripted)

KINDS: dict[type, Kind] = {
    Module: Kind("module", "name", _module, lambda run, name: run.environment.load(name)),
    AsyncioModule: Kind("asyncio", "", lambda _run, _v: ((), None), lambda run: run.program.asyncio),
    ToolFunction: Kind("tool", "name", _tool, lambda run, name: run.program.unit.tools[name]),
    MachineFunction: Kind(
        "machine function", "key; binder, attributes", _machine_function, _make_machine_function, _fill_machine_function
    ),
    types.CellType: Kind("cell", "contents", _cell, lambda _run: types.CellType(), _fill_cell),
    types.MethodType: Kind("method", _METHOD_LAYOUT, _method, _make_method),
    types.BuiltinFunctionType: Kind("builtin method", _METHOD_LAYOUT, _builtin, _make_method),
    types.MethodWrapperType: Kind("method wrapper", _METHOD_LAYOUT, _builtin, _make_method),
    types.MethodDescriptorType: _DESCRIPTOR,
    types.WrapperDescriptorType: _DESCRIPTOR,
    property: Kind("property", "get, set, delete, doc", _property, _make_property),
    staticmethod: Kind("staticmethod", "function", _wrapped, lambda _run, function: staticmethod(function)),
    classmethod: Kind("classmethod", "function", _wrapped, lambda _run, function: classmethod(function)),
    functools.partial: Kind(
        "partial", "function, arguments, keywords, attributes",
        _partial,
        lambda _run: functools.partial(int), _fill_partial,
    ),
    Logger: Kind("logger", "name; level, handlers, propagate, disabled", _logger, _make_logger, _fill_logger),
    Hash: Kind("hash", "", _hash, lambda _run: None),
    **dict.fromkeys(_ALIASES, _SUBSCRIPT),
    types.UnionType: Kind("union", "members", _union, _make_union),
    typing.TypeVar: Kind("type variable", "name, variance, bound, constraints", _type_variable, _make_type_variable),
}  # fmt: skip

OTHER_KINDS = (NAMED, FUNCTION, _WRAPPER)
