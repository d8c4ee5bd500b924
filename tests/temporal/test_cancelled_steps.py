"""Steps that the program cancels while their tools run: what the tools hear, and what is recorded."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError
from weft_activities.tool_loop import CANCEL_GRACE
from weft_worker.history import FINISHED_ANYWAY, STILL_RUNNING, RunHistory, Step
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import RunOptions

from tests.temporal.conftest import Handle, StartRun, eventually, worker_on
from tests.temporal.test_parking import parked

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("listening")]

#: Seconds; heartbeats alone would bring the word five seconds after the tool began, which is four after it is cancelled.
SOON = 2.5
CANCELS = """
task = asyncio.create_task({call})
await asyncio.sleep(1)
task.cancel()
try:
    await task
except asyncio.CancelledError:
    return time.time()
"""
EXPIRES = """
try:
    await asyncio.wait_for({call}, 1)
except TimeoutError:
    return time.time()
"""
GOES_ON = """
task = asyncio.create_task(deaf({log!r}, {gate!r}))
await asyncio.sleep(0.5)
task.cancel()
await echo("gone on")
return await gated_read({log!r}, {go!r})
"""


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


async def steps_of(client: Client, handle: Handle) -> list[Step]:
    history = RunHistory(client)
    async for _ in history.follow(handle.id, wait=False):
        pass
    return list(history.steps.values())


@pytest.mark.parametrize("tool", ["told", "told_in_a_thread"])
@pytest.mark.parametrize("source", [CANCELS, EXPIRES], ids=["cancel", "wait_for"])
async def test_a_cancelled_tool_hears_of_it_at_once(start_plan: StartRun, log: Path, tool: str, source: str) -> None:
    handle = await start_plan(source.format(call=f"{tool}({str(log)!r})"))
    cancelled = (await handle.result()).result
    await eventually(lambda: _has(log, 2))
    assert float(lines(log)[1]) - cancelled < SOON


async def test_tools_hear_of_a_cancelled_run(client: Client, start_plan: StartRun, log: Path) -> None:
    handle = await start_plan(f"await asyncio.gather(told({str(log)!r}), told_in_a_thread({str(log)!r}))")
    await eventually(lambda: _has(log, 2))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    await eventually(lambda: _has(log, 4))
    assert [step.state for step in await steps_of(client, handle)] == ["cancelled", "cancelled"]


async def test_the_program_does_not_wait_for_a_tool_that_goes_on(
    client: Client, start_plan: StartRun, log: Path, tmp_path: Path
) -> None:
    """It may still write: what is recorded says so, and that it finished once it has."""
    gate, go = tmp_path / "gate", tmp_path / "go"
    handle = await start_plan(GOES_ON.format(log=str(log), gate=str(gate), go=str(go)))

    async def gone_on() -> list[Step]:
        steps = await steps_of(client, handle)
        return steps if "completed" in [step.state for step in steps] else []

    deaf, echo, *_ = await eventually(gone_on)
    assert (deaf.state, deaf.error, echo.state) == ("cancelled", STILL_RUNNING, "completed")
    assert "finished" not in lines(log)
    gate.write_text("")

    async def has_finished() -> bool:
        return (await steps_of(client, handle))[0].error == FINISHED_ANYWAY

    await eventually(has_finished)
    go.write_text("end")
    assert (await handle.result()).result == "end"


async def test_a_worker_does_not_wait_for_threads_that_nobody_waits_for(
    client: Client, machines: HostPool, queue: str, start_plan: StartRun, log: Path, gate: Path
) -> None:
    """One that has heard of its cancellation goes on; so does one whose time was over. The worker stops all the same."""
    calls = f"deaf({str(log)!r}, {str(gate)!r})"
    async with worker_on(client, machines, f"{queue}-stops"):
        handles = [
            await start_plan(source.format(call=calls), RunOptions(step_timeout=3), on=f"{queue}-stops")
            for source in (CANCELS, EXPIRES)
        ]
        for handle in handles:
            await handle.result()
        overdue = await start_plan(f"await {calls}", RunOptions(step_timeout=0.5), on=f"{queue}-stops")
        await eventually(lambda: parked(overdue))
        begin = time.monotonic()
    assert time.monotonic() - begin < CANCEL_GRACE + 5
    assert "finished" not in lines(log)
    gate.write_text("")
    await overdue.terminate()


async def _has(log: Path, count: int) -> bool:

    return len(lines(log)) >= count
