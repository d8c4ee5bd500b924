"""References wherever the server may have them: whatever a workflow has stored is marked while the server knows the workflow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WorkflowFailureError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from weft_worker.embedded import ServerInfo
from weft_worker.problems import CommandFailed
from weft_worker.storage import marking
from weft_worker.storage.marking import mark

from tests.storage.test_directory import files
from tests.temporal.conftest import connect, eventually

pytestmark = pytest.mark.server
_numbers = count(1)


def large(what: str) -> str:
    """A value that leaves history and that no other test stores."""
    return f"{what} {next(_numbers)} " + "x" * 30_000


@workflow.defn(name="Child", sandboxed=False)
class Child:
    @workflow.run
    async def run(self, given: str) -> str:
        return given + "child"


@workflow.defn(name="Keeper", sandboxed=False)
class Keeper:
    def __init__(self) -> None:
        self.ended = False

    @workflow.run
    async def run(self, given: str, rounds: int = 0) -> str:
        workflow.upsert_memo({"kept": given + "memo"})
        if rounds:
            workflow.continue_as_new(args=[given + "again", rounds - 1])
        await workflow.execute_child_workflow(Child.run, given, id=f"{workflow.info().workflow_id}//child")
        beating = workflow.start_activity(
            "beat",
            given + "activity",
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=timedelta(minutes=1),
        )
        await workflow.wait_condition(lambda: self.ended)
        beating.cancel()
        raise ApplicationError("refused", given + "detail", non_retryable=True)

    @workflow.signal
    def note(self, given: str) -> None: ...

    @workflow.update
    def change(self, given: str) -> str:
        return given + "changed"

    @workflow.signal
    def end(self) -> None:
        self.ended = True


@activity.defn(name="beat")
async def beat(given: str) -> None:
    while True:
        activity.heartbeat(given + "beat")
        await asyncio.sleep(0.5)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "payloads"


@pytest.fixture
async def client(temporal_server: ServerInfo, directory: Path) -> Client:
    return await connect(temporal_server.address, directory)


@pytest.fixture
async def queue(client: Client, directory: Path) -> AsyncIterator[str]:
    queue = f"keepers-{next(_numbers)}"
    async with Worker(client, task_queue=queue, workflows=[Keeper, Child], activities=[beat]):
        yield queue


def digests(directory: Path) -> set[str]:
    return {file.name for file in files(directory)}


async def marked(client: Client) -> set[str]:
    return (await mark(client, lambda text: None)).digests


async def test_everything_that_a_workflow_stores_is_marked(client: Client, queue: str, directory: Path) -> None:
    handle = await client.start_workflow(
        "Keeper", args=[large("input"), 2], id=f"run-{queue}", task_queue=queue, memo={"first": large("first")}
    )
    await handle.signal("note", large("signal"))
    await handle.execute_update("change", large("update"))

    async def beats() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(each.heartbeat_details.payloads for each in pending)

    await eventually(beats)
    # Input, memo and continuation of three executions, first memo, signal, update and answer, child's result,
    # activity's input and heartbeat. The signal and the update come to some of them again.
    open_ = digests(directory)
    assert len(open_) >= 13
    assert open_ <= await marked(client)
    await handle.signal("end")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    closed = digests(directory)
    assert len(closed) > len(open_)
    # What only a heartbeat said was the server's while the activity was pending.
    beats_only = {digest for digest in open_ if digest not in await marked(client)}
    assert len(beats_only) <= 1
    assert closed - beats_only <= await marked(client)
    found = await mark(client, lambda text: None)
    assert handle.id in found.runs
    assert f"{handle.id}//child" not in found.runs


async def test_what_the_server_has_forgotten_is_not_marked(client: Client, queue: str, directory: Path) -> None:
    handle = await client.start_workflow("Child", large("input"), id=f"gone-{queue}", task_queue=queue)
    await handle.result()
    stored = digests(directory)
    assert stored
    assert stored <= await marked(client)
    target = WorkflowExecution(workflow_id=handle.id)
    request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=target)
    await client.workflow_service.delete_workflow_execution(request)

    async def forgotten() -> bool:
        return not stored & await marked(client)

    # The embedded server takes half a minute for it.
    await eventually(forgotten, seconds=100)


async def test_a_schedules_input_is_marked(client: Client, queue: str, directory: Path) -> None:
    action = ScheduleActionStartWorkflow("Child", large("scheduled"), id=f"scheduled-{queue}", task_queue=queue)
    schedule = await client.create_schedule(f"schedule-{queue}", Schedule(action=action, spec=ScheduleSpec()))
    stored = digests(directory)
    assert len(stored) == 1
    assert stored <= await marked(client)
    await schedule.delete()


async def test_executions_that_lists_do_not_have_yet_are_found_by_those_that_name_them(
    client: Client, queue: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await client.start_workflow("Keeper", args=[large("input"), 2], id=f"lag-{queue}", task_queue=queue)

    async def has_a_child() -> bool:
        return f"{handle.id}//child" in {each.id async for each in client.list_workflows() if each.close_time}

    await eventually(has_a_child)
    chain = [each async for each in client.list_workflows(f"WorkflowId = '{handle.id}'")]
    assert len(chain) == 3
    for listed in chain:

        async def lagging(client: Client, found: marking.Marked, listed: Any = listed) -> list[marking.Execution]:
            return [(listed.id, listed.run_id)]

        with monkeypatch.context() as patch:
            patch.setattr(marking, "_list", lagging)
            found = await mark(client, lambda text: None)
        assert {each.run_id for each in chain} == {run_id for id_, run_id in found.executions if id_ == handle.id}
        assert f"{handle.id}//child" in {id_ for id_, _ in found.executions}
    await handle.terminate()


async def test_a_list_that_stays_shorter_than_the_count_stops_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> AsyncIterator[Any]:
        for none in ():
            yield none

    await client.start_workflow("Child", "x", id=f"listed-{next(_numbers)}", task_queue="nobody")

    async def counted() -> int:
        return (await client.count_workflows()).count

    await eventually(counted)
    monkeypatch.setattr(client, "list_workflows", nothing)
    monkeypatch.setattr(marking, "_LISTING_PAUSE", 0)
    with pytest.raises(CommandFailed, match=r"counts \d+ executions and lists 0\. Nothing was removed"):
        await mark(client, lambda text: None)


@pytest.mark.parametrize("call", ["get_workflow_execution_history", "describe_workflow_execution", "list_schedules"])
async def test_a_server_that_fails_in_the_middle_stops_it(
    client: Client, queue: str, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    await (await client.start_workflow("Child", "x", id=f"broken-{queue}", task_queue=queue)).result()

    async def broken(*arguments: Any, **named: Any) -> Any:
        raise RPCError("gone away", RPCStatusCode.UNAVAILABLE, b"")

    target = client if call == "list_schedules" else client.workflow_service
    monkeypatch.setattr(target, call, broken)
    with pytest.raises(CommandFailed, match=r"the server does not answer: gone away\. Nothing was removed"):
        await mark(client, lambda text: None)
