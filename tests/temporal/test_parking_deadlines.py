"""Deadlines around what waits for a person stand still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import RunOptions

from tests.temporal.conftest import Handle, StartRun, eventually, worker_on
from tests.temporal.test_parking import decide, parked

pytestmark = pytest.mark.server

#: The rest of the block takes longer than the rest of its time.
RUNS_OUT = """
async def main(log):
    async def beside():
        await asyncio.sleep(0.2)
        return await echo("beside")

    sibling = asyncio.create_task(beside())
    try:
        async with asyncio.timeout(5):
            print(await flaky(log, 1))
            await asyncio.sleep(60)
    except TimeoutError:
        print("out of time")
    return await sibling
"""
WAIT_FOR = """
async def main(log):
    return await asyncio.wait_for(flaky(log, 1), 5)
"""
SET_LATER = """
async def main(log):
    task = asyncio.create_task(hanging_write(log, log + ".gate"))
    await asyncio.sleep(1.5)
    return await asyncio.wait_for(task, 5)
"""
IN_A_GROUP = """
async def main(log):
    async with asyncio.timeout(5):
        async with asyncio.TaskGroup() as group:
            found = group.create_task(flaky(log, 1))
            for n in range(5):
                await asyncio.sleep(0.1)
            group.create_task(echo(n))
    return found.result()
"""
TELLS = """
async def main(log):
    try:
        return await asyncio.wait_for(flaky(log, 1), 5)
    except ConnectionError as error:
        print("told", error)
        raise
"""
PROGRAMS = {"wait_for": (WAIT_FOR, 2), "set after it parked": (SET_LATER, "open"), "a group": (IN_A_GROUP, 2)}


@pytest.fixture(scope="module")
def hosts() -> Iterator[HostPool]:
    pool = HostPool(size=1)
    yield pool
    pool.close()


@pytest.fixture
async def begin(
    client: Client, hosts: HostPool, queue: str, start_plan: StartRun, tmp_path: Path
) -> AsyncIterator[Any]:
    """Starts a run whose steps have one attempt; its first `flaky` fails. Every task of its worker is a replay."""

    async def start(source: str) -> Handle:
        return await start_plan(source, RunOptions(attempts=1), log=str(tmp_path / "log"))

    async with worker_on(client, hosts, queue, max_cached_workflows=0, max_concurrent_workflow_task_polls=1):
        yield start


async def timers(handle: Handle) -> list[float]:
    """The seconds of the timers that were started, in their order."""
    history = await handle.fetch_history()
    started = (each for each in history.events if each.event_type == EventType.EVENT_TYPE_TIMER_STARTED)
    return [each.timer_started_event_attributes.start_to_fire_timeout.ToMilliseconds() / 1000 for each in started]


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_deadline_does_not_pass_while_a_person_thinks(begin: Any, tmp_path: Path, name: str) -> None:
    source, result = PROGRAMS[name]
    handle = await begin(source)
    await eventually(lambda: parked(handle))
    await asyncio.sleep(5.5)  # longer than the deadline: nothing may happen
    assert await parked(handle)
    (tmp_path / "log.gate").write_text("open")
    await decide(handle, action="retry")
    assert (await handle.result()).result == result


async def test_afterwards_it_has_the_rest_of_its_time(begin: Any) -> None:
    handle = await begin(RUNS_OUT)
    await eventually(lambda: parked(handle))
    await asyncio.sleep(5.5)
    assert (await parked(handle)) is not None
    began = time.monotonic()
    await decide(handle, action="retry")
    assert (await handle.result()).result == "beside"
    assert await handle.query("output") == "2\nout of time\n"
    assert time.monotonic() - began < 15
    nap, deadline, rest, sleep = sorted(await timers(handle), key=lambda seconds: (seconds == 60, seconds != 0.2))
    assert (nap, deadline, sleep) == (0.2, 5.0, 60.0)
    assert 0 < rest < 5


async def test_a_deadline_is_lifted_with_what_it_was_around(begin: Any) -> None:
    handle = await begin(TELLS)
    await eventually(lambda: parked(handle))
    await asyncio.sleep(5.5)
    await decide(handle, action="fail")

    async def output() -> Any:
        return await handle.query("output")

    assert await eventually(output) == "told reset 1\n"
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert len(await timers(handle)) == 1, "it had no rest to run"
