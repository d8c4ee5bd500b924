"""Runs that have ended, gone on with: a new execution under the same id, which begins with what the old one has done.

What always holds: the old execution is over before its ledger is read, so that nothing that it does is missed; the new one
has the old one's plan, inputs and settings unless a person gives others.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from weft_compiler.reading import read_plan
from weft_workflows import evaluators
from weft_workflows.ledger import Ledger, NothingToResume
from weft_workflows.past_record import Record, record_bytes
from weft_workflows.rehearsal import Rehearsal, rehearse
from weft_workflows.starting import start_options

from weft_worker.ledgers import read_ledger, read_lineage
from weft_worker.problems import failed

if TYPE_CHECKING:
    from weft_compiler.plan import Plan
    from weft_workflows.host.handle import Handle
    from weft_workflows.host.pool import HostPool
    from weft_workflows.messages import RunInput

    from weft_worker.connect import Connection
    from weft_worker.history import RunHistory


async def resume_ended(connection: Connection, run_id: str, history: RunHistory, hosts: HostPool) -> None:
    """Goes on with a run that has ended, with the same program. Returns when the server has recorded it.

    Raises CommandFailed where there is nothing to go on with.
    """
    record = _resumed(await ledger_of(connection, run_id, hosts), run_id)
    assert history.input is not None
    await start_again(connection, run_id, history.input, record, history.task_queue)


async def ledger_of(connection: Connection, run_id: str, hosts: HostPool) -> Ledger:
    """What has happened in a run so far."""
    evaluators.install(hosts)
    return await read_ledger(connection.client, await read_lineage(connection.client, run_id))


async def start_again(connection: Connection, run_id: str, run: RunInput, record: Record, task_queue: str) -> None:
    """Starts an execution that begins with a past. Raises CommandFailed where another one is open."""
    plan = read_plan(run.plan)
    start = start_options(plan, run.inputs, run.options, run_id=run_id, task_queue=task_queue)
    del start["arg"]
    past = Payload(metadata={"encoding": b"binary/plain"}, data=record_bytes(record))
    try:
        await connection.client.start_workflow(
            **start,
            args=[run, RawValue(past)],
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
    except WorkflowAlreadyStartedError:
        raise failed(f"somebody else has gone on with {run_id} meanwhile: see `weft status {run_id}`") from None
    except RPCError as error:
        raise failed(f"the server refused to go on with the run: {error.message}", run_id=run_id) from None


@dataclass(frozen=True)
class Change:
    """What is to be different when a run goes on. None of `plan` and `inputs` is as it was."""

    plan: Plan | None = None
    inputs: dict[str, Any] | None = None
    tool_sources: tuple[str, ...] = ()
    #: Tools and ids of steps that are to run again.
    rerun: tuple[str, ...] = ()
    accept_orphans: bool = False

    @property
    def is_none(self) -> bool:
        return self.plan is None and self.inputs is None and not self.rerun


async def rehearse_change(
    connection: Connection, run_id: str, history: RunHistory, change: Change, hosts: HostPool
) -> Rehearsal:
    """What a run would do if it went on with that change. Changes nothing."""
    run = _changed(history, change)
    ledger = await ledger_of(connection, run_id, hosts)
    record = _resumed(ledger, run_id) if change.is_none else ledger.edited(change.rerun)
    return await asyncio.to_thread(_rehearsed, run, record, ledger, hosts)


async def go_on_changed(
    connection: Connection, run_id: str, history: RunHistory, change: Change, hosts: HostPool
) -> None:
    """Ends a run where it is open, and goes on with it as changed. Returns when the server has recorded it."""
    run = _changed(history, change)
    if history.end is None:
        await _end(connection, run_id)
    ledger = await ledger_of(connection, run_id, hosts)
    record = ledger.edited(change.rerun)
    if not change.accept_orphans:
        found = await asyncio.to_thread(_rehearsed, run, record, ledger, hosts)
        record = replace(record, orphans=tuple(each.id for each in found.orphans))
    await start_again(connection, run_id, run, record, history.task_queue)


def _changed(history: RunHistory, change: Change) -> RunInput:
    """The input of the run as changed. Its settings stay, so that idempotency keys do."""
    run = history.input
    assert run is not None
    if change.plan is not None:
        run = run.model_copy(update={"plan": change.plan.canonical_json(), "plan_id": change.plan.plan_id})
    if change.inputs is not None:
        run = run.model_copy(update={"inputs": change.inputs})
    options = run.options.model_copy(update={"tool_sources": change.tool_sources or run.options.tool_sources})
    return run.model_copy(update={"options": options})


async def _end(connection: Connection, run_id: str) -> None:
    """Ends an open run: only then is it known what it has done."""
    try:
        await connection.client.get_workflow_handle(run_id).terminate("goes on with a changed orchestration")
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # it has ended by itself
            raise failed(f"the server did not end the run: {error.message}", run_id=run_id) from None


def _rehearsed(run: RunInput, record: Record, ledger: Ledger, hosts: HostPool) -> Rehearsal:
    plan = read_plan(run.plan)
    effects = {tool.name: tool.effect for tool in plan.tools}
    inputs = json.dumps(run.inputs, ensure_ascii=False)
    machines: list[Handle] = []

    def start(message: bytes) -> tuple[Handle, bytes]:
        machine, commands = hosts.start(f"rehearsal {uuid.uuid4().hex}", message)
        machines.append(machine)
        return machine, commands

    try:
        return rehearse(start, run.plan, inputs, record, effects, ledger.outcomes())
    finally:
        for machine in machines:
            machine.close()


def _resumed(ledger: Ledger, run_id: str) -> Record:
    try:
        return ledger.resumed()
    except NothingToResume as nothing:
        raise failed(
            f"{nothing}; change the orchestration and go on with `weft resume {run_id} --edit NEW.py`", run_id=run_id
        ) from None
