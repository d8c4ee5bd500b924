"""Sets that iterate in insertion order."""

from __future__ import annotations


class OrderedSet(set):  # type: ignore[type-arg]
    """A set."""


class FrozenOrderedSet(frozenset):  # type: ignore[type-arg]
    """A frozen set."""
