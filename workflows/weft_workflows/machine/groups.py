"""asyncio's scopes: `TaskGroup` and `timeout`, as in CPython 3.13."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.machine.frames import Outcome
from weft_workflows.machine.futures import CancelledError, Future, Loop, Task, Timer
from weft_workflows.machine.stepped import MethodFrame, SteppedFrame
from weft_workflows.machine.values import Coroutine

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program


class TaskGroup:
    """Tasks that end together: the first failure cancels the others, and all failures are raised as a group."""

    __slots__ = (
        "aborting",
        "base_error",
        "completed",
        "entered",
        "errors",
        "exiting",
        "loop",
        "parent",
        "parent_cancelled",
        "tasks",
    )
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"create_task"})

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.entered = False
        self.exiting = False
        self.aborting = False
        self.parent: Task | None = None
        #: Whether the group itself has cancelled its parent.
        self.parent_cancelled = False
        #: In their order; a dict, since one of many leaves at each event.
        self.tasks: dict[Future, None] = {}
        self.errors: list[BaseException] = []
        self.base_error: BaseException | None = None
        self.completed: Future | None = None

    def __repr__(self) -> str:
        return "<TaskGroup entered>" if self.entered else "<TaskGroup>"

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> Task:
        if not self.entered:
            coro.close()
            raise RuntimeError(f"TaskGroup {self!r} has not been entered")
        if self.exiting and not self.tasks:
            coro.close()
            raise RuntimeError(f"TaskGroup {self!r} is finished")
        if self.aborting:
            coro.close()
            raise RuntimeError(f"TaskGroup {self!r} is shutting down")
        if not isinstance(coro, Coroutine):
            raise TypeError(f"a coroutine was expected, got {coro!r}")
        task = self.loop.create_task(coro, None if name is None else str(name))
        self.tasks[task] = None
        task.add_callback(self)
        return task

    def __aenter__(self) -> Coroutine:
        return Coroutine("__aenter__", MethodFrame(self, "enter"))

    def __aexit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> Coroutine:
        return Coroutine("__aexit__", LeaveTaskGroup(self, error))

    def enter(self) -> TaskGroup:
        if self.entered:
            raise RuntimeError(f"TaskGroup {self!r} has already been entered")
        self.parent = self.loop.current
        self.entered = True
        return self

    def abort(self) -> None:
        self.aborting = True
        for task in self.tasks:
            if not task.done():
                task.cancel()

    def run(self, task: Future) -> None:
        """Callback of a task of the group."""
        self.tasks.pop(task, None)
        if self.completed is not None and not self.tasks and not self.completed.done():
            self.completed.set_result(True)
        if task.cancelled() or task.error is None:
            return
        self.errors.append(task.error)
        self.note_base_error(task.error)
        assert self.parent is not None
        if not self.parent.done() and not self.aborting and not self.parent_cancelled:
            self.abort()
            self.parent_cancelled = True
            self.parent.cancel()

    def note_base_error(self, error: BaseException) -> None:
        if isinstance(error, (SystemExit, KeyboardInterrupt)) and self.base_error is None:
            self.base_error = error


class LeaveTaskGroup(SteppedFrame):
    """Waits for all tasks of the group, then raises what is to be raised."""

    __slots__ = ("error", "group", "propagated")

    def __init__(self, group: TaskGroup, error: BaseException | None) -> None:
        super().__init__()
        self.group = group
        self.error = error
        self.propagated = error if isinstance(error, CancelledError) else None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        group = self.group
        group.exiting = True
        if self.error is not None:
            group.note_base_error(self.error)
            if not group.aborting:
                group.abort()
        return self._wait_for_tasks(program)

    def _wait_for_tasks(self, program: Program) -> Outcome:
        if not self.group.tasks:
            return self._leave()
        self.group.completed = Future(program.loop)
        return self.wait(self.group.completed, "woken")

    def woken(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            if not isinstance(error, CancelledError):
                raise error
            if not self.group.aborting:
                self.propagated = error
                self.group.abort()
        self.group.completed = None
        return self._wait_for_tasks(program)

    def _leave(self) -> Outcome:
        group = self.group
        assert group.parent is not None
        if group.base_error is not None:
            raise group.base_error
        if group.parent_cancelled and group.parent.uncancel() == 0:
            self.propagated = None
        if self.propagated is not None and not group.errors:
            raise self.propagated
        if self.error is not None and not isinstance(self.error, CancelledError):
            group.errors.append(self.error)
        if group.errors:
            self._raise_group(group, group.parent)
        return Outcome("done", None)

    def _raise_group(self, group: TaskGroup, parent: Task) -> None:
        if parent.cancelling():
            # Cancelled from outside too: the cancellation is delivered again at the next wait.
            parent.uncancel()
            parent.cancel()
        errors, group.errors = group.errors, []
        raise BaseExceptionGroup("unhandled errors in a TaskGroup", errors) from None


class Timeout:
    """`asyncio.timeout`: a deadline around a block. `when` is Unix time of the run, None for no deadline."""

    __slots__ = ("cancelling", "loop", "moment", "state", "task", "timer")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"expired", "reschedule", "when"})

    def __init__(self, loop: Loop, moment: float | None) -> None:
        self.loop = loop
        self.moment = moment
        self.state = "created"
        self.task: Task | None = None
        self.cancelling = 0
        self.timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Timeout [{self.state}]>"

    def when(self) -> float | None:
        return self.moment

    def expired(self) -> bool:
        return self.state in ("expiring", "expired")

    def reschedule(self, when: float | None) -> None:
        if self.state != "active":
            if self.state == "created":
                raise RuntimeError("Timeout has not been entered")
            raise RuntimeError(f"Cannot change state of {self.state} Timeout")
        self.moment = when
        self._stop()
        self._schedule()

    def _stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _schedule(self) -> None:
        if self.moment is None:
            return
        if self.moment <= self.loop.now:
            self.loop.call_soon(self)
        else:
            line = self.task.line_now() if self.task is not None else 0
            self.timer = self.loop.call_later(self.moment - self.loop.now, self, line, guards=True)

    def run(self) -> None:
        """The deadline has come."""
        self.timer = None
        if self.state == "active" and self.task is not None:
            self.task.cancel()
            self.state = "expiring"

    def __aenter__(self) -> Coroutine:
        return Coroutine("__aenter__", MethodFrame(self, "enter"))

    def __aexit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> Coroutine:
        return Coroutine("__aexit__", MethodFrame(self, "leave", error))

    def enter(self) -> Timeout:
        if self.state != "created":
            raise RuntimeError("Timeout has already been entered")
        assert self.loop.current is not None
        self.state = "active"
        self.task = self.loop.current
        self.cancelling = self.task.cancelling()
        self._schedule()
        return self

    def leave(self, error: BaseException | None) -> None:
        """Raises TimeoutError where the deadline, and nobody else, cancelled the block."""
        assert self.task is not None
        self._stop()
        if self.state != "expiring":
            self.state = "finished"
            return
        self.state = "expired"
        if self.task.uncancel() > self.cancelling or error is None:
            return
        if isinstance(error, CancelledError):
            raise TimeoutError from error
        for each in (error, *(error.exceptions if isinstance(error, ExceptionGroup) else ())):
            _explain_cancellation(each)


def _explain_cancellation(error: BaseException) -> None:
    """Puts a TimeoutError before the cancellation in the error's context, as asyncio does."""
    while error.__context__ is not None:
        if isinstance(error.__context__, CancelledError):
            timeout = TimeoutError()
            timeout.__context__ = timeout.__cause__ = error.__context__
            error.__context__ = timeout
            return
        error = error.__context__
