"""Runs from start to end on a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from weft_workflows.messages import RunOptions, RunResult, RunView, StepRow, ValueSizes

from tests.temporal.conftest import Handle, StartRun, eventually

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("worker")]


async def failure_of(handle: Handle) -> tuple[ApplicationError, RunResult]:
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    return cause, RunResult.model_validate(cause.details[0])


async def test_steps_one_after_the_other(start_run: StartRun) -> None:
    handle = await start_run("straight", RunOptions(objective="Try it"))
    value = {"n": [1, 2.5, None, "ü"]}
    assert await handle.result() == RunResult(
        status="completed", result=[handle.id, [value, value]], stdout="begin\nend\n", steps=2
    )
    description = await handle.describe()
    assert await description.static_summary() == "Try it"
    assert (await description.memo())["file"] == "plan.py"


async def test_what_the_history_says_of_a_step(start_run: StartRun) -> None:
    handle = await start_run("straight")
    await handle.result()
    history = await handle.fetch_history()
    scheduled = [e for e in history.events if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
    attributes = [e.activity_task_scheduled_event_attributes for e in scheduled]
    assert [(a.activity_id, a.activity_type.name) for a in attributes] == [("a", "echo"), ("b", "echo")]
    assert attributes[0].heartbeat_timeout.seconds == 15
    assert attributes[0].start_to_close_timeout.seconds == 300
    summaries = [json.loads(e.user_metadata.summary.data) for e in scheduled]
    assert summaries == [
        'L1 · {"n": [1, 2.5, null, "ü…, •••',
        'L1 · Say it twice · [{"n": [1, 2.5, null, "…',
    ]


@pytest.mark.parametrize(("options", "seconds"), [(None, 15), (RunOptions(heartbeat_timeout=2), 2)])
async def test_how_soon_a_lost_worker_is_noticed(start_run: StartRun, options: RunOptions | None, seconds: int) -> None:
    handle = await start_run("straight", options)
    await handle.result()
    events = (await handle.fetch_history()).events
    scheduled = [event.activity_task_scheduled_event_attributes for event in events]
    assert {each.heartbeat_timeout.seconds for each in scheduled if each.activity_id} == {seconds}


async def test_parallel_steps_through_a_window(start_run: StartRun) -> None:
    handle = await start_run("parallel", RunOptions(window=7), count=50)
    assert (await handle.result()).result == list(range(50))
    pending, most, groups = 0, 0, []
    async for event in handle.fetch_history_events():
        pending += event.HasField("activity_task_scheduled_event_attributes")
        pending -= event.HasField("activity_task_completed_event_attributes")
        most = max(most, pending)
        groups += [marker.label.id for marker in event.event_group_markers]
    assert most == 7
    assert groups == [f"branch {i % 10}" for i in range(50)]


@pytest.mark.long
async def test_more_steps_than_the_server_takes_at_once(start_run: StartRun) -> None:
    handle = await start_run("parallel", count=3000)
    assert (await handle.result()).result == list(range(3000))


async def test_large_arguments_wait_or_are_refused(start_run: StartRun) -> None:
    sizes = ValueSizes(limit=2_000_000, inline=1_900_000)
    result = (await (await start_run("large", RunOptions(sizes=sizes), huge=2_100_000)).result()).result
    assert result == [
        "the arguments of echo take 2,100,013 bytes; a step may have 2,000,000 (WEFT_PAYLOAD_LIMIT)",
        900_000,
    ]


async def test_an_answer_is_caught(start_run: StartRun) -> None:
    handle = await start_run("caught")
    message = "[Errno 2] no such thing"
    assert (await handle.result()).result == ["FileNotFoundError", message, [2, "no such thing"], "FileNotFoundError"]


async def test_an_answer_that_nobody_catches_fails_the_run(start_run: StartRun) -> None:
    handle = await start_run("not_caught")
    cause, result = await failure_of(handle)
    assert (cause.type, cause.message) == ("FileNotFoundError", "[Errno 2] no such thing")
    assert (result.status, result.stdout) == ("failed", "so far\n")
    assert result.error is not None
    assert (result.error.type, result.error.line, result.error.step) == ("FileNotFoundError", 3, "a")
    assert (await handle.describe()).status is WorkflowExecutionStatus.FAILED


@pytest.mark.parametrize("tool", ["flaky", "flaky_write"])
async def test_transient_failures_are_retried(start_run: StartRun, tmp_path: Path, tool: str) -> None:
    arguments = {"log": str(tmp_path / "log"), "failures": 2}
    handle = await start_run("one_call", tool=tool, arguments=arguments)
    assert (await handle.result()).result == 3


async def test_timers(start_run: StartRun) -> None:
    handle = await start_run("timers")
    assert (await handle.result()).result is True
    kinds = [event.event_type async for event in handle.fetch_history_events()]
    assert kinds.count(EventType.EVENT_TYPE_TIMER_CANCELED) == 1


async def test_a_cancelled_step_ends_at_once_and_its_tool_is_told(start_run: StartRun, tmp_path: Path) -> None:
    log = tmp_path / "log"
    handle = await start_run("cancels_a_step", log=str(log))
    assert (await handle.result()).result == "after"

    async def stopped() -> bool:
        return "stopped" in log.read_text().splitlines()

    await eventually(stopped)


async def started(log: Path) -> bool:
    return log.exists() and "started" in log.read_text().splitlines()


async def test_a_cancelled_run_cleans_up_and_ends_cancelled(start_run: StartRun, tmp_path: Path) -> None:
    log = tmp_path / "log"
    handle = await start_run("cleans_up", log=str(log))
    await eventually(lambda: started(log))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    rows = await handle.query("steps", result_type=list[StepRow])
    assert [(row.id, row.state) for row in rows] == [("slow", "cancelled"), ("cleanup", "completed")]


async def test_a_run_may_catch_its_cancellation(start_run: StartRun, tmp_path: Path) -> None:
    log = tmp_path / "log"
    handle = await start_run("catches_cancellation", log=str(log))
    await eventually(lambda: started(log))
    await handle.cancel()
    assert (await handle.result()).result == "caught"


async def test_a_program_that_nothing_can_wake_fails(start_run: StartRun) -> None:
    cause, _ = await failure_of(await start_run("deadlock"))
    assert cause.type == "Deadlock"


async def test_a_result_over_the_limit_fails_the_run(start_run: StartRun) -> None:
    options = RunOptions(sizes=ValueSizes(limit=2_500_000))
    assert len((await (await start_run("gives", options, size=2_500_000)).result()).result) == 2_499_998
    cause, _ = await failure_of(await start_run("gives", options, size=2_500_001))
    assert cause.type == "ResultTooLarge"
    assert "2,500,001 bytes, a run may give 2,500,000 (WEFT_PAYLOAD_LIMIT)" in cause.message


async def test_queries_while_it_runs(start_run: StartRun, tmp_path: Path) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    handle = await start_run("read_and_write", log=str(log), gate=str(gate))

    async def both_run() -> bool:
        return log.exists() and len(log.read_text().splitlines()) == 2

    await eventually(both_run)
    view = await handle.query("status", result_type=RunView)
    assert (view.run_id, view.status, view.steps_done, view.steps_running) == (handle.id, "running", 0, 2)
    assert (view.parked, view.lines) == ((), (1,))
    rows = await handle.query("steps", result_type=list[StepRow])
    assert [(row.id, row.tool, row.state) for row in rows] == [
        ("read", "gated_read", "running"),
        ("write", "gated_write", "running"),
    ]
    assert rows[0].arguments == {"log": str(log), "gate": str(gate)}
    assert await handle.query("source") == "read_and_write"
    assert (await handle.query("graph"))["entry"] == "<module>"
    gate.write_text("open")
    assert (await handle.result()).result == ["open", "open"]
    assert await handle.query("output") == ""


async def test_a_run_waits_for_a_worker_of_its_own_python(start_run: StartRun) -> None:
    handle = await start_run("straight", python="3.99")

    async def task_failure() -> Any:
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                return event.workflow_task_failed_event_attributes.failure.message
        return None

    message = await eventually(task_failure)
    assert "needs a worker on Python 3.99" in message
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    await handle.terminate()
