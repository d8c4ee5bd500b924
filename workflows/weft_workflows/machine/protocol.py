"""What goes into a machine and what comes out: bytes in, bytes out.

A driver (the Temporal workflow, the in-memory driver) starts a machine, delivers one event at a time in the order of
history, and carries out the commands that come back. Commands of one delivery are in the order in which the program gave
them. Nothing here knows a driver.

JSON texts (`arguments`, `value`, `result`) are carried as they are, so that neither side parses what it only passes on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Start:
    """The first message: a plan and what the run takes from outside. `now` is Unix time in seconds."""

    kind: ClassVar[str] = "start"
    plan: str
    inputs: str
    run_id: str
    seed: int
    now: float


@dataclass(frozen=True, slots=True)
class StepSucceeded:
    kind: ClassVar[str] = "step_succeeded"
    step: str
    value: str
    now: float


@dataclass(frozen=True, slots=True)
class StepFailed:
    """`type` is the exception's class name; `arguments` the JSON array of its args; `base_type` its nearest builtin base."""

    kind: ClassVar[str] = "step_failed"
    step: str
    type: str
    message: str
    arguments: str
    base_type: str
    now: float
    #: Whether this was the last attempt of what might have gone better a little later.
    spent: bool = False


@dataclass(frozen=True, slots=True)
class TimerFired:
    kind: ClassVar[str] = "timer_fired"
    timer: str
    now: float


@dataclass(frozen=True, slots=True)
class CancelRun:
    """Cancels the run's main task, as Ctrl-C does in `asyncio.run`; `finally` blocks and their steps run."""

    kind: ClassVar[str] = "cancel_run"
    now: float


#: How a driver asks which timers are deadlines around steps: `inspect` of this and a JSON list of steps.
GUARDING = "guarding "
#: How a driver asks whether the main strand has failed, so that whatever still runs only cleans up.
FAILED = "failed"

Event = StepSucceeded | StepFailed | TimerFired | CancelRun


@dataclass(frozen=True, slots=True)
class CallTool:
    """Run a step. `arguments` is a JSON object; `group` labels the parallel branch, or is empty: it is the call path of the
    strand, below that of the strand which started it.
    """

    kind: ClassVar[str] = "call_tool"
    step: str
    tool: str
    arguments: str
    line: int
    title: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class StartTimer:
    """`seconds` from the `now` of the event that is being handled; `deadline` is the same as Unix time.

    `guards` tells a deadline, which ends the waiting of others, from a pause of the program's own. `group` is as that of a
    step.
    """

    kind: ClassVar[str] = "start_timer"
    timer: str
    seconds: float
    deadline: float
    line: int
    guards: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class CancelStep:
    kind: ClassVar[str] = "cancel_step"
    step: str


@dataclass(frozen=True, slots=True)
class CancelTimer:
    kind: ClassVar[str] = "cancel_timer"
    timer: str


@dataclass(frozen=True, slots=True)
class Output:
    """Text that the program printed."""

    kind: ClassVar[str] = "output"
    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The run ended; `result` is JSON text."""

    kind: ClassVar[str] = "finish"
    result: str


@dataclass(frozen=True, slots=True)
class Fail:
    """The run ended with an uncaught exception. `step` is the failed step's id where the exception came from one, else ''."""

    kind: ClassVar[str] = "fail"
    type: str
    message: str
    line: int
    step: str = ""
    traceback: str = ""
    #: Set where a CancelledError ended the program: that of the run, or one of its own.
    cancelled: bool = False
    #: The step whose spent failure this is, or has led to; else ''.
    spent: str = ""
    #: The steps whose failures the exception came of, by way of causes, contexts and groups, as a JSON array.
    failed_steps: str = "[]"


Command = CallTool | StartTimer | CancelStep | CancelTimer | Output | Finish | Fail

_KINDS: dict[str, Any] = {
    cls.kind: cls
    for cls in (
        Start,
        StepSucceeded,
        StepFailed,
        TimerFired,
        CancelRun,
        CallTool,
        StartTimer,
        CancelStep,
        CancelTimer,
        Output,
        Finish,
        Fail,
    )
}
#: All fields are flat: texts, numbers and truth values.
_FIELDS = {kind: tuple(field.name for field in fields(cls)) for kind, cls in _KINDS.items()}


class NewerMessage(ValueError):
    """A message that another version of Weft has written says what is not known here."""


def encode(message: Start | Event | Command) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": message.kind}
    for name in _FIELDS[message.kind]:
        found[name] = getattr(message, name)
    return found


def decode(data: dict[str, Any]) -> Any:
    """The message of that data. Raises NewerMessage for an unknown kind or field, TypeError where a field is missing."""
    fields = dict(data)
    kind = fields.pop("kind")
    unknown = sorted(fields.keys() - set(_FIELDS[kind])) if kind in _FIELDS else [kind]
    if unknown:
        raise NewerMessage(
            f"a newer Weft than this sent the machine's message {kind}: {', '.join(unknown)} is not known here"
        )
    return _KINDS[kind](**fields)


def to_bytes(messages: list[Any]) -> bytes:
    return json.dumps([encode(m) for m in messages], separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def from_bytes(data: bytes) -> list[Any]:
    return [decode(m) for m in json.loads(data.decode("utf-8", "surrogatepass"))]
