"""`weft cancel`, `retry`, `skip` and `fail`: what a person says to a run.

A run that `weft run` started has a task queue of its own and, when nobody waits for it, no worker: its
decisions are taken by a worker in this process, which then goes on with the run. A run of a fleet (`weft
submit`) is only told.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from weft_worker.cli.output import print_outcome, say
from weft_worker.cli.run import Kept, go_on, open_target
from weft_worker.problems import misused

if TYPE_CHECKING:
    from weft_workflows.messages import Decision

    from weft_worker.connect import Connection, Target
    from weft_worker.outcome import Outcome

#: Seconds for a worker to take a decision; a first workflow task after a worker's death takes its time.
_PATIENCE = 15.0
#: Seconds in which a run that is being worked on has usually taken note of its cancellation.
_CANCEL_PATIENCE = 5.0


def decide(
    run_id: str,
    step: str,
    action: Literal["retry", "skip", "fail"],
    value: str | None,
    tools: list[str],
    *,
    address: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> int:
    """Say what is to happen with a parked step. Returns the exit code."""
    given = _parse_value(value)
    kept = Kept(as_json, state_dir, address)
    with kept.despite_ctrl_c(), open_target(address, state_dir) as target:
        kept.server_stays = target.stays
        from weft_workflows.messages import Decision

        decision = Decision(step=step, action=action, value=given, decision_id=uuid.uuid4().hex)
        asyncio.run(_decide(run_id, decision, tools, target, kept))
    return kept.tell()


def cancel_run(run_id: str, *, address: str | None, state_dir: Path | None, as_json: bool) -> int:
    """Ask a run to stop, and wait a moment for it. Returns the exit code, 0 where it has stopped."""
    with open_target(address, state_dir) as target:
        outcome = asyncio.run(_cancel(run_id, target))
        stays = target.stays
    if outcome.status == "running":
        say(f"cancelling is asked for; if no worker is at it, this ends it: weft resume {run_id}")
    code = print_outcome(outcome, as_json=as_json, server_stays=stays)
    return 0 if outcome.status == "cancelled" else code


def _parse_value(value: str | None) -> Any:
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError as error:
        raise misused(f"--value is not valid JSON: {error}. Text needs quotes of its own: --value '\"text\"'") from None


async def _decide(run_id: str, decision: Decision, tools: list[str], target: Target, kept: Kept) -> None:
    from weft_worker.connect import connect
    from weft_worker.runs import decide as tell
    from weft_worker.runs import read_history, status_of
    from weft_worker.settings import load_settings

    settings = load_settings()
    connection = await connect(target, settings)
    history = await read_history(connection, run_id)

    async def say_it(open_connection: Connection) -> None:
        await tell(open_connection, run_id, decision, patience=_PATIENCE)

    if history.task_queue != settings.task_queue or tools:
        await go_on(run_id, tools, target, kept, before=say_it)
        return
    await say_it(connection)
    kept.outcome, _, _ = await status_of(connection, run_id)


async def _cancel(run_id: str, target: Target) -> Outcome:
    from weft_worker.connect import connect
    from weft_worker.outcome import Outcome
    from weft_worker.runs import Watcher, cancel, watch
    from weft_worker.settings import load_settings

    settings = load_settings()
    connection = await connect(target, settings)
    await cancel(connection, run_id)
    try:
        async with asyncio.timeout(_CANCEL_PATIENCE):
            return await watch(connection, run_id, Watcher())
    except TimeoutError:
        return Outcome(run_id, "running", ui_url=connection.run_url(run_id))
