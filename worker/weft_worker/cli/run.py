"""`weft run` and `weft resume`: a run, with a worker for it in this process, waited for to its end.

What always holds: once the server has recorded the run, nothing of it depends on this process. Ctrl-C stops
the waiting, not the run; a second Ctrl-C stops this process at once, which is as good as killing it.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from weft_worker.cli.interrupts import LastWord, interruptible
from weft_worker.cli.options import NAME_BYTES, Patience
from weft_worker.cli.output import print_outcome, say
from weft_worker.connect import Target
from weft_worker.outcome import Outcome
from weft_worker.state import state_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft_activities.catalog import Catalog

    from weft_worker.connect import Connection
    from weft_worker.history import RunHistory
    from weft_worker.prepare import Prepared
    from weft_worker.settings import Settings

T = TypeVar("T")


@dataclass
class Kept:
    """The run that this process waits for. Once the server has recorded it, `outcome` says how it stands as far as
    this process knows, so that it can be told however the waiting ends.
    """

    as_json: bool
    state_dir: Path | None
    address: str | None
    outcome: Outcome | None = None
    server_stays: bool = True

    def tell(self) -> int:
        """Print how the run stands, and how to go on with one that was left. Returns the exit code."""
        assert self.outcome is not None
        explain_waiting(self.outcome, self.state_dir, self.address)
        place = place_of(self.state_dir, self.address)
        return print_outcome(self.outcome, as_json=self.as_json, server_stays=self.server_stays, place=place)

    @contextmanager
    def despite_ctrl_c(self) -> Iterator[None]:
        """For the block that waits and then tidies up: an interrupted tidying does not hide a run that is kept."""
        try:
            yield
        except KeyboardInterrupt:
            if self.outcome is None:
                raise


#: Seconds between two looks at whether the embedded server's keeper lives.
_KEEPER_LOOK = 2.0


def run_here(
    plan_file: str,
    tools: list[str],
    *,
    inputs: str | None,
    run_id: str | None,
    patience: Patience,
    limits: list[str],
    address: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> int:
    """Compile, start, wait, print. Returns the exit code."""
    kept = Kept(as_json, state_dir, address)
    # The server and a host boot while this process imports and compiles.
    with kept.despite_ctrl_c(), open_target(address, state_dir) as target:
        kept.server_stays = target.stays
        from weft_worker.hosts import open_hosts
        from weft_worker.settings import load_settings

        settings = load_settings()
        with closing(open_hosts(settings.hosts)) as hosts:
            from weft_worker.prepare import prepare

            prepared = prepare(plan_file, tools, inputs=inputs, limits=limits, color=sys.stderr.isatty())
            if prepared.warnings:
                say(prepared.warnings)
            asyncio.run(_run(prepared, target, run_id, patience, settings, hosts, kept))
    return kept.tell()


def resume_here(run_id: str, tools: list[str], *, address: str | None, state_dir: Path | None, as_json: bool) -> int:
    """Go on with a run: worker, wait, print. Returns the exit code."""
    kept = Kept(as_json, state_dir, address)
    with kept.despite_ctrl_c(), open_target(address, state_dir) as target:
        kept.server_stays = target.stays
        asyncio.run(go_on(run_id, tools, target, kept))
    return kept.tell()


async def go_on(
    run_id: str,
    tools: list[str],
    target: Target,
    kept: Kept,
    before: Callable[[Connection], Awaitable[None]] | None = None,
) -> None:
    """Wait for a run that exists, with a worker for it in this process; `kept` is told how it stands. `before` is
    done once that worker listens.

    Raises CommandFailed where there is no such run, where its tools cannot be loaded or are not all there.
    """
    from weft_worker.connect import connect
    from weft_worker.reopening import history_of
    from weft_worker.resuming import load_tools_of
    from weft_worker.runs import outcome_of
    from weft_worker.settings import load_settings

    settings = load_settings()
    connection = await connect(target, settings)
    history = await history_of(connection, run_id)
    if history.end is not None and before is None and history.end.status == "completed":
        kept.outcome = outcome_of(history, connection, run_id)
    elif history.end is not None and before is None:
        await _go_on_with_ended(connection, run_id, history, tools, settings, target, kept)
    elif not tools and before is None and await _is_worked_on(connection, run_id, history, settings):
        await _watch_only(connection, run_id, kept)
    else:
        catalog = load_tools_of(history, tools)
        with interruptible(last_word(connection, run_id, kept)) as interrupted:
            kept.outcome = await wait_for(
                connection, run_id, history.task_queue, catalog, settings, target, interrupted, before=before
            )


async def _go_on_with_ended(
    connection: Connection,
    run_id: str,
    history: RunHistory,
    tools: list[str],
    settings: Settings,
    target: Target,
    kept: Kept,
) -> None:
    """Start a new execution that begins with what the ended one has done, and wait for it."""
    from weft_worker.hosts import open_hosts
    from weft_worker.reopening import resume_ended
    from weft_worker.resuming import load_tools_of

    catalog = load_tools_of(history, tools)
    with closing(open_hosts(settings.hosts)) as hosts:
        await resume_ended(connection, run_id, history, hosts)
        with interruptible(last_word(connection, run_id, kept)) as interrupted:
            kept.outcome = await wait_for(
                connection, run_id, history.task_queue, catalog, settings, target, interrupted, hosts=hosts
            )


async def _is_worked_on(connection: Connection, run_id: str, history: RunHistory, settings: Settings) -> bool:
    """Whether the run is one of a fleet whose workers answer; its steps are theirs."""
    from weft_worker.runs import query_status

    fleet = history.task_queue == settings.task_queue
    return fleet and await query_status(connection.client, run_id) is not None


async def _watch_only(connection: Connection, run_id: str, kept: Kept) -> None:
    from weft_worker.cli.progress import open_progress
    from weft_worker.runs import as_it_stands, watch

    with (
        interruptible(last_word(connection, run_id, kept)) as interrupted,
        open_progress(run_id) as progress,
    ):
        kept.outcome = await first_of(watch(connection, run_id, progress), _left(interrupted))
        kept.outcome = kept.outcome or await as_it_stands(connection, run_id)


async def _run(
    prepared: Prepared,
    target: Target,
    run_id: str | None,
    patience: Patience,
    settings: Settings,
    hosts: Any,
    kept: Kept,
) -> None:
    from weft_activities.catalog import Catalog

    from weft_worker.connect import connect
    from weft_worker.runs import new_run_id, start_run

    connection = await connect(target, settings)
    run_id = run_id or new_run_id(prepared.plan.file)
    queue = own_queue(settings.task_queue, run_id)
    options = patience.options(prepared.tool_sources, settings)
    catalog = prepared.catalog or Catalog()
    # From before the run is recorded: whoever interrupts is told of a run that is kept.
    with interruptible(last_word(connection, run_id, kept)) as interrupted:
        await start_run(connection, prepared.plan, prepared.inputs, run_id=run_id, task_queue=queue, options=options)
        kept.outcome = await wait_for(connection, run_id, queue, catalog, settings, target, interrupted, hosts=hosts)


def own_queue(shared: str, run_id: str) -> str:
    """A queue for one run: another `weft run` at the same server may not have this run's tools."""
    queue = f"{shared}:{run_id}"
    return queue if len(queue.encode()) <= NAME_BYTES else f"{shared}:{sha256(run_id.encode()).hexdigest()}"


async def wait_for(
    connection: Connection,
    run_id: str,
    queue: str,
    catalog: Catalog,
    settings: Settings,
    target: Target,
    interrupted: asyncio.Event,
    *,
    hosts: Any = None,
    before: Callable[[Connection], Awaitable[None]] | None = None,
) -> Outcome:
    """Work on the run until it is over, only a person can go on with it, or this process is told to stop."""
    from weft_worker.cli.progress import open_progress
    from weft_worker.runs import as_it_stands, watch
    from weft_worker.worker import Workers

    workers = Workers(connection.client, task_queue=queue, catalog=catalog, settings=settings, hosts=hosts)
    async with workers:
        if before is not None:
            await before(connection)
        with open_progress(run_id) as progress:
            if url := connection.run_url(run_id):
                progress.note(f"run {run_id}: {url}")
            outcome = await first_of(
                watch(connection, run_id, progress), _left(interrupted), workers.failure(), keep_server(target)
            )
    # Steps that were in flight have ended by now, and count.
    return outcome or await as_it_stands(connection, run_id)


async def _left(interrupted: asyncio.Event) -> None:
    await interrupted.wait()


def last_word(connection: Connection, run_id: str, kept: Kept) -> LastWord:
    async def say_how_it_stands() -> int:
        from weft_worker.runs import as_it_stands

        kept.outcome = await as_it_stands(connection, run_id)
        return kept.tell()

    return say_how_it_stands


async def first_of(*work: Coroutine[Any, Any, T]) -> T:
    """What the first of these gives or raises; the others are cancelled and have ended when this returns."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def keep_server(target: Target) -> NoReturn:
    """See to it that the embedded server is there, even if somebody kills its keeper."""
    while True:
        await asyncio.sleep(_KEEPER_LOOK)
        if target.lease is not None:
            await asyncio.to_thread(target.lease.ensure)


@contextmanager
def open_target(address: str | None, state_dir: Path | None) -> Iterator[Target]:
    """The server that is meant, leased for the block where it is the embedded one."""
    target = Target.choose(address, state_directory(state_dir))
    try:
        yield target
    finally:
        target.close()


def explain_waiting(outcome: Outcome, state_dir: Path | None, address: str | None) -> None:
    """Tell people how to go on with a run that was left."""
    if outcome.status != "running":
        return
    with suppress(BrokenPipeError):
        say(f"the run is kept; go on with it: weft resume {outcome.run_id}{place_of(state_dir, address)}")


def place_of(state_dir: Path | None, address: str | None) -> str:
    """What a command about the same run has to say of its server."""
    return f" --address {address}" if address else f" --state-dir {shlex.quote(str(state_dir))}" if state_dir else ""
