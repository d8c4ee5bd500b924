"""Runs that have ended and go on, after they had moved through many executions and given steps to other workflows."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from weft_worker.connect import Connection
from weft_worker.ledgers import read_ledger, read_lineage
from weft_worker.reopening import resume_ended
from weft_worker.runs import read_history
from weft_worker.segments import segments_of
from weft_worker.steering import kill
from weft_workflows import evaluators
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import BatchLimits, HistoryLimits, RunOptions, RunResult, RunView

from tests.temporal.conftest import Handle, StartRun, eventually, worker_on
from tests.temporal.test_parking import decide

pytestmark = pytest.mark.server

SMALL = HistoryLimits(soft_events=16, firm_events=40)


@pytest.fixture
async def hosts(client: Client, queue: str) -> AsyncIterator[HostPool]:
    pool = HostPool(size=1)
    async with worker_on(client, pool, queue):
        yield pool
    pool.close()


async def go_on(client: Client, handle: Handle, hosts: HostPool) -> Any:
    """Goes on with a run that has ended; gives the result of the execution that does."""
    connection = Connection(client, None)
    await resume_ended(connection, handle.id, await read_history(connection, handle.id), hosts)
    evaluators.install(hosts, evaluators.signals_through(client))
    return await client.get_workflow_handle(handle.id, result_type=RunResult).result()


async def failed(handle: Handle) -> None:
    with pytest.raises(WorkflowFailureError):
        await handle.result()


LOOP = """
async def main(log: str, gate: str):
    total = 0
    for n in range(25):
        total += await count_write(log, n)
    await needs(log, gate)
    for n in range(25, 40):
        total += await count_write(log, n)
    return total
"""


async def test_a_run_that_has_moved_goes_on(
    client: Client, start_plan: StartRun, hosts: HostPool, tmp_path: Path
) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    handle = await start_plan(LOOP, RunOptions(history=SMALL), log=str(log), gate=str(gate))
    await failed(handle)
    histories = await read_lineage(client, handle.id, None)
    assert len(histories) > 2
    gate.write_text("open")
    result = await go_on(client, handle, hosts)
    assert (result.result, result.reused, result.steps) == (sum(range(40)), 25, 41)
    assert Counter(log.read_text().splitlines()) == Counter(["needs", "needs", *(f"count {n}" for n in range(40))])


async def test_each_execution_is_kept_beside_the_payloads(
    client: Client, start_plan: StartRun, hosts: HostPool, tmp_path: Path
) -> None:
    handle = await start_plan(LOOP, RunOptions(history=SMALL), log=str(tmp_path / "log"), gate=str(tmp_path / "gate"))
    await failed(handle)
    segments = segments_of(client)
    assert segments is not None
    histories = await read_lineage(client, handle.id, None)
    kept = segments.newest(handle.id)
    assert len(kept) == len(histories)
    # The last one lacks what came after it was written.
    assert [len(each.events) for each in kept[:-1]] == [len(each.events) for each in histories[:-1]]
    evaluators.install(hosts)
    from_server, from_files = [await read_ledger(client, each) for each in (histories, kept)]
    assert from_files.resumed().entries == from_server.resumed().entries


WIDE = """
import asyncio

async def one(log, n):
    return await count_write(log, n)

async def main(log: str, gate: str):
    found = await asyncio.gather(*[one(log, n) for n in range(60)])
    await needs(log, gate)
    return sum(found)
"""


async def test_steps_of_other_workflows_are_reused(
    client: Client, start_plan: StartRun, hosts: HostPool, tmp_path: Path
) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    options = RunOptions(history=SMALL, batches=BatchLimits(waiting=5, size=10))
    handle = await start_plan(WIDE, options, log=str(log), gate=str(gate))
    await failed(handle)
    gate.write_text("open")
    result = await go_on(client, handle, hosts)
    assert (result.result, result.reused) == (sum(range(60)), 60)
    assert Counter(log.read_text().splitlines()) == Counter(["needs", "needs", *(f"count {n}" for n in range(60))])


TWICE = LOOP.replace("    return total", "    await needs(log, gate + '2')\n    return total")


async def test_a_run_that_goes_on_may_move_again(
    client: Client, start_plan: StartRun, hosts: HostPool, tmp_path: Path
) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    handle = await start_plan(TWICE, RunOptions(history=SMALL), log=str(log), gate=str(gate))
    await failed(handle)
    gate.write_text("open")
    with pytest.raises(WorkflowFailureError):
        await go_on(client, handle, hosts)
    assert len(await read_lineage(client, handle.id, None)) > 1
    Path(f"{gate}2").write_text("open")
    result = await go_on(client, handle, hosts)
    # The first `needs` gave its result in the execution before, as the writes did.
    assert (result.result, result.reused, result.steps) == (sum(range(40)), 41, 42)
    counts = Counter(log.read_text().splitlines())
    assert counts == Counter({"needs": 4, **{f"count {n}": 1 for n in range(40)}})


GATED = """
import asyncio

async def one(log, gate, n):
    return await (count_write(log, n) if n < 30 else gated_write(f"{log}{n}", gate))

async def main(log: str, gate: str):
    found = await asyncio.gather(*[one(log, gate, n) for n in range(34)])
    return len(found)
"""


async def test_what_other_workflows_had_not_told_is_known(
    client: Client, start_plan: StartRun, hosts: HostPool, tmp_path: Path
) -> None:
    """The run is killed while workflows of its own carry out steps: what ended there is not repeated, what never began
    asks nobody."""
    log, gate = tmp_path / "log", tmp_path / "gate"
    options = RunOptions(batches=BatchLimits(waiting=2, size=50), tool_windows={"gated_write": 2}, window=100)
    handle = await start_plan(GATED, options, log=str(log), gate=str(gate))
    await eventually(lambda: _written(tmp_path, 30 + 2))
    await kill(Connection(client, None), handle.id, "for the test")
    gate.write_text("open")
    connection = Connection(client, None)
    await resume_ended(connection, handle.id, await read_history(connection, handle.id), hosts)
    evaluators.install(hosts, evaluators.signals_through(client))
    again: Handle = client.get_workflow_handle(handle.id, result_type=RunResult)
    rows = await eventually(lambda: _parked(again, 2))
    assert {row.reason for row in rows} == {"ambiguous"}
    for row in rows:
        await decide(again, step=row.step, action="skip", value="by hand")
    result = await again.result()
    assert (result.result, result.reused) == (34, 30)
    counts = Counter(log.read_text().splitlines())
    assert counts == Counter({f"count {n}": 1 for n in range(30)})
    assert [len(file.read_text().splitlines()) for file in sorted(tmp_path.glob("log3?"))] == [1, 1, 1, 1]


async def _written(folder: Path, count: int) -> bool:
    return sum(len(file.read_text().splitlines()) for file in folder.glob("log*")) >= count


async def _parked(handle: Handle, count: int) -> Any:
    rows = (await handle.query("status", result_type=RunView)).parked
    return rows if len(rows) == count else None
