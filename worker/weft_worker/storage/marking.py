"""Which payloads the server's histories refer to: the first half of a collection of garbage.

What always holds: the answer may name too much, never too little, or there is none. Whatever looks like a digest in
anything that the server has counts as a reference, wherever it stands: in events, memos, search attributes, pending
steps and their heartbeats, schedules. Where the server does not answer or lists less than it counts, CommandFailed.

A stored payload holds no references: before any code of Weft sees a payload the SDK has fetched it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
)
from temporalio.service import RPCError, RPCStatusCode
from weft_workflows.messages import run_of

from weft_worker.problems import CommandFailed, failed

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent
    from temporalio.client import Client

_DIGEST_LENGTH: Final = 64
_HEXADECIMAL: Final = re.compile(rb"[0-9a-f]{64,}")
#: More than this in one piece is data. Less may be a digest with a byte beside it that happens to be a digit.
_LONGEST_NEIGHBOURHOOD: Final = 1_000
#: Executions that are read at a time.
_AT_ONCE: Final = 8
#: How often the server is asked again that lists less than it counts: its lists lag behind.
_LISTINGS: Final = 5
_LISTING_PAUSE: Final = 1.0

Execution = tuple[str, str]
Progress = Callable[[str], None]


@dataclass
class Marked:
    """What may not be removed. `runs` are the ids of all workflows that the server knows, without their children's."""

    digests: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    executions: set[Execution] = field(default_factory=set)

    def add(self, data: bytes) -> None:
        self.digests.update(digests_in(data))


def digests_in(data: bytes) -> Iterator[str]:
    """Whatever looks like a SHA-256 in lower-case hexadecimal digits."""
    for found in _HEXADECIMAL.finditer(data):
        digits = found.group().decode()
        if len(digits) <= _LONGEST_NEIGHBOURHOOD:
            for at in range(len(digits) - _DIGEST_LENGTH + 1):
                yield digits[at : at + _DIGEST_LENGTH]


async def mark(client: Client, progress: Progress) -> Marked:
    """All references of a namespace. Raises CommandFailed."""
    marked = Marked()
    try:
        waiting = await _list(client, marked)
        while waiting:
            progress(f"{len(marked.executions):,} of {len(marked.executions) + len(waiting):,} executions read")
            some, waiting = waiting[:200], waiting[200:]
            marked.executions.update(some)
            mentioned = await _each(some, lambda execution: _read(client, execution, marked))
            known = marked.executions.union(waiting)
            waiting += sorted(set().union(*mentioned) - known)
        await _read_schedules(client, marked)
    except RPCError as error:
        raise _incomplete(f"the server does not answer: {error.message}") from None
    marked.runs = {run_of(workflow_id) for workflow_id, _ in marked.executions}
    return marked


async def _list(client: Client, marked: Marked) -> list[Execution]:
    """Every execution, open or closed, of every type of workflow; at least as many as the server counts."""
    for _ in range(_LISTINGS):
        request = CountWorkflowExecutionsRequest(namespace=client.namespace)
        count = (await client.workflow_service.count_workflow_executions(request)).count
        listed: set[Execution] = set()
        async for execution in client.list_workflows():
            listed.add((execution.id, execution.run_id))
            marked.add(execution.raw_info.SerializeToString())
        if len(listed) >= count:
            return sorted(listed)
        await asyncio.sleep(_LISTING_PAUSE)
    raise _incomplete(f"the server counts {count:,} executions and lists {len(listed):,}")


async def _each(
    executions: Iterable[Execution], work: Callable[[Execution], Awaitable[set[Execution]]]
) -> list[set[Execution]]:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(execution: Execution) -> set[Execution]:
        async with turns:
            return await work(execution)

    return await asyncio.gather(*(one(execution) for execution in executions))


async def _read(client: Client, execution: Execution, marked: Marked) -> set[Execution]:
    """Marks what an execution refers to. Gives the other executions that its events name: lists lag behind."""
    mentioned: set[Execution] = set()
    target = WorkflowExecution(workflow_id=execution[0], run_id=execution[1])
    request = GetWorkflowExecutionHistoryRequest(namespace=client.namespace, execution=target)
    try:
        while True:
            page = await client.workflow_service.get_workflow_execution_history(request, retry=True)
            marked.add(page.history.SerializeToString())
            for event in page.history.events:
                mentioned.update(_named_by(event, execution[0]))
            if not page.next_page_token:
                break
            request.next_page_token = page.next_page_token
        # After the history: what has been recorded meanwhile is in here, or is younger than what is removed.
        asked = DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=target)
        described = await client.workflow_service.describe_workflow_execution(asked, retry=True)
        marked.add(described.SerializeToString())
    except RPCError as error:
        # The server has removed it since it was listed, or never had it in this namespace.
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    return mentioned


def _named_by(event: HistoryEvent, workflow_id: str) -> Iterator[Execution]:
    match event.WhichOneof("attributes"):
        case "workflow_execution_started_event_attributes":
            started = event.workflow_execution_started_event_attributes
            for run_id in (started.continued_execution_run_id, started.first_execution_run_id):
                if run_id:
                    yield workflow_id, run_id
        case "child_workflow_execution_started_event_attributes":
            child = event.child_workflow_execution_started_event_attributes.workflow_execution
            yield child.workflow_id, child.run_id
        case str(name):
            attributes = getattr(event, name)
            run_id = getattr(attributes, "new_execution_run_id", "")
            if run_id:
                yield workflow_id, run_id


async def _read_schedules(client: Client, marked: Marked) -> None:
    """Weft starts no schedules, but people may schedule runs of it."""
    try:
        async for schedule in await client.list_schedules():
            described = await client.get_schedule_handle(schedule.id).describe()
            marked.add(described.raw_description.SerializeToString())
    except RPCError as error:
        if error.status is not RPCStatusCode.UNIMPLEMENTED:
            raise


def _incomplete(why: str) -> CommandFailed:
    return failed(f"{why}. Nothing was removed, since what it would have named may be needed: try again later")
