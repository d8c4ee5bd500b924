"""itertools, as classes with plain state, so that an iterator can be kept across a step on every version of Python.

Each class keeps all that it needs in `__slots__`; copying the slots copies the iterator. Endless ones and those that make many elements
from few charge fuel for each element.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from weft_workflows.sandbox.iterators import iterate
from weft_workflows.sandbox.library.combining import (
    Combinations,
    CombinationsWithReplacement,
    Permutations,
    Product,
)
from weft_workflows.sandbox.library.kept import Kept

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment

_END = object()


class Count(Kept):
    __slots__ = ("current", "step")

    def __init__(self, start: Any = 0, step: Any = 1) -> None:
        if not hasattr(type(start), "__add__") or isinstance(start, (str, list, tuple, dict)):
            raise TypeError("a number is required")
        self.current, self.step = start, step

    def __next__(self) -> Any:
        self.meter.charge()
        value = self.current
        self.current = value + self.step
        return value

    def __repr__(self) -> str:
        step = "" if type(self.step) is int and self.step == 1 else f", {self.step!r}"
        return f"count({self.current!r}{step})"


class Cycle(Kept):
    __slots__ = ("index", "saved", "source")

    def __init__(self, iterable: Iterable[Any], /) -> None:
        self.source: Iterator[Any] | None = iterate(iterable)
        self.saved: list[Any] = []
        self.index = 0

    def __next__(self) -> Any:
        self.meter.charge()
        if self.source is not None:
            value = next(self.source, _END)
            if value is not _END:
                self.saved.append(value)
                return value
            self.source = None
        if not self.saved:
            raise StopIteration
        value = self.saved[self.index]
        self.index = (self.index + 1) % len(self.saved)
        return value


class Repeat(Kept):
    __slots__ = ("left", "object")

    def __init__(self, object: Any, times: int | None = None) -> None:  # noqa: A002 - the name that itertools gives it
        self.object = object
        self.left = None if times is None else max(0, operator.index(times))

    def __next__(self) -> Any:
        self.meter.charge()
        if self.left is not None:
            if self.left == 0:
                raise StopIteration
            self.left -= 1
        return self.object

    def __length_hint__(self) -> int:
        if self.left is None:
            raise TypeError("len() of unsized object")
        return self.left

    def __repr__(self) -> str:
        return f"repeat({self.object!r})" if self.left is None else f"repeat({self.object!r}, {self.left})"


class Accumulate(Kept):
    __slots__ = ("func", "pending", "source", "total")

    def __init__(self, iterable: Iterable[Any], func: Any = None, *, initial: Any = None) -> None:
        self.source = iterate(iterable)
        self.func = func
        self.total = initial if initial is not None else _END
        self.pending = initial is not None

    def __next__(self) -> Any:
        self.meter.charge()
        if self.pending:
            self.pending = False
            return self.total
        value = next(self.source)
        if self.total is _END:
            self.total = value
        elif self.func is None:
            self.total = self.meter.environment.arithmetic.sized(self.total + value)
        else:
            self.total = self.func(self.total, value)
        return self.total


class Chain(Kept):
    __slots__ = ("current", "sources")

    def __init__(self, *iterables: Iterable[Any]) -> None:
        self.sources: Iterator[Iterable[Any]] | None = iter(iterables)
        self.current: Iterator[Any] | None = None

    def __next__(self) -> Any:
        while self.sources is not None:
            if self.current is None:
                following = next(self.sources, _END)
                if following is _END:
                    self.sources = None
                    break
                self.meter.charge()
                self.current = iterate(following)
            value = next(self.current, _END)
            if value is not _END:
                return value
            self.current = None
        raise StopIteration

    @classmethod
    def from_iterable(cls, iterable: Iterable[Iterable[Any]], /) -> Chain:
        made = cls()
        made.sources = iterate(iterable)
        return made


class Compress(Kept):
    __slots__ = ("data", "selectors")

    def __init__(self, data: Iterable[Any], selectors: Iterable[Any]) -> None:
        self.data, self.selectors = iterate(data), iterate(selectors)

    def __next__(self) -> Any:
        while True:
            self.meter.charge()
            value = next(self.data)
            if next(self.selectors):
                return value


class DropWhile(Kept):
    __slots__ = ("dropping", "predicate", "source")

    def __init__(self, predicate: Callable[[Any], Any], iterable: Iterable[Any], /) -> None:
        self.predicate, self.source, self.dropping = predicate, iterate(iterable), True

    def __next__(self) -> Any:
        while True:
            value = next(self.source)
            if not self.dropping or not self.predicate(value):
                self.dropping = False
                return value


class TakeWhile(Kept):
    __slots__ = ("predicate", "source")

    def __init__(self, predicate: Callable[[Any], Any], iterable: Iterable[Any], /) -> None:
        self.predicate = predicate
        self.source: Iterator[Any] | None = iterate(iterable)

    def __next__(self) -> Any:
        if self.source is None:
            raise StopIteration
        value = next(self.source)
        if self.predicate(value):
            return value
        self.source = None
        raise StopIteration


class FilterFalse(Kept):
    __slots__ = ("predicate", "source")

    def __init__(self, predicate: Callable[[Any], Any] | None, iterable: Iterable[Any], /) -> None:
        self.predicate, self.source = predicate, iterate(iterable)

    def __next__(self) -> Any:
        while True:
            value = next(self.source)
            if not (value if self.predicate is None else self.predicate(value)):
                return value


class GroupBy(Kept):
    __slots__ = ("current_key", "current_value", "group", "key", "source", "target_key")

    def __init__(self, iterable: Iterable[Any], key: Callable[[Any], Any] | None = None) -> None:
        self.source, self.key = iterate(iterable), key
        self.current_key = self.target_key = self.current_value = _END
        self.group: Group | None = None

    def __next__(self) -> Any:
        self.group = None
        while self.current_key is _END or self.current_key == self.target_key:
            self.advance()
        self.target_key = self.current_key
        self.group = Group(self, self.target_key)
        return self.current_key, self.group

    def advance(self) -> None:
        self.meter.charge()
        value = next(self.source)
        self.current_value = value
        self.current_key = value if self.key is None else self.key(value)


class Group(Kept):
    """One group of a `groupby`; it ends when the outer iterator moves on."""

    __slots__ = ("outer", "target_key")

    def __init__(self, outer: GroupBy, target_key: Any) -> None:
        self.outer, self.target_key = outer, target_key

    def __next__(self) -> Any:
        outer = self.outer
        if outer.group is not self:
            raise StopIteration
        if outer.current_value is _END:
            outer.advance()
        if outer.current_key != self.target_key:
            raise StopIteration
        value, outer.current_value = outer.current_value, _END
        return value


class ISlice(Kept):
    __slots__ = ("index", "source", "step", "stop", "wanted")

    def __init__(self, iterable: Iterable[Any], /, *limits: Any) -> None:
        bounds = slice(*limits)
        for value, what in ((bounds.start, "Indices"), (bounds.stop, "Stop argument")):
            if value is not None and (not isinstance(value, int) or value < 0):
                raise ValueError(f"{what} for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
        if bounds.step is not None and (not isinstance(bounds.step, int) or bounds.step < 1):
            raise ValueError("Step for islice() must be a positive integer or None.")
        self.source: Iterator[Any] | None = iterate(iterable)
        self.wanted, self.stop, self.step = bounds.start or 0, bounds.stop, bounds.step or 1
        self.index = 0

    def __next__(self) -> Any:
        if self.source is None:
            raise StopIteration
        target = self.wanted if self.stop is None else min(self.wanted, self.stop)
        while self.index < target:
            self.meter.charge()
            if next(self.source, _END) is _END:
                self.source = None
                raise StopIteration
            self.index += 1
        value = _END if self.stop is not None and self.index >= self.stop else next(self.source, _END)
        if value is _END:
            self.source = None
            raise StopIteration
        self.index += 1
        self.wanted += self.step
        return value


class Pairwise(Kept):
    __slots__ = ("previous", "source")

    def __init__(self, iterable: Iterable[Any], /) -> None:
        self.source, self.previous = iterate(iterable), _END

    def __next__(self) -> Any:
        if self.previous is _END:
            self.previous = next(self.source)
        before, self.previous = self.previous, next(self.source)
        return before, self.previous


class StarMap(Kept):
    __slots__ = ("function", "source")

    def __init__(self, function: Callable[..., Any], iterable: Iterable[Any], /) -> None:
        self.function, self.source = function, iterate(iterable)

    def __next__(self) -> Any:
        return self.function(*next(self.source))


class Batched(Kept):
    __slots__ = ("n", "source", "strict")

    def __init__(self, iterable: Iterable[Any], n: int, *, strict: bool = False) -> None:
        if n < 1:
            raise ValueError("n must be at least one")
        self.source, self.n, self.strict = iterate(iterable), n, strict

    def __next__(self) -> Any:
        batch: list[Any] = []
        while len(batch) < self.n:
            self.meter.charge()
            value = next(self.source, _END)
            if value is _END:
                break
            batch.append(value)
        if not batch:
            raise StopIteration
        if self.strict and len(batch) < self.n:
            raise ValueError("batched(): incomplete batch")
        return tuple(batch)


class ZipLongest(Kept):
    __slots__ = ("active", "fillvalue", "sources")

    def __init__(self, *iterables: Iterable[Any], fillvalue: Any = None) -> None:
        self.sources: list[Iterator[Any] | None] = [iterate(each) for each in iterables]
        self.active, self.fillvalue = len(self.sources), fillvalue

    def __next__(self) -> Any:
        row = []
        for position, source in enumerate(self.sources):
            value = _END if source is None else next(source, _END)
            if value is _END:
                if source is not None:
                    self.active -= 1
                    self.sources[position] = None
                value = self.fillvalue
            row.append(value)
        if self.active == 0:
            raise StopIteration
        return tuple(row)


class Tee(Kept):
    """One of the iterators that `tee` gives; `queues` and `source` are shared by all of them."""

    __slots__ = ("own", "queues", "source")

    def __init__(self, source: Iterator[Any], queues: list[deque[Any]], own: deque[Any]) -> None:
        self.source, self.queues, self.own = source, queues, own

    def __next__(self) -> Any:
        self.meter.charge()
        if not self.own:
            value = next(self.source)
            for queue in self.queues:
                queue.append(value)
        return self.own.popleft()


_NAMES: dict[str, type[Kept]] = {
    "accumulate": Accumulate,
    "batched": Batched,
    "chain": Chain,
    "combinations": Combinations,
    "combinations_with_replacement": CombinationsWithReplacement,
    "compress": Compress,
    "count": Count,
    "cycle": Cycle,
    "dropwhile": DropWhile,
    "filterfalse": FilterFalse,
    "groupby": GroupBy,
    "islice": ISlice,
    "pairwise": Pairwise,
    "permutations": Permutations,
    "product": Product,
    "repeat": Repeat,
    "starmap": StarMap,
    "takewhile": TakeWhile,
    "zip_longest": ZipLongest,
}


def itertools_module(environment: Environment) -> dict[str, Any]:
    """The classes of one run: subclasses that carry its meter, named as in itertools."""
    meter = environment.meter
    made: dict[str, Any] = {}
    for name, kind in {**_NAMES, "_tee": Tee, "_grouper": Group}.items():
        body = {"__slots__": (), "meter": meter, "__module__": "itertools", "__weft_names__": Kept.__weft_names__}
        made[name] = type(name, (kind,), body)

    def tee(iterable: Iterable[Any], n: int = 2, /) -> tuple[Any, ...]:
        meter.check_size(max(0, n) * 1000, "so many iterators")
        queues: list[deque[Any]] = [deque() for _ in range(n)]
        source = iterate(iterable)
        return tuple(made["_tee"](source, queues, queue) for queue in queues)

    return made | {"tee": tee}
