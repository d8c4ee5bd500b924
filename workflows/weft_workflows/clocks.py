"""The two clocks of the in-memory driver: real time, and virtual time that jumps to the next event.

What always holds: callbacks run in the order of their times, and in the order in which they were set where
times are equal. Virtual time stands still while anything runs; it moves only when the driver says that all is
at rest, and then by one callback, so that what this callback starts comes to rest before the next one.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    """Seconds since the start of the run, and calls at a later time."""

    def elapsed(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm: ...

    def advance(self) -> bool:
        """Moves to the next alarm and runs it; False where the clock moves by itself or nothing is set."""
        ...


class RealClock:
    """The event loop's own clock."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begin = self._loop.time()

    def elapsed(self) -> float:
        return self._loop.time() - self._begin

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        return self._loop.call_at(self._begin + when, callback)

    def advance(self) -> bool:
        return False


class _VirtualAlarm:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class VirtualClock:
    """Time that passes only between callbacks."""

    def __init__(self) -> None:
        self._now = 0.0
        self._set = 0
        self._alarms: list[tuple[float, int, _VirtualAlarm]] = []

    def elapsed(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        alarm = _VirtualAlarm(callback)
        self._set += 1
        heapq.heappush(self._alarms, (when, self._set, alarm))
        return alarm

    def advance(self) -> bool:
        while self._alarms:
            when, _, alarm = heapq.heappop(self._alarms)
            if alarm.callback is not None:
                self._now = max(self._now, when)
                alarm.callback()
                return True
        return False
