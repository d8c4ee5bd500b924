"""What the end of an activity means for its step.

The table, with W for `write` and R for `read` and `idempotent` tools:

    how the attempt ended                            known of the world          W              R
    a worker never took it                           did not run                 goes on waiting
    tool raised an answer                            ran, refused                answer         answer
    tool raised a transient error                    the tool's own word: failed retried        retried
    … and the attempts are spent                     same                        spent          spent
    worker lost (no heartbeat) or shut down          may have run                ambiguous      retried
    tool took longer than its timeout                may have run or still runs  ambiguous      retried
    its time in all was over, while an attempt ran   may have run or still runs  ambiguous      spent
    … while none ran                                 each attempt has reported   spent          spent
    … and the attempts are spent                     same                        (never gets here)  spent, or
    runs
                                                                                                again if lost
    worker has no such tool                          did not run                 retried        retried
    its result could not be stored                   ran                         ambiguous      retried
    its arguments could not be read from storage     did not run                 retried        retried
    … and the attempts are spent                     same                        unread         unread

`retried` is the server's work, under the retry policy of `step_activities`, which names what a write must not
repeat. An ambiguous write is never run again unless a person says so. Spent failures go to the program if it
handles them. What is unread is no answer of the tool and never goes to the program: it waits for a person.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from temporalio import exceptions
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutType
from weft_compiler.tool_spec import Effect, ToolSpec

from weft_workflows.failures import Failure, is_builtin_exception

#: The failure's type with which the SDK ends activities of a worker that shuts down.
WORKER_SHUTDOWN = "WorkerShutdown"
#: The failures' types where a worker could not store a step's result, or not read its arguments.
NOT_STORED, NOT_READ = "PayloadNotStored", "PayloadMissing"
#: What a `write` must not be retried after, in the names of the server's retry policy.
TIMED_OUT = ("TemporalTimeout:StartToClose",)
UNSURE = (*TIMED_OUT, "TemporalTimeout:Heartbeat", WORKER_SHUTDOWN, NOT_STORED)
_SPENT = (RetryState.MAXIMUM_ATTEMPTS_REACHED, RetryState.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: `value` with JSON text, or in one of the ways of the table with the failure to tell."""

    kind: Literal["value", "answer", "spent", "ambiguous", "lost", "unread"]
    value: str = "null"
    failure: Failure | None = None
    #: What the attempt reported last, where it did not end with a value.
    heartbeat: tuple[Any, ...] = ()


def outcome_of_value(result: RawValue) -> Outcome:
    """A result, as the JSON text that the payload holds. A tool without a result gives null."""
    encoding = result.payload.metadata.get("encoding", b"").decode()
    if encoding == "binary/null":
        return Outcome("value")
    if encoding == "json/plain":
        return Outcome("value", result.payload.data.decode("utf-8", "surrogatepass"))
    failure = Failure("TypeError", f"the step's result is encoded as {encoding!r}, not as JSON")
    return Outcome("answer", failure=failure)


def outcome_of_error(error: BaseException, spec: ToolSpec) -> Outcome:
    """What the failure of an activity means. `error` is what awaiting the activity raised."""
    cause = error.cause if isinstance(error, ActivityError) else error
    if (unread := _not_read(cause)) is not None:
        return Outcome("unread", failure=Failure("OSError", unread.message, transient=True))
    unsure = isinstance(cause, exceptions.TimeoutError) or _type_of(cause) == WORKER_SHUTDOWN
    failure, heartbeat = _failure_of(cause, spec), _heartbeat_of(cause)
    may_have_run = unsure or _type_of(cause) == NOT_STORED
    if may_have_run and spec.effect is Effect.WRITE and not _between_attempts(error):
        # A thread cannot be stopped, and a coroutine need not listen.
        failure.note = "" if _worker_lost(cause) else ", and may still be running"
        return Outcome("ambiguous", failure=failure, heartbeat=heartbeat)
    if unsure:
        return Outcome("lost" if _worker_lost(cause) else "spent", failure=failure, heartbeat=heartbeat)
    spent = isinstance(error, ActivityError) and error.retry_state in _SPENT
    return Outcome("spent" if spent and failure.transient else "answer", failure=failure, heartbeat=heartbeat)


def _between_attempts(error: BaseException) -> bool:
    """Whether a step's time in all was over while no attempt ran: each one that there was has reported back."""
    cause = error.cause if isinstance(error, ActivityError) else None
    if not isinstance(cause, exceptions.TimeoutError) or not isinstance(error, ActivityError):
        return False
    over = cause.type in (TimeoutType.SCHEDULE_TO_CLOSE, TimeoutType.SCHEDULE_TO_START)
    return over and not error.started_event_id


def _heartbeat_of(cause: BaseException | None) -> tuple[Any, ...]:
    """What the attempt reported: a timeout has it from the server, an exception brings it as its third detail."""
    if isinstance(cause, exceptions.TimeoutError):
        return tuple(cause.last_heartbeat_details)
    if isinstance(cause, ApplicationError) and len(cause.details) > 2 and isinstance(cause.details[2], list):
        return tuple(cause.details[2])
    return ()


def _not_read(cause: BaseException | None) -> ApplicationError | None:
    """The error by which a worker failed to read a step's arguments: the SDK wraps it in one of its own."""
    inner = cause.cause if isinstance(cause, ApplicationError) else None
    return inner if isinstance(inner, ApplicationError) and inner.type == NOT_READ else None


def _worker_lost(cause: BaseException | None) -> bool:
    return not isinstance(cause, exceptions.TimeoutError) or cause.type is TimeoutType.HEARTBEAT


def _failure_of(cause: BaseException | None, spec: ToolSpec) -> Failure:
    if _worker_lost(cause) and (isinstance(cause, exceptions.TimeoutError) or _type_of(cause) == WORKER_SHUTDOWN):
        return Failure("ConnectionError", f"the worker that ran {spec.name} was lost", transient=True)
    if isinstance(cause, exceptions.TimeoutError):
        in_all = cause.type is not TimeoutType.START_TO_CLOSE and spec.total_timeout is not None
        limit = f"{spec.total_timeout:g} s in all" if in_all else f"{spec.timeout:g} s"
        return Failure("TimeoutError", f"{spec.name} took longer than {limit}", transient=True)
    if isinstance(cause, ApplicationError) and cause.type == NOT_STORED:
        return Failure("OSError", f"{spec.name} ran, but its result is lost: {cause.message}", transient=True)
    if isinstance(cause, ApplicationError):
        return _raised(cause)
    return Failure("RuntimeError", f"{spec.name} was ended from outside: {cause}")


def _raised(error: ApplicationError) -> Failure:
    """A tool's exception: details are its args as a JSON array, the name of its nearest builtin base, and what it reported."""
    name = error.type or "RuntimeError"
    details = list(error.details)
    arguments: Any = details[0] if details else None
    base = details[1] if len(details) > 1 and isinstance(details[1], str) else ""
    return Failure(
        name,
        error.message,
        arguments if isinstance(arguments, list) else [error.message],
        base_type=base if is_builtin_exception(base) else "",
        transient=not error.non_retryable,
    )


def _type_of(cause: BaseException | None) -> str | None:
    return cause.type if isinstance(cause, ApplicationError) else None


def arguments_text(failure: Failure) -> str:
    """The failure's arguments as JSON text, as the machine wants them."""
    return json.dumps(failure.arguments, ensure_ascii=False)
