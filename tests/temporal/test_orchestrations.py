"""Orchestrations with the real machine: the same in memory, in a host, and on the server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from weft_activities import StepContext
from weft_activities.invoke import call_tool
from weft_worker.in_memory import failure_of
from weft_workflows.host.contract import DEFAULT_MACHINE
from weft_workflows.host.pool import HostPool
from weft_workflows.local import LocalRun, StepInfo, run_plan
from weft_workflows.messages import StepRow

from tests.temporal.conftest import StartRun, compiled, eventually, worker_on
from tests.temporal.test_parking import decide, parked
from tests.temporal.tools import TOOLS

pytestmark = pytest.mark.server

LEVELS = """
import asyncio

async def main(people):
    # Everybody's level
    answers = await asyncio.gather(*[echo({"name": p, "level": f"L{len(p) % 3}"}) for p in people])
    levels = {a["level"] for a in answers}
    budgets = {}
    for level in levels:
        budgets[level] = await echo([level, sum(a["level"] == level for a in answers)])
    await asyncio.sleep(0.05)
    try:
        await refuse("no such level")
    except FileNotFoundError as e:
        print("refused:", e, sorted(levels | {"L9"}))
    return [list(levels), budgets, len(answers)]
"""
PEOPLE = ["Ada", "Grace", "Edsger", "Barbara", "Tony"]


@pytest.fixture
async def real_pool(client: Client, queue: str) -> AsyncIterator[HostPool]:
    pool = HostPool(size=1)
    async with worker_on(client, pool, queue):
        yield pool
    pool.close()


async def in_memory(source: str, inputs: dict[str, Any], **options: Any) -> LocalRun:
    async def call(name: str, arguments: dict[str, Any], info: StepInfo) -> Any:
        return await call_tool(TOOLS[name], arguments, StepContext(info.run_id, info.step))

    return await run_plan(compiled(source), inputs, call, describe_failure=failure_of, **options)


@pytest.mark.usefixtures("real_pool")
async def test_every_driver_gives_the_same(start_plan: StartRun) -> None:
    handle = await start_plan(LEVELS, people=PEOPLE)
    on_server = await handle.result()
    assert on_server.result == [["L0", "L2", "L1"], {"L0": ["L0", 2], "L2": ["L2", 1], "L1": ["L1", 2]}, 5]
    assert on_server.stdout.startswith("refused: [Errno 2] no such level ['L0', 'L1', 'L2', 'L9']")
    rows = await handle.query("steps", result_type=list[StepRow])
    for options in ({}, {"in_host": True}, {"clock": "virtual"}):
        local = await in_memory(LEVELS, {"people": PEOPLE}, **options)
        assert (local.result, local.stdout) == (on_server.result, on_server.stdout)
        assert [(s.id, s.tool, s.arguments, s.outcome) for s in local.steps] == [
            (row.id, row.tool, row.arguments, row.state) for row in rows
        ]


@pytest.mark.usefixtures("real_pool")
async def test_sets_replay_under_any_hash_seed(start_plan: StartRun, tmp_path: Path) -> None:
    handle = await start_plan(LEVELS, people=PEOPLE)
    await handle.result()
    file = tmp_path / f"{handle.id}.json"
    file.write_text((await handle.fetch_history()).to_json())
    command = [sys.executable, "-m", "tests.temporal.replaying", DEFAULT_MACHINE, str(file)]
    for seed in range(5):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.usefixtures("real_pool")
async def test_siblings_of_a_parked_step_go_on(start_plan: StartRun, tmp_path: Path) -> None:
    """A failure whose retries are spent is tried on a copy of the real machine before the run sees it."""
    source = """
import asyncio

async def count(log):
    return [await flaky(log, 3), "counted"]

async def main(log):
    return await asyncio.gather(count(log), echo("first"), second())

async def second():
    return await echo(await echo("second"))
"""
    handle = await start_plan(source, log=str(tmp_path / "log"))
    row = await eventually(lambda: parked(handle))
    assert row.reason == "retries-spent"
    states = {row.tool: row.state for row in await handle.query("steps", result_type=list[StepRow])}
    assert states == {"flaky": "parked", "echo": "completed"}
    await decide(handle, step=row.step, action="retry")
    assert (await handle.result()).result == [[4, "counted"], "first", "second"]


@pytest.mark.usefixtures("real_pool")
async def test_a_caught_failure_never_parks(start_plan: StartRun, tmp_path: Path) -> None:
    source = """
async def main(log):
    try:
        return await flaky(log, 99)
    except ConnectionError as e:
        return await echo(f"gave up: {e}")
"""
    handle = await start_plan(source, log=str(tmp_path / "log"))
    assert (await handle.result()).result == "gave up: reset 3"


async def test_a_killed_host_is_not_noticed(start_plan: StartRun, real_pool: HostPool, tmp_path: Path) -> None:
    source = """
async def main(log, gate):
    before = await echo({"n": 1})
    opened = await gated_read(log, gate)
    before["opened"] = opened
    return await echo(before)
"""
    log, gate = tmp_path / "log", tmp_path / "gate"
    handle = await start_plan(source, log=str(log), gate=str(gate))

    async def waits() -> bool:
        return log.exists()

    await eventually(waits)
    for pid in real_pool.pids():
        os.kill(pid, signal.SIGKILL)
    gate.write_text("yes")
    assert (await handle.result()).result == {"n": 1, "opened": "yes"}
    assert log.read_text().splitlines() == ["gated_read"]


async def test_a_deadline_cancels_the_step_that_it_ends(
    start_plan: StartRun, real_pool: HostPool, tmp_path: Path
) -> None:
    source = """
import asyncio

async def main(log):
    try:
        await asyncio.wait_for(until_cancelled(log), 0.3)
    except asyncio.TimeoutError:
        return await echo("too late")
"""
    handle = await start_plan(source, log=str(tmp_path / "log"))
    assert (await handle.result()).result == "too late"
    rows = await handle.query("steps", result_type=list[StepRow])
    assert [(row.tool, row.state) for row in rows] == [("until_cancelled", "cancelled"), ("echo", "completed")]


@pytest.mark.usefixtures("real_pool")
async def test_a_cancelled_error_of_the_programs_own_is_a_failure(start_plan: StartRun) -> None:
    source = "async def main():\n    await echo(1)\n    raise asyncio.CancelledError('mine')\n"
    local = await in_memory(source, {})
    assert local.error is not None
    assert (local.status, local.error.type, local.error.message, local.error.line) == (
        "failed",
        "CancelledError",
        "mine",
        3,
    )
    handle = await start_plan(source)
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.message, cause.details[0]["error"]["line"]) == ("CancelledError", "mine", 3)
