"""The kind of a walk over the members of an enum, which the standard library makes by a generator.

`for` and `iter` already walk over a list of them (`sandbox/iterators.py`); CPython's own `enumerate`, `zip` and their like ask
the enum itself. What is kept is the members that are still to come.
"""

from __future__ import annotations

import enum
import operator
import types
from collections.abc import Iterator
from typing import Any, ClassVar

from weft_workflows.machine.codec import Kind, Taken
from weft_workflows.machine.codec_names import Surroundings


def _generator_in(method: Any) -> types.CodeType:
    return next(each for each in method.__code__.co_consts if isinstance(each, types.CodeType))


_FORWARDS = _generator_in(enum.EnumMeta.__iter__)
_BACKWARDS = _generator_in(enum.EnumMeta.__reversed__)


class MemberWalk:
    """Gives the members that were left."""

    __slots__ = ("members",)
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__next__", "__iter__"))

    def __init__(self, *members: Any) -> None:
        self.members = list(members)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self.members:
            raise StopIteration
        return self.members.pop(0)


MemberWalk.__name__ = MemberWalk.__qualname__ = "generator"
MemberWalk.__module__ = "builtins"


def is_member_walk(value: types.GeneratorType[Any, Any, Any]) -> bool:
    """Whether a generator is the standard library's walk over an enum."""
    return value.gi_code in (_FORWARDS, _BACKWARDS) and value.gi_frame is not None


def _members_left(value: Any) -> list[Any]:
    if type(value) is MemberWalk:
        return value.members
    state = value.gi_frame.f_locals
    kind, left = state["cls"], operator.length_hint(state[".0"])
    names = list(kind._member_names_)
    coming = names[:left][::-1] if value.gi_code is _BACKWARDS else names[len(names) - left :]
    return [kind._member_map_[name] for name in coming]


def _member_walk(_run: Surroundings, value: Any) -> Taken:
    return tuple(_members_left(value)), None


MEMBER_WALK = Kind("member walk", "members left", _member_walk, lambda _run, *members: MemberWalk(*members))
