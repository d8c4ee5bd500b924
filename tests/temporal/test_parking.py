"""What parks, what does not, and how a person goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from weft_worker.embedded import ServerInfo
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import Decision, ParkedStep, RunOptions, RunView

from tests.temporal.conftest import Handle, StartRun, eventually, worker_on

pytestmark = pytest.mark.server


async def parked(handle: Handle) -> ParkedStep | None:
    """The parked step, if any. A query that meets a failing workflow task may never be answered, so that it is short."""
    try:
        view = await handle.query("status", result_type=RunView, rpc_timeout=timedelta(seconds=3))
    except RPCError:
        return None
    return view.parked[0] if view.status == "parked" else None


async def decide(handle: Handle, **decision: Any) -> None:
    """Decides; again where the decision met a workflow task that something else came in the way of."""
    update = uuid.uuid4().hex
    while True:
        try:
            return await handle.execute_update("decide", Decision(**decision), id=update)
        except RPCError as error:
            if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                raise


async def refusal(handle: Handle, **decision: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await decide(handle, **decision)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause.message


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
async def ambiguous(worker: Worker, start_run: StartRun, log: Path, gate: Path) -> Handle:
    """A run whose only step writes and took longer than its timeout."""
    handle = await start_run("one_call", tool="hanging_write", arguments={"log": str(log), "gate": str(gate)})
    row = await eventually(lambda: parked(handle))
    assert (row.step, row.reason, row.line) == ("a", "ambiguous", 1)
    assert row.message == (
        "hanging_write writes, and hanging_write took longer than 1 s: it may or may not have been carried out,"
        " and may still be running"
    )
    assert len(lines(log)) == 1
    return handle


async def test_an_ambiguous_write_is_run_again_only_by_a_person(ambiguous: Handle, log: Path, gate: Path) -> None:
    gate.write_text("done")
    await decide(ambiguous, step="a", action="retry")
    assert (await ambiguous.result()).result == "done"
    assert len(lines(log)) == 2
    assert len(set(lines(log))) == 1, "each try has the same idempotency key"
    ids = [
        event.activity_task_scheduled_event_attributes.activity_id
        async for event in ambiguous.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    assert ids == ["a", "a~2"]


async def test_skipping_gives_the_program_a_value(ambiguous: Handle, log: Path) -> None:
    await decide(ambiguous, step="a", action="skip", value={"by": "hand"})
    assert (await ambiguous.result()).result == {"by": "hand"}
    assert len(lines(log)) == 1


async def test_failing_raises_in_the_program(ambiguous: Handle) -> None:
    await decide(ambiguous, step="a", action="fail")
    with pytest.raises(WorkflowFailureError) as caught:
        await ambiguous.result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert (caught.value.cause.type, caught.value.cause.message) == (
        "TimeoutError",
        "hanging_write took longer than 1 s",
    )


async def test_decisions_that_fit_nothing_are_refused(ambiguous: Handle) -> None:
    assert await refusal(ambiguous, step="b", action="retry") == "this run has no step b; parked: a"
    assert await refusal(ambiguous, step="@machine", action="retry") == "this run has no step @machine; parked: a"
    message = await refusal(ambiguous, step="a", action="retry", value=1)
    assert message == "a value belongs to `skip`; `retry` takes none"
    await decide(ambiguous, step="a", action="skip", value=1, decision_id="d1")
    assert (await ambiguous.result()).result == 1


async def test_a_decision_that_makes_no_sense_is_refused(ambiguous: Handle) -> None:
    """What people write in the UI by hand must not stop the run."""
    for said in ({"stepp": "a", "action": "retry"}, {"step": "a", "action": "forget"}, "retry"):
        with pytest.raises(WorkflowUpdateFailedError):
            await ambiguous.execute_update("decide", said, rpc_timeout=timedelta(seconds=20))
    assert await parked(ambiguous)
    await ambiguous.execute_update("decide", {"step": "", "action": "skip", "value": 3})
    assert (await ambiguous.result()).result == 3


async def test_a_decision_is_taken_once(ambiguous: Handle, log: Path, gate: Path) -> None:
    await decide(ambiguous, step="a", action="retry", decision_id="d1")
    await eventually(lambda: parked(ambiguous))
    await decide(ambiguous, step="a", action="retry", decision_id="d1")
    assert await parked(ambiguous), "the same decision again changes nothing"
    assert len(lines(log)) == 2
    gate.write_text("open")
    await decide(ambiguous, step="a", action="retry", decision_id="d2")
    assert (await ambiguous.result()).result == "open"
    assert len(lines(log)) == 3


async def test_the_ui_says_what_is_parked_and_how_to_go_on(ambiguous: Handle) -> None:
    details = (await ambiguous.query("__temporal_workflow_metadata")).current_details
    assert "**Parked** at line 1: `a`: hanging_write writes" in details
    assert f"- `weft skip {ambiguous.id} a --value JSON`" in details
    await ambiguous.terminate()


async def test_decisions_fit_a_replayed_run(
    client: Client, pool: HostPool, queue: str, start_run: StartRun, log: Path, gate: Path
) -> None:
    """Without a cache every task, query and decision meets a run that has just been replayed."""
    async with worker_on(client, pool, queue, max_cached_workflows=0, max_concurrent_workflow_task_polls=1):
        handle = await start_run("one_call", tool="hanging_write", arguments={"log": str(log), "gate": str(gate)})
        await eventually(lambda: parked(handle))
        await decide(handle, step="a", action="retry")
        await eventually(lambda: parked(handle))
        await decide(handle, step="a", action="skip", value=len(lines(log)))
        assert (await handle.result()).result == 2


async def test_lists_of_runs_see_what_is_parked(ambiguous: Handle) -> None:
    assert (await (await ambiguous.describe()).memo())["parked"] == ["a"]
    await decide(ambiguous, step="a", action="skip", value=None)
    await ambiguous.result()
    assert "parked" not in await (await ambiguous.describe()).memo()


@pytest.mark.usefixtures("worker")
class TestRetriesSpent:
    @pytest.mark.parametrize("tool", ["flaky", "flaky_write"])
    async def test_parks_where_nobody_would_catch(self, start_run: StartRun, log: Path, tool: str) -> None:
        handle = await start_run("one_call", tool=tool, arguments={"log": str(log), "failures": 3})
        row = await eventually(lambda: parked(handle))
        assert (row.step, row.reason) == ("a", "retries-spent")
        assert row.message == f"{tool} failed at its last attempt: ConnectionResetError: reset 3"
        await decide(handle, step="a", action="retry")
        assert (await handle.result()).result == 4

    async def test_goes_to_a_program_that_handles_it(self, start_run: StartRun, log: Path) -> None:
        arguments = {"log": str(log), "failures": 9}
        handle = await start_run("one_call_with_fallback", tool="flaky", arguments=arguments)
        assert (await handle.result()).result == "ConnectionResetError"
        assert len(lines(log)) == 3

    async def test_attempts_of_the_run_replace_the_tools(self, start_run: StartRun, log: Path) -> None:
        options = RunOptions(attempts=1)
        handle = await start_run("one_call", options, tool="flaky", arguments={"log": str(log), "failures": 1})
        await eventually(lambda: parked(handle))
        assert len(lines(log)) == 1
        await decide(handle, step="a", action="fail")
        with pytest.raises(WorkflowFailureError):
            await handle.result()

    async def test_a_read_that_always_takes_too_long(self, start_run: StartRun, log: Path, gate: Path) -> None:
        handle = await start_run("one_call", tool="hanging_read", arguments={"log": str(log), "gate": str(gate)})
        row = await eventually(lambda: parked(handle))
        assert (
            row.message == "hanging_read failed at its last attempt: TimeoutError: hanging_read took longer than 0.3 s"
        )
        assert len(lines(log)) == 2
        await handle.terminate()


async def test_a_worker_that_shuts_down(
    start_run: StartRun, client: Client, pool: HostPool, queue: str, log: Path, gate: Path
) -> None:
    """Steps that its grace time cuts off are told apart as those of a lost worker are, only sooner."""
    handle = await start_run("read_and_write", log=str(log), gate=str(gate))

    async def both_run() -> bool:
        return len(lines(log)) == 2

    async with worker_on(client, pool, queue):
        await eventually(both_run)
    gate.write_text("open")
    async with worker_on(client, pool, queue):
        row = await eventually(lambda: parked(handle), seconds=40)
        assert (row.step, row.reason) == ("write", "ambiguous")
        await decide(handle, step="write", action="retry")
        assert (await handle.result()).result == ["open", "open"]
    names = [line.split()[0] for line in lines(log)]
    assert sorted(names) == ["gated_read", "gated_read", "gated_write", "gated_write"]


async def test_a_killed_worker(
    start_run: StartRun, temporal_server: ServerInfo, client: Client, pool: HostPool, queue: str, log: Path, gate: Path
) -> None:
    """Of two steps in flight the read runs again by itself, even where one attempt is all it has; the write parks."""
    handle = await start_run("read_and_write", RunOptions(attempts=1), log=str(log), gate=str(gate))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.temporal.worker_process", temporal_server.address, queue),
        stdout=asyncio.subprocess.PIPE,
    )

    async def both_run() -> bool:
        return len(lines(log)) == 2

    try:
        await eventually(both_run)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    gate.write_text("open")
    async with worker_on(client, pool, queue):
        row = await eventually(lambda: parked(handle), seconds=60)
        assert (row.step, row.reason) == ("write", "ambiguous")
        assert "the worker that ran gated_write was lost" in row.message
        await decide(handle, step="write", action="skip", value="by hand")
        assert (await handle.result()).result == ["open", "by hand"]
    names = [line.split()[0] for line in lines(log)]
    assert sorted(names) == ["gated_read", "gated_read", "gated_write"]
