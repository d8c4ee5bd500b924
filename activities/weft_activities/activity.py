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
from typing import Any

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from weft_activities.context import StepContext
from weft_activities.failures import as_application_error, describe_failure, tool_frames
from weft_activities.invoke import call_tool_json
from weft_activities.json_values import to_plain
from weft_activities.tool import Tool
from weft_activities.tool_loop import TOOL_LOOP

#: Seconds between two heartbeats, at most: a third of the timeout that steps are started with by default.
HEARTBEAT_INTERVAL = 5.0
#: What marks a step that a person had tried again; the step is still the same one to the tool.
_RETRY_MARK = re.compile(r"~\d+$")


def make_activity(tool: Tool, result_limit: int | None) -> Callable[[dict[str, Any]], Coroutine[Any, Any, RawValue]]:
    """The activity definition for a tool, to be given to a Temporal worker."""

    @activity.defn(name=tool.name)
    async def step(arguments: dict[str, Any]) -> RawValue:
        context = _step_context()
        try:
            async with _heartbeats(context):
                # A cancelled activity ends when its tool has: what history says of it is true then.
                text = await TOOL_LOOP.run(
                    lambda: call_tool_json(tool, arguments, context, result_limit=result_limit, lingers=True),
                    closing=activity.wait_for_worker_shutdown,
                )
        except Exception as error:  # noqa: BLE001 (whatever the tool raised is told to the run)
            failure = as_application_error(describe_failure(error))
            raise failure.with_traceback(tool_frames(error)) from None
        return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=text))

    return step


def _step_context() -> StepContext:
    info = activity.info()
    return StepContext(
        run_id=info.workflow_id or info.activity_run_id or "",
        step_id=_RETRY_MARK.sub("", info.activity_id),
        attempt=info.attempt,
        last_heartbeat_details=tuple(info.heartbeat_details),
    )


@asynccontextmanager
async def _heartbeats(step: StepContext) -> AsyncIterator[None]:
    """Tells the server that the tool is alive, at once where the tool reports details and every few seconds anyway.

    Each heartbeat carries the newest details: one without would erase them.
    """
    loop, context = asyncio.get_running_loop(), copy_context()
    details = step.last_heartbeat_details

    def report(new: tuple[Any, ...]) -> None:
        nonlocal details
        details = new
        activity.heartbeat(*details)

    async def beat() -> None:
        while True:
            await asyncio.sleep(_interval())
            activity.heartbeat(*details)

    def heartbeat(new: tuple[Any, ...]) -> None:
        # Made plain in the tool's thread, so that what has no JSON form is an error at its own line. The context
        # goes along because a thread that the tool started has none.
        plain = tuple(to_plain(detail, "the heartbeat's detail") for detail in new)
        loop.call_soon_threadsafe(report, plain, context=context)

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
