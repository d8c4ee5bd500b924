"""`weft fork`: a new run that goes another way than an old one, from a step on.

What always holds: the old run is read and nothing else; it may go on meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from weft_worker.cli.interrupts import interruptible
from weft_worker.cli.run import Kept, last_word, open_target, own_queue, wait_for

if TYPE_CHECKING:
    from weft_worker.connect import Target


def fork_here(
    run_id: str,
    at: str,
    tools: list[str],
    *,
    inputs: str | None,
    new_id: str | None,
    address: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> int:
    """Start the new run, work on it, print how it ended. Returns the exit code."""
    kept = Kept(as_json, state_dir, address)
    with kept.despite_ctrl_c(), open_target(address, state_dir) as target:
        kept.server_stays = target.stays
        asyncio.run(_fork(run_id, at, tools, inputs, new_id, target, kept))
    return kept.tell()


async def _fork(
    run_id: str, at: str, tools: list[str], inputs: str | None, new_id: str | None, target: Target, kept: Kept
) -> None:
    from weft_compiler.reading import read_plan

    from weft_worker.connect import connect
    from weft_worker.hosts import open_hosts
    from weft_worker.prepare import absolute_sources, inputs_for
    from weft_worker.reopening import Fork, fork_run, history_of
    from weft_worker.resuming import load_tools_of
    from weft_worker.runs import new_run_id
    from weft_worker.settings import load_settings

    settings = load_settings()
    connection = await connect(target, settings)
    history = await history_of(connection, run_id)
    assert history.input is not None
    plan = read_plan(history.input.plan)
    catalog = load_tools_of(history, tools)
    new_id = new_id or new_run_id(plan.file)
    fork = Fork(
        run_id=new_id,
        task_queue=own_queue(settings.task_queue, new_id),
        at=at,
        inputs=None if inputs is None else inputs_for(plan, inputs),
        tool_sources=absolute_sources(tools),
    )
    with closing(open_hosts(settings.hosts)) as hosts:
        await fork_run(connection, run_id, history, fork, hosts)
        with interruptible(last_word(connection, new_id, kept)) as interrupted:
            kept.outcome = await wait_for(
                connection, new_id, fork.task_queue, catalog, settings, target, interrupted, hosts=hosts
            )
