"""Pausing, cancelling within a limit, killing: what a person does to a run that has nothing to decide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from weft_worker.connect import Connection
from weft_worker.steering import kill
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import LIMIT_CLEANUP, MEMO_END, RunOptions, RunResult, RunView, StepRow

from tests.temporal.conftest import Handle, StartRun, eventually, worker_on

pytestmark = pytest.mark.server

#: One step in flight, a timer, and steps that come after each.
TWO_STRANDS = """
async def main(log, gate):
    async def slow():
        first = await gated_read(log, gate)
        return await echo([first, "and on"])

    async def timed():
        await asyncio.sleep(0.3)
        print("woken")
        return await echo("after the timer")

    return await asyncio.gather(slow(), timed())
"""
CLEANS_UP = """
async def main(log, gate):
    try:
        await gated_read(log, gate)
    finally:
        await echo("cleaning up")
        await until_cancelled(log)
"""


@pytest.fixture(scope="module")
def hosts() -> Any:
    pool = HostPool(size=1)
    yield pool
    pool.close()


@pytest.fixture
async def real_worker(client: Client, hosts: HostPool, queue: str) -> AsyncIterator[None]:
    async with worker_on(client, hosts, queue):
        yield


async def view(handle: Handle) -> RunView:
    found: RunView = await handle.query("status", result_type=RunView, rpc_timeout=timedelta(seconds=5))
    return found


async def scheduled(handle: Handle) -> list[str]:
    history = await handle.fetch_history()
    events = (each for each in history.events if each.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    return [each.activity_task_scheduled_event_attributes.activity_id for each in events]


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


async def pause_with_one_in_flight(handle: Handle, log: Path) -> None:
    async def in_flight() -> bool:
        return lines(log) == ["gated_read"]

    await eventually(in_flight)
    await handle.execute_update("pause")


async def test_a_paused_run_starts_no_steps_and_keeps_what_ends(
    client: Client, hosts: HostPool, queue: str, start_plan: StartRun, tmp_path: Path
) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    handle = await start_plan(TWO_STRANDS, log=str(log), gate=str(gate))
    async with worker_on(client, hosts, queue):
        await pause_with_one_in_flight(handle, log)
        await handle.execute_update("pause")
        gate.write_text("open")

        async def settled() -> bool:
            now = await view(handle)
            return (now.steps_done, now.steps_running, now.steps_waiting) == (1, 0, 2)

        await eventually(settled)
        assert (await view(handle)).status == "paused"
        assert await handle.query("output") == "woken\n"
        assert await (await handle.describe()).memo_value("paused") is True
        details = (await handle.query("__temporal_workflow_metadata")).current_details
        assert f"**Paused**: no more steps start until `weft unpause {handle.id}`" in details
        assert len(await scheduled(handle)) == 1
    # Another worker finds the run as paused as it was.
    async with worker_on(client, hosts, queue, max_cached_workflows=0, max_concurrent_workflow_task_polls=1):
        assert (await view(handle)).status == "paused"
        await handle.execute_update("unpause")
        assert (await handle.result()).result == [["open", "and on"], "after the timer"]
    assert "paused" not in await (await handle.describe()).memo()
    assert len(await scheduled(handle)) == 3


@pytest.mark.usefixtures("real_worker")
async def test_to_unpause_what_is_not_paused_changes_nothing(start_plan: StartRun, tmp_path: Path) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    handle = await start_plan(TWO_STRANDS, log=str(log), gate=str(gate))
    await handle.execute_update("unpause")
    gate.write_text("open")
    assert (await handle.result()).result == [["open", "and on"], "after the timer"]


@pytest.mark.usefixtures("real_worker")
async def test_a_cancelled_run_cleans_up_though_it_was_paused(start_plan: StartRun, tmp_path: Path) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    handle = await start_plan(CLEANS_UP.replace("await until_cancelled(log)", ""), log=str(log), gate=str(gate))
    await pause_with_one_in_flight(handle, log)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    rows = await handle.query("steps", result_type=list[StepRow])
    assert [(row.tool, row.state) for row in rows] == [("gated_read", "cancelled"), ("echo", "completed")]


@pytest.mark.usefixtures("real_worker")
@pytest.mark.parametrize("by", ["option", "signal before", "signal after"])
async def test_cleaning_up_has_a_limit(start_plan: StartRun, tmp_path: Path, by: str) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    options = RunOptions(cleanup_limit=1) if by == "option" else None
    handle = await start_plan(CLEANS_UP, options, log=str(log), gate=str(gate))

    async def in_flight() -> bool:
        return lines(log) == ["gated_read"]

    async def cleaning_up() -> bool:
        return lines(log)[-1] == "started"

    await eventually(in_flight)
    if by == "signal before":
        await handle.signal(LIMIT_CLEANUP, 1.0)
    await handle.cancel()
    await eventually(cleaning_up)
    if by == "signal after":
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("pause")
        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.message == "the run is being cancelled: its clean-up is not paused"
        await handle.signal(LIMIT_CLEANUP, 1.0)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    described = await handle.describe()
    assert described.status is WorkflowExecutionStatus.CANCELED
    end = await described.memo_value(MEMO_END, type_hint=RunResult)
    assert (end.status, end.steps) == ("cancelled", 1)
    assert end.error is not None
    assert end.error.message == "the clean-up was cut off after 1 s; in flight was until_cancelled at line 7"

    async def stopped() -> bool:
        return lines(log)[-1] == "stopped"

    await eventually(stopped)


@pytest.mark.usefixtures("real_worker")
async def test_cleaning_up_ends_where_pure_code_takes_long(start_plan: StartRun, tmp_path: Path) -> None:
    source = """
async def main(log, gate):
    try:
        await gated_read(log, gate)
    finally:
        print("computing")
        n = 0
        while True:
            n += 1
    """
    log = tmp_path / "log"
    handle = await start_plan(source, RunOptions(cleanup_limit=1), log=str(log), gate=str(tmp_path / "gate"))

    async def in_flight() -> bool:
        return lines(log) == ["gated_read"]

    await eventually(in_flight)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(handle.result(), 60)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED


async def test_what_the_ui_offers(client: Client, hosts: HostPool, queue: str, start_plan: StartRun) -> None:
    handle = await start_plan("return await echo(1)")
    async with worker_on(client, hosts, queue):
        await handle.result()

        async def metadata() -> Any:
            try:
                return await handle.query("__temporal_workflow_metadata")
            except RPCError:
                return None

        found = await eventually(metadata)
    updates = {each.name: each.description for each in found.definition.update_definitions}
    assert set(updates) == {"decide", "pause", "unpause"}
    assert all(updates.values())


async def test_killing_a_run_ends_what_works_for_it(client: Client, start_plan: StartRun, tmp_path: Path) -> None:
    """None of them has a worker."""
    handle = await start_plan(CLEANS_UP, log=str(tmp_path / "log"), gate=str(tmp_path / "gate"))
    names = [f"{handle.id}//echo-1", f"{handle.id}//it's", f"{handle.id}-other//echo-1"]
    working = [await client.start_workflow("Working", id=name, task_queue="nobody") for name in names]

    async def all_listed() -> bool:
        found = {each.id async for each in client.list_workflows("WorkflowType = 'Working'")}
        return found >= set(names)

    await eventually(all_listed)
    assert await kill(Connection(client, None), handle.id, "enough") == []
    states = [(await each.describe()).status for each in (handle, *working)]
    ended, runs = WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.RUNNING
    assert states == [ended, ended, ended, runs]
    await working[-1].terminate()
