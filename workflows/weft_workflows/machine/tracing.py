"""Where an error of the orchestration came from: its functions and lines, never ours.

Each time an error passes through a frame of the machine, the orchestration's part of its traceback replaces it, with the
frame's own place in front, as CPython adds one for each function that an error leaves.
"""

from __future__ import annotations

from typing import Any

from weft_workflows.machine.native import is_block
from weft_workflows.sandbox.environment import Environment
from weft_workflows.sandbox.library.tracebacks import formatted
from weft_workflows.sandbox.meter import LimitExceeded
from weft_workflows.sandbox.tracing import (
    TracePoint,
    joined,
    own_traceback,
    points,
    set_traceback,
    split,
    traceback_of,
)

_STEP = "__weft_step__"
_SPENT = "__weft_spent__"
#: Errors of a chain that are looked at.
_LONGEST_CHAIN = 10_000


def note_arrival(error: BaseException, function: str, line: int) -> None:
    """Notes that the error came into the function at a line: out of what it waits for."""
    set_traceback(error, joined([TracePoint(function, line)], own_traceback(error)))


def note_error(error: BaseException, function: str, line: int, *, again: bool) -> None:
    """Notes that code of the function raised the error. `again`: it may be the bare `raise` of one that it handles.

    The function's place is in the traceback where its own code ran natively; it is not where the machine called on its
    behalf. A bare `raise` adds no place, as in CPython.
    """
    fresh, rest = split(traceback_of(error))
    if isinstance(error, LimitExceeded):
        # It is raised again by each `finally` that it passes; what counts is the place where it was first.
        fresh = [
            each for each, after in zip(fresh, [*fresh[1:], None], strict=True) if not after or after[0] is not each[0]
        ]
    places = [TracePoint(frame.f_code.co_name, at) for frame, at in fresh]
    if not (is_block(fresh[0][0].f_code) if fresh else again):
        places.insert(0, TracePoint(function, line))
    set_traceback(error, joined(places, rest))


def line_of(error: BaseException) -> int:
    """The line that raised the error; 0 where unknown."""
    trace = points(traceback_of(error))
    return trace[-1].line if trace else 0


def mark_step(error: BaseException, step: str, *, spent: bool) -> None:
    """Notes on an error that it is the outcome of a step, and whether of its last attempt."""
    object_setattr(error, _STEP, step)
    if spent:
        object_setattr(error, _SPENT, True)


def step_of(error: BaseException) -> str:
    """The step that the error is the outcome of. A program can put anything into its error's `__dict__`."""
    found = error.__dict__.get(_STEP, "")
    return found if type(found) is str else ""


def spent_step_of(error: BaseException) -> str:
    """The step whose spent failure the error is or has led to: what it was raised from, while handling, or as a group of.

    The search ends at other outcomes of steps: an answer of a tool is its own, whatever was being handled.
    """
    pending, seen = [error], {id(error)}
    while pending and len(seen) < _LONGEST_CHAIN:
        error = pending.pop()
        if step := step_of(error):
            if error.__dict__.get(_SPENT) is True:
                return step
            continue
        members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        for cause in (error.__context__, error.__cause__, *reversed(members)):
            if cause is not None and id(cause) not in seen:
                seen.add(id(cause))
                pending.append(cause)
    return ""


def steps_behind(error: BaseException) -> list[str]:
    """The steps whose failures the error is or came of: its own, else those of its group, its cause or its context."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    left = [error]
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if step := step_of(each):
            found[step] = None
        elif isinstance(each, BaseExceptionGroup):
            left += reversed(each.exceptions)
        elif each.__cause__ is not None:
            left.append(each.__cause__)
        elif each.__context__ is not None and not each.__suppress_context__:
            left.append(each.__context__)
    return list(found)


def format_error(error: BaseException, environment: Environment) -> str:
    """A traceback as CPython prints it, of the orchestration's own frames, without the last newline."""
    try:
        return "".join(formatted(error, environment, charged=False).format()).removesuffix("\n")
    except Exception:
        return type(error).__name__


def object_setattr(error: BaseException, name: str, value: Any) -> None:
    """Sets an attribute of ours past whatever the error's class defines."""
    error.__dict__[name] = value
