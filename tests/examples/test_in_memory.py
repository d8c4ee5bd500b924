"""Each example's graph on the in-memory driver, with its real tools: result, output and steps of plain CPython."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from weft_activities.catalog import load_catalog
from weft_activities.context import StepContext
from weft_activities.invoke import call_tool
from weft_compiler.compile import compile_source
from weft_workflows.local import StepInfo, run_plan

from tests.examples.catalog import EXAMPLES, Example
from tests.examples.conftest import ExecutionLog
from tests.examples.direct import Run, canonical, run_direct


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_equals_direct_run(
    example: Example, execution_log: ExecutionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory = run_in_memory(example)
    executed = sorted(execution_log.calls())
    monkeypatch.setenv("WEFT_EXAMPLE_DIR", str(tmp_path / "direct"))
    direct = run_direct(example)
    assert in_memory.result == direct.result
    assert in_memory.stdout == direct.stdout
    assert example.comparable(in_memory.calls) == example.comparable(direct.calls)
    assert executed == sorted(direct.calls)


def run_in_memory(example: Example) -> Run:
    catalog = load_catalog([str(example.tools)])
    plan = compile_source(example.source(), catalog.specs(), file=str(example.plan))

    async def call(name: str, arguments: dict[str, Any], step: StepInfo) -> Any:
        return await call_tool(catalog.get(name), arguments, StepContext(step.run_id, step.step, step.attempt))

    run = asyncio.run(run_plan(plan, example.inputs, call))
    assert run.error is None
    return Run(run.result, run.stdout, [(step.tool, canonical(step.arguments)) for step in run.steps])
