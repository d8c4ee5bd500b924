"""Steps of a run that other workflows carry out, as the run's own history tells of them: the start of such a workflow names
the calls, its reports say how they ended, and a signal to it says which the program has cancelled.

Knows how these messages are written, and nothing of how a run is read as a whole. Takes them as plain data, since a newer
Weft may have written more into them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from temporalio.api.enums.v1 import EventType
from weft_workflows.batch_workflow import REPORT
from weft_workflows.batches import CANCEL
from weft_workflows.messages import BATCH_WORKFLOW, StepState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from temporalio.api.common.v1 import Payload
    from temporalio.api.history.v1 import HistoryEvent


@dataclass(frozen=True)
class Call:
    """A step that was handed out."""

    id: str
    tool: str
    line: int
    title: str
    arguments: Any


@dataclass(frozen=True)
class Ended:
    """A step of which it is known how it ended."""

    id: str
    state: StepState
    error: str | None = None


async def handed_out(
    event: HistoryEvent, decode: Callable[[Sequence[Payload]], Awaitable[list[Any]]]
) -> list[Call | Ended]:
    """What an event says of steps in other workflows; nothing where it is about something else."""
    match event.event_type:
        case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            started = event.start_child_workflow_execution_initiated_event_attributes
            if started.workflow_type.name == BATCH_WORKFLOW:
                (batch,) = await decode(started.input.payloads[:1])
                return [_call(each["call"]) for each in batch["calls"]]
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            signal = event.workflow_execution_signaled_event_attributes
            if signal.signal_name == REPORT:
                (report,) = await decode(signal.input.payloads[:1])
                return [_ended(each) for each in report["outcomes"]]
        case EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
            told = event.signal_external_workflow_execution_initiated_event_attributes
            if told.signal_name == CANCEL:
                (steps,) = await decode(told.input.payloads[:1])
                return [Ended(step, "cancelled") for step in steps]
    return []


def _call(call: dict[str, Any]) -> Call:
    return Call(call["step"], call["tool"], call["line"], call["title"], json.loads(call["arguments"]))


def _ended(outcome: dict[str, Any]) -> Ended:
    failure = outcome.get("failure")
    if failure is None:
        return Ended(outcome["step"], "completed")
    return Ended(outcome["step"], "failed", f"{failure['type']}: {failure['message']}")
