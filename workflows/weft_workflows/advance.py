"""Long pure code, as an activity: one event of a run, carried out in a host of its own.

A workflow task must be short, since one worker serves many runs and Temporal takes a task that lasts seconds for a
deadlock. What takes longer leaves the workflow: the recipe of the machine as of before the event goes into this
activity, and what the event has led to comes back. What always holds: nothing else happens to the run meanwhile, and
the same recipe and event give the same answer on any worker, so that the activity can be tried again after a lost one.

Payloads are packed bytes, since JSON would take a large machine's snapshot apart.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from weft_workflows.evaluators import Death, TooLong, event_key
from weft_workflows.fitting import UNFIT, UnfitWorker
from weft_workflows.host.errors import EvaluatorDied, HostRestarted, MachineFailed
from weft_workflows.host.handle import Recipe
from weft_workflows.host.pool import HostPool
from weft_workflows.host.wire import Op
from weft_workflows.machine import protocol as p
from weft_workflows.messages import ADVANCE, advance_queue

#: What an activity's failure says that is the program's own doing; its details are a line and a reason.
_DIED: Final = "EvaluatorDied"
#: Seconds until long code that an unfit worker got is given out again; the last one from then on.
_PAUSES: Final = (2, 5, 10, 30, 60, 300)
_HEARTBEAT_SECONDS: Final = 3.0
_LENGTH: Final = struct.Struct("<Q")


@dataclass(frozen=True)
class Advanced:
    """What an event has led to: commands, and the parts of the machine after it (none where the run has ended)."""

    commands: list[p.Command]
    snapshot: list[bytes]


class Killed(Exception):
    """The event has killed the host of its own too."""

    def __init__(self, death: Death) -> None:
        super().__init__(death)
        self.death = death


async def advance(event: p.Start | p.Event, too_long: TooLong) -> Advanced:
    """Has the event carried out elsewhere. Called by the workflow. Raises Killed."""
    packed = _packed_task(p.to_bytes([event]), too_long.recipe)
    pauses = iter(_PAUSES)
    while True:
        try:
            result = await _carried_out(packed, too_long.line)
        except ActivityError as error:
            if not _is_unfit(error):
                raise Killed(_death(event, error)) from error
            await workflow.sleep(next(pauses, _PAUSES[-1]), summary="an older worker cannot do it; another may")
        else:
            commands, *snapshot = _unpacked(result.payload.data)
            return Advanced(p.from_bytes(commands), snapshot if any(snapshot) else [])


async def _carried_out(packed: Sequence[bytes], line: int) -> RawValue:
    result: RawValue = await workflow.execute_activity(
        ADVANCE,
        args=[_raw(part) for part in packed],
        result_type=RawValue,
        task_queue=advance_queue(workflow.info().task_queue),
        summary=f"L{line} · long pure code" if line else "long pure code",
        start_to_close_timeout=timedelta(hours=2),
        heartbeat_timeout=timedelta(seconds=15),
        retry_policy=RetryPolicy(maximum_attempts=5),
    )
    return result


def _is_unfit(error: ActivityError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type == UnfitWorker.__name__


def advancing(pool: HostPool) -> Callable[..., Any]:
    """The activity, for a worker with these hosts; as many at once as the machine has cores."""
    turns = asyncio.Semaphore(os.cpu_count() or 1)

    @activity.defn(name=ADVANCE)
    async def carry_out(*packed: bytes) -> RawValue:
        message, recipe = _task_of(packed)
        run = activity.info().workflow_run_id or ""
        beating = asyncio.create_task(_beat(lines := _Lines()))
        try:
            async with turns:
                return _raw(_packed(await _in_a_thread(pool, run, message, recipe, lines)))
        finally:
            beating.cancel()

    return carry_out


class _Lines:
    """Where the code stands, for the heartbeats."""

    def __init__(self) -> None:
        self.now: Callable[[], int] = lambda: 0


async def _beat(lines: _Lines) -> None:
    while True:
        activity.heartbeat({"line": lines.now()})
        await asyncio.sleep(_HEARTBEAT_SECONDS)


async def _in_a_thread(pool: HostPool, run: str, message: bytes, recipe: Recipe | None, lines: _Lines) -> list[bytes]:
    """Commands and the snapshot's parts. A cancelled activity kills its host, so that the thread ends."""
    handle = pool.take_out(run, recipe or Recipe(Op.START, message))
    lines.now = lambda: handle.line
    kept = False
    try:
        commands = await asyncio.to_thread(handle.deliver, message) if recipe else await asyncio.to_thread(handle.begin)
        if _over(commands):
            return [commands, b""]
        snapshot = await asyncio.to_thread(handle.settle)
        pool.keep(handle, snapshot)
        kept = True
        return [commands, *snapshot]
    except EvaluatorDied as died:
        raise _failure(died.line, died.reason) from died
    except MachineFailed as refused:
        if refused.type not in UNFIT:
            raise
        raise ApplicationError(refused.message, type=UnfitWorker.__name__, non_retryable=True) from refused
    except HostRestarted as restarted:
        if not restarted.charged:
            raise
        raise _failure(restarted.line, restarted.reason) from restarted
    finally:
        if not kept:
            handle.close()


def _over(commands: bytes) -> bool:
    return any(isinstance(command, p.Finish | p.Fail) for command in p.from_bytes(commands))


def _failure(line: int, reason: str) -> ApplicationError:
    return ApplicationError(f"line {line}: {reason}", line, reason, type=_DIED, non_retryable=True)


def _death(event: p.Start | p.Event, error: ActivityError) -> Death:
    cause = error.cause
    line, reason = 0, str(cause or error)
    if isinstance(cause, ApplicationError) and cause.type == _DIED:
        line, reason = cause.details
    return Death(event=event_key(event), tries=0, line=line, reason=reason, fatal=True)


# -- on the way --------------------------------------------------------------------------------------------------------------


def _packed_task(message: bytes, recipe: Recipe | None) -> list[bytes]:
    """The activity's arguments: the first packs the event and how the machine begins, behind it the events since.

    The parts of a large machine are arguments of their own, so that those which later tasks share are stored once.
    """
    if recipe is None:
        return [_packed([message])]
    begins = bytes([recipe.op])
    if not recipe.blocks:
        return [_packed([message, begins, recipe.body, *recipe.events])]
    return [_packed([message, begins, *recipe.events]), recipe.body, *recipe.blocks]


def _task_of(packed: Sequence[bytes]) -> tuple[bytes, Recipe | None]:
    """Event and recipe."""
    first, *parts = packed
    message, *rest = _unpacked(first)
    if not rest:
        return message, None
    begins, *behind = rest
    body, *blocks = parts or [behind.pop(0)]
    return message, Recipe(Op(begins[0]), body, tuple(behind), tuple(blocks))


def _raw(data: bytes) -> RawValue:
    return RawValue(Payload(metadata={"encoding": b"binary/plain"}, data=data))


def _packed(parts: Sequence[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def _unpacked(data: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(data):
        (size,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        parts.append(data[at : at + size])
        at += size
    return parts
