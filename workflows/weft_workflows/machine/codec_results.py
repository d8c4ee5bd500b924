"""The kind of results that nobody has taken: a number in the checkpoint's table of them, or the value once it is read."""

from __future__ import annotations

from typing import Any

from weft_workflows.machine.codec import Kind, Taken
from weft_workflows.machine.codec_names import Surroundings
from weft_workflows.machine.results import Unread


def _take(run: Surroundings, value: Unread) -> Taken:
    return ((None,), [value.value]) if value.is_read else ((run.results.number(value),), None)


def _make(run: Surroundings, number: int | None) -> Unread:
    return Unread(None) if number is None else run.results.at(number)


def _fill(_run: Surroundings, target: Unread, contents: list[Any]) -> None:
    (target.value,) = contents


KINDS: dict[type, Kind] = {Unread: Kind("result", "number, or none; value", _take, _make, _fill, light=True)}
