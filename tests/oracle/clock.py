"""A virtual clock and the asyncio event loop that runs on it.

What always holds: time moves only when nothing is ready to run; then it jumps to the next timer and that
timer alone fires. Each reading of the clock advances it by a nanosecond, so timers that were set one after
the other for the same delay fire in that order. It knows nothing of tools, scripts or cases.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Mapping
from typing import Any

NANOSECOND = 1e-9


class Deadlock(RuntimeError):
    """Everything waits and no timer is set: with a real clock the program would hang for ever."""


class Clock:
    """Virtual seconds since the run began. Several loops, one after the other, may share one clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def tick(self) -> float:
        self.now += NANOSECOND
        return self.now

    def advance_to(self, instant: float) -> None:
        self.now = max(self.now, instant)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop without input and output, whose timers cost no real time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: What the loop's own next reading of the time shall be: it decides which timers fire.
        self._due: float | None = None
        super().__init__(_NoInput(self))
        self._clock_resolution = 0.0
        self.set_exception_handler(_ignore)
        #: The tasks that were made, in that order: asyncio knows them as a set.
        self.made: list[asyncio.Task[Any]] = []
        self.set_task_factory(_make_task)

    def time(self) -> float:
        if self._due is None:
            return self._clock.tick()
        due, self._due = self._due, None
        return due

    def choose_timers(self, timeout: float | None) -> None:
        """Called between two rounds of callbacks, where asyncio would wait `timeout` seconds for input."""
        if timeout is None:
            raise Deadlock("everything waits and no timer is set")
        if self._ready or self._stopping:  # type: ignore[attr-defined]
            self._due = -math.inf
            return
        instant: float = self._scheduled[0]._when  # type: ignore[attr-defined]
        self._clock.advance_to(instant)
        self._due = math.nextafter(instant, math.inf)


def _make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    assert isinstance(loop, VirtualLoop)
    task = asyncio.Task(coroutine, loop=loop, **options)
    loop.made.append(task)
    return task


class _NoInput(selectors.SelectSelector):
    """Stands where the loop polls for input: the one place at which asyncio lets time pass."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.choose_timers(timeout)
        return []


def _ignore(_loop: asyncio.AbstractEventLoop, _context: Mapping[str, Any]) -> None:
    """Failures of tasks that nobody awaits would otherwise be logged; they are no part of a run's outcome."""
