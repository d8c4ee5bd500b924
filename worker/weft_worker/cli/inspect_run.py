"""`weft status`, `result`, `steps`, `source`, `graph` and `list`: what is known of runs, with or without a
worker.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from weft_worker.cli.output import print_json, print_outcome, print_text, say
from weft_worker.cli.run import open_target, place_of
from weft_worker.outcome import COMPLETED

if TYPE_CHECKING:
    from weft_worker.connect import Connection, Target
    from weft_worker.history import Step

Form = Literal["tree", "mermaid", "json"]


def show(
    what: str, run_id: str, *, address: str | None, state_dir: Path | None, as_json: bool, form: Form = "tree"
) -> int:
    """Show one view of a run. Returns the exit code: for status and result the run's own, else 0."""
    with open_target(address, state_dir) as target:
        return asyncio.run(_show(what, run_id, target, as_json, form, place_of(state_dir, address)))


def show_list(limit: int, *, address: str | None, state_dir: Path | None, as_json: bool) -> int:
    """List runs, the newest first. Returns the exit code."""
    with open_target(address, state_dir) as target:
        rows = asyncio.run(_list(target, limit))
    if as_json:
        print_json({"runs": rows})
        return COMPLETED
    if not rows:
        say("no runs")
    width = max((len(row["run_id"]) for row in rows), default=0)
    for row in rows:
        print_text(f"{row['run_id']:<{width}}  {row['status']:<9}  {row['started']}  {row.get('file', '')}".rstrip())
    return COMPLETED


async def _connect(target: Target) -> Connection:
    from weft_worker.connect import connect
    from weft_worker.settings import load_settings

    return await connect(target, load_settings())


async def _list(target: Target, limit: int) -> list[dict[str, Any]]:
    from weft_worker.runs import list_runs

    connection = await _connect(target)
    return [row async for row in list_runs(connection, limit)]


async def _show(what: str, run_id: str, target: Target, as_json: bool, form: Form, place: str) -> int:
    connection = await _connect(target)
    match what:
        case "status":
            return await _show_status(connection, run_id, as_json, target.stays, place)
        case "result":
            return await _show_result(connection, run_id, as_json, target.stays, place)
        case "steps":
            return await _show_steps(connection, run_id, as_json)
        case "source":
            return await _show_source(connection, run_id, as_json)
        case "graph":
            return await _show_graph(connection, run_id, as_json, form)
        case _:
            raise ValueError(f"no view of a run is called {what}")


async def _show_status(connection: Connection, run_id: str, as_json: bool, server_stays: bool, place: str) -> int:
    from weft_worker.cli.progress import computing_text, progress_text
    from weft_worker.runs import status_of

    outcome, history, view = await status_of(connection, run_id)
    running = [step for step in history.steps.values() if step.ended is None]
    if as_json:
        lines = list(view.lines) if view is not None else sorted({step.line for step in running})
        now = {"steps_running": len(running), "lines": lines, "blocked": history.blocked or None}
        now["computing"] = history.computing
        now["running"] = [running_row(step) for step in running]
        print_json({**outcome.to_json(), **now})
        return outcome.exit_code
    if outcome.status in ("running", "paused"):
        for step in running:
            told = [step.error or "", progress_text(step)]
            print_text(f"{step.state:<9} L{step.line} {step.tool}  {'  '.join(filter(None, told))}".rstrip())
        if history.computing is not None:
            print_text(computing_text(history.computing))
        if history.unreadable:
            say(f"its input cannot be read: {history.unreadable}")
        if history.blocked:
            say(f"the run cannot go on: {history.blocked}")
        elif view is None and outcome.status == "running":
            say(await _no_worker(connection, run_id, place))
    return print_outcome(outcome, as_json=False, server_stays=server_stays, place=place)


async def _no_worker(connection: Connection, run_id: str, place: str) -> str:
    from weft_worker.deployment import pinned_to

    if (version := await pinned_to(connection.client, run_id)) is not None:
        return (
            f"the run is pinned to the version {version}, and no worker of it answers; start one (WEFT_DEPLOYMENT,"
            " WEFT_BUILD_ID), or move the run with `temporal workflow update-options`"
        )
    return f"no worker answers for the run; go on with it: weft resume {run_id}{place}"


def running_row(step: Step) -> dict[str, Any]:
    """A step that has not ended, as `weft status --json` tells of it."""
    return {
        "step": step.id,
        "tool": step.tool,
        "line": step.line,
        "state": step.state,
        "started": step.started,
        "attempt": step.attempt,
        "worker": step.worker,
        "progress": list(step.progress),
        "error": step.error,
    }


async def _show_result(connection: Connection, run_id: str, as_json: bool, server_stays: bool, place: str) -> int:
    from weft_worker.runs import status_of

    outcome, _, _ = await status_of(connection, run_id)
    return print_outcome(outcome, as_json=as_json, server_stays=server_stays, place=place)


async def _show_steps(connection: Connection, run_id: str, as_json: bool) -> int:
    from weft_worker.cli.progress import call_text, duration, error_text
    from weft_worker.runs import status_of

    _, history, _ = await status_of(connection, run_id, whole=True)
    if as_json:
        rows = [step.row().model_dump(mode="json") for step in history.steps.values()]
        print_json({"run_id": run_id, "steps": rows})
        return COMPLETED
    for step in history.steps.values():
        error = f": {error_text(step)}" if step.error else ""
        state = "reused" if step.reused and step.state == "completed" else step.state
        print_text(f"{state:<9} L{step.line:<4} {step.id}  {call_text(step)} {duration(step)}".rstrip() + error)
    return COMPLETED


async def _show_source(connection: Connection, run_id: str, as_json: bool) -> int:
    plan = await _plan_of(connection, run_id)
    if as_json:
        print_json({"run_id": run_id, "file": plan["file"], "source": plan["source"]})
    else:
        print_text(plan["source"].removesuffix("\n"))
    return COMPLETED


async def _show_graph(connection: Connection, run_id: str, as_json: bool, form: Form) -> int:
    from weft_compiler.printer import render_graph
    from weft_compiler.reading import UnfitPlan, read_plan

    from weft_worker.problems import failed

    plan = await _plan_of(connection, run_id)
    if as_json:
        print_json({"run_id": run_id, "graph": plan["graph"]})
        return COMPLETED
    try:
        known = read_plan(json.dumps(plan))
    except UnfitPlan as unfit:
        raise failed(f"{unfit}. It can be shown by that Weft or a later one", run_id=run_id) from None
    print_text(render_graph(known.graph, form, tools=known.tools).rstrip("\n"))
    return COMPLETED


async def _plan_of(connection: Connection, run_id: str) -> dict[str, Any]:
    from weft_worker.runs import read_history

    plan: dict[str, Any] = json.loads((await read_history(connection, run_id)).known_input.plan)
    return plan
