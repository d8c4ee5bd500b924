"""A run as its history in Temporal tells it: steps, input, end. Works with no worker alive and after the run
is over.

`RunHistory` reads events one by one, whether they are all there already or arrive while the run goes on. It
depends on what the run's workflow writes into its events: an activity's id is the step's id (`~N` behind it
where a person had the step tried again), its type the tool, its one argument the JSON object of arguments,
its summary begins with `L` and the line.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from temporalio.api.enums.v1 import EventType
from temporalio.common import RawValue
from temporalio.service import RPCError, RPCStatusCode
from weft_workflows.fitting import UnfitWorker
from weft_workflows.messages import (
    ADVANCE,
    MEMO_END,
    MEMO_REUSED,
    Carried,
    RunInput,
    RunResult,
    StepRow,
    StepState,
)
from weft_workflows.past_record import Entry, record_of

from weft_worker.handed_out import Call, Ended, handed_out
from weft_worker.outcome import OutcomeError, Status
from weft_worker.problems import failed
from weft_worker.storage.errors import PayloadMissing
from weft_worker.storage.references import size_outside

if TYPE_CHECKING:
    from temporalio.api.common.v1 import Payload
    from temporalio.api.failure.v1 import Failure
    from temporalio.api.history.v1 import HistoryEvent
    from temporalio.client import Client

_SUMMARY_LINE = re.compile(r"L(\d+)\b")
#: What the SDK's worker answers for an activity that it does not have (its `worker/_activity.py`).
_NO_TOOL = re.compile(r"Activity function (\S+) for workflow .* is not registered on this worker", re.DOTALL)
#: Failures of a workflow's task after which the worker itself does better.
_PASSING = {"HostRestarted", "HostBusy", "EvaluatorDied"}
_AGAIN = re.compile(r"~\d+$")
#: What is said of a step that the program no longer waits for, while its tool has not told of its end.
STILL_RUNNING = "cancelled while it ran; its tool has not ended, as far as is known"
FINISHED_ANYWAY = "cancelled while it ran; its tool finished all the same"
#: Arguments that are kept outside of history are read up to this size; people do not look at more.
_SHOWN_BYTES = 1_000_000


@dataclass
class Step:
    """One step as far as it has come. Times are Unix seconds."""

    id: str
    tool: str
    line: int
    started: float
    arguments: Any
    title: str = ""
    state: StepState = "scheduled"
    ended: float | None = None
    error: str | None = None
    #: The worker that took its last attempt, as it calls itself: process@machine.
    worker: str = ""
    #: What the running attempt has reported last, which only the server knows.
    progress: tuple[Any, ...] = ()
    attempt: int = 0
    #: Whether an earlier execution of the run has carried it out.
    reused: bool = False

    def row(self) -> StepRow:
        return StepRow(
            id=self.id,
            tool=self.tool,
            line=self.line,
            state=self.state,
            started=self.started,
            ended=self.ended,
            arguments=self.arguments,
            error=self.error,
            title=self.title,
            reused=self.reused,
        )


@dataclass(frozen=True)
class End:
    """How a run ended. `result` is there where the workflow itself said so, not where it was ended from
    outside.
    """

    status: Status
    result: RunResult | None = None
    error: OutcomeError | None = None


@dataclass
class RunHistory:
    """What is known of a run after the events read so far. `steps` are in the order in which they were
    called.
    """

    client: Client
    steps: dict[str, Step] = field(default_factory=dict)
    input: RunInput | None = None
    task_queue: str = ""
    end: End | None = None
    #: Why the run's last workflow task failed, empty once one has succeeded: the run cannot go on until it
    #: does.
    blocked: str = ""
    #: Why the run's input cannot be read, empty where it can. All arguments are hidden then: it says which may be shown.
    unreadable: str = ""
    #: The line of long pure code that is being carried out (0: unknown), None while there is none.
    computing: int | None = None
    #: How many results of steps were those of an earlier execution.
    reused: int = 0
    #: How many steps had given a result before the first execution that was read.
    earlier: int = 0
    _past: Payload | None = None
    _cancelled_end: RunResult | None = None
    _execution: str | None = None
    _last_event: int = 0
    _scheduled: dict[int, Step] = field(default_factory=dict)
    _redacted: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def known_input(self) -> RunInput:
        """The run's input. Raises CommandFailed where it cannot be read."""
        if self.input is None:
            raise failed(self.unreadable, type_=PayloadMissing.__name__)
        return self.input

    async def follow(self, run_id: str, *, wait: bool, whole: bool = False) -> AsyncIterator[Step | None]:
        """Read the run's events; yields each step whenever it has changed, and None after any other event.

        Begins with the execution that has the run now; `whole` with the first one that the server still knows. `wait`
        goes on until the run has ended. Raises RPCError NOT_FOUND where there is no such run, CommandFailed where a
        newer Weft has started it.
        """
        if whole and self._execution is None:
            self._execution = await self._first_execution(run_id)
        while True:
            handle = self.client.get_workflow_handle(run_id, run_id=self._execution)
            successor = ""
            async for event in handle.fetch_history_events(wait_new_event=wait):
                if event.event_id <= self._last_event:
                    continue
                yield await self.read(event)
                for step in await self._read_elsewhere(event):
                    yield step
                self._last_event = event.event_id
                successor = successor_of(event) or successor
            if not successor:
                return
            self._execution, self._last_event = successor, 0
            self._scheduled.clear()

    async def _first_execution(self, run_id: str) -> str | None:
        described = await self.client.get_workflow_handle(run_id).describe()
        first: str = described.raw_description.workflow_execution_info.first_run_id
        try:
            await self.client.get_workflow_handle(run_id, run_id=first).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None  # the server keeps executions for a time only
        return first or None

    async def read(self, event: HistoryEvent) -> Step | None:
        """Take one event in. Gives the step that it changed, if any."""
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                await self._begin(event)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                return await self._schedule(event)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                started = event.activity_task_started_event_attributes
                if (step := self._scheduled.get(started.scheduled_event_id)) is not None:
                    step.worker = started.identity
                    step.state = step.state if step.state == "cancelled" else "running"
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                completed = event.activity_task_completed_event_attributes
                return self._close(completed.scheduled_event_id, event, "completed")
            case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                failed = event.activity_task_failed_event_attributes
                return self._close(failed.scheduled_event_id, event, "failed", failed.failure)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
                expired = event.activity_task_timed_out_event_attributes
                return self._close(expired.scheduled_event_id, event, "failed", expired.failure)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
                requested = event.activity_task_cancel_requested_event_attributes
                return self._cancel(requested.scheduled_event_id, event)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
                cancelled = event.activity_task_canceled_event_attributes
                return self._close(cancelled.scheduled_event_id, event, "cancelled")
            case EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
                fields = event.workflow_properties_modified_event_attributes.upserted_memo.fields
                if MEMO_REUSED in fields:
                    await self._reuse(fields[MEMO_REUSED])
                if MEMO_END in fields:
                    (self._cancelled_end,) = await self._decode([fields[MEMO_END]], [RunResult])
            case EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                failure = _innermost(event.workflow_task_failed_event_attributes.failure)
                if failure.application_failure_info.type not in _PASSING:
                    self.blocked = failure.message
            case EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                self.blocked = ""
            case _:
                self.end = await self._end_of(event) or self.end
        return None

    async def _read_elsewhere(self, event: HistoryEvent) -> list[Step | None]:
        """Takes in what an event says of steps that other workflows carry out. Gives those that it changed."""
        return [self._take_elsewhere(each, seconds_of(event)) for each in await handed_out(event, self._decode)]

    def _take_elsewhere(self, said: Call | Ended, when: float) -> Step | None:
        step = self.steps.get(said.id)
        if isinstance(said, Call):
            arguments = self._hide(said.tool, said.arguments)
            step = self.steps[said.id] = Step(said.id, said.tool, said.line, when, arguments, said.title)
            return step
        if step is None or step.ended is not None:
            return None
        step.state, step.ended, step.error = said.state, when, said.error
        return step

    async def _begin(self, event: HistoryEvent) -> None:
        started = event.workflow_execution_started_event_attributes
        self.task_queue = started.task_queue.name
        if self.input is not None:
            return
        try:
            values = await self._decode(started.input.payloads[:1], [RunInput])
        except PayloadMissing as missing:
            self.unreadable = str(missing)
            return
        except RuntimeError as error:  # the SDK's, around what a type of message raised
            if isinstance(error.__cause__, UnfitWorker):
                raise failed(str(error.__cause__), type_="NewerRun") from None
            raise
        self.input = values[0]
        self._redacted = redacted_arguments(self.input.plan) if self.input else {}
        rest = list(started.input.payloads[1:])
        if started.continued_execution_run_id and rest:
            (carried,) = await self._decode(rest[:1], [Carried])
            self._take_over(carried)
            rest = rest[1:] if carried.past else []
        self._past = next(iter(rest), None)

    def _take_over(self, carried: Carried) -> None:
        """What the execution before the first one that is read has left."""
        self.earlier = carried.completed
        for each in carried.steps:
            call, step_id = each.call, each.call["step"]
            arguments = self._hide(call["tool"], json.loads(call["arguments"]))
            self.steps[step_id] = Step(
                step_id, call["tool"], call["line"], each.started, arguments, call["title"], each.state
            )

    async def _schedule(self, event: HistoryEvent) -> Step | None:
        task = event.activity_task_scheduled_event_attributes
        summary = await self._summary(event)
        found = _SUMMARY_LINE.match(summary)
        if task.activity_type.name == ADVANCE:
            self.computing = int(found.group(1)) if found else 0
            return None
        step_id, tool = step_id_of(task.activity_id), task.activity_type.name
        arguments = await self._arguments(task.input.payloads[:1])
        step = Step(
            id=step_id,
            tool=tool,
            line=int(found.group(1)) if found else 0,
            started=seconds_of(event),
            arguments=self._hide(tool, arguments[0] if arguments else None),
            title=_title(summary, bool(arguments and arguments[0])),
        )
        self.steps[step_id] = self._scheduled[event.event_id] = step
        return step

    async def _arguments(self, payloads: Sequence[Payload]) -> list[Any]:
        """A step's arguments; their size alone where they are too large to be looked at, or not there."""
        outside = size_outside(payloads[0]) if payloads else 0
        if outside > _SHOWN_BYTES:
            return [{"…": f"{outside:,} bytes"}]
        try:
            return await self._decode(payloads)
        except PayloadMissing:
            return [{"…": f"{outside:,} bytes, which cannot be read"}]

    def _close(
        self, scheduled: int, event: HistoryEvent, state: StepState, failure: Failure | None = None
    ) -> Step | None:
        step = self._scheduled.pop(scheduled, None)
        if step is None:
            self.computing = None  # no step has ended, but long pure code
            return None
        if step.state == "cancelled":
            # It has been told of. Only whether its tool has ended is news; the program has long gone on.
            step.error = FINISHED_ANYWAY if state == "completed" else None
            return None
        step.state, step.ended = state, seconds_of(event)
        step.error = words_of(failure) if failure is not None else None
        return step

    def _cancel(self, scheduled: int, event: HistoryEvent) -> Step | None:
        """The program waits no longer. Where the tool has not begun, the next event says so."""
        step = self._scheduled.get(scheduled)
        if step is not None:
            step.state, step.ended, step.error = "cancelled", seconds_of(event), STILL_RUNNING
        return step

    async def _reuse(self, memo: Payload) -> None:
        """Takes in which steps the run has not carried out because an earlier execution had."""
        if self._past is None:
            return
        (said,) = await self._decode([memo])
        (past,) = await self._decode([self._past], [RawValue])
        self.reused = said["count"]
        bits = zlib.decompress(base64.b64decode(said["entries"]))
        for place, entry in enumerate(record_of(past.payload.data).entries):
            if entry.kind in ("value", "failure") and bits[place // 8] >> place % 8 & 1:
                self.steps.setdefault(entry.id, self._reused_step(entry))

    def _reused_step(self, entry: Entry) -> Step:
        failed = json.loads(entry.value) if entry.kind == "failure" else None
        return Step(
            id=entry.id,
            tool=entry.tool,
            line=entry.line,
            started=entry.now,
            arguments=self._hide(entry.tool, json.loads(entry.arguments)),
            state="failed" if failed else "completed",
            ended=entry.now,
            error=f"{failed[0]}: {failed[1]}" if failed else None,
            reused=True,
        )

    def _hide(self, tool: str, arguments: Any) -> Any:
        if self.unreadable:
            return "•••"
        hidden = self._redacted.get(tool)
        if not hidden or not isinstance(arguments, dict):
            return arguments
        return {name: "•••" if name in hidden else value for name, value in arguments.items()}

    async def _end_of(self, event: HistoryEvent) -> End | None:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
                payloads = event.workflow_execution_completed_event_attributes.result.payloads
                result = (await self._decode(payloads[:1], [RunResult]))[0]
                return End(result.status, result)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
                return await self._failed(event.workflow_execution_failed_event_attributes.failure)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
                return End("cancelled", self._cancelled_end, _ended("CancelledError", "cancelled"))
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
                reason = event.workflow_execution_terminated_event_attributes.reason
                return End("failed", None, _ended("Terminated", reason or "terminated from outside"))
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
                return End("failed", None, _ended("TimedOut", "the run's own time limit was reached"))
        return None

    async def _failed(self, failure: Failure) -> End:
        details = failure.application_failure_info.details.payloads
        decoded = await self._decode(details[:1], [RunResult])
        if decoded:
            return End(decoded[0].status, decoded[0])
        inner = _innermost(failure)
        return End("failed", None, _ended(inner.application_failure_info.type or "Error", inner.message))

    async def _summary(self, event: HistoryEvent) -> str:
        if not event.user_metadata.HasField("summary"):
            return ""
        return str((await self._decode([event.user_metadata.summary]))[0])

    async def _decode(self, payloads: Sequence[Payload], hints: list[type] | None = None) -> list[Any]:
        return await self.client.data_converter.decode(payloads, hints) if payloads else []


def redacted_arguments(plan: str) -> dict[str, frozenset[str]]:
    """The names of arguments that are never shown, by tool, of a plan's canonical JSON."""
    tools = json.loads(plan).get("tools", ())
    return {tool["name"]: frozenset(tool["redact"]) for tool in tools if tool.get("redact")}


def step_id_of(activity_id: str) -> str:
    """The id of the step that an activity carries out."""
    return _AGAIN.sub("", activity_id)


def _title(summary: str, has_arguments: bool) -> str:
    """The title in `L12 · title · arguments`, where either may be missing."""
    parts = summary.split(" · ")
    return parts[1] if len(parts) > 1 + has_arguments else ""


def successor_of(event: HistoryEvent) -> str:
    """The execution that goes on with the run after this event; empty where none does."""
    return event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id


def seconds_of(event: HistoryEvent) -> float:
    """When the event was recorded, as Unix time."""
    return float(event.event_time.seconds + event.event_time.nanos / 1e9)


def _ended(type_: str, message: str) -> OutcomeError:
    return OutcomeError(type_, message)


def _innermost(failure: Failure) -> Failure:
    while failure.HasField("cause"):
        failure = failure.cause
    return failure


def words_of(failure: Failure) -> str:
    """A failure in one line: the type of its innermost cause and its message."""
    inner = _innermost(failure)
    type_name = inner.application_failure_info.type
    if type_name == "NotFoundError" and (missing := _NO_TOOL.match(inner.message)):
        tool = missing.group(1)
        return f"no tool {tool} on the worker that got the step: start a worker with --tools that has {tool}"
    return f"{type_name}: {inner.message}" if type_name else inner.message or "failed"
