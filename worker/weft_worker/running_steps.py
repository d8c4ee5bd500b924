"""Which steps of a run are being carried out now, on which worker, and how far they say they are: what only the server
knows, since history tells of an attempt when it is over.

A run has workflows that carry out steps for it (its id and `//` before their own), of which its own history holds nothing
but that they were started.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.service import RPCError
from weft_workflows.messages import CHILD_MARK, StepRow

from weft_worker.history import RunHistory, Step, step_id_of, words_of

if TYPE_CHECKING:
    from temporalio.api.workflow.v1 import PendingActivityInfo

#: Of more of them nobody wants to read; each is a request.
_MOST_CHILDREN = 20
_QUERY_TIMEOUT = timedelta(seconds=3)


async def mark_running(client: Client, run_id: str, history: RunHistory) -> None:
    """Completes the steps of a history that was read a moment ago; adds those that other workflows carry out."""
    described = await client.get_workflow_handle(run_id).describe()
    for pending in described.raw_description.pending_activities:
        if (step := history.steps.get(step_id_of(pending.activity_id))) is not None:
            await _mark(client, step, pending)
    children = sorted(await children_of(client, run_id))[:_MOST_CHILDREN]
    known = await _rows(client, run_id) if children else {}
    for child in children:
        with suppress(RPCError):  # ended meanwhile
            described = await client.get_workflow_handle(child).describe()
            for pending in described.raw_description.pending_activities:
                await _mark(client, _step_of(history, known, pending), pending)


async def children_of(client: Client, run_id: str) -> set[str]:
    """The open workflows that work for a run: those that its execution knows, and those of earlier executions."""
    described = await client.get_workflow_handle(run_id).describe()
    found = {child.workflow_id for child in described.raw_description.pending_children}
    quoted = f"{run_id}{CHILD_MARK}".replace("\\", "\\\\").replace("'", "\\'")
    query = f"WorkflowId STARTS_WITH '{quoted}' AND ExecutionStatus = 'Running'"
    with suppress(RPCError):  # a server whose lists cannot be searched like this
        found |= {each.id async for each in client.list_workflows(query)}
    return {each for each in found if each.startswith(f"{run_id}{CHILD_MARK}")}


async def _mark(client: Client, step: Step, pending: PendingActivityInfo) -> None:
    if pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
        step.state = "running"
    step.attempt, step.worker = pending.attempt, pending.last_worker_identity or step.worker
    step.progress = tuple(await client.data_converter.decode(pending.heartbeat_details.payloads))
    if pending.HasField("last_failure"):
        step.error = f"attempt {pending.attempt - 1}: {words_of(pending.last_failure)}"


def _step_of(history: RunHistory, known: dict[str, StepRow], pending: PendingActivityInfo) -> Step:
    """The step that another workflow carries out, as the run itself tells of it where it can be asked."""
    step_id = step_id_of(pending.activity_id)
    if step_id not in history.steps:
        row = known.get(step_id)
        started = pending.last_started_time.ToDatetime().timestamp() if row is None else row.started
        tool = pending.activity_type.name
        step = Step(step_id, tool, row.line if row else 0, started, row.arguments if row else None)
        history.steps[step_id] = step
    return history.steps[step_id]


async def _rows(client: Client, run_id: str) -> dict[str, StepRow]:
    """The run's own list of its steps; empty where no worker answers."""
    try:
        rows: list[StepRow] = await client.get_workflow_handle(run_id).query(
            "steps", result_type=list[StepRow], rpc_timeout=_QUERY_TIMEOUT
        )
    except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
        return {}
    return {row.id: row for row in rows}
