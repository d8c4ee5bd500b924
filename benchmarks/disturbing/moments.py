"""When to strike: moments that a seed chooses, relative to what the run's tools are doing.

Always holds: no step is struck more than three times while it is under way, since after five losses a step's retries are
spent, which is another story than the one that is told here.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.disturbing.arena import KINDS, Kind, Workers
from benchmarks.disturbing.journal import Line
from benchmarks.disturbing.playing import Played

#: Relative to what a strike is: the next begin of an execution, the next end of one, or nothing.
After = Literal["began", "ended", "nothing"]
_LOOK = 0.004
_MOST_LOSSES = 3


@dataclass(frozen=True)
class Strike:
    kind: Kind
    after: After
    #: Seconds from then on.
    delay: float


def strikes(chance: random.Random, count: int, kinds: Sequence[Kind] = KINDS) -> list[Strike]:
    """Six in ten while a tool runs, two as one has just ended, two whenever."""
    planned = []
    for _ in range(count):
        after: After = chance.choices(("began", "ended", "nothing"), (6, 2, 2))[0]
        longest = {"began": 0.12, "ended": 0.04, "nothing": 2.0}[after]
        planned.append(Strike(chance.choice(kinds), after, round(chance.uniform(0.0, longest), 3)))
    return planned


class Striker:
    """Strikes one after the other until the run is over; what did not come to pass stays in `left`."""

    def __init__(self, planned: Sequence[Strike], chance: random.Random) -> None:
        self.left = list(planned)
        self._chance = chance

    async def __call__(self, workers: Workers, played: Played) -> None:
        while self.left:
            strike = self.left[0]
            if strike.after != "nothing":
                await self._next(strike.after, played)
            await asyncio.sleep(strike.delay)
            if _worn(played.journal) or not (killed := workers.strike(strike.kind, self._chance)):
                await asyncio.sleep(_LOOK)
                continue
            self.left.pop(0)
            played.strikes[strike.kind] += 1
            played.killed.update(killed)

    async def _next(self, word: After, played: Played) -> None:
        before = _count(played.journal, word)
        while _count(played.journal, word) == before:
            await asyncio.sleep(_LOOK)


def _count(journal: list[Line], word: str) -> int:
    return sum(line.word == word for line in journal)


def _worn(journal: list[Line]) -> bool:
    """Whether a step is under way that has been lost as often as it may be."""
    began = Counter(line.step for line in journal if line.word == "began")
    last = {line.step: line.word for line in journal}
    return any(began[step] > _MOST_LOSSES for step, word in last.items() if word in ("began", "did"))
