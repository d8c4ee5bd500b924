"""Runs of scripted machines on the session's embedded server, with real hosts and real activities."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker
from weft_activities.invoke import activity_for
from weft_compiler.compile import compile_source
from weft_compiler.plan import Plan
from weft_worker.embedded import ServerInfo
from weft_worker.payloads import converter
from weft_worker.segments import keeping
from weft_workflows import evaluators
from weft_workflows.advance import advancing
from weft_workflows.host.pool import HostLimits, HostPool
from weft_workflows.messages import RunOptions, RunResult, advance_queue
from weft_workflows.registry import WORKFLOWS
from weft_workflows.starting import start_options

from tests.temporal import scripts
from tests.temporal.scripted import plan
from tests.temporal.tools import TOOLS

MACHINE = f"{scripts.__name__}:ScriptedMachine"
_numbers = count(1)

Handle = WorkflowHandle[Any, RunResult]
StartRun = Callable[..., Coroutine[Any, Any, Handle]]


def payloads() -> Path:
    """Where all processes of a test run keep large payloads."""
    return Path(tempfile.gettempdir()) / f"weft-test-payloads-{os.getuid()}"


async def connect(address: str, directory: Path | None = None) -> Client:
    """A client, once the server is willing: it accepts connections a moment before it serves."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await Client.connect(address, data_converter=converter(directory or payloads()))
            except RuntimeError as error:
                if "not healthy yet" not in str(error):
                    raise


@asynccontextmanager
async def worker_on(client: Client, pool: HostPool, queue: str, **options: Any) -> AsyncIterator[Worker]:
    evaluators.install(pool, evaluators.signals_through(client))
    worker = Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=[*(activity_for(tool) for tool in TOOLS.values()), keeping(client)],
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        max_heartbeat_throttle_interval=timedelta(seconds=1),
        **options,
    )
    evaluators.allow_busy_computers(worker)
    long_code = Worker(client, task_queue=advance_queue(queue), activities=[advancing(pool)])
    async with worker, long_code:
        yield worker


@pytest.fixture(scope="session")
def pool() -> Iterator[HostPool]:
    pool = HostPool(size=1, limits=HostLimits(stack_bytes=4 * 1024**2), machine=MACHINE)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def machines() -> Iterator[HostPool]:
    """Hosts for orchestrations."""
    pool = HostPool(size=1)
    yield pool
    pool.close()


@pytest.fixture
def queue() -> str:
    """A task queue of the test's own, so that no other test's worker takes its runs."""
    return f"queue-{next(_numbers)}"


@pytest.fixture
async def client(temporal_server: ServerInfo) -> Client:
    return await connect(temporal_server.address)


@pytest.fixture
async def worker(client: Client, pool: HostPool, queue: str) -> AsyncIterator[Worker]:
    async with worker_on(client, pool, queue) as worker:
        yield worker


@pytest.fixture
async def listening(client: Client, machines: HostPool, queue: str) -> AsyncIterator[Worker]:
    """A worker for orchestrations."""
    async with worker_on(client, machines, queue) as worker:
        yield worker


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where tools write what they do."""
    return tmp_path / "log"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """What tools wait for."""
    return tmp_path / "gate"


@pytest.fixture
def start_run(client: Client, queue: str) -> StartRun:
    """Starts a run of a script: `await start_run("straight", **inputs)`."""

    async def start(script: str, options: RunOptions | None = None, python: str | None = None, **inputs: Any) -> Handle:
        tools = [tool.spec for tool in TOOLS.values()]
        run_id = f"{script}-{next(_numbers)}"
        arguments = start_options(plan(script, *tools, python=python), inputs, options, run_id=run_id, task_queue=queue)
        return await client.start_workflow(**arguments, result_type=RunResult)

    return start


@pytest.fixture
def start_plan(client: Client, queue: str) -> StartRun:
    """Starts a run of an orchestration: `await start_plan(source, **inputs)`."""

    async def start(source: str, options: RunOptions | None = None, on: str = queue, **inputs: Any) -> Handle:
        arguments = start_options(compiled(source), inputs, options, run_id=f"plan-{next(_numbers)}", task_queue=on)
        return await client.start_workflow(**arguments, result_type=RunResult)

    return start


def compiled(source: str) -> Plan:
    return compile_source(source, [tool.spec for tool in TOOLS.values()], file="plan.py")


async def eventually(condition: Callable[[], Coroutine[Any, Any, Any]], seconds: float = 30) -> Any:
    """The condition's first true value. The deadline only bounds a failing test."""
    async with asyncio.timeout(seconds):
        while not (value := await condition()):
            await asyncio.sleep(0.02)
    return value
