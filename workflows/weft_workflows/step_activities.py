"""Steps as Temporal activities: starting them, within windows, and cancelling them.

What always holds: no two pending activities of a run have the same id; steps of a tool start in the order in which the
program called them; at most `window` of them, and about `_WINDOW_BYTES` of arguments (or of references to them), are
with the server at a time (it refuses more than 2,000 pending activities, and one message of more than 4 MB). Steps
that take long or are many go to workflows of their own (`batches.py`). Nothing here decides what a failure means.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue, RetryPolicy
from weft_compiler.tool_spec import Effect, ToolSpec

from weft_workflows.batches import Batches
from weft_workflows.failures import Failure
from weft_workflows.machine import protocol as p
from weft_workflows.messages import CarriedStep, RunOptions, StepAddress, StepState, run_of
from weft_workflows.payload_sizes import REFERENCE_BYTES
from weft_workflows.step_address import address_of
from weft_workflows.step_outcomes import TIMED_OUT, UNSURE, Outcome, outcome_of_error, outcome_of_value
from weft_workflows.step_queue import StepQueue

#: Tries of a step whose worker is lost, however few attempts its tool or the run allows.
LOST_WORKER_TRIES = 5
#: Largest arguments of one step in runs without `ValueSizes`: a payload may have 2 MB, some of it the server's.
MAX_ARGUMENT_BYTES = 2_000_000
_WINDOW_BYTES = 2_500_000
#: The server's limit is 1,000 characters.
_MAX_ID = 900
_MAX_SUMMARY_BYTES = 200
_MAX_SHOWN = 24
#: Larger arguments are not taken apart for people's eyes.
_MAX_SHOWN_BYTES = 100_000
#: Ended steps that the run still tells of when it is asked; its history tells of all.
_REMEMBERED = 1_000


@dataclass(slots=True, eq=False)
class Step:
    """One step and how far it is. Times are Unix seconds of the run's clock."""

    call: p.CallTool
    spec: ToolSpec
    started: float
    size: int
    state: StepState = "scheduled"
    tries: int = 0
    handle: workflow.ActivityHandle[RawValue] | None = None
    ended: float | None = None
    error: str | None = None
    #: When it was given to the server first, since it was called or a person had it tried again.
    begun: float = 0.0
    #: What its last attempt reported, for the next one.
    heartbeat: tuple[Any, ...] = ()

    @property
    def id(self) -> str:
        return self.call.step

    @property
    def tool(self) -> str:
        return self.call.tool

    def carry(self) -> CarriedStep:
        """The step for another execution that goes on with it."""
        return CarriedStep(
            call=p.encode(self.call),
            state=self.state,
            tries=self.tries,
            started=self.started,
            begun=self.begun,
            heartbeat=self.heartbeat,
        )


class Steps:
    """The steps of a run. `done` is told of each end, in the order of history, except of cancelled steps."""

    def __init__(
        self,
        tools: dict[str, ToolSpec],
        options: RunOptions,
        done: Callable[[Step, Outcome], None],
        batches: Batches | None = None,
    ) -> None:
        #: Those that have not ended, and the last ones that have.
        self.all: dict[str, Step] = {}
        #: How many have given a result.
        self.completed = 0
        #: While it is set by a person, no step starts.
        self.paused = False
        #: The same while the run is about to go on in another execution.
        self.held = False
        self._tools = tools
        self._options = options
        self._done = done
        self._batches = batches
        self._ended_ids: deque[str] = deque()
        self._queue: StepQueue[Step] = StepQueue(options.window, options.tool_windows)
        #: Steps that are with the server, by their ids, in the order in which they were started.
        self._started: dict[str, Step] = {}
        #: How many of them are activities of this execution.
        self.activities = 0
        self._bytes = 0

    @property
    def in_flight(self) -> list[Step]:
        return list(self._started.values())

    @property
    def busy(self) -> bool:
        """Whether any step is with the server or waits to be."""
        return bool(self._started) or bool(self._queue)

    @property
    def waiting(self) -> int:
        """Steps that the window keeps back."""
        return len(self._queue)

    def call(self, call: p.CallTool) -> None:
        self._enqueue(self.add(call))

    def add(self, call: p.CallTool, started: float | None = None) -> Step:
        """A step that the program has called and that is not started by itself."""
        if call.step in self.all:
            raise RuntimeError(f"the machine used the step id {call.step!r} twice")
        began = workflow.time() if started is None else started
        step = Step(call, self._tools[call.tool], began, len(call.arguments.encode("utf-8", "surrogatepass")))
        self.all[call.step] = step
        return step

    def pause(self, paused: bool) -> None:
        """Lets no more steps start, or lets them again."""
        if self.paused != paused:
            self.paused = paused
            self._fill()

    def carry(self) -> tuple[CarriedStep, ...]:
        """The steps that have not ended, for the execution that goes on with the run; those that wait in their order."""
        elsewhere = (step for step in self.all.values() if step.state in ("running", "parked"))
        return tuple(step.carry() for step in (*elsewhere, *self._queue))

    def take_over(self, carried: Sequence[CarriedStep]) -> None:
        """Goes on with steps of another execution: those that run do so elsewhere, others wait or are parked."""
        for each in carried:
            step = self.add(p.decode(each.call), each.started)
            step.state, step.tries, step.begun, step.heartbeat = each.state, each.tries, each.begun, each.heartbeat
            if step.state == "running":
                self._started[step.id] = step
            elif step.state == "scheduled":
                self._queue.push(step)

    def release(self) -> None:
        """Lets steps start again."""
        self.held = False
        self._fill()

    def retry(self, step: Step) -> None:
        """Runs a step again, as a new activity with all its time."""
        step.begun = 0.0
        self._enqueue(step)

    def cancel(self, step_id: str) -> None:
        """Asks the tool to stop; its end is of no interest any more."""
        step = self.all[step_id]
        if step.state in ("completed", "failed"):
            return
        self._end(step, "cancelled")
        self._queue.discard(step)
        if step.handle is not None:
            step.handle.cancel()
            self._release(step)
        elif step.id in self._started and self._batches is not None:
            del self._started[step.id]
            self._batches.cancel(step.id)

    def finish(self, step: Step, error: Failure | None = None) -> None:
        """Notes that a step's end goes to the program."""
        self._end(step, "completed" if error is None else "failed")
        step.error = None if error is None else f"{error.type}: {error.message}"
        self.completed += error is None

    def forget(self, step_id: str) -> None:
        """A step that has ended is not to be told of."""
        self.all.pop(step_id, None)

    def _end(self, step: Step, state: StepState) -> None:
        step.state, step.ended = state, workflow.time()
        self._ended_ids.append(step.id)
        if len(self._ended_ids) > _REMEMBERED:
            self.all.pop(self._ended_ids.popleft(), None)

    def _enqueue(self, step: Step) -> None:
        step.state = "scheduled"
        if (refusal := self._refusal(step)) is not None:
            self._done(step, Outcome("answer", failure=Failure("ValueError", refusal)))
            return
        self._queue.push(step)
        self._fill()

    def _refusal(self, step: Step) -> str | None:
        """Why a step's arguments are too large to be sent."""
        sizes = self._options.sizes
        limit, setting = (MAX_ARGUMENT_BYTES, "") if sizes is None else (sizes.limit, " (WEFT_PAYLOAD_LIMIT)")
        if step.size <= limit:
            return None
        return f"the arguments of {step.spec.name} take {step.size:,} bytes; a step may have {limit:,}{setting}"

    def _in_message(self, step: Step) -> int:
        """Bytes that a step's arguments take in a message: what is certain to be kept elsewhere is a reference there."""
        sizes = self._options.sizes
        return REFERENCE_BYTES if sizes is not None and step.size > sizes.inline else step.size

    def _fill(self) -> None:
        """Starts as many steps as the windows take, oldest first."""
        while not (self.held or self.paused) and (step := self._queue.first()) is not None:
            if self._batches is not None and self._batches.wants(step.spec.timeout, len(self._queue)):
                if not self._hand_out(step):
                    return
                continue
            if self.activities and self._bytes + self._in_message(step) > _WINDOW_BYTES:
                return
            self._start(*self._queue.take(step.tool, 1))

    def _hand_out(self, first: Step) -> bool:
        """Gives the oldest steps of a tool to a workflow of their own; not before there is enough room for it."""
        assert self._batches is not None
        size = self._batches.size(first.spec.timeout)
        room = self._queue.room(first.tool)
        window = self._batches.window(size, room, self._queue.window_of(first.tool))
        if room < window:
            return False
        steps = self._together(first.tool, size)
        self._queue.occupy(first.tool, min(window, len(steps)))
        self._batches.start(first.spec, [step.carry() for step in steps], window, self._options)
        for step in steps:
            step.state = "running"
            self._started[step.id] = step
        return True

    def _together(self, tool: str, count: int) -> list[Step]:
        """The oldest waiting steps of a tool, with about as many bytes of arguments as the window may have."""
        steps: list[Step] = []
        size = 0
        while len(steps) < count and size < _WINDOW_BYTES and (taken := self._queue.take(tool, 1)):
            steps += taken
            size += taken[0].size
        return steps

    def batch_ended(self, step_id: str, outcome: Outcome, tries: int) -> None:
        """A step that was handed out has ended."""
        step = self._started.pop(step_id, None)
        if step is None:
            return  # cancelled by the program before
        step.tries, step.heartbeat = tries, outcome.heartbeat or step.heartbeat
        self._done(step, outcome)

    def batch_lost(self, step_id: str) -> None:
        """The workflow that a step was handed out to has ended without telling of it."""
        step = self._started.pop(step_id, None)
        if step is None:
            return
        step.tries += 1
        if step.spec.effect is Effect.WRITE:
            failure = Failure("ConnectionError", f"the workflow that ran {step.tool} was ended from outside")
            self._done(step, Outcome("ambiguous", failure=failure))
        else:
            self._enqueue(step)

    def vacate(self, tool: str, count: int) -> None:
        """A batch takes up less room than before; more where the count is negative."""
        self._queue.vacate(tool, count)
        self._fill()

    def _start(self, step: Step) -> None:
        step.state, step.tries = "running", step.tries + 1
        self._started[step.id] = step
        self._queue.occupy(step.tool)
        self.activities += 1
        self._bytes += self._in_message(step)
        handle = step.handle = workflow.start_activity(
            step.call.tool,
            args=[RawValue(_json_payload(step.call.arguments)), self._address(step)],
            result_type=RawValue,
            task_queue=step.spec.task_queue or self._options.activity_task_queue,
            activity_id=activity_id(step.call.step, step.tries),
            summary=summary_of(step),
            start_to_close_timeout=timedelta(seconds=step.spec.timeout),
            schedule_to_close_timeout=_time_left(step),
            heartbeat_timeout=timedelta(seconds=self._options.heartbeat_timeout),
            retry_policy=retry_policy(step.spec),
            cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
            **_event_group(step.call.group),
        )
        handle.add_done_callback(lambda _: self._ended(step, handle))

    def _address(self, step: Step) -> StepAddress:
        return address_of(
            run_of(workflow.info().workflow_id),
            step.call.step,
            step.spec,
            step.call.arguments,
            earlier=step.tries - 1,
            heartbeat=step.heartbeat,
            by_call=self._options.keys_by_call,
        )

    def _ended(self, step: Step, handle: workflow.ActivityHandle[RawValue]) -> None:
        if handle.cancelled():
            return  # only at eviction: what the server cancels ends with an error
        error = handle.exception()
        if step.handle is not handle or not isinstance(error, Exception | None):
            return  # cancelled by the program before, or being evicted
        self._release(step)
        outcome = outcome_of_value(handle.result()) if error is None else outcome_of_error(error, step.spec)
        step.heartbeat = outcome.heartbeat or step.heartbeat
        if outcome.kind == "lost" and step.tries * step.spec.retry.max_attempts < LOST_WORKER_TRIES:
            self._enqueue(step)
        else:
            self._done(step, outcome)

    def _release(self, step: Step) -> None:
        del self._started[step.id]
        step.handle = None
        self._queue.vacate(step.tool)
        self.activities -= 1
        self._bytes -= self._in_message(step)
        self._fill()


def activity_id(step: str, tries: int) -> str:
    """The step's id; shortened where the server would refuse it, and `~n` after it for the n-th try."""
    if len(step) > _MAX_ID:
        step = f"{step[: _MAX_ID - 20]}…{hashlib.sha256(step.encode()).hexdigest()[:16]}"
    return step if tries == 1 else f"{step}~{tries}"


def _time_left(step: Step) -> timedelta | None:
    """What is left of the step's time in all, where it is limited. A step whose worker was lost does not begin anew."""
    if step.spec.total_timeout is None:
        return None
    step.begun = step.begun or workflow.time()
    return timedelta(seconds=max(step.spec.total_timeout - (workflow.time() - step.begun), 0.001))


def retry_policy(spec: ToolSpec) -> RetryPolicy:
    """The server's policy for steps of a tool. The server knows timeouts by names of its own."""
    never = list(spec.retry.non_retryable)
    if spec.effect is Effect.WRITE:
        never += UNSURE
    elif "TimeoutError" in never:
        never += TIMED_OUT
    return RetryPolicy(
        initial_interval=timedelta(seconds=spec.retry.initial_interval),
        backoff_coefficient=spec.retry.backoff,
        maximum_interval=timedelta(seconds=max(spec.retry.max_interval, spec.retry.initial_interval)),
        maximum_attempts=spec.retry.max_attempts,
        non_retryable_error_types=never or None,
    )


def summary_of(step: Step) -> str:
    """`L12 · title · arg, arg`: the UI already shows the tool's name beside it."""
    values = [_short(value) for value in shown_arguments(step).values()]
    parts = [f"L{step.call.line}", step.call.title, ", ".join(values)]
    text = " · ".join(part for part in parts if part)
    return cut(text, _MAX_SUMMARY_BYTES)


def shown_arguments(step: Step) -> dict[str, Any]:
    """The arguments for people's eyes: redacted values are hidden."""
    if step.size > _MAX_SHOWN_BYTES:
        return {"…": f"{step.size:,} bytes"}
    arguments: dict[str, Any] = json.loads(step.call.arguments)
    return {name: "•••" if name in step.spec.redact else value for name, value in arguments.items()}


def cut(text: str, size: int) -> str:
    """The text in at most `size` bytes of UTF-8."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= size:
        return encoded.decode()
    return encoded[: size - 3].decode("utf-8", "ignore") + "…"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _json_payload(text: str) -> Payload:
    """JSON text as the default converter would have made it of the value."""
    return Payload(metadata={"encoding": b"json/plain"}, data=text.encode("utf-8", "surrogatepass"))


def _event_group(label: str) -> dict[str, Any]:
    """The UI's grouping of a parallel branch; experimental in the SDK, so that its absence must not matter."""
    create = getattr(workflow, "create_event_group", None)
    if not label or create is None:
        return {}
    return {"event_groups": [create(label, label=label)]}
