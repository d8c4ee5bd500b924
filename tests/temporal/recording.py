"""Records the history of one run of every kind: `python -m tests.temporal.recording --version v2`.

A version's histories are recorded once, when a change makes new runs differ, and are never recorded again: they stand
for runs that were begun by then and have to go on. The command refuses a version that has any. What belongs to the
machine on which they were recorded (paths, names of processes) is not in them.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client, WorkflowFailureError, WorkflowHistory
from temporalio.worker import Worker
from weft_activities.invoke import activity_for
from weft_compiler.compile import compile_source
from weft_worker.connect import Connection
from weft_worker.embedded import ServerLease
from weft_worker.payloads import converter
from weft_worker.reopening import resume_ended
from weft_worker.runs import read_history
from weft_worker.segments import keeping
from weft_workflows import evaluators
from weft_workflows.advance import advancing
from weft_workflows.host.contract import DEFAULT_MACHINE
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import RunResult, advance_queue
from weft_workflows.registry import WORKFLOWS
from weft_workflows.starting import start_options

from tests.temporal.conftest import Handle, connect
from tests.temporal.recorded_jobs import jobs
from tests.temporal.recorded_runs import RecordedRun, exists, kinds

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = Path(__file__).with_name("histories")
PAYLOADS = "payloads.tar.gz"
#: Seconds for one run.
_PATIENCE = 90.0


async def record(version: str, names: list[str]) -> None:
    folder = HISTORIES / version
    if not names and folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{version} has histories already: they are never recorded again")
    chosen = [run for run in (*kinds(), *jobs()) if not names or run.name in names]
    taken = [run.name for run in chosen if _file(folder, run).exists()]
    if taken:
        raise SystemExit(f"recorded already, and never again: {', '.join(taken)}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, ServerLease(Path(scratch) / "state") as lease:
        os.environ["WEFT_EXAMPLE_DIR"] = "made"
        address = lease.wait().address
        await connect(address)
        payloads = Path(scratch) / "payloads"
        unpack_payloads(folder, payloads)
        client = await Client.connect(address, data_converter=converter(payloads), identity="recorder")
        for run in chosen:
            workplace = Path(scratch) / run.name
            workplace.mkdir()
            # Paths in a run's inputs are relative to it.
            os.chdir(workplace)
            histories = await asyncio.wait_for(_histories_of(run, client, address), _PATIENCE)
            for number, history in enumerate(histories, start=1):
                text = json.dumps(json.loads(history), sort_keys=True)
                _check_neutral(run.name, text, scratch)
                _file(folder, run, number).write_bytes(gzip.compress(text.encode(), mtime=0))
                print(run.name, number, len(json.loads(text)["events"]), "events", flush=True)
        os.chdir(ROOT)
        with tarfile.open(folder / PAYLOADS, "w:gz") as tar:
            tar.add(payloads, arcname=".", filter=_without_owner)


def unpack_payloads(folder: Path, payloads: Path) -> None:
    """What the histories of a version keep outside of them, for a client's converter."""
    payloads.mkdir(exist_ok=True)
    if (folder / PAYLOADS).exists():
        with tarfile.open(folder / PAYLOADS) as tar:
            tar.extractall(payloads, filter="data")


def _without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _file(folder: Path, run: RecordedRun, number: int = 1) -> Path:
    """Of the executions of one run, later ones and those of its children have a number behind the name."""
    return folder / (f"{run.name}.json.gz" if number == 1 else f"{run.name}+{number}.json.gz")


async def _histories_of(run: RecordedRun, client: Client, address: str) -> list[str]:
    plan = compile_source(run.source, [tool.spec for tool in run.tools], file=run.file, inputs=tuple(run.inputs))
    start = start_options(plan, run.inputs, run.options, run_id=run.name, task_queue=run.name)
    handle: Handle = await client.start_workflow(**start, result_type=RunResult)
    if run.loses_its_worker:
        await _lose_a_worker(run, handle, address)
    async with _worker(client, run) as pool:
        await run.act(handle)
        await _end_of(handle)
        if run.then is not None:
            connection = Connection(client, None)
            await resume_ended(connection, run.name, await read_history(connection, run.name), pool)
            again: Handle = client.get_workflow_handle(run.name, result_type=RunResult)
            await run.then(again)
            await _end_of(again)
    return [neutral.to_json() for neutral in await _executions(client, handle, again=run.then is not None)]


async def _end_of(handle: Handle) -> None:
    with suppress(WorkflowFailureError):  # failed runs are recorded as well
        await handle.result()


async def _executions(client: Client, first: Handle, *, again: bool) -> list[WorkflowHistory]:
    """The histories of a run: of what it was continued as, of its children, and of the execution that resumed it."""
    to_read = [(first.id, first.result_run_id or first.first_execution_run_id)]
    if again:
        described = await client.get_workflow_handle(first.id).describe()
        to_read.append((first.id, described.run_id))
    histories = []
    for workflow_id, execution in to_read:
        history = await client.get_workflow_handle(workflow_id, run_id=execution).fetch_history()
        histories.append(history)
        for event in history.events:
            continued = event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
            child = event.child_workflow_execution_started_event_attributes.workflow_execution
            to_read += [(workflow_id, continued)] if continued else []
            to_read += [(child.workflow_id, child.run_id)] if child.run_id else []
            _neutralize(event)
    return histories


async def _lose_a_worker(run: RecordedRun, handle: Handle, address: str) -> None:
    command = [sys.executable, "-m", "tests.temporal.worker_process", address, run.name, DEFAULT_MACHINE]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    worker = await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.PIPE)
    await exists("log")(handle)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()


@asynccontextmanager
async def _worker(client: Client, run: RecordedRun) -> AsyncIterator[HostPool]:
    pool = HostPool(size=1, limits=run.limits)
    pool.wait_ready()
    evaluators.install(pool, evaluators.signals_through(client))
    worker = Worker(
        client,
        task_queue=run.name,
        build_id="recorder",
        workflows=WORKFLOWS,
        activities=[*(activity_for(tool) for tool in run.tools), keeping(client)],
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        max_heartbeat_throttle_interval=timedelta(seconds=1),
    )
    evaluators.allow_busy_computers(worker)
    long_code = Worker(client, task_queue=advance_queue(run.name), build_id="recorder", activities=[advancing(pool)])
    try:
        async with worker, long_code:
            yield pool
    finally:
        pool.close()


def _neutralize(message: Message) -> None:
    """Takes out what tells of the machine: stacks of Temporal's failures, and who did what."""
    for field, value in message.ListFields():
        if field.name == "identity":
            setattr(message, field.name, "recorder")
        elif field.name == "stack_trace" and isinstance(message, Failure):
            message.ClearField("stack_trace")
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for each in _messages(field, value):
                _neutralize(each)


def _messages(field: FieldDescriptor, value: Any) -> list[Message]:
    if isinstance(value, Message):
        return [value]
    values = list(value.values()) if hasattr(value, "values") else list(value)
    return [each for each in values if isinstance(each, Message)]


def _check_neutral(name: str, text: str, scratch: str) -> None:
    seen = readable(text)
    for secret in (scratch, str(ROOT), str(Path.home()), sys.prefix, os.uname().nodename):
        if len(secret) > 5 and secret in seen:
            at = seen.index(secret)
            raise SystemExit(f"{name} tells of this machine: …{seen[max(0, at - 200) : at + 100]}…")


def readable(text: str) -> str:
    """A history as JSON, and behind it what its payloads hold, which are Base64 in it."""
    return text + "".join(_decoded(json.loads(text)))


def _decoded(value: Any) -> list[str]:
    if isinstance(value, dict):
        data = value.get("data")
        own = [base64.b64decode(data).decode("utf-8", "replace")] if isinstance(data, str) else []
        return own + [text for each in value.values() for text in _decoded(each)]
    return [text for each in value for text in _decoded(each)] if isinstance(value, list) else []


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", required=True, help="the folder below tests/temporal/histories")
    parser.add_argument("names", nargs="*", help="only these runs, which the version must lack")
    given = parser.parse_args()
    asyncio.run(record(given.version, given.names))
