"""Kinds of classes whose slots are their state.

What belongs to the run (its loop, its meter) is not kept: a restored object gets it from the run that it wakes up in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from weft_workflows.machine.codec import Kind, Taken
from weft_workflows.machine.codec_names import UNSET, Surroundings

#: What an object gets from its run, by the name of the slot.
_GIVEN: dict[str, Callable[[Surroundings], Any]] = {
    "loop": lambda run: run.program.loop,
    "_meter": lambda run: run.program.meter,
    "_get": lambda run: run.environment.attributes.get,
    "_library": lambda run: run.named("logging", "getLogger").__self__,
}


def _slots(kind: type) -> list[str]:
    return [name for base in reversed(kind.__mro__) for name in base.__dict__.get("__slots__", ())]


def fields_of(kind: type) -> list[str]:
    """The slots that are kept, in the order of their definition."""
    return [name for name in _slots(kind) if name not in _GIVEN]


def blank(kind: Any) -> Callable[[Surroundings], Any]:
    """Makes an object of which only what belongs to the run is there."""
    given = [(name, _GIVEN[name]) for name in _slots(kind) if name in _GIVEN]

    def make(run: Surroundings) -> Any:
        made = object.__new__(kind)
        for name, give in given:
            setattr(made, name, give(run))
        return made

    return make


def set_fields(target: Any, fields: Iterable[str], values: Iterable[Any]) -> None:
    for name, value in zip(fields, values, strict=True):
        if value is not UNSET:
            setattr(target, name, value)


def slots_kind(kind: Any) -> Kind:
    """A record of all slots."""
    fields = fields_of(kind)

    def take(_run: Surroundings, value: Any) -> Taken:
        return (), [getattr(value, name, UNSET) for name in fields]

    def fill(_run: Surroundings, target: Any, contents: list[Any]) -> None:
        set_fields(target, fields, contents)

    return Kind(f"slots {kind.__qualname__}", " ".join(fields), take, blank(kind), fill, light=True)


#: Makes a collection of its members.
Wrap = Callable[[Sequence[Any]], Any]


def members_kind(kind: Any, wraps: dict[str, Wrap]) -> Kind:
    """A record of all slots in which collections that nobody else holds have no records of their own.

    `wraps` says what makes each such collection of its members. They stand behind the other slots, each with its length.
    """
    fields = [name for name in fields_of(kind) if name not in wraps]

    def take(_run: Surroundings, value: Any) -> Taken:
        contents = [getattr(value, name, UNSET) for name in fields]
        for name in wraps:
            contents += counted(getattr(value, name))
        return (), contents

    def fill(_run: Surroundings, target: Any, contents: list[Any]) -> None:
        set_fields(target, fields, contents[: len(fields)])
        at = len(fields)
        for name, wrap in wraps.items():
            members, at = members_at(contents, at)
            setattr(target, name, wrap(members))

    layout = f"{' '.join(fields)}; members of {' '.join(wraps)}"
    return Kind(kind.__qualname__, layout, take, blank(kind), fill, light=True)


def counted(members: Iterable[Any]) -> list[Any]:
    """The members behind their number."""
    found = list(members)
    return [len(found), *found]


def members_at(contents: list[Any], at: int) -> tuple[list[Any], int]:
    """Members behind their number, and where they end."""
    end = at + 1 + contents[at]
    return contents[at + 1 : end], end


def old_members_kind(kind: Any, wraps: dict[str, Wrap]) -> Kind:
    """How version 1 kept the same: each collection as a list with a record of its own. Only read."""
    fields = fields_of(kind)

    def fill(_run: Surroundings, target: Any, contents: list[Any]) -> None:
        set_fields(target, fields, contents)
        for name, wrap in wraps.items():
            setattr(target, name, wrap(getattr(target, name)))

    # The lists have to be filled before they can be made something else.
    return Kind(f"slots {kind.__qualname__}", " ".join(fields), never_taken, blank(kind), fill, last=True)


def never_taken(_run: Surroundings, value: Any) -> Taken:
    """Stands for taking apart in kinds that are only read."""
    raise AssertionError(f"{type(value).__name__} objects are not written in this form any more")
