"""Runs that have ended, gone on with: a new execution under the same id, which begins with what the old one has done.

What always holds: the old execution is over before its ledger is read, so that nothing that it does is missed; the new one
has the old one's plan, inputs and settings unless a person gives others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError
from weft_compiler.reading import read_plan
from weft_workflows import evaluators
from weft_workflows.ledger import Ledger, NothingToResume
from weft_workflows.past_record import Record, record_bytes
from weft_workflows.starting import start_options

from weft_worker.ledgers import read_ledger, read_lineage
from weft_worker.problems import failed

if TYPE_CHECKING:
    from weft_workflows.host.pool import HostPool
    from weft_workflows.messages import RunInput

    from weft_worker.connect import Connection
    from weft_worker.history import RunHistory


async def resume_ended(connection: Connection, run_id: str, history: RunHistory, hosts: HostPool) -> None:
    """Goes on with a run that has ended, with the same program. Returns when the server has recorded it.

    Raises CommandFailed where there is nothing to go on with.
    """
    ledger = await ledger_of(connection, run_id, hosts)
    try:
        record = ledger.resumed()
    except NothingToResume as nothing:
        raise failed(
            f"{nothing}; change the orchestration and go on with `weft resume {run_id} --edit NEW.py`", run_id=run_id
        ) from None
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
