"""The time that a run may take in all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer
from weft_worker.payloads import converter
from weft_workflows.messages import RunOptions, RunResult
from weft_workflows.run_workflow import RunWorkflow

from tests.temporal.conftest import Handle, StartRun, eventually, payloads
from tests.temporal.test_parking import decide, parked

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("listening")]

CLEANS_UP = """
try:
    await until_cancelled({log!r})
finally:
    print(await echo("cleaned up"))
"""


async def replay(handle: Handle) -> None:
    """Raises where the run's history does not fit the workflow."""
    replayer = Replayer(workflows=[RunWorkflow], data_converter=converter(payloads()))
    await replayer.replay_workflow(await handle.fetch_history())


async def failure_of(handle: Handle) -> RunResult:
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    return RunResult.model_validate(caught.value.cause.details[0])


async def test_a_run_whose_time_is_over_cleans_up_and_fails(start_plan: StartRun, log: Path) -> None:
    handle = await start_plan(CLEANS_UP.format(log=str(log)), RunOptions(run_timeout=1))
    result = await failure_of(handle)
    assert (result.status, result.stdout, result.steps) == ("failed", "cleaned up\n", 1)
    assert result.error is not None
    assert (result.error.type, result.error.message) == (
        "TimedOut",
        "the run took longer than the 1 s that --run-timeout allows, and was cancelled",
    )
    assert (await handle.describe()).status is WorkflowExecutionStatus.FAILED
    await eventually(lambda: _has(log, "stopped"))
    await replay(handle)


async def test_a_run_may_catch_it(start_plan: StartRun, log: Path) -> None:
    source = (
        f"try:\n    await until_cancelled({str(log)!r})\nexcept asyncio.CancelledError:\n    return 'what there is'"
    )
    handle = await start_plan(source, RunOptions(run_timeout=1))
    assert (await handle.result()).result == "what there is"


async def test_a_run_that_is_in_time_ends_as_ever(start_plan: StartRun) -> None:
    handle = await start_plan("return await echo(1)", RunOptions(run_timeout=60))
    assert (await handle.result()).result == 1
    await replay(handle)


async def test_a_run_without_a_limit_has_no_timer(start_plan: StartRun) -> None:
    handle = await start_plan("return await echo(1)")
    await handle.result()
    kinds = [event.event_type async for event in handle.fetch_history_events()]
    assert EventType.EVENT_TYPE_TIMER_STARTED not in kinds


async def test_time_stands_still_while_a_run_is_parked(start_plan: StartRun, log: Path, gate: Path) -> None:
    """It takes about a second until it parks; a person lets three pass, and it has one left for the rest."""
    source = f"await hanging_write({str(log)!r}, {str(gate)!r})\nreturn await echo('there was time')"
    handle = await start_plan(source, RunOptions(run_timeout=2.5))
    await eventually(lambda: parked(handle))
    # The time that is meant passes on the server's clock; nothing happens in it.
    await asyncio.sleep(3)
    assert await parked(handle)
    await decide(handle, step="hanging_write", action="skip", value=None)
    assert (await handle.result()).result == "there was time"
    await replay(handle)


async def test_what_was_left_is_used_up_after_parking(start_plan: StartRun, log: Path, gate: Path) -> None:
    source = f"await hanging_write({str(log)!r}, {str(gate)!r})\nawait until_cancelled({str(log)!r})"
    handle = await start_plan(source, RunOptions(run_timeout=2.5))
    await eventually(lambda: parked(handle))
    await decide(handle, step="hanging_write", action="skip", value=None)
    result = await failure_of(handle)
    assert result.error is not None
    assert result.error.type == "TimedOut"
    await replay(handle)


async def _has(log: Path, line: str) -> bool:
    return line in log.read_text().splitlines()
