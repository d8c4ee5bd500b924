"""What an orchestration holds of functions and coroutines: values that the machine runs, not Python.

Calling one of these never runs anything: it binds the arguments, with CPython's errors, and gives a coroutine.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from weft_compiler.tool_spec import ToolSpec

from weft_workflows.machine.json_values import arguments_json
from weft_workflows.sandbox.classes import special_method

if TYPE_CHECKING:
    from weft_workflows.machine.frames import Frame
    from weft_workflows.machine.program import Program
    from weft_workflows.machine.unit import LoadedFunction


#: What binding a call that the machine will run costs, in rounds of a loop.
_CALL_FUEL = 20


class EffectfulCall(RuntimeError):
    """A function that holds steps was called from inside pure code, where a run cannot stop."""

    #: Tracebacks show it by its bare name.
    __module__ = "builtins"


class Coroutine:
    """A call. `frame` is its outermost frame until it is taken to be run; awaiting it twice is an error."""

    __slots__ = ("frame", "name")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"close"})

    def __init__(self, name: str, frame: Frame) -> None:
        self.name = name
        self.frame: Frame | None = frame

    def __repr__(self) -> str:
        return f"<coroutine object {self.name}>"

    def take(self) -> Frame:
        """The frame to run. Raises RuntimeError if it was taken before."""
        frame, self.frame = self.frame, None
        if frame is None:
            raise RuntimeError("cannot reuse already awaited coroutine")
        return frame

    def close(self) -> None:
        self.frame = None


class Immediate:
    """The result of a call that turned out to be pure."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class ToolFunction:
    """A tool as orchestrations see it. Calling it binds the arguments by name."""

    __slots__ = ("__name__", "_bind", "spec")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"__name__", "__doc__", "__qualname__"})

    def __init__(self, spec: ToolSpec) -> None:
        self.spec = spec
        self.__name__ = spec.name
        self._bind = _binder(spec)

    def __getattr__(self, name: str) -> Any:
        match name:
            case "__qualname__":
                return self.spec.name
            case "__doc__":
                return self.spec.description
        raise AttributeError(f"'function' object has no attribute '{name}'")

    def __repr__(self) -> str:
        return f"<function {self.spec.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Coroutine:
        from weft_workflows.machine.waits import ToolFrame

        bound = self._bind(*args, **kwargs)
        return Coroutine(self.spec.name, ToolFrame(self.spec.name, arguments_json(self.spec, bound)))


class MachineFunction:
    """A function of the orchestration whose body the machine runs.

    `binder` is a native function with the same signature, defaults and captured variables, which returns the bound
    arguments by name.
    """

    __slots__ = ("__dict__", "binder", "loaded", "program")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"__name__", "__doc__", "__qualname__", "__wrapped__"})
    __weft_stores__: ClassVar[frozenset[str]] = __weft_names__
    __weft_open__: ClassVar[bool] = True

    def __init__(self, program: Program, loaded: LoadedFunction, binder: types.FunctionType) -> None:
        self.program = program
        self.loaded = loaded
        self.binder = binder
        binder.__qualname__ = loaded.qualname
        # In the instance, since the class has a docstring of its own.
        self.__dict__["__doc__"] = loaded.function.doc

    def __getattr__(self, name: str) -> Any:
        match name:
            case "__name__":
                return self.loaded.short_name
            case "__qualname__":
                return self.loaded.qualname
            case "__doc__":
                return self.loaded.function.doc
        raise AttributeError(f"'function' object has no attribute '{name}'")

    def __repr__(self) -> str:
        return f"<function {self.loaded.qualname}>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.loaded.function.is_generator:
            return self._generator(args, kwargs)
        if self.loaded.is_async:
            return self.start(args, kwargs)
        deferral = self.program.deferral
        if deferral is not None and deferral.takes(self, args):
            deferral.call = self.start(args, kwargs)
            return None
        raise EffectfulCall(
            f"{self.loaded.qualname}() holds steps and was called from inside Python, where a run cannot stop; "
            "make it `async def` and await its calls"
        )

    def start(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Coroutine:
        """The call as a coroutine. Raises TypeError where the arguments do not fit."""
        return Coroutine(self.loaded.short_name, self._frame(args, kwargs))

    def _generator(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from weft_workflows.machine.generators import AsyncGenerator, Generator

        kind = AsyncGenerator if self.loaded.is_async else Generator
        return kind(self.loaded.qualname, self._frame(args, kwargs))

    def _frame(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from weft_workflows.machine.graph_frame import GraphFrame

        self.program.meter.charge(_CALL_FUEL)
        bound = self.binder(*args, **kwargs)
        return GraphFrame.of_call(self.program, self.loaded, self.binder, bound)


def begin_await(awaitable: Any) -> Coroutine | None:
    """The coroutine of what a class of the orchestration says of awaiting its objects; None for all other objects.

    The compiler has made its `__await__` asynchronous.
    """
    method = special_method(awaitable, "__await__")
    begun = method(awaitable) if isinstance(method, MachineFunction) else None
    return begun if isinstance(begun, Coroutine) else None


class Deferral:
    """Lets the `__init__` that a data class was given call its `__post_init__`, which is the last thing that it does: the
    call is put down here, and made when the `__init__` has ended."""

    __slots__ = ("call", "function", "instance")

    def __init__(self, function: MachineFunction, instance: Any) -> None:
        self.function = function
        self.instance = instance
        self.call: Coroutine | None = None

    def takes(self, function: MachineFunction, args: tuple[Any, ...]) -> bool:
        return function is self.function and args[0] is self.instance


def _binder(spec: ToolSpec) -> Callable[..., dict[str, Any]]:
    """A function with the tool's signature that returns the given arguments by name.

    Made from source text so that wrong calls raise what CPython raises for a function of that signature. The text holds
    nothing but the names of the specification, which are identifiers.
    """
    parts: list[str] = []
    previous = ""
    for parameter in spec.parameters:
        if not parameter.name.isidentifier():
            raise ValueError(f"the tool {spec.name!r} has a parameter {parameter.name!r}, which is not a Python name")
        if previous == "positional_only" and parameter.kind != "positional_only":
            parts.append("/")
        if parameter.kind == "keyword_only" and previous not in ("keyword_only", "var_positional"):
            parts.append("*")
        star = {"var_positional": "*", "var_keyword": "**"}.get(parameter.kind, "")
        default = "" if parameter.required or star else "=__absent"
        parts.append(f"{star}{parameter.name}{default}")
        previous = parameter.kind
    if previous == "positional_only":
        parts.append("/")
    items = ", ".join(f"{p.name!r}: {p.name}" for p in spec.parameters)
    namespace: dict[str, Any] = {"__absent": _ABSENT}
    name = spec.name if spec.name.isidentifier() else "tool"
    exec(f"def {name}({', '.join(parts)}): return {{{items}}}", namespace)
    bind = namespace[name]

    def without_absent(*args: Any, **kwargs: Any) -> dict[str, Any]:
        bound: dict[str, Any] = bind(*args, **kwargs)
        return {key: value for key, value in bound.items() if value is not _ABSENT}

    return without_absent


_ABSENT = object()
