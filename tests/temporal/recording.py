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
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import Worker
from weft_activities.invoke import activity_for
from weft_compiler.compile import compile_source
from weft_worker.embedded import ServerLease
from weft_worker.payloads import converter
from weft_worker.segments import keeping
from weft_workflows import evaluators
from weft_workflows.advance import advancing
from weft_workflows.host.contract import DEFAULT_MACHINE
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import RunResult, advance_queue
from weft_workflows.run_workflow import RunWorkflow
from weft_workflows.starting import start_options

from tests.temporal.conftest import Handle, connect
from tests.temporal.recorded_jobs import jobs
from tests.temporal.recorded_runs import RecordedRun, exists, kinds

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = Path(__file__).with_name("histories")
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
        client = await Client.connect(
            address, data_converter=converter(Path(scratch) / "payloads"), identity="recorder"
        )
        for run in chosen:
            workplace = Path(scratch) / run.name
            workplace.mkdir()
            # Paths in a run's inputs are relative to it.
            os.chdir(workplace)
            history = await asyncio.wait_for(_history_of(run, client, address), _PATIENCE)
            text = json.dumps(json.loads(history), sort_keys=True)
            _check_neutral(run.name, text, scratch)
            _file(folder, run).write_bytes(gzip.compress(text.encode(), mtime=0))
            print(run.name, len(json.loads(text)["events"]), "events", flush=True)
        os.chdir(ROOT)


def _file(folder: Path, run: RecordedRun) -> Path:
    return folder / f"{run.name}.json.gz"


async def _history_of(run: RecordedRun, client: Client, address: str) -> str:
    plan = compile_source(run.source, [tool.spec for tool in run.tools], file=run.file, inputs=tuple(run.inputs))
    start = start_options(plan, run.inputs, run.options, run_id=run.name, task_queue=run.name)
    handle: Handle = await client.start_workflow(**start, result_type=RunResult)
    if run.loses_its_worker:
        await _lose_a_worker(run, handle, address)
    async with _worker(client, run):
        await run.act(handle)
        with suppress(WorkflowFailureError):  # failed runs are recorded as well
            await handle.result()
    history = await handle.fetch_history()
    for event in history.events:
        _neutralize(event)
    return history.to_json()


async def _lose_a_worker(run: RecordedRun, handle: Handle, address: str) -> None:
    command = [sys.executable, "-m", "tests.temporal.worker_process", address, run.name, DEFAULT_MACHINE]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    worker = await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.PIPE)
    await exists("log")(handle)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()


@asynccontextmanager
async def _worker(client: Client, run: RecordedRun) -> AsyncIterator[None]:
    pool = HostPool(size=1, limits=run.limits)
    pool.wait_ready()
    evaluators.install(pool, evaluators.signals_through(client))
    worker = Worker(
        client,
        task_queue=run.name,
        build_id="recorder",
        workflows=[RunWorkflow],
        activities=[*(activity_for(tool) for tool in run.tools), keeping(client)],
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        max_heartbeat_throttle_interval=timedelta(seconds=1),
    )
    evaluators.allow_busy_computers(worker)
    long_code = Worker(client, task_queue=advance_queue(run.name), build_id="recorder", activities=[advancing(pool)])
    try:
        async with worker, long_code:
            yield
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
