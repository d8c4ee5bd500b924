"""Runs that have ended, gone on with: a new execution under the same id, which begins with what the old one has done.

What always holds: the old execution is over before its ledger is read, so that nothing that it does is missed; the new one
has the old one's plan, inputs and settings unless a person gives others.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError
from weft_compiler.reading import read_plan
from weft_workflows import evaluators
from weft_workflows.host.errors import EvaluatorDied, HostUnavailable, MachineFailed, OverBudget
from weft_workflows.ledger import Ledger, NothingToResume
from weft_workflows.past_record import Record, record_bytes
from weft_workflows.rehearsal import CannotGoOn, Rehearsal, rehearse
from weft_workflows.starting import start_options

from weft_worker.history import End, RunHistory
from weft_worker.ledgers import read_ledger, read_lineage
from weft_worker.outcome import OutcomeError
from weft_worker.problems import CommandFailed, failed, misused
from weft_worker.runs import read_history
from weft_worker.segments import segments_of
from weft_worker.steering import kill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft_compiler.plan import Plan
    from weft_workflows.host.handle import Handle
    from weft_workflows.host.pool import HostPool
    from weft_workflows.messages import RunInput

    from weft_worker.connect import Connection


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
    histories = await read_lineage(connection.client, run_id, segments_of(connection.client))
    return await read_ledger(connection.client, histories)


async def history_of(connection: Connection, run_id: str) -> RunHistory:
    """What is known of a run: what the server says, else what was kept when it had a history there.

    Raises CommandFailed where there is no such run.
    """
    try:
        return await read_history(connection, run_id)
    except CommandFailed as missing:
        segments = segments_of(connection.client)
        if missing.type != "NoSuchRun" or segments is None or not (kept := segments.newest(run_id)):
            raise
    history = RunHistory(connection.client)
    for each in kept:
        for event in each.events:
            await history.read(event)
    gone = OutcomeError("HistoryRemoved", "Temporal has removed the run's history")
    history.end = history.end or End("failed", None, gone)
    return history


async def start_again(connection: Connection, run_id: str, run: RunInput, record: Record, task_queue: str) -> None:
    """Starts an execution that begins with a past. Raises CommandFailed where another one is open."""
    start = start_options(read_plan(run.plan), run.inputs, run.options, run_id=run_id, task_queue=task_queue)
    # As it was, with the rules of the time when the run began: its idempotency keys must not change.
    start["arg"] = run
    await _start(connection, start, record, reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE)


async def _start(connection: Connection, start: dict[str, Any], record: Record, reuse: WorkflowIDReusePolicy) -> None:
    run, run_id = start.pop("arg"), start["id"]
    past = Payload(metadata={"encoding": b"binary/plain"}, data=record_bytes(record))
    try:
        await connection.client.start_workflow(
            **start,
            args=[run, RawValue(past)],
            id_reuse_policy=reuse,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
    except WorkflowAlreadyStartedError:
        if reuse is WorkflowIDReusePolicy.REJECT_DUPLICATE:
            raise misused(f"there is a run {run_id} already: choose another --run-id") from None
        raise failed(f"somebody else has gone on with {run_id} meanwhile: see `weft status {run_id}`") from None
    except RPCError as error:
        raise failed(f"the server refused to go on with the run: {error.message}", run_id=run_id) from None


@dataclass(frozen=True)
class Fork:
    """A new run that goes another way than an old one, from the call of a step on."""

    run_id: str
    task_queue: str
    at: str
    #: None: those of the old run.
    inputs: dict[str, Any] | None = None
    tool_sources: tuple[str, ...] = ()


async def fork_run(connection: Connection, run_id: str, history: RunHistory, fork: Fork, hosts: HostPool) -> None:
    """Starts a run that begins with what an old one had done when it called a step. Returns when the server has
    recorded it. Raises CommandFailed where the old run has not called that step.
    """
    old = history.input
    assert old is not None
    ledger = await ledger_of(connection, run_id, hosts)
    try:
        record = ledger.forked(fork.at, other_inputs=fork.inputs is not None)
    except KeyError:
        raise misused(_no_step(run_id, fork.at, [call.step for call in ledger.calls()])) from None
    options = old.options.model_copy(update={"tool_sources": fork.tool_sources or old.options.tool_sources})
    inputs = old.inputs if fork.inputs is None else fork.inputs
    start = start_options(read_plan(old.plan), inputs, options, run_id=fork.run_id, task_queue=fork.task_queue)
    await _start(connection, start, record, reuse=WorkflowIDReusePolicy.REJECT_DUPLICATE)


def _no_step(run_id: str, step: str, known: list[str]) -> str:
    near = difflib.get_close_matches(step, known, n=3, cutoff=0.4)
    like = f"; close to it: {', '.join(near)}" if near else ""
    return f"the run {run_id} has not called a step {step}{like}; see `weft steps {run_id}`"


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
    """Ends an open run and what works for it: only then is it known what it has done."""
    try:
        await kill(connection, run_id, "goes on with a changed orchestration")
    except CommandFailed:
        if (await read_history(connection, run_id)).end is None:
            raise  # else it has ended by itself meanwhile


def _rehearsed(run: RunInput, record: Record, ledger: Ledger, hosts: HostPool) -> Rehearsal:
    plan = read_plan(run.plan)
    effects = {tool.name: tool.effect for tool in plan.tools}
    inputs = json.dumps(run.inputs, ensure_ascii=False)
    machines: list[_Rehearsed] = []

    def start(message: bytes) -> tuple[_Rehearsed, bytes]:
        with _told_as_broken():
            handle, commands = hosts.start(f"rehearsal {uuid.uuid4().hex}", message)
        machines.append(_Rehearsed(handle))
        return machines[-1], commands

    try:
        return rehearse(start, run.plan, inputs, record, effects, ledger.outcomes())
    finally:
        for machine in machines:
            machine.handle.close()


@dataclass(frozen=True)
class _Rehearsed:
    """A machine in a host that other machines use too: it may not take long."""

    handle: Handle

    def deliver(self, event: bytes) -> bytes:
        with _told_as_broken():
            return self.handle.deliver(event)


@contextmanager
def _told_as_broken() -> Iterator[None]:
    try:
        yield
    except OverBudget as over:
        raise CannotGoOn(f"line {over.line} computes longer than a rehearsal may") from None
    except (EvaluatorDied, MachineFailed, HostUnavailable) as error:
        raise CannotGoOn(f"its evaluation ended: {error}") from None


def _resumed(ledger: Ledger, run_id: str) -> Record:
    try:
        return ledger.resumed()
    except NothingToResume as nothing:
        raise failed(
            f"{nothing}; change the orchestration and go on with `weft resume {run_id} --edit NEW.py`", run_id=run_id
        ) from None
