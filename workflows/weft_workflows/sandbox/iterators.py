"""Iterators that can be kept across a step: ours where CPython's own cannot be reduced to a container and a position.

Native list, tuple, str and range iterators, `enumerate`, `zip`, `map`, `filter` and `reversed` reduce by themselves. Iterators
over dicts and sets, and all of itertools, are classes whose slots hold plain values and other iterators: copying the slots copies the
iterator. A class names the attributes that make up its state in `__slots__`; those that begin with an underscore are caches.
"""

from __future__ import annotations

import enum
import operator
import types
from collections.abc import Iterator
from typing import Any, ClassVar

from weft_workflows.sandbox.facades import BigRange
from weft_workflows.sandbox.meter import Meter
from weft_workflows.sandbox.sets import FrozenOrderedSet, OrderedSet, SetIterator

_VIEW_MAPPING: dict[Any, str] = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}


class DictIterator:
    """Iterates over a dict or one of its views by position, forwards or `backwards`, and notices a change of size."""

    __slots__ = ("_inner", "backwards", "container", "part", "position", "size")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__next__", "__iter__", "__length_hint__"))

    def __init__(
        self, container: dict[Any, Any], part: str, position: int = 0, size: int | None = None, backwards: bool = False
    ) -> None:
        self.container: dict[Any, Any] | None = container
        self.part = part
        self.position = position
        self.size = len(container) if size is None else size
        self.backwards = backwards
        self._inner: Iterator[Any] | None = None

    def __iter__(self) -> DictIterator:
        return self

    def __next__(self) -> Any:
        if self.container is None:
            raise StopIteration
        if len(self.container) != self.size:
            self.size = -1
            raise RuntimeError("dictionary changed size during iteration")
        if self._inner is None:
            self._inner = self._start(self.container)
        try:
            element = next(self._inner)
        except StopIteration:
            self.container = None
            raise
        self.position += 1
        return element

    def _start(self, container: dict[Any, Any]) -> Iterator[Any]:
        view: Any = getattr(dict, self.part)(container)
        inner: Iterator[Any] = reversed(view) if self.backwards else iter(view)
        for _ in range(self.position):
            next(inner)
        return inner

    def __length_hint__(self) -> int:
        return 0 if self.container is None else self.size - self.position


DictIterator.__name__ = DictIterator.__qualname__ = "dict_iterator"
DictIterator.__module__ = "builtins"


class BigRangeIterator:
    """Iterates over a `BigRange` by position, and charges for each number."""

    __slots__ = ("_meter", "position", "range")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__next__", "__iter__", "__length_hint__"))

    def __init__(self, meter: Meter, numbers: range) -> None:
        self._meter = meter
        self.range = numbers
        self.position = 0

    def __iter__(self) -> BigRangeIterator:
        return self

    def __next__(self) -> int:
        self._meter.charge()
        try:
            number = self.range[self.position]
        except IndexError:
            raise StopIteration from None
        self.position += 1
        return number

    def __length_hint__(self) -> int:
        return len(self.range) - self.position


BigRangeIterator.__name__ = BigRangeIterator.__qualname__ = "range_iterator"
BigRangeIterator.__module__ = "builtins"


class ItemIterator:
    """Iterates by position over an object that has `__getitem__` alone, forwards, or from a position backwards."""

    __slots__ = ("position", "sequence", "step")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__next__", "__iter__"))

    def __init__(self, sequence: Any, position: int = 0, step: int = 1) -> None:
        self.sequence = sequence
        self.position = position
        self.step = step

    def __iter__(self) -> ItemIterator:
        return self

    def __next__(self) -> Any:
        if self.sequence is None or self.position < 0:
            raise StopIteration
        try:
            item = operator.getitem(self.sequence, self.position)
        except (IndexError, StopIteration):
            self.sequence = None
            raise StopIteration from None
        self.position += self.step
        return item


ItemIterator.__name__ = ItemIterator.__qualname__ = "iterator"
ItemIterator.__module__ = "builtins"


class _Items:
    def __getitem__(self, position: int) -> None:
        raise IndexError(position)


#: What `iter` gives for such an object.
_NATIVE_ITEMS: type = type(iter(_Items()))


def iterate(value: Any) -> Iterator[Any]:
    """`iter(value)`, as an iterator that can be kept. Raises TypeError with CPython's wording."""
    kind = type(value)
    if kind is dict:
        return DictIterator(value, "keys")
    if kind in _VIEW_MAPPING and type(_mapping(value)) is dict:
        return DictIterator(_mapping(value), _VIEW_MAPPING[kind])
    if kind in (OrderedSet, FrozenOrderedSet):
        return SetIterator(value)
    if kind is BigRange:
        return BigRangeIterator(value._meter, value._range)
    return _kept_members(value, iter(value))


def _kept_members(value: Any, iterator: Iterator[Any]) -> Iterator[Any]:
    """The members of an enum or a flag, which the standard library gives by a generator, by position instead."""
    if type(iterator) is _NATIVE_ITEMS:
        return ItemIterator(value)
    is_enum = isinstance(value, (enum.EnumMeta, enum.Flag)) and isinstance(iterator, types.GeneratorType)
    return iter(list(iterator)) if is_enum else iterator


def iterate_backwards(value: Any) -> Iterator[Any]:
    """`reversed(value)`, as an iterator that can be kept."""
    kind = type(value)
    if kind is dict:
        return DictIterator(value, "keys", backwards=True)
    if kind in _VIEW_MAPPING and type(_mapping(value)) is dict:
        return DictIterator(_mapping(value), _VIEW_MAPPING[kind], backwards=True)
    backwards: Iterator[Any] = reversed(value)
    if type(backwards) is reversed and kind not in (tuple, str, bytes, bytearray):
        # `reversed` itself knows where it starts: the length is not asked for again.
        reduced: Any = backwards.__reduce__()
        return ItemIterator(value, reduced[2], -1)
    return _kept_members(value, backwards)


def _mapping(view: Any) -> Any:
    """The dict behind a view. The view's public `mapping` is a read-only proxy, whose `|` with nothing gives no access."""
    return unwrap(view.mapping)


class _Reveal:
    """Compares itself with whatever a mapping proxy holds: the proxy hands its dict to the other operand."""

    __slots__ = ("seen",)

    def __eq__(self, other: object) -> bool:
        self.seen = other
        return True

    __hash__ = None  # type: ignore[assignment]


def unwrap(proxy: Any) -> Any:
    """What a mapping proxy holds."""
    reveal = _Reveal()
    _ = proxy == reveal
    return reveal.seen
