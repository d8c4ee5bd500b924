"""`weft dev`, `weft worker` and `weft submit`: processes that stay, and runs that are left to them."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft_worker.cli.interrupts import interruptible
from weft_worker.cli.options import Patience
from weft_worker.cli.output import print_json, print_text, say
from weft_worker.cli.run import first_of, keep_server, open_target
from weft_worker.connect import Target, address_is_configured
from weft_worker.embedded import ServerLease, is_kept_up
from weft_worker.keeper import DEV
from weft_worker.locks import FileLock
from weft_worker.outcome import COMPLETED, Outcome
from weft_worker.problems import failed, misused
from weft_worker.state import state_directory

if TYPE_CHECKING:
    from weft_worker.prepare import Prepared
    from weft_worker.worker import Role


def run_dev(tools: list[str], *, state_dir: Path | None) -> int:
    """Serve until Ctrl-C. Returns the exit code."""
    state = state_directory(state_dir)
    state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(state / DEV)
    if not lock.acquire(timeout=0):
        raise misused(f"weft dev already runs on {state}: use it, or name another --state-dir")
    with ExitStack() as stack:
        stack.callback(lock.release)
        target = Target(None, state, ServerLease(state))
        stack.callback(target.close)
        return _serve(target, tools, "all")


def run_worker(tools: list[str], *, role: Role, address: str | None, state_dir: Path | None) -> int:
    """Work until Ctrl-C or SIGTERM. Returns the exit code."""
    if role != "workflows" and not tools:
        raise misused("a worker for steps needs tools: name them with --tools, or use --role workflows")
    with open_target(address, state_dir) as target:
        return _serve(target, tools, role, versioned=True)


def submit_run(
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
    """Start a run and leave it to the workers of a server that stays. Returns the exit code."""
    from weft_worker.prepare import prepare

    prepared = prepare(plan_file, tools, inputs=inputs, limits=limits)
    if prepared.warnings:
        say(prepared.warnings)
    if not address_is_configured(address) and not is_kept_up(state_directory(state_dir)):
        raise failed(
            "no server stays to work on the run: start one with `weft dev`, or name one with --address HOST:PORT",
            type_="ServerError",
        )
    with open_target(address, state_dir) as target:
        outcome = asyncio.run(_submit(prepared, target, run_id, patience))
    if as_json:
        print_json(outcome.to_json())
    else:
        print_text(outcome.run_id)
        if outcome.ui_url:
            print_text(outcome.ui_url)
    return COMPLETED


def _serve(target: Target, tools: list[str], role: Role, *, versioned: bool = False) -> int:
    from weft_worker.prepare import load_tools

    catalog = load_tools(tools)
    return asyncio.run(_work(target, catalog, role, versioned))


async def _work(target: Target, catalog: Any, role: Role, versioned: bool) -> int:
    from weft_activities.catalog import Catalog

    from weft_worker.connect import connect
    from weft_worker.deployment import deployment_of
    from weft_worker.settings import load_settings
    from weft_worker.worker import Workers

    settings = load_settings()
    connection = await connect(target, settings)
    workers = Workers(
        connection.client,
        task_queue=settings.task_queue,
        catalog=catalog or Catalog(),
        settings=settings,
        role=role,
        deployment=(deployment := deployment_of(settings) if versioned else None),
    )
    with interruptible() as interrupted:
        async with workers:
            say(f"server   {connection.client.service_client.config.target_host}")
            if connection.ui:
                say(f"ui       {connection.ui}")
            if deployment is not None:
                say(f"version  {deployment.version.to_canonical_string()} ({settings.versioning})")
            say(f"working on {', '.join(workers.task_queues)} ({role}); Ctrl-C ends")
            await first_of(interrupted.wait(), workers.failure(), keep_server(target))
    return COMPLETED


async def _submit(prepared: Prepared, target: Target, run_id: str | None, patience: Patience) -> Outcome:
    from weft_worker.connect import connect
    from weft_worker.runs import new_run_id, start_run
    from weft_worker.settings import load_settings

    settings = load_settings()
    connection = await connect(target, settings)
    run_id = run_id or new_run_id(prepared.plan.file)
    options = patience.options(prepared.tool_sources, settings)
    await start_run(
        connection,
        prepared.plan,
        prepared.inputs,
        run_id=run_id,
        task_queue=settings.task_queue,
        options=options,
    )
    return Outcome(run_id, "running", ui_url=connection.run_url(run_id))
