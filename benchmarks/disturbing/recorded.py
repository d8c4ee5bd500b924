"""What the server has recorded of a run: all its executions, and the workflows that carried out steps for it.

Always holds: nothing here comes from the run's own view of itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from weft_worker.history import seconds_of, step_id_of
from weft_workflows.messages import ADVANCE


@dataclass
class Record:
    """`ends`: when each step ended for good, as Unix seconds. Attempts that were lost, or cancelled, are no ends."""

    ends: dict[str, float] = field(default_factory=dict)
    executions: int = 0
    batches: int = 0
    longest: int = 0


async def read_record(client: Client, run_id: str) -> Record:
    """Of a run that is over. Raises RPCError where the server does not answer."""
    record, children = Record(), []
    execution: str | None = None
    while True:
        events = [event async for event in _events(client, run_id, execution)]
        record.executions += 1
        record.longest = max(record.longest, len(events))
        _take_ends(record, events)
        children += [
            event.start_child_workflow_execution_initiated_event_attributes.workflow_id
            for event in events
            if event.event_type == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED
        ]
        execution = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        if not execution:
            break
    for child in dict.fromkeys(children):
        record.batches += 1
        _take_ends(record, [event async for event in _events(client, child, None)])
    return record


def _events(client: Client, workflow_id: str, execution: str | None) -> AsyncIterator[HistoryEvent]:
    return client.get_workflow_handle(workflow_id, run_id=execution).fetch_history_events()


def _take_ends(record: Record, events: list[HistoryEvent]) -> None:
    steps: dict[int, str] = {}
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            if scheduled.activity_type.name != ADVANCE:
                steps[event.event_id] = step_id_of(scheduled.activity_id)
            continue
        completed, failed = event.activity_task_completed_event_attributes, event.activity_task_failed_event_attributes
        step = steps.get(completed.scheduled_event_id) or steps.get(failed.scheduled_event_id)
        if step is not None and not _says_nothing_of_the_tool(event):
            record.ends[step] = max(record.ends.get(step, 0.0), seconds_of(event))


def _says_nothing_of_the_tool(event: HistoryEvent) -> bool:
    """A worker that was stopped in an orderly way gives its activities back as failed."""
    failure = event.activity_task_failed_event_attributes.failure
    return failure.application_failure_info.type == "WorkerShutdown"
