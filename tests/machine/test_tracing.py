"""Tracebacks of orchestrations are CPython's, of their own frames. `tests/oracle/test_tracebacks.py` compares whole programs."""

from __future__ import annotations

import traceback

from weft_workflows.machine.tracing import format_error, line_of, note_arrival, note_error
from weft_workflows.sandbox.environment import Environment
from weft_workflows.sandbox.tracing import Origin, TracePoint, own_traceback, points, set_traceback

from tests.sandbox.running import Services

SOURCE = ("def f(n):", "    return f(n + 1)", "f(0)")
ENVIRONMENT = Environment(Services())
ENVIRONMENT.origin = Origin("plan.py", SOURCE)


def test_frames_that_repeat_are_told_once_with_their_number() -> None:
    error = RecursionError("too deep")
    for _ in range(5000):
        note_arrival(error, "f", 2)
    note_arrival(error, "<module>", 3)
    lines = format_error(error, ENVIRONMENT).splitlines()
    assert lines[1:3] == ['  File "plan.py", line 3, in <module>', "    f(0)"]
    assert lines[3:5] == ['  File "plan.py", line 2, in f', "    return f(n + 1)"]
    assert lines[-2:] == ["  [Previous line repeated 4997 more times]", "RecursionError: too deep"]
    assert len(lines) == 11


def test_repeats_are_told_as_cpython_tells_them() -> None:
    places = [TracePoint("f", 2)] * 4
    frames = traceback.StackSummary.from_list([("plan.py", point.line, point.function, SOURCE[1]) for point in places])
    error = RecursionError()
    for point in places:
        note_arrival(error, *point)
    assert format_error(error, ENVIRONMENT).splitlines()[1:-1] == "".join(frames.format()).splitlines()


def test_frames_of_ours_are_left_out_with_all_that_they_hold() -> None:
    error = _raised()
    note_error(error, "f", 2, again=False)
    trace = error.__traceback__
    assert points(trace) == [TracePoint("f", 2)]
    assert line_of(error) == 2
    assert trace is not None
    assert trace.tb_next is None
    assert (trace.tb_frame.f_back, trace.tb_frame.f_locals) == (None, {})


def test_a_bare_raise_adds_no_place() -> None:
    error = _raised()
    note_error(error, "f", 2, again=True)
    assert error.__traceback__ is None


def test_an_error_that_hides_its_traceback_cannot() -> None:
    class Sly(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            raise RuntimeError(name)

    error = Sly()
    set_traceback(error, _raised().__traceback__)
    assert own_traceback(error) is None
    note_arrival(error, "f", 2)
    assert format_error(error, ENVIRONMENT).splitlines()[1] == '  File "plan.py", line 2, in f'


def _raised() -> ValueError:
    """An error with a frame of ours in its traceback."""
    try:
        raise ValueError
    except ValueError as error:
        return error
