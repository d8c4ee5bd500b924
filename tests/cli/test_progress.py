"""What people read of steps fits lines."""

from __future__ import annotations

from weft_worker.cli.progress import call_text, error_text
from weft_worker.history import Step


def step(**parts: object) -> Step:
    return Step(**{"id": "s", "tool": "send", "line": 1, "started": 0.0, "arguments": {}, **parts})  # type: ignore[arg-type]


def test_an_error_of_many_lines_is_shown_on_one() -> None:
    assert error_text(step(error="ValueError: bad\n\n  at line 2\n")) == "ValueError: bad at line 2"


def test_long_errors_and_arguments_are_cut() -> None:
    assert len(error_text(step(error="x" * 9000))) == 300
    assert error_text(step(error="x" * 9000)).endswith("x…")
    assert len(call_text(step(arguments={"text": "y" * 9000}))) < 80
