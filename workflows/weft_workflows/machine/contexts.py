"""contextlib, as far as it waits: asynchronous managers and stacks, and plain stacks whose exits hold steps.

What of it needs no wait is the sandbox's (`sandbox/library/contexts.py`), with the rules of what is raised and suppressed.
Every frame here calls the orchestration's functions inside the exception that its strand handles.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.machine.asking import ask
from weft_workflows.machine.frames import Outcome
from weft_workflows.machine.futures import Task
from weft_workflows.machine.generators import Generator, ask_next
from weft_workflows.machine.lazy_iterators import is_stepped
from weft_workflows.machine.stepped import MethodFrame, SteppedFrame
from weft_workflows.machine.values import Coroutine, Immediate, MachineFunction
from weft_workflows.sandbox.classes import special_method
from weft_workflows.sandbox.environment import environment_of
from weft_workflows.sandbox.facades import Module
from weft_workflows.sandbox.library.contexts import (
    NOTHING,
    Closing,
    Exits,
    ExitStack,
    GeneratorManager,
    Making,
    OfGenerator,
    Standing,
    Unwinding,
    bound,
    contextlib_module,
    entering,
    exit_call,
    judge,
    shown_as,
)
from weft_workflows.sandbox.meter import LimitExceeded

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program

_NAMES = frozenset(("__aenter__", "__aexit__"))
_ENDS = (StopAsyncIteration, StopIteration)


# -- functions inside an asynchronous manager ------------------------------------------------------------------------------


@shown_as("AsyncContextDecorator")
class AsyncContextDecorator:
    """Lets an asynchronous manager decorate asynchronous functions."""

    __slots__ = ()

    def __weft_again__(self) -> Any:
        """The manager for one more call."""
        return self

    def __call__(self, function: Callable[..., Any]) -> AsyncDecorated:
        return AsyncDecorated(self, function)


class AsyncDecorated:
    # An asynchronous function inside an asynchronous manager.

    __slots__ = ("__doc__", "__name__", "function", "manager")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__name__", "__doc__", "__wrapped__"))

    def __init__(self, manager: Any, function: Callable[..., Any]) -> None:
        self.manager = manager
        self.function = function
        self.__name__ = getattr(function, "__name__", "inner")
        self.__doc__ = getattr(function, "__doc__", None)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return self.function

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else bound(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Coroutine:
        return Coroutine(self.__name__, CallWithin(self.manager, self.function, args, kwargs))


class CallWithin(SteppedFrame):
    """`async with manager: return await function(…)`."""

    __slots__ = ("arguments", "error", "function", "keywords", "manager", "result")

    def __init__(self, manager: Any, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        super().__init__()
        self.manager = manager
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.result: Any = None
        self.error: BaseException | None = None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        self.manager = self.manager.__weft_again__()
        return self.wait(program.call(entering(self.manager, is_async=True), self.manager), "entered")

    def entered(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        try:
            made = program.call(self.function, *self.arguments, **self.keywords)
        except LimitExceeded:
            raise
        except BaseException as raised:
            return self.returned(program, task, None, raised)
        return self.wait(made, "returned")

    def returned(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        self.result, self.error = value, error
        leave = special_method(self.manager, "__aexit__")
        assert leave is not None
        return self.wait(program.call(leave, self.manager, *program.details_of(error)), "left")

    def left(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        raised, self.error = self.error, None
        if error is not None:
            raise error
        if raised is not None and not value:
            raise raised
        return Outcome("done", self.result)

    def handled(self) -> BaseException | None:
        return self.error

    def position(self) -> str:
        return _PLACES[self.at]


#: What `CallWithin` waits for, by where it goes on.
_PLACES = {"begin": "", "entered": "enter", "returned": "call", "left": "exit"}


# -- asynchronous generators as managers -------------------------------------------------------------------------------------


@shown_as("_AsyncGeneratorContextManager")
class AsyncGeneratorManager(OfGenerator, AsyncContextDecorator):
    __slots__ = ()
    __weft_names__: ClassVar[frozenset[str]] = _NAMES

    def __aenter__(self) -> Coroutine:
        return Coroutine("__aenter__", EnterGenerator(self))

    def __aexit__(self, kind: Any, error: Any, trace: Any) -> Coroutine:
        thrown = kind() if kind is not None and error is None else error
        return Coroutine("__aexit__", LeaveGenerator(self.generator, thrown))


def _asked(generator: Any, method: str, *args: Any) -> Any:
    """A call of `next`, `throw` or `close` of a generator that may wait."""
    if isinstance(generator, Generator):
        return ask(generator, "__next__" if method == "next" else method, *args)
    return ask_next(generator) if method == "next" else getattr(generator, f"a{method}")(*args)


class EnterGenerator(SteppedFrame):
    """Asks for the one element of an asynchronous generator, or of a plain one that holds steps."""

    __slots__ = ("manager",)

    def __init__(self, manager: GeneratorManager | AsyncGeneratorManager) -> None:
        super().__init__()
        self.manager = manager

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        self.manager.use()
        return self.wait(_asked(self.manager.generator, "next"), "given")

    def given(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is None:
            return Outcome("done", value)
        try:
            raise error
        except (StopIteration, StopAsyncIteration):
            raise RuntimeError("generator didn't yield") from None


class LeaveGenerator(SteppedFrame):
    """`thrown` is the exception that the generator is told, `failure` what is to be raised once it is closed."""

    __slots__ = ("failure", "generator", "noted", "thrown")

    def __init__(self, generator: Any, thrown: BaseException | None) -> None:
        super().__init__()
        self.generator = generator
        self.thrown = thrown
        self.noted: Standing | None = None
        self.failure: BaseException | None = None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if self.thrown is None:
            return self.wait(_asked(self.generator, "next"), "ended")
        self.noted = Standing(self.thrown)
        return self.wait(_asked(self.generator, "throw", self.thrown), "answered")

    def ended(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if isinstance(error, self._ends()[0]):
            return Outcome("done", False)
        if error is not None:
            raise error
        return self._close("generator didn't stop")

    def _ends(self) -> tuple[type[BaseException], ...]:
        return (StopIteration,) if isinstance(self.generator, Generator) else _ENDS

    def answered(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is None:
            method = "throw" if isinstance(self.generator, Generator) else "athrow"
            return self._close(f"generator didn't stop after {method}()")
        assert self.thrown is not None
        assert self.noted is not None
        return Outcome("done", judge(self.thrown, error, self.noted, self._ends()))

    def _close(self, message: str) -> Outcome:
        self.failure = RuntimeError(message)
        self.failure.__context__ = self.thrown
        return self.wait(_asked(self.generator, "close"), "closed")

    def closed(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        assert self.failure is not None
        if error is None:
            raise self.failure
        if error.__context__ is None:
            error.__context__ = self.failure
        raise error


# -- closing -----------------------------------------------------------------------------------------------------------------


@shown_as("aclosing")
class AsyncClosing:
    __slots__ = ("_get", "thing")
    __weft_names__: ClassVar[frozenset[str]] = _NAMES | {"thing"}

    def __init__(self, get: Callable[[Any, str], Any], thing: Any) -> None:
        self._get = get
        self.thing = thing

    def __aenter__(self) -> Coroutine:
        return Coroutine("__aenter__", MethodFrame(self, "given"))

    def given(self) -> Any:
        return self.thing

    def closing_call(self) -> Callable[..., Any]:
        found: Callable[..., Any] = self._get(self.thing, "aclose")
        return found

    def __aexit__(self, *_details: Any) -> Coroutine:
        return Coroutine("__aexit__", Close(self))


class Close(SteppedFrame):
    """Calls the method that closes what a manager holds, and waits for it."""

    __slots__ = ("holder",)

    def __init__(self, holder: Closing | AsyncClosing) -> None:
        super().__init__()
        self.holder = holder

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        made = program.call(program.invoke, self.holder.closing_call())
        if not isinstance(made, Immediate):
            return self.wait(made, "closed")
        return self.wait(made.value, "closed") if isinstance(self.holder, AsyncClosing) else Outcome("done", None)

    def closed(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        return Outcome("done", None)


# -- stacks of exits -----------------------------------------------------------------------------------------------------------


@shown_as("AsyncExitStack")
class AsyncExitStack(Exits):
    __slots__ = ()
    __weft_names__: ClassVar[frozenset[str]] = _NAMES | frozenset(
        """aclose callback enter_async_context enter_context pop_all push push_async_callback push_async_exit""".split()
    )

    def __aenter__(self) -> Coroutine:
        return Coroutine("__aenter__", MethodFrame(self, "itself"))

    def itself(self) -> AsyncExitStack:
        return self

    def __aexit__(self, _kind: Any, error: Any, _trace: Any) -> Coroutine:
        return Coroutine("__aexit__", LeaveStack(self, error))

    def aclose(self) -> Coroutine:
        return self.__aexit__(*NOTHING)

    def enter_async_context(self, cm: Any) -> Coroutine:
        return Coroutine("enter_async_context", EnterContext(self, cm, is_async=True))

    def push_async_exit(self, exit: Any) -> Any:  # noqa: A002 - contextlib's name
        form = "manager" if special_method(exit, "__aexit__") is not None else "exit"
        self.exits.append((True, form, exit, (), {}))
        return exit

    def push_async_callback(self, callback: Any, /, *args: Any, **kwds: Any) -> Any:
        self.exits.append((True, "callback", callback, args, kwds))
        return callback


class EnterContext(SteppedFrame):
    __slots__ = ("is_async", "manager", "stack")

    def __init__(self, stack: Exits, manager: Any, is_async: bool) -> None:
        super().__init__()
        self.stack = stack
        self.manager = manager
        self.is_async = is_async

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        method = entering(self.manager, self.is_async)
        if self.is_async:
            return self.wait(program.call(method, self.manager), "entered")
        made = waiting_entry(self.manager) or program.call(program.invoke, method, self.manager)
        return self.wait(made, "entered")

    def entered(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        self.stack.exits.append((self.is_async, "manager", self.manager, (), {}))
        return Outcome("done", value)


class LeaveStack(SteppedFrame):
    """Runs the exits of a stack, the last one first. `form` is that of the exit that runs."""

    __slots__ = ("error", "form", "stack", "unwinding")

    def __init__(self, stack: ExitStack | AsyncExitStack, error: BaseException | None) -> None:
        super().__init__()
        self.stack = stack
        self.error = error
        self.form = ""
        self.unwinding: Unwinding | None = None

    def position(self) -> str:
        return f"exit[{len(self.stack.exits)}]"

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        self.unwinding = Unwinding(self.error, program.handled())
        return self._go_on(program, self.unwinding)

    def answered(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        assert self.unwinding is not None
        if error is None:
            self.unwinding.returned(self.form != "callback" and value)
        else:
            self.unwinding.failed(error)
        return self._go_on(program, self.unwinding)

    def _go_on(self, program: Program, unwinding: Unwinding) -> Outcome:
        while self.stack.exits:
            exit_ = self.stack.exits.pop()
            is_async, self.form, *_ = exit_
            function, args, kwargs = exit_call(exit_, program.details_of(unwinding.error))
            callee = (function,) if is_async else (program.invoke, function)
            manager = exit_[2] if self.form == "manager" and not is_async else None
            try:
                made = waiting_exit(manager, unwinding.error) or program.call(*callee, *args, **kwargs)
            except LimitExceeded:
                raise
            except BaseException as raised:
                unwinding.failed(raised)
                continue
            if not isinstance(made, Immediate):
                return self.wait(made, "answered")
            unwinding.returned(self.form != "callback" and made.value)
        return Outcome("done", unwinding.finish())


def waiting_entry(manager: Any) -> Coroutine | None:
    """The entry of a plain manager of the library as a coroutine, where it holds steps; None for any other."""
    if type(manager) is GeneratorManager and is_stepped(manager.generator):
        return Coroutine("__enter__", EnterGenerator(manager))
    return None


def waiting_call(program: Program, callee: Any, args: tuple[Any, ...]) -> Coroutine | None:
    """A call by which a stack enters a manager that holds steps; None for any other call."""
    if type(callee) is not types.MethodType or not isinstance(callee.__self__, Exits) or len(args) != 1:
        return None
    if callee.__name__ != "enter_context":
        return None
    enter = special_method(args[0], "__enter__")
    if waiting_entry(args[0]) is None and not (isinstance(enter, MachineFunction) and enter.loaded.holds_steps):
        return None
    return Coroutine("enter_context", EnterContext(callee.__self__, args[0], is_async=False))


def waiting_exit(manager: Any, error: BaseException | None) -> Coroutine | None:
    """The exit of a plain manager as a coroutine, where it may hold steps; None for any other."""
    if type(manager) is ExitStack:
        return Coroutine("__exit__", LeaveStack(manager, error))
    if type(manager) is GeneratorManager and is_stepped(manager.generator):
        return Coroutine("__exit__", LeaveGenerator(manager.generator, error))
    return Coroutine("__exit__", Close(manager)) if type(manager) is Closing else None


# -- the module --------------------------------------------------------------------------------------------------------------


def contextlib_of(program: Program) -> Module:
    """The `contextlib` of a run."""
    environment = environment_of(program)
    environment.classes.trusted.add(AsyncContextDecorator)
    get = environment.attributes.get

    def aclosing(thing: Any) -> AsyncClosing:
        return AsyncClosing(get, thing)

    def asynccontextmanager(func: Callable[..., Any]) -> Making:
        return Making(AsyncGeneratorManager, func)

    waiting = {
        "AsyncContextDecorator": AsyncContextDecorator,
        "AsyncExitStack": AsyncExitStack,
        "aclosing": aclosing,
        "asynccontextmanager": asynccontextmanager,
    }
    return Module("contextlib", contextlib_module(environment) | waiting)
