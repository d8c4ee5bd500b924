"""`weft retry`, `skip`, `fail`, `pause`, `unpause`, `cancel` and `kill`: what a person says to a run.

A run that `weft run` started has a task queue of its own and, when nobody waits for it, no worker: what is said to it
is taken by a worker in this process, which then goes on with the run. A run of a fleet (`weft submit`) is only told.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from weft_worker.cli.output import print_json, print_outcome, print_text, say
from weft_worker.cli.run import Kept, go_on, open_target, place_of
from weft_worker.problems import misused

if TYPE_CHECKING:
    from weft_worker.connect import Connection, Target
    from weft_worker.history import RunHistory
    from weft_worker.outcome import Outcome
    from weft_worker.settings import Settings
    from weft_worker.steering import InFlight

#: Says something to the run.
Saying = Callable[["Connection"], Awaitable[None]]

#: The name under which a run is parked whose program has ended; as in `weft_workflows.parking`, which is heavy to import.
WHOLE_RUN = "@run"
#: Seconds for a worker to take a decision; a first workflow task after a worker's death takes its time.
_PATIENCE = 15.0
#: Seconds in which a run that is being worked on has usually taken note of its cancellation.
_CANCEL_PATIENCE = 5.0


def decide(
    run_id: str,
    step: str | None,
    action: Literal["retry", "skip", "fail"],
    value: str | None,
    tools: list[str],
    *,
    all_: bool,
    address: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> int:
    """Say what is to happen with what is parked. Returns the exit code."""
    if step is not None and all_:
        raise misused("either STEP or --all")
    given = _parse_value(value)
    decision_id = uuid.uuid4().hex

    async def say_it(connection: Connection) -> None:
        from weft_workflows.messages import Decision
        from weft_workflows.parking import ALL

        from weft_worker.steering import decide as tell

        named = ALL if all_ else step or ""
        decision = Decision(step=named, action=action, value=given, decision_id=decision_id)
        await tell(connection, run_id, decision, patience=_PATIENCE)

    maybe_whole = action == "retry" and step in (None, WHOLE_RUN)
    go_back = go_back_where_it_ended if maybe_whole else None
    return _tell_and_go_on(run_id, say_it, tools, address=address, state_dir=state_dir, as_json=as_json, first=go_back)


def pause_run(run_id: str, *, address: str | None, state_dir: Path | None, as_json: bool) -> int:
    """Let a run start no more steps. Returns the exit code, 0 where it is paused."""
    with open_target(address, state_dir) as target:
        outcome = asyncio.run(_pause(run_id, target))
        stays = target.stays
    code = print_outcome(outcome, as_json=as_json, server_stays=stays, place=place_of(state_dir, address))
    return 0 if outcome.status == "paused" else code


def unpause_run(run_id: str, tools: list[str], *, address: str | None, state_dir: Path | None, as_json: bool) -> int:
    """Let a paused run go on. Returns the exit code."""
    update_id = uuid.uuid4().hex

    async def say_it(connection: Connection) -> None:
        from weft_worker.steering import pause

        await pause(connection, run_id, paused=False, update_id=update_id, patience=_PATIENCE)

    return _tell_and_go_on(run_id, say_it, tools, address=address, state_dir=state_dir, as_json=as_json)


def cancel_run(run_id: str, *, limit: float | None, address: str | None, state_dir: Path | None, as_json: bool) -> int:
    """Ask a run to stop, and wait a moment for it. Returns the exit code, 0 where it has stopped."""
    with open_target(address, state_dir) as target:
        outcome = asyncio.run(_cancel(run_id, limit, target))
        stays = target.stays
    if outcome.status == "running":
        place = place_of(state_dir, address)
        say(f"cancelling is asked for; if no worker is at it, this ends it: weft resume {run_id}{place}")
    code = print_outcome(outcome, as_json=as_json, server_stays=stays)
    return 0 if outcome.status == "cancelled" else code


def kill_run(run_id: str, *, address: str | None, state_dir: Path | None, as_json: bool) -> int:
    """End a run at once and tell what was in flight. Returns the exit code."""
    with open_target(address, state_dir) as target:
        outcome, in_flight = asyncio.run(_kill(run_id, target))
        stays = target.stays
    if as_json:
        print_json({**outcome.to_json(), "in_flight": [each.to_json() for each in in_flight]})
        return 0
    for each in in_flight:
        unsure = "; it may or may not have been carried out" if each.effect != "read" else ""
        print_text(f"in flight: L{each.step.line} {each.step.id} ({each.effect}){unsure}")
    print_outcome(outcome, as_json=False, server_stays=stays)
    return 0


def _parse_value(value: str | None) -> Any:
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError as error:
        raise misused(f"--value is not valid JSON: {error}. Text needs quotes of its own: --value '\"text\"'") from None


def _tell_and_go_on(
    run_id: str,
    say_it: Saying,
    tools: list[str],
    *,
    address: str | None,
    state_dir: Path | None,
    as_json: bool,
    first: Callable[[Connection, str], Awaitable[bool]] | None = None,
) -> int:
    """`first` is asked whether it has done by itself what was to be said."""
    kept = Kept(as_json, state_dir, address)
    with kept.despite_ctrl_c(), open_target(address, state_dir) as target:
        kept.server_stays = target.stays
        asyncio.run(_tell(run_id, say_it, tools, target, kept, first))
    return kept.tell()


async def _tell(
    run_id: str,
    say_it: Saying,
    tools: list[str],
    target: Target,
    kept: Kept,
    first: Callable[[Connection, str], Awaitable[bool]] | None,
) -> None:
    from weft_worker.runs import status_of

    connection, settings, history = await _found(run_id, target)
    if first is not None and history.end is None and await first(connection, run_id):
        await go_on(run_id, tools, target, kept)
    elif history.task_queue != settings.task_queue or tools:
        await go_on(run_id, tools, target, kept, before=say_it)
    else:
        await say_it(connection)
        kept.outcome, _, _ = await status_of(connection, run_id)


async def go_back_where_it_ended(connection: Connection, run_id: str) -> bool:
    """Ends the execution of a run whose program has ended, so that another one goes on from before the failure by which
    it has. False where the program has not ended.
    """
    from weft_worker.runs import status_of
    from weft_worker.steering import end_execution

    outcome, _, _ = await status_of(connection, run_id)
    if not any(row["step"] == WHOLE_RUN for row in outcome.extra.get("parked", ())):
        return False
    await end_execution(connection, run_id, "a person has the step that failed tried again, in a new execution")
    return True


async def _pause(run_id: str, target: Target) -> Outcome:
    from weft_activities.catalog import Catalog

    from weft_worker.resuming import check_plan
    from weft_worker.runs import query_status, refuse_closed, status_of
    from weft_worker.steering import pause
    from weft_worker.worker import Workers

    connection, settings, history = await _found(run_id, target)
    await refuse_closed(connection, run_id)
    update_id = uuid.uuid4().hex
    saying = pause(connection, run_id, paused=True, update_id=update_id, patience=_PATIENCE)
    if history.task_queue == settings.task_queue or await query_status(connection.client, run_id) is not None:
        await saying
        return (await status_of(connection, run_id))[0]
    # Nobody is at it. Taking note takes no tools, and its steps are for those who go on with it.
    check_plan(history)
    queue = history.task_queue
    async with Workers(connection.client, task_queue=queue, catalog=Catalog(), settings=settings, role="workflows"):
        await saying
        return (await status_of(connection, run_id))[0]


async def _found(run_id: str, target: Target) -> tuple[Connection, Settings, RunHistory]:
    from weft_worker.connect import connect
    from weft_worker.runs import read_history
    from weft_worker.settings import load_settings

    settings = load_settings()
    connection = await connect(target, settings)
    return connection, settings, await read_history(connection, run_id)


async def _cancel(run_id: str, limit: float | None, target: Target) -> Outcome:
    from weft_worker.connect import connect
    from weft_worker.outcome import Outcome
    from weft_worker.runs import Watcher, watch
    from weft_worker.settings import load_settings
    from weft_worker.steering import cancel

    settings = load_settings()
    connection = await connect(target, settings)
    await cancel(connection, run_id, limit=limit)
    try:
        async with asyncio.timeout(_CANCEL_PATIENCE + (limit or 0)):
            return await watch(connection, run_id, Watcher())
    except TimeoutError:
        return Outcome(run_id, "running", ui_url=connection.run_url(run_id))


async def _kill(run_id: str, target: Target) -> tuple[Outcome, list[InFlight]]:
    from weft_worker.connect import connect
    from weft_worker.runs import status_of
    from weft_worker.settings import load_settings
    from weft_worker.steering import kill

    connection = await connect(target, load_settings())
    in_flight = await kill(connection, run_id, "killed by a person (weft kill)")
    return (await status_of(connection, run_id))[0], in_flight
