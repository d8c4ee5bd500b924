"""Frames: what stands on a task's stack, and the loop that runs it.

A frame is resumed with the outcome of what it waited for, and answers with an `Outcome`: wait for something, let others
run first, or done. It raises to fail. A frame's fields are all its state, so that a checkpoint can hold it.

`drive` runs the stack of frames of one task until the task waits or ends.
"""

from __future__ import annotations

import types
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from weft_workflows.machine.futures import Future, StepFuture, Task
from weft_workflows.machine.results import Unread
from weft_workflows.machine.values import Coroutine, begin_await
from weft_workflows.sandbox.meter import LimitExceeded
from weft_workflows.sandbox.tracing import set_traceback, traceback_of

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program


#: What running a frame up to where it waits costs, besides what its nodes do, in rounds of a loop.
_RESUMPTION_FUEL = 35


class Outcome(NamedTuple):
    """What a frame wants: `wait` for the awaitable `value`, `yield` to the queue, or `done` with the result `value`."""

    kind: Literal["wait", "yield", "give", "done"]
    value: Any = None


class Given(NamedTuple):
    """What a frame is resumed with when the generator that it asked gave an element."""

    value: Any


class Frame(ABC):
    """One activation on a task's stack."""

    __slots__ = ()
    #: Whether it gives what it waited for to its caller as it is: the program has not taken it then.
    hands_on: ClassVar[bool] = False

    @abstractmethod
    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        """Goes on with the result, or the error, of what the frame waited for."""

    def position(self) -> str:
        """The frame's part of the call path; empty if it adds nothing."""
        return ""

    def handled(self) -> BaseException | None:
        """The exception that the frame handles at the moment."""
        return None

    def line(self) -> int:
        """The source line where the frame stands; 0 if it has none."""
        return 0


class Resumption(NamedTuple):
    """An awaitable that puts a suspended frame back on the stack, with a value to send or an error to throw."""

    frame: Frame
    value: Any
    error: BaseException | None


def drive(program: Program, task: Task, finished: Future | None, error: BaseException | None) -> None:
    """Runs the task until it waits or ends. `finished` is what it waited for."""
    value = finished.value if finished is not None and error is None else None
    frames = task.frames
    if error is not None:
        program.chain(error)
    if not frames:
        frames.append(task.coroutine.take())
    while frames:
        if type(value) is Unread and not frames[-1].hands_on:
            value = value.read()
        program.meter.charge(_RESUMPTION_FUEL)
        try:
            outcome = frames[-1].resume(program, task, value, error)
        except LimitExceeded:
            raise
        except BaseException as raised:
            frames.pop()
            if raised is not error and raised.__context__ is None:
                program.chain(raised)
            value, error = None, raised
            continue
        value, error = None, None
        if outcome.kind == "done":
            frames.pop()
            value = outcome.value
        elif outcome.kind == "give":
            frames.pop()
            value = Given(outcome.value)
        elif isinstance(outcome.value, Resumption):
            frames.append(outcome.value.frame)
            value, error = outcome.value.value, outcome.value.error
        elif outcome.kind == "yield":
            task.yield_once()
            return
        else:
            try:
                future = _begin_waiting(program, task, outcome.value)
                if future is not None and not future.done():
                    if not isinstance(future, StepFuture):
                        program.check_keepable(task)
                    task.wait_for(future)
                    return
                value = None if future is None else future.result()
            except LimitExceeded:
                raise
            except BaseException as raised:
                program.chain(raised)
                error = raised
    if error is None:
        task.complete(value)
    else:
        task.fail(error)


def _begin_waiting(program: Program, task: Task, awaitable: Any) -> Future | None:
    """Puts a coroutine's frame on the stack, or gives the future to wait for."""
    if isinstance(awaitable, Coroutine):
        program.check_depth(task)
        task.frames.append(awaitable.take())
        return None
    if isinstance(awaitable, types.CoroutineType):
        return _at_once(program, awaitable)
    if awaitable is task:
        raise RuntimeError(f"Task cannot await on itself: {task!r}")
    if isinstance(awaitable, Future):
        return awaitable
    begun = begin_await(awaitable)
    if begun is not None:
        return _begin_waiting(program, task, begun)
    raise TypeError(f"object {type(awaitable).__name__} can't be used in 'await' expression")


def _at_once(program: Program, coroutine: types.CoroutineType[Any, Any, Any]) -> Future:
    """What a coroutine of the sandbox's own library gives: those never wait."""
    finished = Future(program.loop)
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        finished.set_result(stopped.value)
        return finished
    coroutine.close()
    raise TypeError("object coroutine can't be used in 'await' expression")


def call_handling(handled: BaseException, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls native code as if inside `except handled`: for a bare `raise`, and for the context of new exceptions."""
    trace, context = traceback_of(handled), handled.__context__
    try:
        raise handled
    except BaseException:
        # Raising it has changed these; what the function does to them stays.
        set_traceback(handled, trace)
        _CONTEXT.__set__(handled, context)
        return function(*args, **kwargs)


_CONTEXT = BaseException.__dict__["__context__"]
