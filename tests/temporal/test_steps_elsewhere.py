"""What a tool is told, and what people see, where another workflow carries out the step or the run goes on in a new execution."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from weft_worker.history import RunHistory
from weft_worker.running_steps import children_of, mark_running
from weft_workflows.messages import BatchLimits, HistoryLimits, RunOptions, RunResult
from weft_workflows.step_address import address_of

from tests.temporal.conftest import Handle, StartRun, eventually
from tests.temporal.test_cancelled_steps import CANCELS, SOON
from tests.temporal.test_parking import decide, parked
from tests.temporal.tools import TOOLS

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("listening")]

#: Each step in a workflow of its own.
ELSEWHERE = RunOptions(batches=BatchLimits(seconds=0.5))
#: A new execution after every few steps.
MOVING = RunOptions(history=HistoryLimits(soft_events=16, firm_events=40))


def accounts(log: Path) -> list[list[Any]]:
    """Run, step, attempt, key and the last attempt's details, of each attempt."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


async def moves(handle: Handle) -> bool:
    described = (await handle.describe()).raw_description.workflow_execution_info
    return described.first_run_id != described.execution.run_id


async def test_a_step_elsewhere_has_its_runs_key(client: Client, start_plan: StartRun, log: Path) -> None:
    handle = await start_plan(f"await accounts({str(log)!r}, failures=4)", ELSEWHERE)
    await eventually(lambda: parked(handle))
    await decide(handle, step="accounts", action="retry")
    await handle.result()
    arguments = json.dumps({"log": str(log), "failures": 4})
    key = address_of(handle.id, "accounts", TOOLS["accounts"].spec, arguments).idempotency_key
    assert [row[:4] for row in accounts(log)] == [[handle.id, "accounts", n, key] for n in (1, 2, 3, 2, 3)]
    assert [row[4] for row in accounts(log)] == [[], [{"row": 1}], [{"row": 2}], [{"row": 3}], [{"row": 4}]]


async def test_an_overdue_write_elsewhere_parks_with_all_that_is_known(
    start_plan: StartRun, log: Path, gate: Path
) -> None:
    handle = await start_plan(f"return await copies({str(log)!r}, {str(gate)!r})", ELSEWHERE)
    row = await eventually(lambda: parked(handle))
    assert row.message.endswith("it may or may not have been carried out, and may still be running")
    gate.write_text("")
    await decide(handle, step="copies", action="retry")
    assert (await handle.result()).result == "copied"
    assert [row[4] for row in accounts(log)] == [[], [{"row": 0}]]
    assert len({row[3] for row in accounts(log)}) == 1


WAITS_BESIDE = """
task = asyncio.create_task(copies({log!r}, {gate!r}))
await asyncio.sleep(2)
for n in range(20):
    await echo(n)
return await task
"""


async def test_what_is_parked_keeps_key_and_details_in_a_new_execution(
    start_plan: StartRun, log: Path, gate: Path
) -> None:
    handle = await start_plan(WAITS_BESIDE.format(log=str(log), gate=str(gate)), MOVING)
    await eventually(lambda: parked(handle))
    assert await moves(handle)
    gate.write_text("")
    await decide(handle, step="spawn/copies[0]", action="retry")
    assert (await handle.result()).result == "copied"
    first, second = accounts(log)
    assert first[3] == second[3]
    assert (second[2], second[4]) == (2, [{"row": 0}])


async def test_a_runs_time_runs_through_its_executions(client: Client, start_plan: StartRun) -> None:
    source = "try:\n    while True:\n        await echo(1)\nfinally:\n    print(await echo('cleaned up'))"
    handle = await start_plan(source, MOVING.model_copy(update={"run_timeout": 3.0}))
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    result = RunResult.model_validate(caught.value.cause.details[0])
    assert result.error is not None
    assert (result.error.type, result.stdout) == ("TimedOut", "cleaned up\n")
    assert result.steps > 20
    assert await moves(client.get_workflow_handle(handle.id))


async def test_a_step_elsewhere_hears_of_its_cancellation(start_plan: StartRun, log: Path) -> None:
    handle = await start_plan(CANCELS.format(call=f"told_in_a_thread({str(log)!r})"), ELSEWHERE)
    cancelled = (await handle.result()).result
    assert float((await eventually(lambda: told(log)))[1]) - cancelled < SOON


async def told(log: Path) -> list[str]:
    """What the tool has noted, once it has heard."""
    lines = log.read_text().splitlines()
    return lines if len(lines) > 1 else []


async def test_progress_of_steps_elsewhere_is_seen(client: Client, start_plan: StartRun, log: Path, gate: Path) -> None:
    options = ELSEWHERE.model_copy(update={"step_timeout": 600.0})
    handle = await start_plan(f"return await copies({str(log)!r}, {str(gate)!r})", options)

    async def progress() -> Any:
        history = RunHistory(client)
        async for _ in history.follow(handle.id, wait=False):
            pass
        await mark_running(client, handle.id, history)
        return [step for step in history.steps.values() if step.progress]

    (step,) = await eventually(progress)
    assert (step.id, step.tool, step.line, step.state) == ("copies", "copies", 1, "running")
    assert (step.progress, step.attempt) == (({"row": 0},), 1)
    assert len(await children_of(client, handle.id)) == 1
    gate.write_text("")
    assert (await handle.result()).result == "copied"
