"""Sets that iterate in the order of insertion, so that every worker sees the same order.

The elements are the keys of a private dict. The types print as `set` and `frozenset` and behave as those do, with CPython's error
messages; operators accept dict views as well, on either side. Nothing here knows a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet, Set
from typing import Any, ClassVar

_VIEWS: tuple[Any, ...] = (type({}.keys()), type({}.items()))


class SetIterator:
    """Iterates over a set by position. Plain state: the set, the next position, the size at the start."""

    __slots__ = ("_keys", "container", "position", "size")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__next__", "__iter__", "__length_hint__"))

    def __init__(self, container: _Base, position: int = 0, size: int | None = None) -> None:
        self.container: _Base | None = container
        self.position = position
        self.size = len(container) if size is None else size
        self._keys: Iterator[Any] | None = None

    def __iter__(self) -> SetIterator:
        return self

    def __next__(self) -> Any:
        if self.container is None:
            raise StopIteration
        if len(self.container) != self.size:
            self.size = -1
            raise RuntimeError("Set changed size during iteration")
        if self._keys is None:
            self._keys = iter(self.container._items)
            for _ in range(self.position):
                next(self._keys)
        try:
            element = next(self._keys)
        except StopIteration:
            self.container = None
            raise
        except RuntimeError:
            raise RuntimeError("Set changed size during iteration") from None
        self.position += 1
        return element

    def __length_hint__(self) -> int:
        return 0 if self.container is None else self.size - self.position


SetIterator.__name__ = SetIterator.__qualname__ = "set_iterator"
SetIterator.__module__ = "builtins"


def _elements(other: Any) -> dict[Any, None]:
    """The elements of any iterable, as keys."""
    if isinstance(other, _Base):
        return other._items
    return dict.fromkeys(other)


class _Base:
    """What both kinds of set can do. `_items` holds the elements as keys in the order of insertion."""

    __slots__ = ("_items",)
    _items: dict[Any, None]

    @classmethod
    def _of(cls, items: dict[Any, None]) -> Any:
        made = cls.__new__(cls)
        made._items = items
        return made

    def _plain(self, items: dict[Any, None]) -> Any:
        """A new set of the builtin kind: operators of subclasses give the base type, as CPython's do."""
        kind = OrderedSet if isinstance(self, OrderedSet) else FrozenOrderedSet
        return kind._of(items)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._items
        except RuntimeError as error:
            if "dictionary" in str(error):
                raise RuntimeError("Set changed size during iteration") from None
            raise

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, element: Any) -> bool:
        try:
            return element in self._items
        except TypeError:
            if isinstance(element, OrderedSet):
                return FrozenOrderedSet._of(element._items) in self._items
            raise

    def __repr__(self) -> str:
        name = type(self).__name__
        if not self._items:
            return f"{name}()"
        inner = ", ".join(map(repr, self._items))
        return f"{{{inner}}}" if type(self) is OrderedSet else f"{name}({{{inner}}})"

    def __reduce__(self) -> Any:
        return (type(self), (list(self._items),))

    def __eq__(self, other: object) -> bool:
        items = _set_like(other)
        if items is None:
            return NotImplemented
        return self._items.keys() == items.keys()

    def __le__(self, other: object) -> bool:
        items = _set_like(other)
        return NotImplemented if items is None else self._items.keys() <= items.keys()

    def __lt__(self, other: object) -> bool:
        items = _set_like(other)
        return NotImplemented if items is None else self._items.keys() < items.keys()

    def __ge__(self, other: object) -> bool:
        items = _set_like(other)
        return NotImplemented if items is None else self._items.keys() >= items.keys()

    def __gt__(self, other: object) -> bool:
        items = _set_like(other)
        return NotImplemented if items is None else self._items.keys() > items.keys()

    def __and__(self, other: object) -> Any:
        items = _operand(other)
        return NotImplemented if items is None else self._plain({k: None for k in self._items if k in items})

    def __or__(self, other: object) -> Any:
        items = _operand(other)
        return NotImplemented if items is None else self._plain(self._items | items)

    def __sub__(self, other: object) -> Any:
        items = _operand(other)
        return NotImplemented if items is None else self._plain({k: None for k in self._items if k not in items})

    def __xor__(self, other: object) -> Any:
        items = _operand(other)
        return NotImplemented if items is None else self._plain(_exclusive(self._items, items))

    def __rand__(self, other: object) -> Any:
        items = _operand(other)
        return NotImplemented if items is None else OrderedSet._of({k: None for k in items if k in self._items})

    def __ror__(self, other: object) -> Any:
        items = _operand(other)
        return NotImplemented if items is None else OrderedSet._of(items | self._items)

    def __rsub__(self, other: object) -> Any:
        items = _operand(other)
        return NotImplemented if items is None else OrderedSet._of({k: None for k in items if k not in self._items})

    def __rxor__(self, other: object) -> Any:
        items = _operand(other)
        return NotImplemented if items is None else OrderedSet._of(_exclusive(items, self._items))

    def copy(self) -> Any:
        return self._plain(dict(self._items))

    def union(self, *others: Iterable[Any]) -> Any:
        items = dict(self._items)
        for other in others:
            items.update(_elements(other))
        return self._plain(items)

    def intersection(self, *others: Iterable[Any]) -> Any:
        items = dict(self._items)
        for other in others:
            kept = _elements(other)
            items = {k: None for k in items if k in kept}
        return self._plain(items)

    def difference(self, *others: Iterable[Any]) -> Any:
        items = dict(self._items)
        for other in others:
            dropped = _elements(other)
            items = {k: None for k in items if k not in dropped}
        return self._plain(items)

    def symmetric_difference(self, other: Iterable[Any]) -> Any:
        return self._plain(_exclusive(self._items, _elements(other)))

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        return not any(k in self._items for k in _elements(other))

    def issubset(self, other: Iterable[Any]) -> bool:
        return self._items.keys() <= _elements(other).keys()

    def issuperset(self, other: Iterable[Any]) -> bool:
        return self._items.keys() >= _elements(other).keys()

    def __class_getitem__(cls, item: Any) -> Any:
        return cls


class OrderedSet(_Base):
    """A set."""

    __slots__ = ()
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __new__(cls, *_args: Any, **_kwargs: Any) -> OrderedSet:
        made = object.__new__(cls)
        made._items = {}
        return made

    def __init__(self, iterable: Iterable[Any] = (), /) -> None:
        self._items = dict.fromkeys(iterable)

    def __iand__(self, other: object) -> Any:
        items = _operand(other)
        if items is None:
            return NotImplemented
        self.intersection_update(items)
        return self

    def __ior__(self, other: object) -> Any:
        items = _operand(other)
        if items is None:
            return NotImplemented
        self._items.update(items)
        return self

    def __isub__(self, other: object) -> Any:
        items = _operand(other)
        if items is None:
            return NotImplemented
        self.difference_update(items)
        return self

    def __ixor__(self, other: object) -> Any:
        items = _operand(other)
        if items is None:
            return NotImplemented
        self.symmetric_difference_update(items)
        return self

    def add(self, element: Any, /) -> None:
        self._items[element] = None

    def remove(self, element: Any, /) -> None:
        if element not in self:
            raise KeyError(element)
        del self._items[_key(element)]

    def discard(self, element: Any, /) -> None:
        if element in self:
            del self._items[_key(element)]

    def pop(self) -> Any:
        """Removes the oldest element: which one is CPython's secret, so any fixed choice is faithful."""
        for element in self._items:
            del self._items[element]
            return element
        raise KeyError("pop from an empty set")

    def clear(self) -> None:
        self._items.clear()

    def update(self, *others: Iterable[Any]) -> None:
        for other in others:
            self._items.update(_elements(other))

    def intersection_update(self, *others: Iterable[Any]) -> None:
        for other in others:
            kept = _elements(other)
            for element in [k for k in self._items if k not in kept]:
                del self._items[element]

    def difference_update(self, *others: Iterable[Any]) -> None:
        for other in others:
            for element in list(_elements(other)):
                self._items.pop(element, None)

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        changed = _exclusive(self._items, _elements(other))
        self._items.clear()
        self._items.update(changed)


class FrozenOrderedSet(_Base):
    """A frozenset."""

    __slots__ = ()

    def __new__(cls, iterable: Iterable[Any] = (), /, *_args: Any, **_kwargs: Any) -> FrozenOrderedSet:
        if cls is FrozenOrderedSet and type(iterable) is FrozenOrderedSet:
            return iterable
        made = object.__new__(cls)
        made._items = dict.fromkeys(iterable)
        return made

    def __hash__(self) -> int:
        return hash(frozenset(self._items))

    def copy(self) -> Any:
        return self if type(self) is FrozenOrderedSet else self._plain(dict(self._items))


OrderedSet.__hash__ = None
for _kind, _name in ((OrderedSet, "set"), (FrozenOrderedSet, "frozenset")):
    _kind.__name__ = _kind.__qualname__ = _name
    _kind.__module__ = "builtins"
MutableSet.register(OrderedSet)
Set.register(FrozenOrderedSet)


def _key(element: Any) -> Any:
    return FrozenOrderedSet._of(element._items) if isinstance(element, OrderedSet) else element


def _set_like(other: Any) -> dict[Any, None] | None:
    """The elements of something that a set compares with, else None."""
    if isinstance(other, _Base):
        items: dict[Any, None] = other._items
        return items
    kinds: tuple[Any, ...] = (*_VIEWS, set, frozenset)
    return dict.fromkeys(other) if isinstance(other, kinds) else None


_operand = _set_like


def _exclusive(first: dict[Any, None], second: dict[Any, None]) -> dict[Any, None]:
    only_first = {k: None for k in first if k not in second}
    return only_first | {k: None for k in second if k not in first}


def view_operator(symbol: str, left: Any, right: Any) -> Any:
    """`left symbol right` for `&`, `|`, `^` and `-` where `left` is a dict view: an ordered set instead of a native one."""
    items = OrderedSet._of(dict.fromkeys(left))
    other = right if isinstance(right, _Base) else OrderedSet(right)
    match symbol:
        case "&":
            return items & other
        case "|":
            return items | other
        case "^":
            return items ^ other
    return items - other


def is_view(value: Any) -> bool:
    return isinstance(value, _VIEWS)


def is_ordered_set(kind: type) -> bool:
    """Whether a type is one of the sets here, or derives from one."""
    return issubclass(kind, _Base)
