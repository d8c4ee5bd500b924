"""What people do to runs: decide on what is parked, pause, cancel, kill.

What always holds: nothing here needs a worker in this process; `cancel` and `kill` need none at all. What is said twice
counts once. Errors of the server become one message with its remedy.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from weft_workflows.messages import LIMIT_CLEANUP, Decision

from weft_worker.connect import Connection
from weft_worker.history import RunHistory, Step
from weft_worker.problems import failed
from weft_worker.running_steps import children_of
from weft_worker.runs import no_run, read_history, refuse_closed

#: What the server answers to an update while a run goes on in a new execution, or whose workflow task something else came
#: in the way of.
_PASSING = (
    RPCStatusCode.ABORTED,
    RPCStatusCode.FAILED_PRECONDITION,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.UNAVAILABLE,
)
_PAUSE_BETWEEN_TRIES = 0.2


async def decide(connection: Connection, run_id: str, decision: Decision, *, patience: float) -> None:
    """Tell a run what a person says of what is parked. Raises CommandFailed with the run's own words where it
    refuses, and where there is no such run or it is over.
    """
    await _update(connection, run_id, "decide", [decision], decision.decision_id, patience)


async def pause(connection: Connection, run_id: str, *, paused: bool, update_id: str, patience: float) -> None:
    """Let a run start no more steps, or let it again. Raises CommandFailed as `decide` does."""
    await _update(connection, run_id, "pause" if paused else "unpause", [], update_id, patience)


async def cancel(connection: Connection, run_id: str, *, limit: float | None = None) -> None:
    """Ask a run to stop; its `finally` blocks run, for `limit` seconds at most where one is given, else for as long as
    its options say. Raises CommandFailed where there is no such run or it is over.
    """
    handle = connection.client.get_workflow_handle(run_id)
    try:
        await refuse_closed(connection, run_id)
        if limit is not None:
            await handle.signal(LIMIT_CLEANUP, limit)
        await handle.cancel()
    except RPCError as error:
        raise no_run(run_id, error) from None


@dataclass(frozen=True)
class InFlight:
    """A step that was in flight when its run was killed."""

    step: Step
    effect: str

    def to_json(self) -> dict[str, Any]:
        return {"id": self.step.id, "tool": self.step.tool, "line": self.step.line, "effect": self.effect}


async def kill(connection: Connection, run_id: str, reason: str) -> list[InFlight]:
    """End a run at once, with the workflows that work for it; nothing of it cleans up. Gives what was in flight.

    Raises CommandFailed where there is no such run or it is over.
    """
    client = connection.client
    history = await read_history(connection, run_id)
    try:
        await refuse_closed(connection, run_id)
        children = await children_of(client, run_id)
        await client.get_workflow_handle(run_id).terminate(reason=reason)
    except RPCError as error:
        raise no_run(run_id, error) from None
    # Looked for once more: the run may have started some until it ended.
    for child in sorted(children | await children_of(client, run_id)):
        with suppress(RPCError):  # ended by itself meanwhile
            await client.get_workflow_handle(child).terminate(reason=reason)
    return _in_flight(await read_history(connection, run_id), history)


async def end_execution(connection: Connection, run_id: str, reason: str) -> None:
    """Terminate a run's execution, in which nothing is in flight. Raises CommandFailed where there is none."""
    try:
        await connection.client.get_workflow_handle(run_id).terminate(reason=reason)
    except RPCError as error:
        raise no_run(run_id, error) from None


def _in_flight(ended: RunHistory, before: RunHistory) -> list[InFlight]:
    effects = _effects(before)
    open_steps = [step for step in ended.steps.values() if step.ended is None]
    return [InFlight(step, effects.get(step.tool, "write")) for step in open_steps]


def _effects(history: RunHistory) -> dict[str, str]:
    import json

    assert history.input is not None
    return {tool["name"]: tool.get("effect", "write") for tool in json.loads(history.input.plan)["tools"]}


async def _update(
    connection: Connection, run_id: str, name: str, arguments: list[Any], update_id: str, patience: float
) -> None:
    try:
        # To an update the server answers that there is no such run.
        await refuse_closed(connection, run_id)
        async with asyncio.timeout(patience):
            await _until_taken(connection, run_id, name, arguments, update_id)
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        said = cause.message if isinstance(cause, ApplicationError) else str(cause or error)
        raise failed(said, type_="RefusedDecision", run_id=run_id) from None
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise failed(
            f"no worker took the decision in {patience:.0f} s: start one (`weft worker`, `weft dev`) and repeat it",
            run_id=run_id,
        ) from None
    except RPCError as error:
        raise no_run(run_id, error) from None


async def _until_taken(connection: Connection, run_id: str, name: str, arguments: list[Any], update_id: str) -> None:
    """Repeats an update that met the end of one of the run's executions; the next one takes it under the same id."""
    while True:
        try:
            handle = connection.client.get_workflow_handle(run_id)
            await handle.execute_update(name, args=arguments, id=update_id)
            return
        except RPCError as error:
            if error.status not in _PASSING and not await _goes_on(connection, run_id, error):
                raise
        await asyncio.sleep(_PAUSE_BETWEEN_TRIES)


async def _goes_on(connection: Connection, run_id: str, error: RPCError) -> bool:
    """Whether an execution that is not there any more has a successor."""
    if error.status is not RPCStatusCode.NOT_FOUND:
        return False
    await refuse_closed(connection, run_id)
    return True
