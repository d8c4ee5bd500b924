"""Programs that kill the process that evaluates them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from weft_workflows.host.pool import HostBusy, HostPool
from weft_workflows.messages import RunResult

from tests.temporal.conftest import MACHINE, StartRun, eventually, worker_on
from tests.temporal.test_parking import decide, parked, refusal

pytestmark = pytest.mark.server


@pytest.mark.usefixtures("worker")
async def test_deadlines_stand_still_while_the_machine_is_parked(start_run: StartRun) -> None:
    handle = await start_run("crashes_under_a_deadline")
    await eventually(lambda: parked(handle))
    kinds = [event.event_type for event in (await handle.fetch_history()).events]
    assert EventType.EVENT_TYPE_TIMER_CANCELED in kinds
    assert EventType.EVENT_TYPE_TIMER_FIRED not in kinds
    await decide(handle, action="fail")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("script", "line"), [("crashes", 2), ("crashes_at_once", 1)])
async def test_a_crash_parks_the_run_and_spares_its_neighbours(start_run: StartRun, script: str, line: int) -> None:
    handle = await start_run(script)
    neighbour = await start_run("parallel", count=20)
    row = await eventually(lambda: parked(handle))
    assert (row.step, row.reason, row.line) == ("@machine", "evaluator-died", line)
    assert row.message == "the process that evaluates the program was ended twice: killed by SIGSEGV"
    assert (await neighbour.result()).result == list(range(20))

    assert await refusal(handle, step="@machine", action="skip") == "a program cannot be skipped: retry or fail"
    await decide(handle, step="@machine", action="retry")
    await eventually(lambda: parked(handle))
    await decide(handle, step="@machine", action="fail")
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    result = RunResult.model_validate(caught.value.cause.details[0])
    assert result.error is not None
    assert (result.error.type, result.error.line) == ("EvaluatorDied", line)


@pytest.mark.usefixtures("worker")
async def test_a_parked_machine_can_be_cancelled(start_run: StartRun) -> None:
    handle = await start_run("crashes")
    await eventually(lambda: parked(handle))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, CancelledError)


async def test_machines_are_forgotten_and_rebuilt(client: Client, queue: str, start_run: StartRun) -> None:
    """Without a cache each task builds the machine anew; none is left behind."""
    pool = HostPool(size=1, machine=MACHINE)
    try:
        async with worker_on(client, pool, queue, max_cached_workflows=0, max_concurrent_workflow_task_polls=1):
            handle = await start_run("parallel", count=12)
            assert (await handle.result()).result == list(range(12))
        assert [len(slot.members) for slot in pool._slots] == [0]
    finally:
        pool.close()


async def test_a_slow_activation_is_no_deadlock(client: Client, queue: str, start_run: StartRun) -> None:
    """Three seconds by the clock, as a busy computer makes them of less."""
    slow_pool = SlowPool(HostPool(size=1, machine=MACHINE))
    try:
        async with worker_on(client, slow_pool, queue):  # type: ignore[arg-type]
            handle = await start_run("straight")
            await handle.result()
    finally:
        slow_pool.pool.close()
    history = await handle.fetch_history()
    assert not any(event.HasField("workflow_task_failed_event_attributes") for event in history.events)


class SlowPool:
    """A pool whose start of a machine takes long."""

    def __init__(self, pool: HostPool) -> None:
        self.pool = pool

    def start(self, key: str, start: bytes) -> Any:
        time.sleep(3)
        return self.pool.start(key, start)


async def test_a_busy_host_delays_a_run_only_as_long_as_it_is_busy(
    client: Client, queue: str, start_run: StartRun
) -> None:
    """Not by the ten seconds that a task takes to time out once it has failed twice in a row."""
    busy_pool = BusyPool(HostPool(size=1, machine=MACHINE), times=3)
    try:
        async with worker_on(client, busy_pool, queue):  # type: ignore[arg-type]
            began = time.monotonic()
            await (await start_run("straight")).result()
            took = time.monotonic() - began
    finally:
        busy_pool.pool.close()
    assert busy_pool.times == 0
    assert took < 10


class BusyPool:
    """A pool whose host other runs keep busy the first few times."""

    def __init__(self, pool: HostPool, times: int) -> None:
        self.pool = pool
        self.times = times

    def start(self, key: str, start: bytes) -> Any:
        if self.times:
            self.times -= 1
            raise HostBusy("other runs kept the host busy for 5 s; the call can be made again")
        return self.pool.start(key, start)
