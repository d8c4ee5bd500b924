"""The `asyncio` that orchestrations see.

All of it is synchronous: a call makes a coroutine, a task or a future, and only an await waits. What is not here does
not exist for a program.
"""

from __future__ import annotations

import asyncio.exceptions
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.machine import futures, groups, locks, queues, waiting
from weft_workflows.machine.values import Coroutine, MachineFunction, ToolFunction
from weft_workflows.machine.waits import RunFrame, SleepFrame, WaitForFrame, ensure_future, gather
from weft_workflows.sandbox.environment import environment_of

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program


class EventLoop:
    """What a program sees of its event loop, which is always running: one object per run, made anew with it."""

    __weft_names__: ClassVar[frozenset[str]] = frozenset("create_future create_task is_closed is_running time".split())

    def __init__(self, program: Program) -> None:
        self._program = program

    def __repr__(self) -> str:
        return "<EventLoop running=True closed=False debug=False>"

    def time(self) -> float:
        return self._program.loop.now

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> futures.Task:
        return self._program.asyncio.create_task(coro, name=name, context=context)

    def create_future(self) -> futures.Future:
        return futures.Future(self._program.loop)

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False


class AsyncioModule:
    """The module object, one per run."""

    __name__ = "asyncio"
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        """
        ALL_COMPLETED BoundedSemaphore CancelledError Condition Event FIRST_COMPLETED FIRST_EXCEPTION Future
        InvalidStateError LifoQueue Lock PriorityQueue Queue QueueEmpty QueueFull QueueShutDown Semaphore Task TaskGroup
        TimeoutError all_tasks as_completed create_task current_task ensure_future gather get_event_loop
        get_running_loop iscoroutine
        iscoroutinefunction isfuture run shield sleep timeout timeout_at to_thread wait wait_for
        """.split()
    )
    ALL_COMPLETED = "ALL_COMPLETED"
    FIRST_COMPLETED = "FIRST_COMPLETED"
    FIRST_EXCEPTION = "FIRST_EXCEPTION"
    CancelledError = asyncio.exceptions.CancelledError
    InvalidStateError = asyncio.exceptions.InvalidStateError
    TimeoutError = TimeoutError
    QueueEmpty = queues.QueueEmpty
    QueueFull = queues.QueueFull
    QueueShutDown = queues.QueueShutDown

    def __init__(self, program: Program) -> None:
        self._program = program
        self.event_loop = EventLoop(program)

    @property
    def Task(self) -> Any:  # noqa: N802 - asyncio's names
        return environment_of(self._program).stand_ins.shown(futures.Task)

    @property
    def Future(self) -> Any:  # noqa: N802
        return environment_of(self._program).stand_ins.shown(futures.Future)

    def __repr__(self) -> str:
        return "<module 'asyncio'>"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"module 'asyncio' has no attribute '{name}'")

    def gather(self, *coros_or_futures: Any, return_exceptions: bool = False) -> futures.Future:
        return gather(self._program, coros_or_futures, return_exceptions)

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> futures.Task:
        if not isinstance(coro, Coroutine):
            raise TypeError(f"a coroutine was expected, got {coro!r}")
        return self._program.loop.create_task(coro, None if name is None else str(name))

    def ensure_future(self, coro_or_future: Any) -> futures.Future:
        return ensure_future(self._program, coro_or_future)

    def sleep(self, delay: float, result: Any = None) -> Coroutine:
        return Coroutine("sleep", SleepFrame(delay, result))

    def wait_for(self, fut: Any, timeout: float | None) -> Coroutine:
        return Coroutine("wait_for", WaitForFrame(fut, timeout))

    def run(self, main: Any, *, debug: bool | None = None) -> Coroutine:
        return Coroutine("run", RunFrame(main))

    def wait(self, fs: Any, *, timeout: float | None = None, return_when: str = "ALL_COMPLETED") -> Coroutine:
        return Coroutine("wait", waiting.WaitFrame(fs, timeout, return_when))

    def as_completed(self, fs: Any, *, timeout: float | None = None) -> waiting.AsCompleted:
        return waiting.AsCompleted(self._program, fs, timeout)

    def shield(self, arg: Any) -> futures.Future:
        return waiting.shield(self._program, arg)

    def to_thread(self, func: Any, /, *args: Any, **kwargs: Any) -> Coroutine:
        return Coroutine("to_thread", waiting.ToThreadFrame(func, args, kwargs))

    def timeout(self, delay: float | None) -> groups.Timeout:
        loop = self._program.loop
        return groups.Timeout(loop, None if delay is None else loop.now + delay)

    def timeout_at(self, when: float | None) -> groups.Timeout:
        return groups.Timeout(self._program.loop, when)

    def TaskGroup(self) -> groups.TaskGroup:  # noqa: N802 - asyncio's names
        return groups.TaskGroup(self._program.loop)

    def Lock(self) -> locks.Lock:  # noqa: N802
        return locks.Lock(self._program.loop)

    def Event(self) -> locks.Event:  # noqa: N802
        return locks.Event(self._program.loop)

    def Semaphore(self, value: int = 1) -> locks.Semaphore:  # noqa: N802
        return locks.Semaphore(self._program.loop, value, bounded=False)

    def BoundedSemaphore(self, value: int = 1) -> locks.Semaphore:  # noqa: N802
        return locks.Semaphore(self._program.loop, value, bounded=True)

    def Condition(self, lock: locks.Lock | None = None) -> locks.Condition:  # noqa: N802
        return locks.Condition(self._program.loop, lock)

    def Queue(self, maxsize: int = 0) -> queues.Queue:  # noqa: N802
        return queues.Queue(self._program.loop, maxsize, "first")

    def LifoQueue(self, maxsize: int = 0) -> queues.Queue:  # noqa: N802
        return queues.Queue(self._program.loop, maxsize, "last")

    def PriorityQueue(self, maxsize: int = 0) -> queues.Queue:  # noqa: N802
        return queues.Queue(self._program.loop, maxsize, "least")

    def current_task(self) -> futures.Task | None:
        return self._program.loop.current

    def get_running_loop(self) -> EventLoop:
        return self.event_loop

    get_event_loop = get_running_loop

    def all_tasks(self) -> list[futures.Task]:
        return [task for task in self._program.loop.tasks if not task.done()]

    def iscoroutine(self, obj: Any) -> bool:
        return isinstance(obj, Coroutine)

    def isfuture(self, obj: Any) -> bool:
        return isinstance(obj, futures.Future)

    def iscoroutinefunction(self, func: Any) -> bool:
        return isinstance(func, ToolFunction) or (
            isinstance(func, MachineFunction) and func.loaded.is_async and not func.loaded.function.is_generator
        )
