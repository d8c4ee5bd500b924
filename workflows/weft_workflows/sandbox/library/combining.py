"""The combinatoric iterators of itertools: indices into pools, advanced one step at a time.

Plain state in `__slots__`, as for all of `iteration`, whose base class they share.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weft_workflows.sandbox.library.kept import Kept


class Odometer(Kept):
    """What `product`, `permutations` and the `combinations` share: indices into pools, advanced one step at a time."""

    __slots__ = ("indices", "pools", "state")

    def __init__(self, pools: list[tuple[Any, ...]], indices: list[int] | None) -> None:
        self.pools, self.indices, self.state = pools, indices, 0

    def __next__(self) -> Any:
        self.meter.charge(8)
        if self.indices is None:
            raise StopIteration
        if self.state == 0:
            self.state = 1
        elif not self.advance(self.indices):
            self.indices = None
            raise StopIteration
        self.meter.charge(len(self.indices) >> 3)
        return tuple(pool[i] for pool, i in zip(self.pools, self.indices, strict=False))

    def advance(self, indices: list[int]) -> bool:
        raise NotImplementedError


class Product(Odometer):
    __slots__ = ()

    def __init__(self, *iterables: Iterable[Any], repeat: int = 1) -> None:
        if repeat < 0:
            raise ValueError("repeat argument cannot be negative")
        pools: list[tuple[Any, ...]] = []
        for each in iterables:
            pools.append(tuple(each))
            self.meter.check_size(sum(map(len, pools)) * 8, "what a product chooses from")
        self.meter.check_size(len(pools) * repeat * 8, "a product's row")
        pools = pools * repeat
        super().__init__(pools, [0] * len(pools) if all(pools) else None)

    def advance(self, indices: list[int]) -> bool:
        for place in range(len(indices) - 1, -1, -1):
            indices[place] += 1
            if indices[place] < len(self.pools[place]):
                return True
            indices[place] = 0
        return False


class Combinations(Odometer):
    __slots__ = ("size",)

    def __init__(self, iterable: Iterable[Any], r: int) -> None:
        if r < 0:
            raise ValueError("r must be non-negative")
        pool = tuple(iterable)
        self.size = len(pool)
        super().__init__([pool] * min(r, len(pool) + 1), list(range(r)) if r <= len(pool) else None)

    def advance(self, indices: list[int]) -> bool:
        count = len(indices)
        for place in range(count - 1, -1, -1):
            if indices[place] != place + self.size - count:
                indices[place] += 1
                for later in range(place + 1, count):
                    indices[later] = indices[later - 1] + 1
                return True
        return False


class CombinationsWithReplacement(Odometer):
    __slots__ = ("size",)

    def __init__(self, iterable: Iterable[Any], r: int) -> None:
        if r < 0:
            raise ValueError("r must be non-negative")
        pool = tuple(iterable)
        self.size = len(pool)
        self.meter.check_size(r * 8, "a combination")
        super().__init__([pool] * r, [0] * r if pool or not r else None)

    def advance(self, indices: list[int]) -> bool:
        for place in range(len(indices) - 1, -1, -1):
            if indices[place] != self.size - 1:
                indices[place:] = [indices[place] + 1] * (len(indices) - place)
                return True
        return False


class Permutations(Odometer):
    __slots__ = ("order", "turns")

    def __init__(self, iterable: Iterable[Any], r: int | None = None) -> None:
        pool = tuple(iterable)
        count = len(pool) if r is None else r
        if count < 0:
            raise ValueError("r must be non-negative")
        self.order = list(range(len(pool)))
        self.turns = list(range(len(pool), len(pool) - count, -1))
        super().__init__([pool] * min(count, len(pool) + 1), self.order[:count] if count <= len(pool) else None)

    def advance(self, indices: list[int]) -> bool:
        order, size = self.order, len(self.order)
        for place in range(len(indices) - 1, -1, -1):
            self.turns[place] -= 1
            if self.turns[place] == 0:
                order[place:] = [*order[place + 1 :], order[place]]
                self.turns[place] = size - place
                continue
            other = size - self.turns[place]
            order[place], order[other] = order[other], order[place]
            indices[:] = order[: len(indices)]
            return True
        return False
