"""The ledger of a run that exists: read from Temporal's history by replaying it.

The workflow itself says what its machine was told, in what order and at what time: each execution's history is replayed in
this process, by the same code that wrote it, with a `Ledger` listening. So whatever decides about an outcome (retries,
parking, a person's word, steps in other workflows) is decided once, there. What had arrived when an execution was ended from
outside, and was not delivered any more, is taken from the events themselves.

What always holds: reading changes nothing, neither in the history nor in the world.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.common import RawValue
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer
from weft_compiler.tool_spec import ToolSpec
from weft_workflows.evaluators import Evaluator
from weft_workflows.ledger import Ledger
from weft_workflows.machine import protocol as p
from weft_workflows.messages import RUN_WORKFLOW, BatchInput, RunInput, RunResult
from weft_workflows.run_workflow import RunWorkflow
from weft_workflows.step_activities import Step, activity_id
from weft_workflows.step_outcomes import Outcome, outcome_of_value

from weft_worker.history import seconds_of, step_id_of, successor_of
from weft_worker.problems import failed
from weft_worker.runs import no_run
from weft_worker.segments import Segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from temporalio.api.history.v1 import HistoryEvent
    from temporalio.client import Client


@dataclass
class _Recording:
    """What a replay tells, and the workflow as it was when its history ended."""

    ledger: Ledger
    run: RecordedRun | None = None


#: The last event of a workflow that is over.
_CLOSED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
}

#: The replays that are going on in this process, by the ids of their executions.
_recordings: dict[str, _Recording] = {}


@workflow.defn(name=RUN_WORKFLOW, sandboxed=False)
class RecordedRun(RunWorkflow):
    """A run that tells a ledger what happens in it. Only for replays."""

    @workflow.init
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        recording = _recordings[workflow.info().run_id]
        recording.run = self
        self._ledger = recording.ledger
        self._evaluator = _Listening(self._evaluator, self._ledger)  # type: ignore[assignment]

    @workflow.run
    async def run(self, *arguments: Any) -> RunResult:
        return await super().run(*arguments)

    def _perform(self, command: p.Command) -> None:
        if isinstance(command, p.CancelStep):
            self._note_started(command.step)
        self._ledger.commanded(command)
        super()._perform(command)

    def _event_of(self, step: Step, outcome: Outcome) -> p.Event | None:
        if step.state != "cancelled" and outcome.failure is not None:
            if outcome.kind in ("answer", "spent"):
                self._ledger.refused(step.call.step)
            else:
                self._ledger.ambiguous(step.call.step)
        return super()._event_of(step, outcome)

    def tell_rest(self) -> None:
        """Tells what stands in the workflow's own state, when its history is over."""
        for step in list(self._steps.all):
            self._note_started(step)
        self._ledger.end = self._ledger.end or self._end
        self._ledger.cancelled = self._ledger.cancelled or self._cancelled
        if self._reliving is not None:
            self._ledger.older(*self._reliving.left())

    def _note_started(self, step_id: str) -> None:
        step = self._steps.all.get(step_id)
        if step is not None and step.state == "running":
            self._ledger.started(step_id)


class _Listening:
    """An evaluator that tells of each event before its machine gets it."""

    def __init__(self, evaluator: Evaluator, ledger: Ledger) -> None:
        self._evaluator = evaluator
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._evaluator, name)

    def deliver(self, message: p.Start | p.Event, *, replaying: bool) -> list[p.Command]:
        self._ledger.delivered(message)
        return self._evaluator.deliver(message, replaying=replaying)


async def read_lineage(client: Client, run_id: str, segments: Segments | None) -> list[WorkflowHistory]:
    """The histories of a run's executions, from the first to the last: the server's, else those that were kept.

    Raises CommandFailed where one is nowhere.
    """
    try:
        described = await client.get_workflow_handle(run_id).describe()
    except RPCError as error:
        kept = segments.newest(run_id) if segments is not None and error.status is RPCStatusCode.NOT_FOUND else []
        if not kept:
            raise no_run(run_id, error) from None
        return kept
    execution = described.raw_description.workflow_execution_info.first_run_id or described.run_id
    histories = []
    while execution:
        histories.append(await _history_of(client, run_id, execution or "", segments))
        execution = successor_of(histories[-1].events[-1])
    return histories


async def _history_of(client: Client, run_id: str, execution: str, segments: Segments | None) -> WorkflowHistory:
    try:
        return await client.get_workflow_handle(run_id, run_id=execution).fetch_history()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise no_run(run_id, error) from None
    if segments is not None and (kept := segments.of_execution(run_id, execution)) is not None:
        return kept
    raise failed(
        f"Temporal no longer has the history of {run_id} from its beginning, and it was not kept beside the payloads:"
        " what the run has done is not known",
        run_id=run_id,
    )


async def read_ledger(client: Client, histories: Sequence[WorkflowHistory]) -> Ledger:
    """What has happened in a run. Hosts must be installed. Raises CommandFailed where a history cannot be replayed."""
    ledger: Ledger | None = None
    for history in histories:
        ledger = await _replayed(client, history, ledger)
    assert ledger is not None
    await _look_into_batches(client, histories, ledger)
    return ledger


async def _replayed(client: Client, history: WorkflowHistory, ledger: Ledger | None) -> Ledger:
    started = history.events[0].workflow_execution_started_event_attributes
    (run,) = await client.data_converter.decode(started.input.payloads[:1], [RunInput])
    ledger = ledger or Ledger(_effects_of(run))
    with _recorded(started.original_execution_run_id, ledger) as recording:
        # Without the check for deadlocks: nobody waits for this replay but the person who wants it.
        replayer = Replayer(workflows=[RecordedRun], data_converter=client.data_converter, debug_mode=True)
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        if result.replay_failure is not None:
            raise failed(
                f"the run's history cannot be replayed, so what it has done is not known: {result.replay_failure}",
                run_id=history.workflow_id,
            )
        assert recording.run is not None
        recording.run.tell_rest()
    for event in await _arrived(client, history.events, ledger):
        ledger.arrived(event)
    ledger.until = max(ledger.until, seconds_of(history.events[-1]))
    return ledger


async def _look_into_batches(client: Client, histories: Sequence[WorkflowHistory], ledger: Ledger) -> None:
    """Learns of steps that were in flight in workflows of their own: which have ended there, and which never began."""
    children = [
        event.start_child_workflow_execution_initiated_event_attributes.workflow_id
        for history in histories
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED
    ]
    for child in children if ledger.in_flight() else ():
        try:
            history = await client.get_workflow_handle(child).fetch_history()
        except RPCError:
            continue  # what is not known stays in doubt
        started = history.events[0].workflow_execution_started_event_attributes
        (batch,) = await client.data_converter.decode(started.input.payloads[:1], [BatchInput])
        for arrived in await _arrived(client, history.events, ledger):
            ledger.arrived(arrived)
        if history.events[-1].event_type in _CLOSED:
            begun = {step_id_of(_activity_of(event)) for event in history.events}
            for step in ledger.in_flight() & {str(call.call["step"]) for call in batch.calls}:
                if activity_id(step, 1) not in begun:
                    ledger.refused(step)


def _activity_of(event: HistoryEvent) -> str:
    return event.activity_task_scheduled_event_attributes.activity_id


@contextmanager
def _recorded(execution: str, ledger: Ledger) -> Iterator[_Recording]:
    recording = _recordings[execution] = _Recording(ledger)
    try:
        yield recording
    finally:
        del _recordings[execution]


def _effects_of(run: RunInput) -> dict[str, Any]:
    import json

    return {tool["name"]: ToolSpec.model_validate(tool).effect for tool in json.loads(run.plan)["tools"]}


async def _arrived(client: Client, events: Sequence[HistoryEvent], ledger: Ledger) -> list[p.StepSucceeded]:
    """The results that history has and that no machine was given."""
    steps = {activity_id(call.step, 1): call.step for call in ledger.calls() if not ledger.has_ended(call.step)}
    scheduled: dict[int, str] = {}
    arrived = []
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            task = event.activity_task_scheduled_event_attributes
            scheduled[event.event_id] = step_id_of(task.activity_id)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            completed = event.activity_task_completed_event_attributes
            step = steps.get(scheduled[completed.scheduled_event_id])
            if step is None:
                continue
            (value,) = await client.data_converter.decode(completed.result.payloads[:1], [RawValue])
            outcome = outcome_of_value(value)
            if outcome.kind == "value":
                arrived.append(p.StepSucceeded(step, outcome.value, seconds_of(event)))
    return arrived
