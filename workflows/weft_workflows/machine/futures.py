"""asyncio's scheduling on data: the ready queue, futures and tasks, as CPython 3.13 behaves.

Everything here is plain state that a checkpoint can hold: callbacks and queue entries are small objects with a `run`
method, never closures. The queue is FIFO and each wake-up takes the same number of hops as in asyncio, so that programs
see the same interleaving.

Timers and steps leave through `Loop.commands`; what they bring back is delivered by `Machine`.
"""

from __future__ import annotations

import asyncio.exceptions
import contextvars
import types
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from weft_workflows.machine.protocol import CallTool, CancelStep, CancelTimer, Command, StartTimer
from weft_workflows.machine.results import Unread
from weft_workflows.sandbox.tracing import own_traceback, set_traceback

if TYPE_CHECKING:
    from weft_workflows.machine.frames import Frame
    from weft_workflows.machine.values import Coroutine

CancelledError = asyncio.exceptions.CancelledError
InvalidStateError = asyncio.exceptions.InvalidStateError


#: What a pass through the ready queue and a new task cost, in rounds of a loop.
_HOP_FUEL = 35
_TASK_FUEL = 150


class Callback(Protocol):
    """What a future does when it is done. Instances are state of the machine."""

    def run(self, future: Future) -> None: ...


class Handle(Protocol):
    """An entry of the ready queue or of a timer."""

    def run(self) -> None: ...


class RunCallback:
    """A future's callback, on its way through the ready queue."""

    __slots__ = ("callback", "future")

    def __init__(self, callback: Callback, future: Future) -> None:
        self.callback = callback
        self.future = future

    def run(self) -> None:
        self.callback.run(self.future)


class UserCallback:
    """`future.add_done_callback(f)` of the program."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Future], Any]) -> None:
        self.function = function

    def run(self, future: Future) -> None:
        """Like asyncio, goes on after whatever the function raises; asyncio tells its logger, which a run does not have."""
        with suppress(Exception):
            self.function(future)


class Loop:
    """The event loop of one machine."""

    def __init__(
        self,
        drive: Callable[[Task, Future | None, BaseException | None], None],
        charge: Callable[[int], None],
        context: contextvars.Context,
    ) -> None:
        self.drive = drive
        #: Takes fuel: a program can keep the loop busy without a round of its own.
        self.charge = charge
        #: What the first task's context is a copy of.
        self.context = context
        self.ready: deque[Handle] = deque()
        self.tasks: dict[Task, None] = {}
        self.current: Task | None = None
        self.commands: list[Command] = []
        self.now = 0.0
        self.timers: dict[str, Timer] = {}
        self.steps: dict[str, StepFuture] = {}
        self.task_count = 0
        self.timer_count = 0

    def call_soon(self, handle: Handle) -> None:
        self.ready.append(handle)

    def call_later(self, seconds: float, handle: Handle, line: int, *, guards: bool = False) -> Timer:
        """Runs the handle after so many seconds of the run's clock. `guards`: it is a deadline around what waits."""
        self.timer_count += 1
        timer = Timer(self, f"timer-{self.timer_count}", handle)
        self.timers[timer.id] = timer
        group = self.current.group if self.current is not None else ""
        deadline = self.now + float(seconds)
        self.commands.append(StartTimer(timer.id, float(seconds), deadline, line, guards, group))
        return timer

    def create_task(self, coroutine: Coroutine, name: str | None = None, path: str | None = None) -> Task:
        """A new strand; `path` is given where it goes on with the line of the one that starts it."""
        if self.current is not None:
            # The main strand is not the program's doing: it begins before anything can be charged to it.
            self.charge(_TASK_FUEL)
        self.task_count += 1
        own_path = self._strand_path(coroutine) if path is None else path
        task = Task(self, coroutine, name or f"Task-{self.task_count}", own_path)
        if path is not None:
            task.group = self.current.group if self.current is not None else ""
        self.tasks[task] = None
        self.call_soon(StepTask(task))
        return task

    def _strand_path(self, coroutine: Coroutine) -> str:
        """The call path of a new strand: where it was started, what it runs, and which of those it is."""
        if self.current is None:
            return ""
        return self.current.spawn_path(coroutine.name)

    def start_step(self, step: str, tool: str, arguments: str, line: int, title: str, group: str) -> StepFuture:
        future = StepFuture(self, step)
        self.steps[step] = future
        self.commands.append(CallTool(step, tool, arguments, line, title, group))
        return future

    def run_ready(self, main: Task | None = None) -> None:
        """Runs until nothing is ready, in passes as asyncio does: each over what is ready at its beginning. The pass that
        begins when `main` is done is the last one.
        """
        last = False
        while self.ready and not last:
            last = main is not None and main.done()
            for _ in range(len(self.ready)):
                self.charge(_HOP_FUEL)
                self.ready.popleft().run()


class Timer:
    __slots__ = ("handle", "id", "loop")

    def __init__(self, loop: Loop, timer_id: str, handle: Handle) -> None:
        self.loop = loop
        self.id = timer_id
        self.handle = handle

    def cancel(self) -> None:
        if self.loop.timers.pop(self.id, None) is not None:
            self.loop.commands.append(CancelTimer(self.id))


class Future:
    """asyncio.Future. `state` is PENDING, FINISHED or CANCELLED."""

    __slots__ = ("callbacks", "cancel_message", "error", "loop", "state", "trace", "value")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        "add_done_callback cancel cancelled done exception result set_exception set_result".split()
    )

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.state = "PENDING"
        #: What it came to; of a step, perhaps as nobody has read it (`read_value`).
        self.value: Any = None
        self.error: BaseException | None = None
        #: The error's traceback when it was set: what the first to ask for the result gets it with.
        self.trace: types.TracebackType | None = None
        self.cancel_message: Any = None
        self.callbacks: list[Callback] = []

    def __repr__(self) -> str:
        return f"<Future {self.state.lower()}>"

    def done(self) -> bool:
        return self.state != "PENDING"

    def cancelled(self) -> bool:
        return self.state == "CANCELLED"

    def result(self) -> Any:
        if self.state == "CANCELLED":
            raise self.cancelled_error()
        if self.state == "PENDING":
            raise InvalidStateError("Result is not set.")
        if self.error is not None:
            raise self.raised(self.error)
        return self.read_value()

    def read_value(self) -> Any:
        """The value for the program, which now takes it."""
        if type(self.value) is Unread:
            self.value = self.value.read()
        return self.value

    def raised(self, error: BaseException) -> BaseException:
        """Its error as it leaves the future: with the traceback that it came with, and none from the second time on."""
        set_traceback(error, self.trace)
        self.trace = None
        return error

    def exception(self) -> BaseException | None:
        if self.state == "CANCELLED":
            raise self.cancelled_error()
        if self.state == "PENDING":
            raise InvalidStateError("Exception is not set.")
        return self.error

    def cancelled_error(self) -> BaseException:
        if self.error is not None:
            return self.error
        return CancelledError() if self.cancel_message is None else CancelledError(self.cancel_message)

    def set_result(self, value: Any) -> None:
        if self.state != "PENDING":
            raise InvalidStateError(f"{self.state}: {self!r}")
        self.value = value
        self._finish("FINISHED")

    def set_exception(self, error: BaseException | type[BaseException]) -> None:
        if self.state != "PENDING":
            raise InvalidStateError(f"{self.state}: {self!r}")
        if isinstance(error, type):
            error = error()
        if isinstance(error, StopIteration):
            wrapped = RuntimeError("StopIteration interacts badly with generators and cannot be raised into a Future")
            wrapped.__cause__ = error
            wrapped.__context__ = error
            error = wrapped
        self.error = error
        self.trace = own_traceback(error)
        self._finish("FINISHED")

    def cancel(self, msg: Any = None) -> bool:
        if self.state != "PENDING":
            return False
        self.cancel_message = msg
        self._finish("CANCELLED")
        return True

    def _finish(self, state: str) -> None:
        self.state = state
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            self.loop.call_soon(RunCallback(callback, self))

    def add_callback(self, callback: Callback) -> None:
        if self.state != "PENDING":
            self.loop.call_soon(RunCallback(callback, self))
        else:
            self.callbacks.append(callback)

    def remove_callback(self, callback: Callback) -> None:
        self.callbacks = [c for c in self.callbacks if c is not callback]

    def add_done_callback(self, function: Callable[[Future], Any]) -> None:
        self.add_callback(UserCallback(function))


class StepFuture(Future):
    """The outcome of a running step. Cancelling it cancels the step."""

    __slots__ = ("step",)

    def __init__(self, loop: Loop, step: str) -> None:
        super().__init__(loop)
        self.step = step

    def cancel(self, msg: Any = None) -> bool:
        if not super().cancel(msg):
            return False
        if self.loop.steps.pop(self.step, None) is not None:
            self.loop.commands.append(CancelStep(self.step))
        return True


class StepTask:
    """Lets a task run until it next waits; `error` is thrown into it."""

    __slots__ = ("error", "task")

    def __init__(self, task: Task, error: BaseException | None = None) -> None:
        self.task = task
        self.error = error

    def run(self) -> None:
        self.task.step(self.error)


class Wakeup:
    """Callback of the future that a task waits for."""

    __slots__ = ("task",)

    def __init__(self, task: Task) -> None:
        self.task = task

    def run(self, future: Future) -> None:
        error: BaseException | None = None
        if future.state == "CANCELLED":
            error = future.cancelled_error()
        elif future.error is not None:
            error = future.raised(future.error)
        self.task.step(error)


class SetResult:
    """Timer handle of `sleep`."""

    __slots__ = ("future", "value")

    def __init__(self, future: Future, value: Any) -> None:
        self.future = future
        self.value = value

    def run(self) -> None:
        if self.future.state == "PENDING":
            self.future.set_result(self.value)


class Task(Future):
    """asyncio.Task: a strand. `frames` is its stack, the innermost last; `waiting` the future it waits for."""

    __slots__ = (
        "cancel_requests",
        "context",
        "coroutine",
        "frames",
        "group",
        "line",
        "must_cancel",
        "name",
        "path",
        "spawn_counts",
        "spawn_position",
        "waiting",
    )
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        """add_done_callback cancel cancelled cancelling done exception get_coro get_name result set_name uncancel""".split()
    )

    def __init__(self, loop: Loop, coroutine: Coroutine, name: str, path: str) -> None:
        super().__init__(loop)
        self.coroutine = coroutine
        #: The task's own context variables, of which a program sees its decimal context; a copy of its creator's.
        creator: Loop | Task = loop if loop.current is None else loop.current
        self.context: contextvars.Context = creator.context.copy()
        self.name = name
        self.path = path
        #: The source line that started the strand.
        self.line = loop.current.line_now() if loop.current is not None else 0
        #: What the strand's steps are labelled with; empty for the main line.
        self.group = path
        self.frames: list[Frame] = []
        self.waiting: Future | None = None
        self.must_cancel = False
        self.cancel_requests = 0
        self.spawn_position = ""
        self.spawn_counts: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Task {self.state.lower()} name={self.name!r}>"

    def get_name(self) -> str:
        return self.name

    def set_name(self, value: object) -> None:
        self.name = str(value)

    def get_coro(self) -> Coroutine:
        return self.coroutine

    def set_result(self, value: Any) -> None:
        raise RuntimeError("Task does not support set_result operation")

    def set_exception(self, error: BaseException | type[BaseException]) -> None:
        raise RuntimeError("Task does not support set_exception operation")

    def cancelling(self) -> int:
        return self.cancel_requests

    def uncancel(self) -> int:
        if self.cancel_requests > 0:
            self.cancel_requests -= 1
            if self.cancel_requests == 0:
                self.must_cancel = False
        return self.cancel_requests

    def cancel(self, msg: Any = None) -> bool:
        if self.state != "PENDING":
            return False
        self.cancel_requests += 1
        if self.waiting is not None and self.waiting.cancel(msg):
            return True
        self.must_cancel = True
        self.cancel_message = msg
        return True

    def step(self, error: BaseException | None) -> None:
        """Runs the task's frames until it waits or ends."""
        if self.must_cancel:
            if not isinstance(error, CancelledError):
                error = self.cancelled_error()
            self.must_cancel = False
        finished, self.waiting = self.waiting, None
        outer, self.loop.current = self.loop.current, self
        try:
            self.context.run(self.loop.drive, self, finished, error)
        finally:
            self.loop.current = outer

    def wait_for(self, future: Future) -> None:
        """Suspends the task until the future is done."""
        future.add_callback(Wakeup(self))
        self.waiting = future
        if self.must_cancel and future.cancel(self.cancel_message):
            self.must_cancel = False

    def yield_once(self) -> None:
        """Suspends the task for one pass of the ready queue."""
        self.loop.call_soon(StepTask(self))

    def complete(self, value: Any) -> None:
        if self.must_cancel:
            self.must_cancel = False
            super().cancel(self.cancel_message)
        else:
            self.value = value
            self._finish("FINISHED")
        self._leave()

    def fail(self, error: BaseException) -> None:
        if isinstance(error, CancelledError):
            self.error = error
            super().cancel()
        else:
            super().set_exception(error)
        self._leave()

    def _leave(self) -> None:
        self.loop.tasks.pop(self, None)
        self.frames.clear()

    def line_now(self) -> int:
        """The source line where the task stands: of its innermost frame that has one, else where it was started."""
        return next((line for frame in reversed(self.frames) if (line := frame.line())), self.line)

    # -- call paths --------------------------------------------------------------------------------------------------

    def position(self) -> str:
        """The call path of the point where the task stands: unique in the run, the same in each run of the plan."""
        parts = [self.path, *(frame.position() for frame in self.frames)]
        return "/".join(part for part in parts if part)

    def spawn_path(self, name: str) -> str:
        """The path of a strand that starts here."""
        position = self.position()
        if position != self.spawn_position:
            self.spawn_position = position
            self.spawn_counts = {}
        count = self.spawn_counts.get(name, 0)
        self.spawn_counts[name] = count + 1
        prefix = f"{position}/" if position else ""
        return f"{prefix}{name}[{count}]"
