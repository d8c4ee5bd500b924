"""What people read of steps fits lines."""

from __future__ import annotations

from weft_worker.cli.progress import call_text, error_text
from weft_worker.history import Step

from tests.cli.conftest import Weft


def step(**parts: object) -> Step:
    return Step(**{"id": "s", "tool": "send", "line": 1, "started": 0.0, "arguments": {}, **parts})  # type: ignore[arg-type]


def test_an_error_of_many_lines_is_shown_on_one() -> None:
    assert error_text(step(error="ValueError: bad\n\n  at line 2\n")) == "ValueError: bad at line 2"


def test_long_errors_and_arguments_are_cut() -> None:
    assert len(error_text(step(error="x" * 9000))) == 300
    assert error_text(step(error="x" * 9000)).endswith("x…")
    assert len(call_text(step(arguments={"text": "y" * 9000}))) < 80


def test_long_pure_code_is_told_of(weft_served: Weft) -> None:
    """While it is carried out, and neither as a step nor as a failure afterwards."""
    weft_served.write("plan.py", "n = 0\nfor i in range(2_500_000):\n    n += i % 7\nreturn await double(n)\n")
    process = weft_served.start("run", "plan.py", "--tools", "tools.py", "--run-id", "run-computing")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("computing"):
            break
    assert line in (
        "computing L2 (long pure code, in a process of its own)\n",
        "computing L3 (long pure code, in a process of its own)\n",
    )
    rest = process.communicate()[1]
    assert "done   L4 double" in rest
    assert weft_served("status", "run-computing", "--json").json["steps"] == 1
    assert weft_served("steps", "run-computing").stdout.count("\n") == 1
