"""Pure code that takes longer than one workflow task may."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from weft_compiler.compile import compile_source
from weft_compiler.plan import Limits
from weft_worker.embedded import ServerInfo
from weft_workflows.host.contract import DEFAULT_MACHINE
from weft_workflows.host.pool import HostLimits, HostPool
from weft_workflows.messages import ADVANCE, RunResult
from weft_workflows.run_workflow import RunWorkflow
from weft_workflows.starting import start_options

from tests.temporal.conftest import Handle, StartRun, eventually, worker_on
from tests.temporal.test_parking import decide, parked
from tests.temporal.test_replay import save
from tests.temporal.tools import TOOLS

pytestmark = pytest.mark.server

#: Two long stretches with steps around them, the second with neighbours' steps in flight.
AGGREGATION = """
import asyncio

async def main(n, pause):
    first = await echo({"offset": 3})
    totals = {}
    for i in range(n):
        totals[i % 7] = totals.get(i % 7, 0) + i + first["offset"]
    waiting = asyncio.create_task(asyncio.sleep(pause, "slept"))
    second = await echo(totals[1])
    largest = max(sum(divmod(i, 1000)) for i in range(n))
    return [second, largest, await waiting]
"""


def aggregated(n: int) -> list[Any]:
    total = sum(i + 3 for i in range(1, n, 7))
    return [total, max(sum(divmod(i, 1000)) for i in range(n)), "slept"]


@pytest.fixture
async def real_pool(client: Client, queue: str) -> AsyncIterator[HostPool]:
    pool = HostPool(size=1)
    async with worker_on(client, pool, queue):
        yield pool
    pool.close()


async def advances(handle: Handle) -> int:
    history = await handle.fetch_history()
    scheduled = (event.activity_task_scheduled_event_attributes for event in history.events)
    return sum(each.activity_type.name == ADVANCE for each in scheduled)


async def failed_tasks(handle: Handle) -> list[str]:
    history = await handle.fetch_history()
    failed = [event for event in history.events if event.HasField("workflow_task_failed_event_attributes")]
    timed_out = [event for event in history.events if event.HasField("workflow_task_timed_out_event_attributes")]
    return [str(event) for event in (*failed, *timed_out)]


@pytest.mark.usefixtures("real_pool")
async def test_an_aggregation_leaves_the_workflow_and_comes_back(start_plan: StartRun, tmp_path: Path) -> None:
    handle = await start_plan(AGGREGATION, n=700_000, pause=0.2)
    assert (await handle.result()).result == aggregated(700_000)
    assert await advances(handle) == 2
    assert await failed_tasks(handle) == []
    file = await save(handle, tmp_path)
    command = [sys.executable, "-m", "tests.temporal.replaying", DEFAULT_MACHINE, str(file)]
    replay = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    assert replay.returncode == 0, replay.stderr


#: Two megabytes of results that nobody takes before the long stretch.
COLLECTING = """
async def main(n):
    texts = [asyncio.create_task(echo({"number": number, "text": "long " * 50_000})) for number in range(8)]
    await asyncio.wait(texts)
    total = 0
    for i in range(n):
        total += i
    first = await echo(total)
    return [first, [len((await each)["text"]) for each in texts]]
"""


@pytest.mark.usefixtures("real_pool")
async def test_parts_of_a_machine_travel_on_their_own(
    start_plan: StartRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft_workflows.host.handle.SNAPSHOT_AFTER", 5)
    handle = await start_plan(COLLECTING, n=1_500_000)
    assert (await handle.result()).result == [sum(range(1_500_000)), [250_000] * 8]
    history = await handle.fetch_history()
    scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
    (packed,) = (each.input.payloads for each in scheduled if each.activity_type.name == ADVANCE)
    # The event with those since the last snapshot, the checkpoint, a block or more.
    assert len(packed) >= 3
    file = await save(handle, tmp_path)
    command = [sys.executable, "-m", "tests.temporal.replaying", DEFAULT_MACHINE, str(file)]
    replay = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    assert replay.returncode == 0, replay.stderr


@pytest.mark.usefixtures("real_pool")
async def test_code_before_the_first_step_may_be_long(start_plan: StartRun) -> None:
    handle = await start_plan("total = 0\nfor i in range(1_500_000):\n    total += i\nreturn await echo(total)")
    assert (await handle.result()).result == sum(range(1_500_000))
    assert await advances(handle) == 1


@pytest.mark.usefixtures("real_pool")
async def test_a_run_can_end_in_long_code(start_plan: StartRun) -> None:
    handle = await start_plan(
        "print('before')\nfor i in range(1_500_000):\n    pass\nprint('after')\nraise ValueError(i)"
    )
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    result = RunResult.model_validate(caught.value.cause.details[0])
    assert result.error is not None
    assert (result.error.type, result.error.message, result.error.line) == ("ValueError", "1499999", 5)
    assert result.stdout == "before\nafter\n"


@pytest.mark.usefixtures("real_pool")
async def test_other_runs_keep_their_pace(start_plan: StartRun) -> None:
    """Beside long code a run of many short steps takes as long as it does alone, but for the cores that they share."""
    steps = "for i in range(20):\n    await echo(i)\nreturn i"
    alone = await paced(start_plan, steps)
    long = await start_plan(AGGREGATION, n=6_000_000, pause=0)
    await eventually(lambda: computing(long))
    beside = await paced(start_plan, steps)
    assert (await long.query(RunWorkflow.status)).status == "running"
    assert beside < 3 * alone + 2
    await long.terminate()


#: A million records made, held across a step, and aggregated several times over: about twenty seconds.
MILLION = """
rows = [{"id": i, "region": f"r{i % 7}", "amount": i % 1000} for i in range(1_000_000)]
counted = await echo(len(rows))
totals = {}
for round in range(rounds):
    for row in rows:
        key = (row["region"], row["amount"] // 100)
        totals[key] = totals.get(key, 0) + row["amount"] + round
return [counted, len(totals), sum(totals.values())]
"""


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("real_pool")
async def test_twenty_seconds_over_a_million_records(start_plan: StartRun) -> None:
    steps = "for i in range(30):\n    await echo(i)\nreturn i"
    alone = await paced(start_plan, steps)
    rounds, began = 25, time.monotonic()
    handle = await start_plan(f"rounds = {rounds}\n{MILLION}")
    beside = []
    while (await handle.describe()).status == WorkflowExecutionStatus.RUNNING:
        beside.append(await paced(start_plan, steps))
    took = time.monotonic() - began
    expected = [1_000_000, 70, sum(i % 1000 for i in range(1_000_000)) * rounds + 1_000_000 * sum(range(rounds))]
    assert (await handle.result()).result == expected
    assert await failed_tasks(handle) == []
    print(f"\nwhole run {took:.1f} s; 30 short steps alone {alone:.2f} s, beside it {[f'{s:.2f}' for s in beside]}")
    assert took > 15, "too short to show anything"
    assert sorted(beside)[len(beside) // 2] < 2 * alone + 1


async def paced(start_plan: StartRun, source: str) -> float:
    began = time.monotonic()
    await (await start_plan(source)).result()
    return time.monotonic() - began


async def computing(handle: Handle) -> int | None:
    view = await handle.query(RunWorkflow.status)
    return view.computing


@pytest.mark.usefixtures("real_pool")
async def test_a_cancellation_is_heard_when_the_code_waits_again(start_plan: StartRun) -> None:
    handle = await start_plan(
        """
import asyncio
n = 0
try:
    for n in range(3_000_000):
        pass
    await asyncio.sleep(60)
finally:
    print("cleaned up at", await echo(n))
"""
    )
    line = await eventually(lambda: computing(handle))
    assert line in (5, 6)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    description = await handle.describe()
    end = RunResult.model_validate(await description.memo_value("end"))
    assert end.stdout == "cleaned up at 2999999\n"


async def test_code_without_end_ends_at_the_runs_limit(
    client: Client, queue: str, real_pool: HostPool, start_limited: StartRun
) -> None:
    handle = await start_limited("n = await echo(0)\nwhile True:\n    n += 1", fuel=3_000_000)
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    error = RunResult.model_validate(caught.value.cause.details[0]).error
    assert error is not None
    assert (error.type, error.line) == ("LimitExceeded", 2)
    assert "more than 3,000,000 units of fuel" in error.message
    assert "--limit fuel=N" in error.message


@pytest.fixture
def start_limited(client: Client, queue: str) -> StartRun:
    """As `start_plan`, with the run's limits."""

    async def start(source: str, **limits: int) -> Handle:
        plan = compile_source(source, [tool.spec for tool in TOOLS.values()], limits=Limits(**limits))
        arguments = start_options(plan, {}, None, run_id=f"limited-{time.time_ns()}", task_queue=queue)
        return await client.start_workflow(**arguments, result_type=RunResult)

    return start


async def test_a_lost_worker_delays_long_code_and_no_more(
    client: Client, queue: str, start_plan: StartRun, temporal_server: ServerInfo
) -> None:
    command = [sys.executable, "-m", "tests.temporal.worker_process", temporal_server.address, queue, DEFAULT_MACHINE]
    worker = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    await worker.stdout.readline()
    handle = await start_plan(AGGREGATION, n=2_500_000, pause=0)
    await eventually(lambda: computing(handle))
    os.kill(worker.pid, signal.SIGKILL)
    await worker.wait()
    pool = HostPool(size=1)
    try:
        async with worker_on(client, pool, queue):
            assert (await handle.result()).result == aggregated(2_500_000)
    finally:
        pool.close()


#: Within an activation's budget, and half a second of CPU time at least.
DENSE = """
n = await echo(100_000)
total = 0
for i in range(n):
    total += len(str(i)) + i % 7 + i % 11 + i % 13 + len(str(i * i)) + len(repr(i)) + len(hex(i)) + len(f"{i:>20}")
return await echo("computed")
"""


async def test_what_kills_a_shared_host_is_carried_out_elsewhere(
    client: Client, queue: str, start_plan: StartRun
) -> None:
    """Fuel counts no seconds: the host's limit on CPU time ends what takes long all the same."""
    pool = HostPool(size=1, limits=HostLimits(cpu_seconds=0.05))
    try:
        async with worker_on(client, pool, queue):
            handle = await start_plan(DENSE)
            assert (await handle.result()).result == "computed"
    finally:
        pool.close()
    assert await advances(handle) == 1
    assert len(await failed_tasks(handle)) == 1


async def test_what_kills_a_host_of_its_own_too_parks_the_run(client: Client, queue: str, start_plan: StartRun) -> None:
    pool = HostPool(size=1, limits=HostLimits(cpu_seconds=0.05, long_cpu_seconds=0.05))
    patient = HostPool(size=1, limits=HostLimits(cpu_seconds=0.05))
    try:
        handle = await start_plan(DENSE)
        async with worker_on(client, pool, queue):
            row = await eventually(lambda: parked(handle))
            assert (row.step, row.reason) == ("@machine", "evaluator-died")
            assert row.line in (3, 4, 5)
            assert "over 0.05 s" in row.message
        async with worker_on(client, patient, queue):
            await decide(handle, step="@machine", action="retry")
            assert (await handle.result()).result == "computed"
    finally:
        pool.close()
        patient.close()
