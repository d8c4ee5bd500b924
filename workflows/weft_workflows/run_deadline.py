"""The time that a run may take in all.

What always holds: it runs down while the run goes on, and stands still while the run only waits for a person: who comes
back on Monday finds a run that was parked on Friday as it was. Where nothing limits a run, nothing of this is in its
history.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from temporalio import workflow


class RunDeadline:
    """`expire` is called once, when `seconds` are over in which `is_parked` did not hold; never where they are None."""

    def __init__(self, seconds: float | None, is_parked: Callable[[], bool], expire: Callable[[], None]) -> None:
        self._left = math.inf if seconds is None else seconds
        self._is_parked = is_parked
        self._expire = expire
        #: When the time that now runs down began to, None while it stands still.
        self._since: float | None = None
        self._watching: asyncio.Task[None] | None = None

    def start(self, seconds: float | None = None) -> None:
        """Begins to count; `seconds` is what an execution before has left of the time."""
        self._left = self._left if seconds is None else seconds
        if self._left < math.inf:
            self._watching = asyncio.create_task(self._watch())

    @property
    def left(self) -> float | None:
        """Seconds that are left now, for the execution that goes on with the run; None where nothing limits it."""
        return None if self._left == math.inf else self._seconds_left()

    def _seconds_left(self) -> float:
        return self._left if self._since is None else self._left - (workflow.time() - self._since)

    async def _watch(self) -> None:
        while self._seconds_left() > 0:
            self._since = workflow.time()
            try:
                await workflow.wait_condition(self._is_parked, timeout=self._left, timeout_summary="the run's time")
            except TimeoutError:
                break
            self._left, self._since = self._seconds_left(), None
            await workflow.wait_condition(lambda: not self._is_parked())
        self._expire()
