"""Where a writer of random programs takes its decisions from: hypothesis, or a number that replays the program.

A decision is an integer within bounds, never more. Nothing here knows what is decided.
"""

from __future__ import annotations

import random
from typing import Protocol

from hypothesis import strategies as st


class Choices(Protocol):
    def pick(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        ...


class Drawn:
    """Decisions of hypothesis, which can make a failing program smaller."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def pick(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))


class Seeded:
    """Decisions that follow from a number: the same in every process and under every Python."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def pick(self, low: int, high: int) -> int:
        return low + int(self._random.random() * (high - low + 1))
