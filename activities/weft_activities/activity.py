"""Tools as Temporal activities.

Always holds: an activity gives its result as the JSON text that the core made (the SDK's own converter would sort the
keys), it is heartbeated while the tool runs, even while the tool blocks, and every failure leaves as an
ApplicationError that says whether it is the tool's answer. This is the only file that knows how a step looks in
Temporal.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from weft_workflows.messages import StepAddress

from weft_activities.context import StepContext
from weft_activities.failures import as_application_error, describe_failure, tool_frames
from weft_activities.invoke import call_tool_json
from weft_activities.tool import Tool
from weft_activities.tool_loop import TOOL_LOOP

#: Seconds between two heartbeats, at most: a third of the timeout that steps are started with by default.
HEARTBEAT_INTERVAL = 5.0
#: The failure's type with which the SDK ends activities of a worker that shuts down.
WORKER_SHUTDOWN = "WorkerShutdown"
#: What marks a step that a person had tried again; the step is still the same one to the tool.
_RETRY_MARK = re.compile(r"~\d+$")


def make_activity(tool: Tool, result_limit: int | None) -> Callable[[dict[str, Any]], Coroutine[Any, Any, RawValue]]:
    """The activity definition for a tool, to be given to a Temporal worker."""

    @activity.defn(name=tool.name)
    async def step(arguments: dict[str, Any], address: StepAddress | None = None) -> RawValue:
        context = _step_context(address)
        reported = Reported(context.last_heartbeat_details)
        try:
            async with _heartbeats(context, reported):
                # A cancelled activity ends when its tool has: what history says of it is true then.
                text = await TOOL_LOOP.run(
                    lambda: call_tool_json(tool, arguments, context, result_limit=result_limit, lingers=True),
                    closing=activity.wait_for_worker_shutdown,
                )
        except Exception as error:  # noqa: BLE001 (whatever the tool raised is told to the run)
            failure = as_application_error(describe_failure(error, tool.spec.retry.non_retryable), reported.details)
            raise failure.with_traceback(tool_frames(error)) from None
        except asyncio.CancelledError:
            if not (reported.details and _is_cut_off()):
                raise
            # As the SDK would say it, with what the next attempt wants to know.
            told = [None, "", list(reported.details)]
            raise ApplicationError("Worker is shutting down", *told, type=WORKER_SHUTDOWN) from None
        return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=text))

    return step


@dataclass(slots=True)
class Reported:
    """The newest details of a tool's heartbeats."""

    details: tuple[Any, ...]


def _step_context(address: StepAddress | None) -> StepContext:
    info = activity.info()
    if address is None:
        # Started before steps had addresses, or from outside of Weft.
        return StepContext(
            run_id=info.workflow_id or info.activity_run_id or "",
            step_id=_RETRY_MARK.sub("", info.activity_id),
            attempt=info.attempt,
            last_heartbeat_details=tuple(info.heartbeat_details),
        )
    return StepContext(
        run_id=address.run_id,
        step_id=address.step_id,
        attempt=address.earlier + info.attempt,
        last_heartbeat_details=tuple(info.heartbeat_details) or address.heartbeat,
        idempotency_key=address.idempotency_key,
    )


def _is_cut_off() -> bool:
    """Whether this is cancelled because its worker shuts down."""
    details = activity.cancellation_details()
    return details is not None and details.worker_shutdown


@asynccontextmanager
async def _heartbeats(step: StepContext, reported: Reported) -> AsyncIterator[None]:
    """Tells the server that the tool is alive, at once where the tool reports details and every few seconds anyway.

    Each heartbeat carries the newest details: one without would erase them.
    """
    loop, context = asyncio.get_running_loop(), copy_context()

    def report(new: tuple[Any, ...]) -> None:
        reported.details = new
        activity.heartbeat(*new)

    async def beat() -> None:
        while True:
            await asyncio.sleep(_interval())
            activity.heartbeat(*reported.details)

    def heartbeat(new: tuple[Any, ...]) -> None:
        # The context goes along because a thread that the tool started has none.
        loop.call_soon_threadsafe(report, new, context=context)

    step.on_heartbeat = heartbeat
    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        step.on_heartbeat = None
        beating.cancel()


def _interval() -> float:
    timeout = activity.info().heartbeat_timeout
    return HEARTBEAT_INTERVAL if timeout is None else min(HEARTBEAT_INTERVAL, timeout.total_seconds() / 3)
