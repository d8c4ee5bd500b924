"""What crosses the boundary between a run and whoever starts, steers or executes it. Plain data, no behaviour.

All of these travel as JSON payloads through Temporal: arguments and results of `RunWorkflow`, of its queries and updates,
and of the activities that carry out steps.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from weft_workflows.fitting import check_known
from weft_workflows.payload_sizes import LARGEST_THRESHOLD, PAYLOAD_LIMIT

#: The registered name of the run's workflow type.
RUN_WORKFLOW = "WeftRun"
#: The registered name of the workflow type that carries out steps for a run.
BATCH_WORKFLOW = "WeftSteps"
#: The type of the activity that carries out long pure code. No tool can have this name.
ADVANCE = "weft.advance"
#: The type of the local activity that keeps an execution's history beside the payloads. No tool can have this name.
KEEP = "weft.keep"
#: What stands between a run's id and the rest in the ids of the workflows that work for it. No run's id has it.
CHILD_MARK = "//"


def advance_queue(task_queue: str) -> str:
    """Where the workers of a run's task queue listen for long pure code: steps must not come to workers without tools."""
    return f"{task_queue}:{ADVANCE}"


def run_of(workflow_id: str) -> str:
    """The run that a workflow belongs to: itself, or the one that it carries out steps for."""
    return workflow_id.partition(CHILD_MARK)[0]


#: Where the memo says which entries of its past a run has been given again: their number, and a bit for each.
MEMO_REUSED = "reused"
#: The signal by which a person says how many seconds the clean-up of a cancelled run may take.
LIMIT_CLEANUP = "limit_cleanup"
#: Where the memo says how many steps of the run other workflows carry out.
MEMO_ELSEWHERE = "steps_elsewhere"
#: Where the memo holds the `RunResult` of a cancelled run, since a cancellation can carry nothing.
MEMO_END = "end"
#: Where the memo says what waits for a person: names, the same with reasons and messages, and whether the run is paused.
MEMO_PARKED = "parked"
MEMO_PARKED_ROWS = "parked_rows"
MEMO_PAUSED = "paused"
#: The task queue where workers of both roles listen unless told otherwise.
DEFAULT_TASK_QUEUE = "weft"

RunStatus = Literal["running", "completed", "failed", "parked", "paused", "cancelled", "denied"]
StepState = Literal["scheduled", "running", "completed", "failed", "cancelled", "parked"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Asked(_Message):
    """What an execution is given, by who starts it or by another execution. A newer one may ask for what is not known here,
    which then cannot be left out.
    """

    @model_validator(mode="before")
    @classmethod
    def _is_known(cls, given: Any) -> Any:
        if isinstance(given, dict):
            check_known(given, cls.model_fields, "the input of the run")
        return given


class ValueSizes(_Asked):
    """How large the values of a run may be, in bytes, where payloads are kept outside of history."""

    #: Arguments of one step, and the result of the run.
    limit: int = Field(default=PAYLOAD_LIMIT, ge=1)
    #: What is larger is certain to leave history.
    inline: int = Field(default=LARGEST_THRESHOLD, ge=1)


class HistoryLimits(_Asked):
    """When a run goes on in a new execution. The server ends executions at 51,200 events or 50 MB.

    From the soft limit on it moves at the next moment at which no activity is in flight. At the firm one it starts no
    more steps until it has moved.
    """

    soft_events: int = Field(default=4_000, ge=1)
    firm_events: int = Field(default=10_000, ge=1)
    soft_bytes: int = Field(default=8_000_000, ge=1)
    firm_bytes: int = Field(default=20_000_000, ge=1)


class BatchLimits(_Asked):
    """Which steps are carried out by workflows of their own, so that the run's history does not hold them."""

    #: Steps that wait in the run from which on they are handed out in batches.
    waiting: int = Field(default=1_000, ge=1)
    #: Steps in one batch: of a few large ones the ends come in together, which saves workflow tasks.
    size: int = Field(default=2_000, ge=1, le=4_000)
    #: Seconds that a tool may take from which on each of its steps is a batch: the run can then move without waiting.
    seconds: float = Field(default=600, gt=0)
    #: Whether a batch starts with what room there is, once that is half of the window. Runs from before waited for all.
    rolling: bool = False


class RunOptions(_Asked):
    """Settings of one run."""

    #: Attempts of each step after transient failures; None leaves it to each tool.
    attempts: int | None = Field(default=None, ge=1)
    #: Seconds before the second attempt of each step; None leaves it to each tool.
    retry_interval: float | None = Field(default=None, gt=0)
    #: Seconds that one attempt of a step may take; None leaves it to each tool.
    step_timeout: float | None = Field(default=None, gt=0)
    #: Seconds that the run may take, without those in which it only waited for a person; None is for ever.
    run_timeout: float | None = Field(default=None, gt=0)
    #: Task queue of the activity workers; None is the workflow's own.
    activity_task_queue: str | None = None
    #: Steps that may be with the server at once; the rest wait in the run. The server's own limit is 2,000.
    window: int = Field(default=1000, ge=1, le=1900)
    #: The same for single tools, by name.
    tool_windows: dict[str, int] = Field(default_factory=dict)
    #: None is for runs from before these settings: they stay in one execution, and carry out their steps themselves.
    history: HistoryLimits | None = None
    batches: BatchLimits | None = None
    #: Seconds after which a step's worker that has not reported is taken for dead. Workers report three times as often,
    #: every five seconds at least; a short time finds a loss soon and takes a busy worker for a lost one.
    heartbeat_timeout: float = Field(default=15.0, ge=1.0)
    #: Whether a step's idempotency key depends on the call. Not for runs that began when it did not: it must not change.
    keys_by_call: bool = False
    #: None is for runs from before this setting: 2 MB, all of it in messages.
    sizes: ValueSizes | None = None
    #: How the run was asked for, shown in the UI: the objective's words or the file's name.
    objective: str = ""
    #: Seconds that a cancelled run may take to clean up; None, as in runs from before this setting: as long as it takes.
    cleanup_limit: float | None = Field(default=None, ge=0)
    #: What `--tools` was, so that `resume` can load the same ones.
    tool_sources: tuple[str, ...] = ()


class RunInput(_Asked):
    """The argument of `RunWorkflow.run`. `plan` is the plan's canonical JSON."""

    plan: str
    plan_id: str
    inputs: dict[str, Any] = Field(default_factory=dict)
    options: RunOptions = RunOptions()
    #: Which rules of parking the run was started under (`docs/adr/014`): 0 is for runs from before there was a choice.
    parking_rules: int = 0
    #: Whether histories are kept beside the payloads. Runs from before that keep none.
    keeps_history: bool = False


class RunError(_Message):
    """An uncaught error of the orchestration. `line` is a line of its source, 0 where unknown."""

    type: str
    message: str
    line: int = 0
    step: str = ""
    traceback: str = ""


class RunResult(_Message):
    """The result of `RunWorkflow.run` for completed runs; failed ones carry the same as details of their failure."""

    status: RunStatus
    result: Any = None
    stdout: str = ""
    steps: int = 0
    reused: int = 0
    error: RunError | None = None


class ParkedStep(_Message):
    """Why a step waits for a person, and what that person can say."""

    step: str
    reason: Literal["ambiguous", "retries-spent", "evaluator-died", "ended-uncaught", "orphans"]
    message: str
    line: int = 0


class StepRow(_Message):
    """One row of the query `steps`. Times are Unix seconds."""

    id: str
    tool: str
    line: int
    state: StepState
    started: float
    ended: float | None = None
    arguments: Any = None
    error: str | None = None
    title: str = ""
    #: Whether an earlier execution of the run has carried it out. Its times are those of its end then.
    reused: bool = False


class RunView(_Message):
    """The answer of the query `status`."""

    run_id: str
    plan_id: str
    status: RunStatus
    steps_done: int
    steps_running: int
    #: Steps that have not started because the run is paused, or because of its window.
    steps_waiting: int = 0
    parked: tuple[ParkedStep, ...] = ()
    lines: tuple[int, ...] = ()
    #: The line of pure code that takes long (0: unknown) and runs in a process of its own; None while there is none.
    computing: int | None = None


class Decision(_Message):
    """The argument of the Update `decide`: what a person says of a parked step.

    `step` is empty for the only thing that is parked, `@all` for everything that is.
    """

    step: str = ""
    action: Literal["retry", "skip", "fail"]
    value: Any = None
    decision_id: str = ""


class StepAddress(_Message):
    """Where a step stands, for the tool's own code (`weft_activities.current_step`); the activity's second argument."""

    run_id: str
    step_id: str
    idempotency_key: str
    #: Attempts that there have been at least, in activities before this one.
    earlier: int = 0
    #: What the last of them reported.
    heartbeat: tuple[Any, ...] = ()


class CarriedStep(_Asked):
    """A step that has not ended, for another execution that goes on with it. `call` is the machine's command, `tries` how
    often it has been started.
    """

    call: dict[str, Any]
    state: StepState
    tries: int
    started: float
    begun: float = 0.0
    heartbeat: tuple[Any, ...] = ()


class CarriedTimer(_Asked):
    """A timer that is set. `deadline` is Unix time in seconds."""

    timer: str
    line: int
    deadline: float
    guards: bool
    #: Seconds that are left, where it stands still.
    left: float | None = None


class CarriedBatch(_Asked):
    """A workflow that carries out steps of the run; `steps` are those that it has not reported."""

    id: str
    tool: str
    window: int
    steps: tuple[str, ...]


class CarriedParking(_Asked):
    """What is parked. `failures` are what `fail` raises in the program, by step."""

    rows: tuple[ParkedStep, ...] = ()
    failures: dict[str, dict[str, Any]] = Field(default_factory=dict)
    decided: tuple[str, ...] = ()
    paused: bool = False


class Carried(_Asked):
    """What an execution of a run hands to the next one, beside the machine's checkpoint."""

    #: How often the run has moved.
    moves: int
    completed: int
    #: Whether the first argument after this one is what is left of the run's past.
    past: bool = False
    steps: tuple[CarriedStep, ...] = ()
    timers: tuple[CarriedTimer, ...] = ()
    batches: tuple[CarriedBatch, ...] = ()
    parking: CarriedParking = CarriedParking()
    #: What is known of events that kill hosts.
    evaluator: dict[str, Any] = Field(default_factory=dict)
    #: Seconds that the run may still take, where its time is limited.
    seconds_left: float | None = None
    stdout: str = ""


class BatchInput(_Asked):
    """The argument of the workflow that carries out steps for a run: calls of one tool, `window` at a time."""

    run_id: str
    tool: dict[str, Any]
    calls: tuple[CarriedStep, ...]
    window: int
    options: RunOptions


class BatchOutcome(_Asked):
    """How a step that was handed out has ended: the fields of `step_outcomes.Outcome`, and the tries that it took."""

    step: str
    kind: Literal["value", "answer", "spent", "ambiguous", "lost", "unread"]
    tries: int
    value: str = "null"
    failure: dict[str, Any] | None = None
    heartbeat: tuple[Any, ...] = ()


class Report(_Asked):
    """What such a workflow tells the run, by a signal."""

    batch: str
    outcomes: tuple[BatchOutcome, ...]
