"""Steps as Temporal activities: starting them, within a window, and cancelling them.

What always holds: no two pending activities of a run have the same id; steps start in the order in which the
program called them; at most `window` of them, and about `_WINDOW_BYTES` of arguments (or of references to them), are
with the server at a time (it refuses more than 2,000 pending activities, and one message of more than 4 MB). Nothing
here decides what a failure means.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue, RetryPolicy
from weft_compiler.tool_spec import Effect, ToolSpec

from weft_workflows.failures import Failure
from weft_workflows.machine import protocol as p
from weft_workflows.messages import RunOptions, StepAddress, StepState
from weft_workflows.payload_sizes import REFERENCE_BYTES
from weft_workflows.step_address import address_of
from weft_workflows.step_outcomes import TIMED_OUT, UNSURE, Outcome, outcome_of_error, outcome_of_value

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


class Steps:
    """The steps of a run. `done` is told of each end, in the order of history, except of cancelled steps."""

    def __init__(self, tools: dict[str, ToolSpec], options: RunOptions, done: Callable[[Step, Outcome], None]) -> None:
        self.all: dict[str, Step] = {}
        #: How many have given a result.
        self.completed = 0
        #: While it is set by a person, no step starts.
        self.paused = False
        self._tools = tools
        self._options = options
        self._done = done
        self._queue: deque[Step] = deque()
        #: Steps that are with the server, by their ids, in the order in which they were started.
        self._started: dict[str, Step] = {}
        self._bytes = 0

    @property
    def in_flight(self) -> list[Step]:
        return list(self._started.values())

    @property
    def waiting(self) -> int:
        """Steps that the window keeps back."""
        return len(self._queue)

    def call(self, call: p.CallTool) -> None:
        self._enqueue(self.add(call))

    def add(self, call: p.CallTool) -> Step:
        """A step that the program has called and that is not started by itself."""
        if call.step in self.all:
            raise RuntimeError(f"the machine used the step id {call.step!r} twice")
        step = Step(call, self._tools[call.tool], workflow.time(), len(call.arguments.encode()))
        self.all[call.step] = step
        return step

    def pause(self, paused: bool) -> None:
        """Lets no more steps start, or lets them again."""
        if self.paused != paused:
            self.paused = paused
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
        if step in self._queue:
            self._queue.remove(step)
        if step.handle is not None:
            step.handle.cancel()
            self._release(step)

    def finish(self, step: Step, error: Failure | None = None) -> None:
        """Notes that a step's end goes to the program."""
        self._end(step, "completed" if error is None else "failed")
        step.error = None if error is None else f"{error.type}: {error.message}"
        self.completed += error is None

    def _end(self, step: Step, state: StepState) -> None:
        step.state, step.ended = state, workflow.time()

    def _enqueue(self, step: Step) -> None:
        step.state = "scheduled"
        if (refusal := self._refusal(step)) is not None:
            self._done(step, Outcome("answer", failure=Failure("ValueError", refusal)))
            return
        self._queue.append(step)
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
        """Starts as many steps as the window takes, oldest first."""
        while self._queue and not self.paused and len(self._started) < self._options.window:
            if self._started and self._bytes + self._in_message(self._queue[0]) > _WINDOW_BYTES:
                return
            self._start(self._queue.popleft())

    def _start(self, step: Step) -> None:
        step.state, step.tries = "running", step.tries + 1
        self._started[step.call.step] = step
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
            # Workflows that carry out steps for a run have its id and `//` before their own.
            workflow.info().workflow_id.partition("//")[0],
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
        del self._started[step.call.step]
        step.handle = None
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
