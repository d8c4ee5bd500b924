"""Fuel for what C code walks through: sources of comprehensions, unpacking, and arguments of builtins.

Where the length is known it is charged at once and the native iteration runs free; long or growing lists are charged stretch by stretch,
so that a search that ends early pays only for what it saw. A source of unknown length pays for each element unless it is a generator, whose
own loops pay.
"""

from __future__ import annotations

import itertools
import operator
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from weft_workflows.sandbox.facades import BigRange, charged_range
from weft_workflows.sandbox.meter import Meter
from weft_workflows.sandbox.sets import FrozenOrderedSet, OrderedSet

_STRETCH = 256
#: Iterables whose length cannot grow while they are walked, or that notice it.
_FIXED = frozenset(
    (
        tuple,
        str,
        bytes,
        dict,
        type({}.keys()),
        type({}.values()),
        type({}.items()),
        OrderedSet,
        FrozenOrderedSet,
        frozenset,
        set,
        deque,
    )
)
_SIZED = _FIXED | {list, bytearray, range}
_SHIFTING = frozenset((list, bytearray, deque))
_FREE = frozenset((types.GeneratorType, BigRange))


def _number(element: Any) -> Any:
    if type(element) is not int and type(element) is not float:
        raise TypeError(f"range() must give numbers in an orchestration, not '{type(element).__name__}' objects")
    return element


class Walking:
    """The charges of one run."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def span(self, numbers: Any, /) -> Iterable[int]:
        """The source of a loop over `range(…)`."""
        if type(numbers) is not range:
            # Another block may have given the name `range` to something else; the guard's proofs need numbers all the same.
            return iter(numbers) if type(numbers) is BigRange else map(_number, numbers)
        if not -(1 << 62) < numbers.start < 1 << 62 or not -(1 << 62) < numbers.stop < 1 << 62:
            raise OverflowError("Python int too large to convert to C ssize_t")
        if len(numbers) <= 4096:
            self._meter.charge(len(numbers))
            return numbers
        return charged_range(self._meter, numbers)

    def each(self, source: Any, /) -> Iterable[Any]:
        """The source of a comprehension that calls nothing while it runs, so that a list cannot grow under it for free."""
        kind = type(source)
        if kind is list:
            if len(source) <= _STRETCH:
                self._meter.charge(len(source))
                elements: Iterable[Any] = iter(source)
                return elements
            return self._stretches(source)
        return self._other(source, kind)

    def each_calling(self, source: Any, /) -> Iterable[Any]:
        """The source of any other comprehension."""
        kind = type(source)
        return self._stretches(source) if kind is list else self._other(source, kind)

    def _other(self, source: Any, kind: type) -> Iterable[Any]:
        if kind in _FIXED or kind is range:
            self._meter.charge(len(source))
        elif kind not in _FREE:
            return self._counted(source)
        elements: Iterable[Any] = iter(source)
        return elements

    def _counted(self, source: Any) -> Iterator[Any]:
        charge = self._meter.charge

        def counted(element: Any) -> Any:
            charge()
            return element

        return map(counted, source)

    def _stretches(self, source: list[Any]) -> Iterator[Any]:
        elements = iter(source)
        charge, hint = self._meter.charge, operator.length_hint

        def stretch() -> Iterator[Any] | None:
            left = min(hint(elements), _STRETCH)
            if not left:
                return None
            charge(left)
            return itertools.islice(elements, left)

        return itertools.chain.from_iterable(iter(stretch, None))

    def star(self, source: Any, /) -> Any:
        """What stands after `*` in a call or a display."""
        kind = type(source)
        if kind in _SIZED:
            size = len(source)
            if size > 64:
                self._meter.check_size(size * 8, "an unpacked sequence")
                self._meter.charge(size >> 3)
            return source
        return source if kind in _FREE else self._counted(source)

    def bulk(self, source: Any, /) -> Any:
        """The argument of `list`, `bytes` and their like."""
        kind = type(source)
        if kind is int:
            self._meter.check_size(source, "a sequence")
            return source
        if kind in _SIZED:
            if len(source) > 64:
                self._meter.check_size(len(source) * 8, "a sequence")
                self._meter.charge(len(source) >> 3)
            return source
        if kind in _FREE or not hasattr(kind, "__iter__"):
            return source
        if hasattr(kind, "keys"):
            return source
        return self._counted(source)

    def shifts(self, container: Any, /) -> None:
        """What stands before an element that goes or comes may have to move."""
        if type(container) in _SHIFTING and len(container) > _STRETCH:
            self._meter.charge(len(container) >> 10)

    def addend(self, value: Any, /) -> Any:
        """The right side of `+=` and of an assignment to a slice: at most doubles what is there."""
        kind = type(value)
        if kind is not int and kind is not float and kind in _SIZED and len(value) > 64:
            size = len(value) * (8 if kind in (list, tuple, range) else 1)
            self._meter.check_size(size * 2, "a sequence")
            self._meter.charge(size >> 4)
        elif isinstance(value, Iterator) and kind not in _FREE:
            return self._counted(value)
        return value

    def metered(self, function: Callable[..., Any], weight: int = 3) -> Callable[..., Any]:
        """A function that charges for the lengths of its arguments: an eighth of a unit for each element, or as `weight` says."""
        charge, meter_check = self._meter.charge, self._meter.check

        def call(*args: Any, **kwargs: Any) -> Any:
            for argument in args:
                if type(argument) in _SIZED:
                    charge((len(argument) >> weight if weight >= 0 else len(argument) << -weight) + 1)
            result = function(*args, **kwargs)
            meter_check()
            return result

        call.__name__ = call.__qualname__ = getattr(function, "__name__", "function")
        call.__module__ = getattr(function, "__module__", None) or "builtins"
        return call
