"""The event loop on which a worker's tools run, in a thread of its own.

An `async def` that blocks (a `requests.get`, a `time.sleep`) stops its event loop. On the worker's loop it would stop
heartbeats and workflow tasks with it: the server would take the worker for dead and run its steps again. Here it only
delays other async tools. All tools share this one loop, so that connections they keep between calls stay usable.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds that cancelled work has for its `finally` blocks.
CANCEL_GRACE = 5.0


class ToolLoop:
    """Started by its first use; `close` ends it and leaves it ready to be started again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def run(
        self,
        work: Callable[[], Coroutine[Any, Any, T]],
        closing: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> T:
        """Awaits `work()` on the tools' loop, in the caller's context variables.

        A cancellation is handed on to the work and its end is waited for, as if it were awaited here; but not for
        longer than CANCEL_GRACE after `closing()` has returned, since work that blocks does not hear of it.
        """
        loop = self._running_loop()
        started: list[asyncio.Task[T]] = []
        ended = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_supervise(work, started), loop))
        try:
            done = await asyncio.shield(ended)
        except asyncio.CancelledError:
            if not ended.done():
                loop.call_soon_threadsafe(_cancel, started)
                await _end_or_grace(ended, closing)
            if not ended.done() or ended.cancelled():
                raise
            done = ended.result()
        return done.result()

    def close(self) -> None:
        """Stops the loop; what still runs on it is cancelled and not waited for."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            # A tool that blocks keeps the thread; as a daemon it does not keep the process.
            thread.join(timeout=1.0)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="weft-tools", daemon=True)
                self._thread.start()
            return self._loop


async def _supervise(work: Callable[[], Coroutine[Any, Any, T]], started: list[asyncio.Task[T]]) -> asyncio.Task[T]:
    """Runs the work in a task of its own and gives that task when it is done, whatever its outcome."""
    task = asyncio.create_task(work())
    started.append(task)
    await asyncio.wait({task})
    return task


async def _end_or_grace(ended: asyncio.Future[Any], closing: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
    if closing is not None:
        closed = asyncio.create_task(closing())
        try:
            await asyncio.wait({ended, closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closed.cancel()
    await asyncio.wait({ended}, timeout=CANCEL_GRACE)


def _cancel(started: list[asyncio.Task[T]]) -> None:
    for task in started:
        task.cancel()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = list(asyncio.all_tasks(loop))
        _cancel(left)
        loop.run_until_complete(asyncio.wait(left) if left else loop.shutdown_asyncgens())
    finally:
        loop.close()


TOOL_LOOP = ToolLoop()
atexit.register(TOOL_LOOP.close)
