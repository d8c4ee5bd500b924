"""Iterators that hold steps, as values: lazy ones over others, and those of the orchestration's own.

They are state of the run: kept by their slots. Nothing here waits; who asks them does (see `asking`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from weft_workflows.machine.generators import Generator
from weft_workflows.machine.values import EffectfulCall, MachineFunction
from weft_workflows.sandbox.classes import special_method
from weft_workflows.sandbox.iterators import iterate


class LazyIterator(ABC):
    """An iterator over others, of which some hold steps. `sources` are asked in turn for each element."""

    __slots__ = ("ended", "sources")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"__iter__", "__next__"})

    def __init__(self, *iterables: Any) -> None:
        self.sources = [begin(each) for each in iterables]
        self.ended = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise EffectfulCall("this iterator asks a generator that holds steps, which cannot be run from inside Python")

    def more(self) -> bool:
        """Whether the sources are to be asked again."""
        return not self.ended

    def source_ended(self, index: int) -> bool:
        """Takes note that a source has ended; True where there are others to ask instead."""
        self.ended = True
        return False

    def place(self, index: int) -> int:
        """The number of a source among all that there ever were: steps of different sources are different steps."""
        return index

    @abstractmethod
    def take(self, items: list[Any]) -> tuple[bool, Any]:
        """Whether one element of each source gives one of its own, and that."""


class Enumerated(LazyIterator):
    __slots__ = ("count",)

    def __init__(self, iterable: Any, start: int = 0) -> None:
        super().__init__(iterable)
        self.count = start

    def take(self, items: list[Any]) -> tuple[bool, Any]:
        self.count += 1
        return True, (self.count - 1, items[0])


class Zipped(LazyIterator):
    __slots__ = ()

    def take(self, items: list[Any]) -> tuple[bool, Any]:
        return True, tuple(items)


class Mapped(LazyIterator):
    __slots__ = ("function",)

    def __init__(self, function: Any, *iterables: Any) -> None:
        super().__init__(*iterables)
        self.function = function

    def take(self, items: list[Any]) -> tuple[bool, Any]:
        return True, self.function(*items)


class Filtered(LazyIterator):
    """`filter`, and `filterfalse` where `wanted` is False."""

    __slots__ = ("function", "wanted")

    def __init__(self, function: Any, iterable: Any, wanted: bool = True) -> None:
        super().__init__(iterable)
        self.function = function
        self.wanted = wanted

    def take(self, items: list[Any]) -> tuple[bool, Any]:
        found = items[0] if self.function is None else self.function(items[0])
        return bool(found) is self.wanted, items[0]


class While(LazyIterator):
    """`takewhile`, and `dropwhile` where `dropping`."""

    __slots__ = ("dropping", "function", "passed")

    def __init__(self, function: Any, iterable: Any, dropping: bool = False) -> None:
        super().__init__(iterable)
        self.function = function
        self.dropping = dropping
        self.passed = False

    def take(self, items: list[Any]) -> tuple[bool, Any]:
        if not self.passed and not self.function(items[0]):
            self.passed = True
            self.ended = not self.dropping
        return self.passed is self.dropping, items[0]


class Sliced(LazyIterator):
    __slots__ = ("following", "places", "position")

    def __init__(self, iterable: Any, *bounds: Any) -> None:
        super().__init__(iterable)
        wanted = slice(*bounds)
        if any(each is not None and each < 0 for each in bounds) or wanted.step == 0:
            raise ValueError("Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
        self.places = (wanted.stop, wanted.step or 1)
        self.following = wanted.start or 0
        self.position = 0

    def more(self) -> bool:
        stop = self.places[0]
        return not self.ended and (stop is None or self.position < max(stop, 0))

    def take(self, items: list[Any]) -> tuple[bool, Any]:
        given = self.position == self.following
        if given:
            self.following += self.places[1]
        self.position += 1
        return given, items[0]


class Chained(LazyIterator):
    __slots__ = ("begun", "later")

    def __init__(self, *iterables: Any) -> None:
        super().__init__(*iterables[:1])
        self.later = list(iterables[1:])
        self.begun = 0
        self.ended = not iterables

    def place(self, index: int) -> int:
        return self.begun

    def source_ended(self, index: int) -> bool:
        if not self.later:
            return super().source_ended(index)
        self.sources = [begin(self.later.pop(0))]
        self.begun += 1
        return True

    def take(self, items: list[Any]) -> tuple[bool, Any]:
        return True, items[0]


class OwnIterator:
    """An iterator of the orchestration's own whose `__next__` holds steps, where one call asks it again and again.

    `asked` says how often: each element's steps are steps of their own.
    """

    __slots__ = ("asked", "iterator")

    def __init__(self, iterator: Any) -> None:
        self.iterator = iterator
        self.asked = 0


def begin(iterable: Any) -> Any:
    """`iter`, which leaves what holds steps as it is."""
    if isinstance(iterable, OURS) and is_stepped(iterable):
        return iterable
    iterator = iterate(iterable)
    return iterator if own_next(iterator) is None else OwnIterator(iterator)


def is_stepped(value: Any) -> bool:
    """Whether asking the iterator may suspend the task."""
    kind = type(value)
    if kind is Generator:
        waits: bool = value.waits
        return waits
    return isinstance(value, (LazyIterator, OwnIterator)) or own_next(value) is not None


def own_next(value: Any) -> MachineFunction | None:
    """The `__next__` of an iterator of the orchestration's own, where it holds steps."""
    following = special_method(value, "__next__")
    return following if isinstance(following, MachineFunction) and following.loaded.holds_steps else None


#: The iterators of our own that can hold steps.
OURS = (Generator, LazyIterator, OwnIterator)
