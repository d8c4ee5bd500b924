"""Runs as their starters see them: start one, wait for it, ask how it stands. What people do to one is in `steering.py`.

What always holds: nothing here needs a worker in this process, and whatever can be read from history is read
from there, so that a run without a worker still tells its story. Errors of the server become one message with
its remedy.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Any, Literal

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from weft_compiler.plan import Plan
from weft_workflows.messages import (
    MEMO_END,
    MEMO_PARKED,
    MEMO_PARKED_ROWS,
    MEMO_PAUSED,
    RUN_WORKFLOW,
    ParkedStep,
    RunInput,
    RunOptions,
    RunView,
)
from weft_workflows.payload_sizes import PAYLOAD_LIMIT
from weft_workflows.starting import start_options

from weft_worker.connect import Connection
from weft_worker.history import RunHistory, Step
from weft_worker.outages import is_outage
from weft_worker.outcome import Outcome, OutcomeError
from weft_worker.problems import CommandFailed, failed, misused
from weft_worker.running_steps import mark_running
from weft_worker.storage.errors import PayloadMissing, PayloadNotStored

#: Seconds between two looks at whether a run has come to wait for a person: soon after something happened,
#: then rarely.
_FIRST_LOOK, _LAST_LOOK = 0.3, 5.0
#: Seconds that somebody waits who has pressed Ctrl-C.
_MOMENT = 2.0
_QUERY_TIMEOUT = timedelta(seconds=3)


class Watcher:
    """Is told what happens in a run while somebody waits for it."""

    def step(self, step: Step) -> None:
        """A step was called or has ended."""

    def computing(self, line: int | None) -> None:
        """Long pure code was begun at that line (0: unknown), or has ended (None)."""

    def note(self, text: str) -> None:
        """Something that people should know."""


def new_run_id(file: str) -> str:
    """An id that people can read and that no other run has: the orchestration's name and eight hexadecimal
    digits.
    """
    path = PurePath(file)
    # Orchestrations are often called plan.py; their folder says which one.
    stem = path.parent.name if path.stem == "plan" and path.parent.name else path.stem
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem).strip("-") or "run"
    return f"{stem}-{secrets.token_hex(4)}"


async def start_run(
    connection: Connection,
    plan: Plan,
    inputs: dict[str, Any],
    *,
    run_id: str,
    task_queue: str,
    options: RunOptions,
) -> None:
    """Start a run; returns when the server has recorded it. Raises CommandFailed where the id is taken."""
    start = start_options(plan, inputs, options, run_id=run_id, task_queue=task_queue)
    _check_size(start["arg"])
    try:
        await connection.client.start_workflow(**start, id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE)
    except PayloadNotStored as error:
        raise failed(str(error), type_="PayloadNotStored", run_id=run_id) from None
    except WorkflowAlreadyStartedError:
        raise misused(
            f"there is a run {run_id} already: see it with `weft status {run_id}`, go on with it with"
            f" `weft resume {run_id}`, or choose another --run-id"
        ) from None
    except RPCError as error:
        too_large = "the inputs and the plan are too large together; store large inputs and pass their address: "
        hint = too_large if "size exceeds limit" in error.message else ""
        raise failed(f"{hint}the server refused the run: {error.message}", run_id=run_id) from None


def _check_size(run: RunInput) -> None:
    limit = run.options.sizes.limit if run.options.sizes is not None else PAYLOAD_LIMIT
    size = len(run.model_dump_json().encode())
    if size > limit:
        raise misused(
            f"inputs and plan take {size:,} bytes, over the limit of {limit:,} (WEFT_PAYLOAD_LIMIT): store large inputs"
            " and pass their address"
        )


async def watch(connection: Connection, run_id: str, watcher: Watcher) -> Outcome:
    """Wait until the run has ended or only a person can go on with it, and tell the watcher of each step."""
    history = RunHistory(connection.client)
    stirred = asyncio.Event()
    following = asyncio.create_task(_follow(history, run_id, watcher, stirred))
    looking = asyncio.create_task(_await_parked(connection.client, run_id, stirred))
    try:
        await asyncio.wait({following, looking}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            following.result()
            return outcome_of(history, connection, run_id)
        return open_outcome(history, connection, run_id, Standing.of_view(looking.result()))
    finally:
        for task in (following, looking):
            task.cancel()
        await asyncio.gather(following, looking, return_exceptions=True)


async def read_history(connection: Connection, run_id: str, *, whole: bool = False) -> RunHistory:
    """What the run's execution says of it now; `whole` also what those before have said. Raises CommandFailed where there
    is no such run.
    """
    history = RunHistory(connection.client)
    try:
        async for _ in history.follow(run_id, wait=False, whole=whole):
            pass
    except RPCError as error:
        raise no_run(run_id, error) from None
    except PayloadMissing as missing:
        raise _unreadable(run_id, str(missing)) from None
    if history.input is None and not history.unreadable:
        raise failed(f"{run_id} is no run of Weft but another workflow", run_id=run_id)
    return history


async def status_of(
    connection: Connection, run_id: str, *, whole: bool = False
) -> tuple[Outcome, RunHistory, RunView | None]:
    """How a run stands. The view is None where the run is over or no worker answers for it. `whole` is for those who look
    at each step of a run, however long it is.
    """
    history = await read_history(connection, run_id, whole=whole)
    if history.end is not None:
        return outcome_of(history, connection, run_id), history, None
    await mark_running(connection.client, run_id, history)
    view = await query_status(connection.client, run_id)
    standing = Standing.of_view(view) if view is not None else await _remembered(connection.client, run_id, history)
    return open_outcome(history, connection, run_id, standing), history, view


async def as_it_stands(connection: Connection, run_id: str) -> Outcome:
    """How a run stands by the part of its history that can be read in a moment; only steps in that part count."""
    history = RunHistory(connection.client)
    with suppress(TimeoutError, RPCError):
        async with asyncio.timeout(_MOMENT):
            async for _ in history.follow(run_id, wait=False):
                pass
    if history.end is not None:
        return outcome_of(history, connection, run_id)
    return Outcome(run_id, "running", steps=_done(history), reused=history.reused, ui_url=connection.run_url(run_id))


async def query_status(client: Client, run_id: str) -> RunView | None:
    """The run's own view of itself; None where no worker answers in time or the run cannot answer."""
    try:
        view: RunView = await client.get_workflow_handle(run_id).query(
            "status", result_type=RunView, rpc_timeout=_QUERY_TIMEOUT
        )
    except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
        return None
    return view


async def refuse_closed(connection: Connection, run_id: str) -> None:
    """Raises CommandFailed where the run is over, RPCError where there is none."""
    described = await connection.client.get_workflow_handle(run_id).describe()
    if described.close_time is not None:
        raise failed(f"the run {run_id} is over: see it with `weft result {run_id}`", run_id=run_id)


async def list_runs(connection: Connection, limit: int) -> AsyncIterator[dict[str, Any]]:
    """The newest runs, as plain data. Times are ISO 8601 in UTC."""
    found = connection.client.list_workflows(f"WorkflowType = '{RUN_WORKFLOW}'", limit=limit)
    async for run in found:
        yield await _list_row(run)


#: What a run's memo holds for others than lists.
_NOT_LISTED = (MEMO_END, MEMO_PARKED_ROWS)


async def _list_row(run: WorkflowExecution) -> dict[str, Any]:
    memo = {key: await run.memo_value(key) for key in sorted(run.raw_info.memo.fields) if key not in _NOT_LISTED}
    name = run.status.name if run.status is not None else "RUNNING"
    # The run itself keeps these in its memo for as long as they are so.
    open_as = "paused" if memo.pop(MEMO_PAUSED, None) else "parked" if memo.get(MEMO_PARKED) else "running"
    statuses = {"RUNNING": open_as, "COMPLETED": "completed", "CANCELED": "cancelled", "CONTINUED_AS_NEW": "running"}
    return {
        "run_id": run.id,
        "status": statuses.get(name, "failed"),
        "started": run.start_time.isoformat(timespec="seconds"),
        "ended": run.close_time.isoformat(timespec="seconds") if run.close_time else None,
        **memo,
    }


def outcome_of(history: RunHistory, connection: Connection, run_id: str) -> Outcome:
    """The outcome of a run that has ended."""
    end = history.end
    assert end is not None
    url = connection.run_url(run_id)
    if end.result is None:
        return Outcome(run_id, end.status, steps=_done(history), reused=history.reused, error=end.error, ui_url=url)
    said = end.result
    error = said.error and OutcomeError(
        said.error.type, said.error.message, said.error.line, said.error.step, said.error.traceback
    )
    return Outcome(
        run_id,
        end.status,
        result=said.result,
        stdout=said.stdout,
        steps=said.steps,
        reused=said.reused,
        error=error or end.error,
        ui_url=url,
    )


@dataclass(frozen=True)
class Standing:
    """How a run that is not over stands, and what of it waits for a person."""

    status: Literal["running", "parked", "paused"]
    parked: tuple[ParkedStep, ...] = ()

    @classmethod
    def of_view(cls, view: RunView) -> Standing:
        return cls(view.status if view.status in ("parked", "paused") else "running", view.parked)


def open_outcome(history: RunHistory, connection: Connection, run_id: str, standing: Standing) -> Outcome:
    """The outcome of a run that is not over."""
    steps = history.steps
    rows = [
        row.model_dump(mode="json") | {"worker": steps[row.step].worker if row.step in steps else ""}
        for row in standing.parked
    ]
    extra = {"parked": rows} if rows else {}
    url = connection.run_url(run_id)
    done, reused = _done(history), history.reused
    return Outcome(run_id, standing.status, steps=done, reused=reused, ui_url=url, extra=extra)


async def _remembered(client: Client, run_id: str, history: RunHistory) -> Standing:
    """How a run stands for which no worker answers, by what it has left in its memo."""
    memo = await (await client.get_workflow_handle(run_id).describe()).memo()
    rows = tuple(ParkedStep.model_validate(row) for row in memo.get(MEMO_PARKED_ROWS, ()))
    if memo.get(MEMO_PAUSED):
        return Standing("paused", rows)
    waiting = {row.step for row in rows}
    goes_on = any(step.ended is None and step.id not in waiting for step in history.steps.values())
    return Standing("parked" if rows and not goes_on else "running", rows)


async def _follow(history: RunHistory, run_id: str, watcher: Watcher, stirred: asyncio.Event) -> None:
    blocked, computing, reused = "", None, 0
    while history.end is None:
        try:
            async for step in history.follow(run_id, wait=True):
                stirred.set()
                if step is not None:
                    watcher.step(step)
                if history.computing != computing:
                    computing = history.computing
                    watcher.computing(computing)
                if history.reused > reused:
                    reused = history.reused
                    watcher.note(f"{reused} finished {'step is' if reused == 1 else 'steps are'} kept from before")
                if history.blocked and history.blocked != blocked:
                    watcher.note(f"the run cannot go on: {history.blocked}")
                blocked = history.blocked or blocked
        except RPCError as error:
            if not is_outage(error):
                raise no_run(run_id, error) from None
            # The server is being started again; history is read anew from its beginning.
            await asyncio.sleep(_FIRST_LOOK)
        except PayloadMissing as missing:
            raise _unreadable(run_id, str(missing)) from None


async def _await_parked(client: Client, run_id: str, stirred: asyncio.Event) -> RunView:
    """Return the run's view once it says that only a person can go on with it. Looks when nothing has happened for a moment."""
    wait = _FIRST_LOOK
    while True:
        stirred.clear()
        try:
            # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the event.
            async with asyncio.timeout(wait):
                await stirred.wait()
            wait = _FIRST_LOOK
            continue
        except TimeoutError:
            wait = min(wait * 2, _LAST_LOOK)
        view = await query_status(client, run_id)
        if view is not None and _is_left_to_people(view):
            return view


def _is_left_to_people(view: RunView) -> bool:
    """Parked, or paused with nothing in flight any more."""
    return view.status == "parked" or (view.status == "paused" and not view.steps_running and view.computing is None)


def _done(history: RunHistory) -> int:
    return history.earlier + sum(step.state == "completed" for step in history.steps.values())


def _unreadable(run_id: str, why: str) -> CommandFailed:
    return failed(why, type_=PayloadMissing.__name__, run_id=run_id)


def no_run(run_id: str, error: RPCError) -> CommandFailed:
    if error.status is RPCStatusCode.NOT_FOUND:
        return failed(
            f"there is no run {run_id} on this server: see `weft list`; --state-dir or --address choose another server",
            type_="NoSuchRun",
            run_id=run_id,
        )
    return failed(f"the server does not answer for {run_id}: {error.message}", run_id=run_id)
