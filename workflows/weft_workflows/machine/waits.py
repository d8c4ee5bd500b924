"""Frames of our own that wait: a tool's step, `sleep`, `wait_for`, `asyncio.run`, and `gather`'s future.

Each follows the order of events of CPython 3.13's asyncio: which callbacks run in which pass of the ready queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.machine.frames import Frame, Outcome
from weft_workflows.machine.futures import CancelledError, Future, Loop, SetResult, Task, Timer
from weft_workflows.machine.results import fuel_to_read
from weft_workflows.machine.values import Coroutine, begin_await
from weft_workflows.sandbox.tracing import own_traceback

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program


class ToolFrame(Frame):
    """One call of a tool: starts the step when it first runs, then waits for it."""

    __slots__ = ("arguments", "started", "tool")
    hands_on: ClassVar[bool] = True

    def __init__(self, tool: str, arguments: str) -> None:
        self.tool = tool
        self.arguments = arguments
        self.started = False

    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        if self.started:
            return Outcome("done", value)
        program.check_keepable(task)
        self.started = True
        # They are the driver's from now on; a wide run would keep all of them twice.
        arguments, self.arguments = self.arguments, ""
        return Outcome("wait", program.start_step(task, self.tool, arguments))


class SleepFrame(Frame):
    """`asyncio.sleep`: a timer, or one pass of the ready queue where the delay is not positive."""

    __slots__ = ("delay", "result", "started", "timer")

    def __init__(self, delay: float, result: Any) -> None:
        self.delay = delay
        self.result = result
        self.started = False
        self.timer: Timer | None = None

    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if self.timer is not None:
            self.timer.cancel()
        if error is not None:
            raise error
        if self.started:
            return Outcome("done", self.result)
        self.started = True
        if self.delay <= 0:
            return Outcome("yield")
        if self.delay != self.delay:
            raise ValueError("Invalid delay: NaN (not a number)")
        program.check_keepable(task)
        future = Future(program.loop)
        self.timer = program.loop.call_later(self.delay, SetResult(future, self.result), task.line_now())
        return Outcome("wait", future)


class Deadline:
    """What `wait_for` and `timeout` share: a timer that cancels the task, told apart from other cancellations."""

    __slots__ = ("cancelling", "expiring", "task", "timer")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.cancelling = task.cancelling()
        self.expiring = False
        self.timer: Timer | None = None

    def start(self, loop: Loop, seconds: float, line: int) -> None:
        self.timer = loop.call_later(seconds, self, line, guards=True)

    def run(self) -> None:
        """The timer fired."""
        self.timer = None
        self.expiring = True
        self.task.cancel()

    def leave(self, error: BaseException | None) -> None:
        """Ends the scope. Raises TimeoutError where the deadline, and nobody else, cancelled the task."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.expiring and self.task.uncancel() <= self.cancelling and isinstance(error, CancelledError):
            raise TimeoutError from error


class Release:
    """Callback that wakes a waiter when another future is done."""

    __slots__ = ("waiter",)

    def __init__(self, waiter: Future) -> None:
        self.waiter = waiter

    def run(self, future: Future) -> None:
        if not self.waiter.done():
            self.waiter.set_result(None)


class WaitForFrame(Frame):
    """`asyncio.wait_for`: runs the awaitable in the same task under a deadline."""

    __slots__ = ("awaitable", "deadline", "release", "timeout", "waiting_for")
    hands_on: ClassVar[bool] = True

    def __init__(self, awaitable: Any, timeout: float | None) -> None:
        self.awaitable = awaitable
        self.timeout = timeout
        self.deadline: Deadline | None = None
        self.waiting_for: Future | None = None
        self.release: Release | None = None

    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if self.deadline is not None:
            self.deadline.leave(error)
            return _finished(value, error)
        if self.waiting_for is not None:
            return self._cancelled_and_waited(error)
        if error is not None:
            raise error
        if self.timeout is not None and self.timeout <= 0:
            return self._try_at_once(program)
        self.deadline = Deadline(task)
        if self.timeout is not None:
            self.deadline.start(program.loop, self.timeout, task.line_now())
        return Outcome("wait", self.awaitable)

    def _try_at_once(self, program: Program) -> Outcome:
        """No time at all: the result if it is there, else the task is cancelled and waited for."""
        future = ensure_future(program, self.awaitable)
        if future.done():
            return Outcome("done", future.result())
        self.waiting_for = future
        waiter = Future(program.loop)
        self.release = Release(waiter)
        future.add_callback(self.release)
        future.cancel()
        return Outcome("wait", waiter)

    def _cancelled_and_waited(self, error: BaseException | None) -> Outcome:
        assert self.waiting_for is not None
        assert self.release is not None
        if error is not None:
            self.waiting_for.remove_callback(self.release)
            raise error
        try:
            return Outcome("done", self.waiting_for.result())
        except CancelledError as cancelled:
            raise TimeoutError from cancelled


class RunFrame(Frame):
    """`asyncio.run`: runs a coroutine as the main task of a loop, then ends the tasks that it left behind."""

    __slots__ = ("coroutine", "leftover", "main")

    def __init__(self, coroutine: Any) -> None:
        self.coroutine = coroutine
        self.main: Task | None = None
        self.leftover: GatheringFuture | None = None

    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if self.main is None:
            if error is not None:
                raise error
            if not isinstance(self.coroutine, Coroutine):
                raise ValueError(f"a coroutine was expected, got {self.coroutine!r}")
            self.main = program.loop.create_task(self.coroutine, path=task.position())
            return Outcome("wait", self.main)
        if error is not None and error is self.main.error:
            # It is raised once more below, when nothing is left behind.
            self.main.trace = own_traceback(error)
        if self.leftover is None and self.main.done():
            self.leftover = end_tasks(program, apart_from=task)
            if self.leftover is not None:
                return Outcome("wait", self.leftover)
        if error is not None and not self.main.done():
            raise error
        return Outcome("done", self.main.result())


def end_tasks(program: Program, apart_from: Task | None) -> GatheringFuture | None:
    """Cancels all tasks that still run and gathers them; None where there are none."""
    tasks = [t for t in program.loop.tasks if t is not apart_from and not t.done()]
    for task in tasks:
        task.cancel()
    return gather(program, tasks, return_exceptions=True) if tasks else None


def _finished(value: Any, error: BaseException | None) -> Outcome:
    if error is not None:
        raise error
    return Outcome("done", value)


# -- gather ------------------------------------------------------------------------------------------------------------


class GatheringFuture(Future):
    """What `gather` returns. Cancelling it cancels the children."""

    __slots__ = ("arguments", "cancel_requested", "children", "finished", "return_exceptions")
    __weft_names__: ClassVar[frozenset[str]] = Future.__weft_names__

    def __init__(self, loop: Loop, return_exceptions: bool) -> None:
        super().__init__(loop)
        self.return_exceptions = return_exceptions
        self.cancel_requested = False
        self.finished = 0
        #: Each distinct future once, in order.
        self.children: list[Future] = []
        #: One for each argument.
        self.arguments: list[Future] = []

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        cancelled = [child.cancel(msg) for child in self.children]
        if any(cancelled):
            self.cancel_requested = True
            return True
        return False

    def run(self, child: Future) -> None:
        """Callback of a child."""
        self.finished += 1
        if self.done():
            return
        if not self.return_exceptions:
            if child.cancelled():
                self.set_exception(child.cancelled_error())
                return
            if child.error is not None:
                self.set_exception(child.error)
                return
        if self.finished == len(self.children):
            self._complete()

    def _complete(self) -> None:
        if self.cancel_requested:
            self.set_exception(self.arguments[-1].cancelled_error())
            return
        self.loop.charge(fuel_to_read(argument.value for argument in self.arguments))
        self.set_result([_outcome(argument) for argument in self.arguments])


def _outcome(future: Future) -> Any:
    if future.cancelled():
        # CPython makes a new error here, with an empty text where there is no message.
        return CancelledError(future.cancel_message or "")
    return future.read_value() if future.error is None else future.error


def gather(program: Program, awaitables: Any, return_exceptions: bool) -> GatheringFuture:
    """One future for all: a list of results in the order of the arguments, or the first error."""
    outer = GatheringFuture(program.loop, return_exceptions)
    futures: dict[int, Future] = {}
    for awaitable in awaitables:
        known = futures.get(id(awaitable))
        if known is None:
            known = futures[id(awaitable)] = ensure_future(program, awaitable)
            outer.children.append(known)
        outer.arguments.append(known)
    for child in outer.children:
        child.add_callback(outer)
    if not outer.children:
        outer.set_result([])
    return outer


def ensure_future(program: Program, awaitable: Any) -> Future:
    """The future itself, or a new task for a coroutine. Raises TypeError for anything else."""
    if isinstance(awaitable, Future):
        return awaitable
    if isinstance(awaitable, Coroutine):
        return program.loop.create_task(awaitable)
    begun = begin_await(awaitable)
    if begun is not None:
        return program.loop.create_task(begun)
    raise TypeError("An asyncio.Future, a coroutine or an awaitable is required")
