"""The base of the sandbox's own itertools: iterators whose whole state is in their slots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from weft_workflows.sandbox.meter import Meter


class Kept:
    """The base of all: an iterator over its own state."""

    __slots__ = ("meter",)
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__next__", "__iter__", "from_iterable"))
    meter: Meter

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise NotImplementedError
