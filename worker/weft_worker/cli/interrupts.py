"""Ctrl-C and SIGTERM while a command works: the first asks it to stop, the second ends it at once with a word, the
third without one.

What always holds: a signal never breaks into the midst of the command's own code. Standard library only.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from weft_worker.cli.output import say
from weft_worker.outcome import WAITING

#: Says how things stand before the process ends at once; gives its exit code.
LastWord = Callable[[], Awaitable[int]]


async def _silent() -> int:
    return WAITING


@contextmanager
def interruptible(last_word: LastWord = _silent) -> Iterator[asyncio.Event]:
    """An event that the first signal sets. Inside a running event loop, on the main thread."""
    interrupts = _Interrupts(last_word)
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.getsignal(each) for each in signals}
    for each in signals:
        # Not the loop's own handlers: Windows has none.
        signal.signal(each, interrupts.receive)
    try:
        yield interrupts.first
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Interrupts:
    """Counts the signals of one command."""

    def __init__(self, last_word: LastWord) -> None:
        self.first = asyncio.Event()
        self._last_word = last_word
        self._loop = asyncio.get_running_loop()
        self._count = 0
        self._leaving: asyncio.Task[None] | None = None

    def receive(self, _signal: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count > 2:
            # The loop may be held up by what is to be ended.
            os._exit(WAITING)
        self._loop.call_soon_threadsafe(self._stop if self._count == 1 else self._leave)

    def _stop(self) -> None:
        self.first.set()
        say("stopping: steps in flight may end; Ctrl-C again stops at once")

    def _leave(self) -> None:
        self._leaving = self._loop.create_task(self._say_and_end())

    async def _say_and_end(self) -> None:
        code = WAITING
        try:
            code = await self._last_word()
        finally:
            os._exit(code)
