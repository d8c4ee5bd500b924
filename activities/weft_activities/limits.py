"""How many calls of one tool run at once in this process, and how often one begins.

Always holds: calls begin in the order in which they asked, at most `max_concurrent` run, and two begin at least
`1 / rate_per_second` seconds apart. The limits are per event loop, of which a worker has one for its tools.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from weft_activities.tool import Tool

_limiters: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakKeyDictionary[Tool, Limiter]] = WeakKeyDictionary()


def limiter_of(tool: Tool) -> Limiter:
    """The one limiter of this tool on the running loop."""
    of_loop = _limiters.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
    limiter = of_loop.get(tool)
    if limiter is None:
        limiter = of_loop[tool] = Limiter(tool.spec.max_concurrent, tool.spec.rate_per_second)
    return limiter


class Limiter:
    """`acquire` waits for a place and for the moment to begin; whoever has a place gives it back with `release`."""

    def __init__(self, max_concurrent: int | None, rate_per_second: float | None) -> None:
        self._places = asyncio.Semaphore(max_concurrent) if max_concurrent else None
        self._gap = 1 / rate_per_second if rate_per_second else 0.0
        self._next_start = 0.0

    async def acquire(self) -> None:
        if self._places is not None:
            await self._places.acquire()
        try:
            await self._wait_for_turn()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        if self._places is not None:
            self._places.release()

    async def _wait_for_turn(self) -> None:
        if not self._gap:
            return
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_start)
        self._next_start = start + self._gap
        if start > now:
            await asyncio.sleep(start - now)
