"""Collections beside runs: whatever moment one comes at, the run goes on with all that it needs, on another worker too."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from temporalio.client import Client
from weft_worker.embedded import ServerInfo
from weft_worker.history import RunHistory
from weft_worker.storage.marking import mark
from weft_worker.storage.sweeping import Swept, sweep, time_of
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import BatchLimits, HistoryLimits, RunOptions, RunResult
from weft_workflows.starting import start_options

from tests.storage.test_directory import files
from tests.temporal.conftest import compiled, connect, eventually, worker_on
from tests.temporal.test_moving import executions
from tests.temporal.test_parking import lines

pytestmark = pytest.mark.server

PROGRAM = """
import asyncio

async def main(log, gate):
    rows = await asyncio.gather(*[echo(f"{n}" + "x" * 40_000) for n in range(8)])
    for n in range(6):
        rows.append(await echo(f"{n}" + "y" * 40_000))
    await gated_read(log, gate)
    return [row[0] + row[-1] for row in rows], len(await echo("".join(rows)))
"""


async def collect(client: Client, directory: Path) -> Swept:
    """A collection that leaves nothing for its age: all is older than tomorrow."""
    cutoff = time_of(directory) + 86_400
    return sweep(directory, (await mark(client, lambda _: None)).digests, cutoff=cutoff, dry=False)


async def test_a_run_in_many_executions_keeps_what_it_needs(temporal_server: ServerInfo, tmp_path: Path) -> None:
    directory, log, gate = tmp_path / "payloads", tmp_path / "log", tmp_path / "gate"
    client = await connect(temporal_server.address, directory)
    queue = f"collected-{time.time_ns()}"
    history = HistoryLimits(soft_events=12, firm_events=40)
    # So few at a time that some wait, and go out in batches.
    options = RunOptions(window=4, history=history, batches=BatchLimits(waiting=2, size=3))
    arguments = start_options(
        compiled(PROGRAM), {"log": str(log), "gate": str(gate)}, options, run_id=queue, task_queue=queue
    )
    pool = HostPool(size=1)
    async with worker_on(client, pool, queue):
        handle = await client.start_workflow(**arguments, result_type=RunResult)

        async def waits() -> bool:
            return bool(lines(log))

        await eventually(waits)
    garbage = directory / "ab" / ("ab" * 32)
    garbage.parent.mkdir(exist_ok=True)
    garbage.write_bytes(b"nobody's")
    before = set(files(directory))
    assert len(before) > 20
    # Also what a workflow's task had stored that the server refused, because something had happened meanwhile.
    swept = await collect(client, directory)
    assert garbage in before - set(files(directory))
    # Beside them lie the histories that the run's executions have left.
    kept = [path for path in files(directory) if "ledgers" not in path.parts]
    assert swept.needed == len(kept) > 20
    gate.write_text("open")
    async with worker_on(client, pool, queue):
        result = (await handle.result()).result
    pool.close()
    assert result == [[*(f"{n}x" for n in range(8)), *(f"{n}y" for n in range(6))], 14 * 40_001]
    assert len(await executions(client, handle.id)) > 2
    assert any("//" in each for each in [run.id async for run in client.list_workflows()])
    await collect(client, directory)
    history = RunHistory(client)
    for events in await executions(client, handle.id):
        for event in events:
            await history.read(event)
    assert len(history.steps) >= 8
    assert not [step.id for step in history.steps.values() if "cannot be read" in str(step.arguments)]
    assert history.end is not None
    assert history.end.result is not None
    assert history.end.result.result == result
