"""Where an error of the orchestration came from: its functions and lines, never ours.

CPython's traceback objects hold frames, so they cannot be stored and would show the machine's own. Each time an error
passes through a frame of the machine, the orchestration's part of the traceback is noted on the error itself and the
traceback is dropped.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

_ATTRIBUTE = "__weft_trace__"
_STEP = "__weft_step__"


class TracePoint(NamedTuple):
    """A function of the orchestration and a line of it."""

    function: str
    line: int


def note_error(error: BaseException, function: str, line: int, file: str) -> None:
    """Notes that the error passed through a function at a line, with the native frames of `file` that raised it."""
    native = _native_points(error, file)
    points = native or [TracePoint(function, line)]
    object_setattr(error, _ATTRIBUTE, [*points, *trace_of(error)])
    error.__traceback__ = None


def trace_of(error: BaseException) -> list[TracePoint]:
    """The noted points, the outermost first."""
    found: list[TracePoint] = error.__dict__.get(_ATTRIBUTE, [])
    return found


def line_of(error: BaseException) -> int:
    """The line that raised the error; 0 where unknown."""
    trace = trace_of(error)
    return trace[-1].line if trace else 0


def mark_step(error: BaseException, step: str) -> None:
    """Notes on an error that it is the outcome of a step."""
    object_setattr(error, _STEP, step)


def step_of(error: BaseException) -> str:
    found: str = error.__dict__.get(_STEP, "")
    return found


def format_error(error: BaseException, file: str, source: list[str]) -> str:
    """A traceback as CPython prints it, of the orchestration's own frames."""
    lines: list[str] = []
    chained = error.__cause__ if error.__cause__ is not None else None
    if chained is not None:
        lines += [format_error(chained, file, source), "", _CAUSED, ""]
    elif error.__context__ is not None and not error.__suppress_context__:
        lines += [format_error(error.__context__, file, source), "", _DURING, ""]
    trace = trace_of(error)
    if trace:
        lines.append("Traceback (most recent call last):")
    for point, same in groupby(trace):
        count = len(list(same))
        lines += _lines_of(point, file, source) * min(count, _SHOWN_REPEATS)
        if count > _SHOWN_REPEATS:
            more = count - _SHOWN_REPEATS
            lines.append(f"  [Previous line repeated {more} more time{'s' if more > 1 else ''}]")
    text = _text_of(error)
    lines.append(f"{type(error).__qualname__}: {text}" if text else type(error).__qualname__)
    return "\n".join(lines)


def _lines_of(point: TracePoint, file: str, source: list[str]) -> list[str]:
    lines = [f'  File "{file}", line {point.line}, in {point.function}']
    if 0 < point.line <= len(source) and (text := source[point.line - 1].strip()):
        lines.append(f"    {text}")
    return lines


#: How often CPython shows a frame that repeats itself, as in endless recursion.
_SHOWN_REPEATS = 3
_CAUSED = "The above exception was the direct cause of the following exception:"
_DURING = "During handling of the above exception, another exception occurred:"


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


def _native_points(error: BaseException, file: str) -> list[TracePoint]:
    points: list[TracePoint] = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == file:
            points.append(TracePoint(code.co_qualname.rpartition(".")[2] or code.co_name, traceback.tb_lineno))
        traceback = traceback.tb_next
    return points


def object_setattr(error: BaseException, name: str, value: Any) -> None:
    """Sets an attribute of ours past whatever the error's class defines."""
    error.__dict__[name] = value
