"""What may have to be run by the machine though no `await` stands there: calls, and what Python calls by itself.

`begin_call` and `begin_operation` give the coroutine where a function that holds steps is called: directly, as a method,
through `functools.partial`, as a constructor, a property or a special method. They give None where all of it is native, so
that it can be done natively. They run nothing of the program themselves.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

from weft_workflows.machine.frames import Outcome
from weft_workflows.machine.futures import Task
from weft_workflows.machine.stepped import SteppedFrame
from weft_workflows.machine.values import Coroutine, Deferral, MachineFunction
from weft_workflows.sandbox.classes import special_method
from weft_workflows.sandbox.environment import environment_of
from weft_workflows.sandbox.library.functional import CachedProperty

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program

#: Builtins that call special methods of their first argument: the first of these that its class defines.
_BUILTINS: dict[str, tuple[str, ...]] = {
    "len": ("__len__",),
    "str": ("__str__", "__repr__"),
    "repr": ("__repr__",),
    "format": ("__format__", "__str__", "__repr__"),
    "bool": ("__bool__", "__len__"),
}
#: The type that the result of a special method must have.
_RESULTS: dict[str, type] = {"__len__": int, "__str__": str, "__repr__": str, "__format__": str, "__bool__": bool}


def builtins_with_methods(builtins: dict[str, Any]) -> dict[int, tuple[str, ...]]:
    """The special methods that each builtin function calls, by the function's identity."""
    return {id(builtins[name]): methods for name, methods in _BUILTINS.items()}


def begin_call(program: Program, callee: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Coroutine | None:
    """The coroutine of a call; None where the call is native. Raises TypeError where the arguments do not fit."""
    if (methods := program.special_builtins.get(id(callee))) is not None:
        return _begin_first(program, methods, *args) if args and not kwargs else None
    match callee:
        case MachineFunction():
            return callee.start(args, kwargs) if callee.loaded.holds_steps else None
        case types.MethodType():
            return begin_call(program, callee.__func__, (callee.__self__, *args), kwargs)
        case functools.partial():
            return begin_call(program, callee.func, (*callee.args, *args), {**callee.keywords, **kwargs})
        case staticmethod():
            return begin_call(program, callee.__func__, args, kwargs)
        case type():
            return _begin_construction(callee, args, kwargs) if environment_of(program).classes.owns(callee) else None
        case _ if environment_of(program).classes.owns(type(callee)):
            return _begin_method(program, callee, "__call__", args, kwargs)
        case _:
            return None


def begin_operation(program: Program, operation: str, operands: tuple[Any, ...]) -> Coroutine | None:
    """The coroutine of what Python calls by itself: `get` for an attribute, else the name of a special method."""
    if operation == "get":
        return _begin_reading(program, *operands)
    return _begin_first(program, (operation,), *operands)


def _begin_first(program: Program, methods: tuple[str, ...], owner: Any, *rest: Any) -> Coroutine | None:
    """A call of the first of the methods that the object's class defines itself."""
    for name in methods:
        method = special_method(owner, name)
        if method is not None and method is not object.__dict__.get(name):
            arguments = rest if name not in ("__str__", "__repr__") else ()
            return _begin_method(program, owner, name, arguments, {})
    return None


def _begin_method(
    program: Program, owner: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Coroutine | None:
    method = special_method(owner, name)
    begun = begin_call(program, method, (owner, *args), kwargs) if isinstance(method, MachineFunction) else None
    if begun is None or name not in (*_RESULTS, "__contains__"):
        return begun
    return Coroutine(name, SpecialFrame(name, begun))


def _begin_reading(program: Program, owner: Any, name: str) -> Coroutine | None:
    """Reading an attribute that is a property."""
    if isinstance(owner, super):
        proxy: Any = owner
        found, owner = _above(proxy, name), proxy.__self__
    else:
        found = special_method(owner, name)
    if isinstance(found, property):
        return begin_call(program, found.fget, (owner,), {})
    if isinstance(found, CachedProperty) and name not in owner.__dict__:
        begun = begin_call(program, found.function, (owner,), {})
        return None if begun is None else Coroutine(name, CachingFrame(begun, owner, name))
    return None


def _above(proxy: Any, name: str) -> Any:
    hierarchy = type(proxy.__self__).__mro__
    after = hierarchy[hierarchy.index(proxy.__thisclass__) + 1 :]
    return next((base.__dict__[name] for base in after if name in base.__dict__), None)


class SpecialFrame(SteppedFrame):
    """A special method, whose result must be of a type or is made a truth value."""

    __slots__ = ("called", "name")

    def __init__(self, name: str, called: Coroutine) -> None:
        super().__init__()
        self.name = name
        self.called = called

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        return self.wait(self.called, "returned")

    def returned(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        if self.name == "__contains__":
            return Outcome("done", bool(value))
        wanted = _RESULTS[self.name]
        if not isinstance(value, wanted):
            raise TypeError(_wrong_result(self.name, value))
        if isinstance(value, int) and value < 0:
            raise ValueError("__len__() should return >= 0")
        return Outcome("done", value)


def _wrong_result(name: str, value: Any) -> str:
    got = type(value).__name__
    match name:
        case "__len__":
            return f"'{got}' object cannot be interpreted as an integer"
        case "__bool__":
            return f"__bool__ should return bool, returned {got}"
        case "__format__":
            return f"__format__ must return a str, not {got}"
        case _:
            return f"{name} returned non-string (type {got})"


class CachingFrame(SteppedFrame):
    """A `cached_property` that is computed for the first time."""

    __slots__ = ("called", "name", "owner")

    def __init__(self, called: Coroutine, owner: Any, name: str) -> None:
        super().__init__()
        self.called = called
        self.owner = owner
        self.name = name

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        return self.wait(self.called, "computed")

    def computed(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        self.owner.__dict__[self.name] = value
        return Outcome("done", value)


# -- constructors ----------------------------------------------------------------------------------------------------------


def _begin_construction(kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Coroutine | None:
    if not any(_holds_steps(_of_class(kind, name)) for name in ("__new__", "__init__", "__post_init__")):
        return None
    return Coroutine(kind.__name__, ConstructFrame(kind, args, kwargs))


def _of_class(kind: type, name: str) -> Any:
    found = next((base.__dict__[name] for base in kind.__mro__ if name in base.__dict__), None)
    return found.__func__ if isinstance(found, staticmethod) else found


def _holds_steps(function: Any) -> bool:
    return isinstance(function, MachineFunction) and function.loaded.holds_steps


class ConstructFrame(SteppedFrame):
    """A call of a class of the orchestration whose constructors hold steps: what `type.__call__` does."""

    __slots__ = ("args", "kind", "kwargs", "made")

    def __init__(self, kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().__init__()
        self.kind = kind
        self.args = args
        self.kwargs = kwargs
        self.made: Any = None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        new = _of_class(self.kind, "__new__")
        if _holds_steps(new):
            return self.wait(new.start((self.kind, *self.args), self.kwargs), "was_made")
        given: tuple[Any, ...] = () if new is object.__new__ else self.args
        made = new(self.kind, *given, **({} if new is object.__new__ else self.kwargs))
        return self.was_made(program, task, made, None)

    def was_made(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        self.made = value
        if not isinstance(value, self.kind):
            return Outcome("done", value)
        kind = type(value)
        init, after = _of_class(kind, "__init__"), _of_class(kind, "__post_init__")
        if _holds_steps(init):
            return self.wait(init.start((value, *self.args), self.kwargs), "was_initialised")
        if not _holds_steps(after):
            return self.was_initialised(program, task, init(value, *self.args, **self.kwargs), None)
        deferral = program.deferral = Deferral(after, value)
        try:
            init(value, *self.args, **self.kwargs)
        finally:
            program.deferral = None
        if deferral.call is None:
            return Outcome("done", value)
        return self.wait(deferral.call, "was_completed")

    def was_initialised(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        if value is not None:
            raise TypeError(f"__init__() should return None, not '{type(value).__name__}'")
        return Outcome("done", self.made)

    def was_completed(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        return Outcome("done", self.made)
