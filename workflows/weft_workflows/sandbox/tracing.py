"""What an orchestration's errors tell of where they came from: its own functions and lines, never ours.

An error's trace is its `__traceback__`, as in CPython. What CPython puts there holds frames of ours and the variables of all
of them; `own_traceback` replaces it by one that holds nothing but the places of the orchestration. What always holds: once a
link of a traceback is such a place, all after it are. Nothing here knows who runs the code.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from weft_workflows.sandbox.meter import FUEL

#: Names of functions that guarded code has around it, and of the machine's own.
_HIDDEN = "__weft"
#: The globals of the frames that places hold; by these they are known.
_GLOBALS: dict[str, object] = {"__builtins__": {}}
_TRACEBACK = BaseException.__dict__["__traceback__"]


class TracePoint(NamedTuple):
    """A function of the orchestration and a line of it."""

    function: str
    line: int


class Origin(NamedTuple):
    """The file that an orchestration came from, as tracebacks name it, and its lines."""

    file: str = "<orchestration>"
    lines: tuple[str, ...] = ()

    def line(self, number: int) -> str:
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""


def traceback_of(error: BaseException) -> types.TracebackType | None:
    """The error's `__traceback__`, whatever its class says."""
    found: types.TracebackType | None = _TRACEBACK.__get__(error)
    return found


def set_traceback(error: BaseException, trace: types.TracebackType | None) -> None:
    _TRACEBACK.__set__(error, trace)


def own_traceback(error: BaseException) -> types.TracebackType | None:
    """The error's traceback, from now on with the places of the orchestration only; None where there are none."""
    raw = traceback_of(error)
    if raw is None or is_place(raw):
        return raw
    fresh, rest = split(raw)
    cleaned = joined([TracePoint(frame.f_code.co_name, line) for frame, line in fresh], rest)
    set_traceback(error, cleaned)
    return cleaned


def points(trace: types.TracebackType | None) -> list[TracePoint]:
    """The places of the orchestration in a traceback of any kind, the outermost first."""
    fresh, rest = split(trace)
    return [
        *(TracePoint(frame.f_code.co_name, line) for frame, line in fresh),
        *(TracePoint(link.tb_frame.f_code.co_name, link.tb_lineno) for link in _links(rest)),
    ]


def split(
    trace: types.TracebackType | None,
) -> tuple[list[tuple[types.FrameType, int]], types.TracebackType | None]:
    """The orchestration's frames and lines in what CPython noted since the traceback was last cleaned, and the clean rest."""
    fresh: list[tuple[types.FrameType, int]] = []
    while trace is not None and not is_place(trace):
        frame = trace.tb_frame
        if FUEL in frame.f_globals and not frame.f_code.co_name.startswith(_HIDDEN):
            fresh.append((frame, trace.tb_lineno))
        trace = trace.tb_next
    return fresh, trace


def joined(places: Iterable[TracePoint], rest: types.TracebackType | None = None) -> types.TracebackType | None:
    """A traceback of those places, the outermost first, and the clean `rest` after them."""
    for point in reversed(list(places)):
        rest = types.TracebackType(rest, _frame(point.function), -1, point.line)
    return rest


def is_place(trace: types.TracebackType) -> bool:
    return trace.tb_frame.f_globals is _GLOBALS


def _links(trace: types.TracebackType | None) -> Iterator[types.TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


@functools.lru_cache(maxsize=1024)
def _frame(function: str) -> types.FrameType:
    """A frame of a function of that name that was never entered: it has no variables and no caller."""
    code = _never_entered.__code__.replace(co_name=function, co_qualname=function)
    frame: types.FrameType = types.FunctionType(code, _GLOBALS)().gi_frame
    return frame


def _never_entered() -> Iterator[None]:
    yield
