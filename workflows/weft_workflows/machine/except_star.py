"""`except*`: which part of an exception a handler gets, and what is left to raise when all handlers are done.

As in CPython: each handler gets the part of the group that its types match, in a group of its own; what no handler took,
and what handlers raised again as it was, keeps the shape of the first group; what they raised anew stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weft_workflows.sandbox.tracing import points, traceback_of

_NO_CLASS = "catching classes that do not inherit from BaseException is not allowed"
_A_GROUP = "catching ExceptionGroup with except* is not allowed. Use except instead."


class Sorting:
    """An exception on its way through the handlers of an `except*`.

    `rest` is what no handler took so far, `part` what the last one took, `raised` what the handlers raised, in order.
    """

    __slots__ = ("original", "part", "raised", "rest")

    def __init__(self, original: BaseException) -> None:
        self.original = original
        self.rest: BaseException | None = original
        self.part: BaseException | None = None
        self.raised: list[BaseException] = []

    def handled(self) -> BaseException:
        """What code around the handlers handles: the last part that was taken, or the whole."""
        return self.original if self.part is None else self.part

    def take(self, kinds: Any) -> BaseException | None:
        """The part that a handler of those types gets; None where it gets nothing. Raises TypeError for wrong types."""
        check_kinds(kinds)
        if self.rest is None:
            return None
        part, self.rest = _parted(self.rest, kinds)
        self.part = part or self.part
        return part

    def outcome(self) -> BaseException | None:
        """What is to be raised now; None where all was handled."""
        results = self.raised if self.rest is None else [*self.raised, self.rest]
        if not results:
            return None
        if not isinstance(self.original, BaseExceptionGroup):
            return results[0]
        again = [error for error in results if _is_part_of(error, self.original)]
        new = [error for error in results if not _is_part_of(error, self.original)]
        kept = _projection(self.original, again)
        if kept is not None:
            new.append(kept)
        if len(new) < 2:
            return new[0] if new else None
        return BaseExceptionGroup("", new)


def check_kinds(kinds: Any) -> None:
    for kind in kinds if isinstance(kinds, tuple) else (kinds,):
        if not isinstance(kind, type) or BaseException not in kind.__mro__:
            raise TypeError(_NO_CLASS)
        if BaseExceptionGroup in kind.__mro__:
            raise TypeError(_A_GROUP)


def _parted(error: BaseException, kinds: Any) -> tuple[BaseException | None, BaseException | None]:
    """What matches, as a group, and what does not."""
    listed = kinds if isinstance(kinds, tuple) else (kinds,)
    is_group = isinstance(error, BaseExceptionGroup)
    if any(kind in type(error).__mro__ for kind in listed):
        return (error if is_group else BaseExceptionGroup("", (error,))), None
    if not isinstance(error, BaseExceptionGroup):
        return None, error
    pair: Any = error.split(kinds)
    if not isinstance(pair, tuple):
        raise TypeError(f"{type(error).__name__}.split must return a tuple, not {type(pair).__name__}")
    if len(pair) < 2:
        raise TypeError(f"{type(error).__name__}.split must return a 2-tuple, got tuple of size {len(pair)}")
    return pair[0], pair[1]


def _is_part_of(error: BaseException, original: BaseExceptionGroup[Any]) -> bool:
    """Whether a group was split off the original and raised as it was: it says the same of where it came from."""
    return (
        isinstance(error, BaseExceptionGroup)
        and points(traceback_of(error)) == points(traceback_of(original))
        and error.__cause__ is original.__cause__
        and error.__context__ is original.__context__
    )


def _projection(original: BaseExceptionGroup[Any], parts: list[BaseException]) -> BaseException | None:
    """The original group with the exceptions of those parts only."""
    leaves = {id(leaf) for part in parts for leaf in _leaves(part)}
    if not leaves:
        return None
    found: BaseException | None = BaseExceptionGroup.subgroup(original, lambda error: id(error) in leaves)
    return found


def _leaves(error: BaseException) -> Iterator[BaseException]:
    stack = [error]
    while stack:
        current = stack.pop()
        if isinstance(current, BaseExceptionGroup):
            stack += current.exceptions
        else:
            yield current
