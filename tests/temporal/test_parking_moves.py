"""What waits for a person while its run goes on in new executions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from weft_worker.connect import Connection
from weft_worker.reopening import resume_ended
from weft_worker.runs import read_history
from weft_worker.steering import end_execution, pause
from weft_workflows import evaluators
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import HistoryLimits, RunOptions, RunResult, RunView

from tests.temporal.conftest import StartRun, eventually, worker_on
from tests.temporal.test_moving import SCHEDULED, count, executions
from tests.temporal.test_parking import decide, parked

pytestmark = pytest.mark.server

#: So small that a run moves after every other step.
MOVING = RunOptions(attempts=1, history=HistoryLimits(soft_events=16, firm_events=40))
UNDER_A_DEADLINE = """
async def main(log):
    async def others():
        for n in range(20):
            await echo(n)

    return (await asyncio.gather(asyncio.wait_for(flaky(log, 1), 8), others()))[0]
"""
STEPS = """
async def main():
    return [await echo(n) for n in range(200)]
"""
NOTES_AND_RAISES = """
async def main(log):
    before = [await echo(n) for n in range(12)]
    try:
        return [before, await flaky(log, 1)]
    except ConnectionError:
        for n in range(12):
            await echo(f"noted {n}")
        raise
"""


@pytest.fixture(scope="module")
def hosts() -> Iterator[HostPool]:
    pool = HostPool(size=1)
    yield pool
    pool.close()


@pytest.fixture(autouse=True)
async def real_worker(client: Client, hosts: HostPool, queue: str) -> AsyncIterator[None]:
    async with worker_on(client, hosts, queue):
        yield


async def test_deadlines_that_stand_still_cross(client: Client, start_plan: StartRun, tmp_path: Path) -> None:
    handle = await start_plan(UNDER_A_DEADLINE, MOVING, log=str(tmp_path / "log"))

    async def only_parked() -> bool:
        row = await parked(handle)
        return row is not None

    await eventually(only_parked)
    await asyncio.sleep(8.5)  # longer than the deadline: nothing may happen
    assert await parked(handle)
    await decide(handle, step="", action="retry")
    assert (await handle.result()).result == 2
    histories = await executions(client, handle.id)
    assert len(histories) > 3
    assert sum(count(events, EventType.EVENT_TYPE_TIMER_FIRED) for events in histories) == 0
    assert sum(count(events, SCHEDULED) for events in histories) == 22


async def test_a_run_is_paused_wherever_it_goes_on(client: Client, start_plan: StartRun) -> None:
    handle = await start_plan(STEPS, MOVING)
    connection = Connection(client, None)
    for turn in range(5):
        await pause(connection, handle.id, paused=True, update_id=f"pause-{turn}", patience=20)

        async def quiet() -> RunView | None:
            view: RunView = await handle.query("status", result_type=RunView)
            return view if not view.steps_running else None

        before = await eventually(quiet)
        assert before.status == "paused"
        await asyncio.sleep(0.2)
        assert (await eventually(quiet)).steps_done == before.steps_done
        await pause(connection, handle.id, paused=False, update_id=f"unpause-{turn}", patience=20)
    assert (await handle.result()).result == list(range(200))
    histories = await executions(client, handle.id)
    assert len(histories) > 2
    assert sum(count(events, SCHEDULED) for events in histories) == 200


async def test_a_run_goes_back_over_its_executions(
    client: Client, hosts: HostPool, start_plan: StartRun, tmp_path: Path
) -> None:
    handle = await start_plan(NOTES_AND_RAISES, MOVING, log=str(tmp_path / "log"))
    row = await eventually(lambda: parked(handle))
    assert row.step == "@run"
    assert len(await executions(client, handle.id)) > 3
    connection = Connection(client, None)
    await end_execution(connection, handle.id, "tried again")
    await resume_ended(connection, handle.id, await read_history(connection, handle.id), hosts)
    evaluators.install(hosts, evaluators.signals_through(client))
    again = client.get_workflow_handle(handle.id, result_type=RunResult)
    result = await again.result()
    assert (result.result, result.reused) == ([list(range(12)), 2], 12)
