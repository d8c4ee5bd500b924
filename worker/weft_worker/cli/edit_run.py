"""`weft resume` with a change: another orchestration, other inputs, steps that run again; or only what that would do.

What always holds: nothing has changed, not even the run that goes on, before the new orchestration compiles and its tools
are there; `--dry` changes nothing at all.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft_worker.cli.interrupts import interruptible
from weft_worker.cli.output import print_json, print_text, say
from weft_worker.cli.run import Kept, last_word, open_target, wait_for
from weft_worker.outcome import COMPLETED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from weft_activities.catalog import Catalog
    from weft_workflows.rehearsal import Rehearsal

    from weft_worker.connect import Target
    from weft_worker.history import RunHistory
    from weft_worker.reopening import Change


@dataclass(frozen=True)
class Wanted:
    """The change as the command line says it."""

    edit: str | None
    inputs: str | None
    rerun: tuple[str, ...]
    accept_orphans: bool
    dry: bool


def resume_changed(
    run_id: str,
    tools: list[str],
    wanted: Wanted,
    *,
    address: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> int:
    """Go on with a run as changed and wait for it, or say what that would do. Returns the exit code."""
    kept = Kept(as_json, state_dir, address)
    with kept.despite_ctrl_c(), open_target(address, state_dir) as target:
        kept.server_stays = target.stays
        asyncio.run(_resume(run_id, tools, wanted, target, kept))
    return COMPLETED if wanted.dry else kept.tell()


async def _resume(run_id: str, tools: list[str], wanted: Wanted, target: Target, kept: Kept) -> None:
    from weft_worker.connect import connect
    from weft_worker.hosts import open_hosts
    from weft_worker.reopening import go_on_changed, history_of, rehearse_change
    from weft_worker.settings import load_settings

    settings = load_settings()
    connection = await connect(target, settings)
    history = await history_of(connection, run_id)
    change, catalog = await asyncio.to_thread(_prepared, history, tools, wanted)
    with closing(open_hosts(settings.hosts)) as hosts:
        if wanted.dry:
            found = await rehearse_change(connection, run_id, history, change, hosts)
            _show(run_id, found, _redacted(history, change), kept.as_json)
            return
        await go_on_changed(connection, run_id, history, change, hosts)
        with interruptible(last_word(connection, run_id, kept)) as interrupted:
            kept.outcome = await wait_for(
                connection, run_id, history.task_queue, catalog, settings, target, interrupted, hosts=hosts
            )


def _prepared(history: RunHistory, tools: list[str], wanted: Wanted) -> tuple[Change, Catalog]:
    """The change, compiled and checked. Raises CommandFailed with all that is wrong."""
    from weft_activities.catalog import Catalog
    from weft_compiler.reading import read_plan

    from weft_worker.prepare import inputs_for, prepare
    from weft_worker.reopening import Change
    from weft_worker.resuming import load_tools_of

    run = history.input
    assert run is not None
    if wanted.edit is None:
        catalog = load_tools_of(history, tools)
        inputs = None if wanted.inputs is None else inputs_for(read_plan(run.plan), wanted.inputs)
        return Change(inputs=inputs, rerun=wanted.rerun, accept_orphans=wanted.accept_orphans), catalog
    sources = tools or list(run.options.tool_sources)
    given = json.dumps(run.inputs, ensure_ascii=False) if wanted.inputs is None else wanted.inputs
    prepared = prepare(wanted.edit, sources, inputs=given, color=sys.stderr.isatty())
    if prepared.warnings:
        say(prepared.warnings)
    change = Change(
        # The limits of a run are its own, whatever it executes.
        plan=prepared.plan.model_copy(update={"limits": read_plan(run.plan).limits}),
        inputs=prepared.inputs,
        tool_sources=prepared.tool_sources,
        rerun=wanted.rerun,
        accept_orphans=wanted.accept_orphans,
    )
    return change, prepared.catalog or Catalog()


def _redacted(history: RunHistory, change: Change) -> Mapping[str, frozenset[str]]:
    from weft_worker.history import redacted_arguments

    assert history.input is not None
    new = {} if change.plan is None else redacted_arguments(change.plan.canonical_json())
    return {**redacted_arguments(history.input.plan), **new}


def _show(run_id: str, found: Rehearsal, redacted: Mapping[str, frozenset[str]], as_json: bool) -> None:
    from weft_workflows.machine.protocol import Fail

    groups = {
        "reused": _rows(found.reused, redacted),
        "runs": _rows(found.runs, redacted),
        "asks": _rows(found.asks, redacted),
        "orphans": _rows(found.orphans, redacted),
    }
    waits = [{"line": each.line, "seconds": each.seconds} for each in found.waits]
    end = found.end
    error = {"type": end.type, "message": end.message, "line": end.line} if isinstance(end, Fail) else None
    ends = None if end is None else "failed" if error else "completed"
    if as_json:
        said = {"waits": waits, "ends": ends, "error": error, "broken_off": found.broken_off or None}
        print_json({"run_id": run_id, "dry": True, **groups, **said})
        return
    for word, rows in groups.items():
        for row in rows:
            print_text(f"{_WORDS[word]:<8} L{row['line']:<4} {row['id']}  {row['call']}")
    for wait in waits:
        print_text(f"{'waits':<8} L{wait['line']:<4} {wait['seconds']:g} s")
    print_text(f"\ndry run of {run_id}: {_summary(found, ends)}")


_WORDS = {"reused": "reused", "runs": "runs", "asks": "asks", "orphans": "orphan"}


def _summary(found: Rehearsal, ends: str | None) -> str:
    parts = [f"{len(found.reused)} reused", f"{len(found.runs)} to run"]
    if found.asks:
        parts.append(f"{len(found.asks)} may have been carried out and would ask")
    if found.orphans:
        parts.append(f"{len(found.orphans)} old writes not repeated (--accept-orphans leaves them as they are)")
    if found.broken_off:
        return f"{', '.join(parts)}; no more is known: {found.broken_off}"
    if ends is not None:
        return f"{', '.join(parts)}; then the run has {ends}"
    return f"{', '.join(parts)}; what comes after these cannot be known before they have run"


def _rows(calls: Iterable[Any], redacted: Mapping[str, frozenset[str]]) -> list[dict[str, Any]]:
    return [_row(call, redacted.get(call.tool, frozenset())) for call in calls]


def _row(call: Any, hidden: frozenset[str]) -> dict[str, Any]:
    from weft_worker.cli.progress import call_words

    given: dict[str, Any] = json.loads(call.arguments)
    arguments = {name: "•••" if name in hidden else value for name, value in given.items()}
    return {
        "id": getattr(call, "step", None) or call.id,
        "tool": call.tool,
        "line": call.line,
        "arguments": arguments,
        "call": call_words(call.tool, arguments),
    }
