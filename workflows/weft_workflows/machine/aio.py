"""The `asyncio` that orchestrations see.

All of it is synchronous: a call makes a coroutine, a task or a future, and only an await waits. What is not here does
not exist for a program.
"""

from __future__ import annotations

import asyncio.exceptions
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.machine import futures
from weft_workflows.machine.values import Coroutine, MachineFunction, ToolFunction
from weft_workflows.machine.waits import RunFrame, SleepFrame, WaitForFrame, ensure_future, gather

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program


class AsyncioModule:
    """The module object, one per run."""

    __name__ = "asyncio"
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        """
        ALL_COMPLETED CancelledError FIRST_COMPLETED FIRST_EXCEPTION Future InvalidStateError Task TimeoutError
        all_tasks create_task current_task ensure_future gather iscoroutine iscoroutinefunction isfuture run sleep
        wait_for
        """.split()
    )
    ALL_COMPLETED = "ALL_COMPLETED"
    FIRST_COMPLETED = "FIRST_COMPLETED"
    FIRST_EXCEPTION = "FIRST_EXCEPTION"
    CancelledError = asyncio.exceptions.CancelledError
    InvalidStateError = asyncio.exceptions.InvalidStateError
    TimeoutError = TimeoutError
    Task = futures.Task
    Future = futures.Future

    def __init__(self, program: Program) -> None:
        self._program = program

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

    def current_task(self) -> futures.Task | None:
        return self._program.loop.current

    def all_tasks(self) -> list[futures.Task]:
        return [task for task in self._program.loop.tasks if not task.done()]

    def iscoroutine(self, obj: Any) -> bool:
        return isinstance(obj, Coroutine)

    def isfuture(self, obj: Any) -> bool:
        return isinstance(obj, futures.Future)

    def iscoroutinefunction(self, func: Any) -> bool:
        return isinstance(func, ToolFunction) or (isinstance(func, MachineFunction) and func.loaded.is_async)
