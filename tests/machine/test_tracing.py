"""Tracebacks of orchestrations are CPython's, of their own frames."""

from __future__ import annotations

import traceback

from weft_workflows.machine.tracing import TracePoint, format_error, note_error

SOURCE = ["def f(n):", "    return f(n + 1)", "f(0)"]


def test_frames_that_repeat_are_told_once_with_their_number() -> None:
    error = RecursionError("too deep")
    for _ in range(5000):
        note_error(error, "f", 2, "plan.py")
    note_error(error, "<module>", 3, "plan.py")
    lines = format_error(error, "plan.py", SOURCE).splitlines()
    assert lines[1:3] == ['  File "plan.py", line 3, in <module>', "    f(0)"]
    assert lines[3:5] == ['  File "plan.py", line 2, in f', "    return f(n + 1)"]
    assert lines[-2:] == ["  [Previous line repeated 4997 more times]", "RecursionError: too deep"]
    assert len(lines) == 11


def test_repeats_are_told_as_cpython_tells_them() -> None:
    points = [TracePoint("f", 2)] * 4
    frames = traceback.StackSummary.from_list([("plan.py", point.line, point.function, SOURCE[1]) for point in points])
    error = RecursionError()
    for point in points:
        note_error(error, *point, "plan.py")
    assert format_error(error, "plan.py", SOURCE).splitlines()[1:-1] == "".join(frames.format()).splitlines()
