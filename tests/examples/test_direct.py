"""Each example in plain CPython: its tools work, its result is the documented one, and a second run says the same."""

from __future__ import annotations

import pytest

from tests.examples.catalog import EXAMPLES, FOLDER, Example
from tests.examples.conftest import ExecutionLog
from tests.examples.direct import run_direct


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_direct_run(example: Example, execution_log: ExecutionLog) -> None:
    run = run_direct(example)
    assert run.result == example.expected
    assert example.output in run.stdout
    assert len(run.calls) == example.steps
    assert len(execution_log.lines()) == example.steps
    assert run_direct(example).result == example.expected


@pytest.mark.parametrize("identity", ["T-1001", "T-1002"])
def test_other_transactions(identity: str, execution_log: ExecutionLog) -> None:
    example = next(e for e in EXAMPLES if e.name == "transaction_check")
    other = Example(example.name, 0, None, inputs={"transaction_id": identity}, implicit=example.implicit)
    expected = {"T-1001": ("small", 0), "T-1002": ("large", 1)}
    result = run_direct(other).result
    assert (result["model"], len(result["actions"])) == expected[identity]


def test_every_example_has_a_row_in_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    folders = sorted(p.parent.name for p in FOLDER.glob("*/plan.py"))
    assert folders == sorted(e.name for e in EXAMPLES)
    for example in EXAMPLES:
        assert f"| {example.name} |" in readme
        assert f"weft run examples/{example.name}/plan.py --tools examples/{example.name}/tools.py" in readme
