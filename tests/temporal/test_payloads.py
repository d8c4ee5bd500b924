"""Payloads outside of history, in runs: what is missing stops a run and no more; what is large passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.worker import Worker
from weft_activities.invoke import activity_for
from weft_worker.embedded import ServerInfo
from weft_worker.history import RunHistory
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import Decision, RunOptions, RunResult
from weft_workflows.starting import start_options

from tests.temporal.conftest import Handle, connect, eventually, worker_on
from tests.temporal.scripted import plan
from tests.temporal.test_parking import lines, parked
from tests.temporal.tools import TOOLS

pytestmark = pytest.mark.server


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "payloads"


@pytest.fixture
async def client(temporal_server: ServerInfo, directory: Path) -> Client:
    return await connect(temporal_server.address, directory)


async def started(
    client: Client, queue: str, script: str, options: RunOptions | None = None, **inputs: object
) -> Handle:
    tools = [tool.spec for tool in TOOLS.values()]
    arguments = start_options(plan(script, *tools), inputs, options, run_id=f"{script}-{queue}", task_queue=queue)
    return await client.start_workflow(**arguments, result_type=RunResult)


async def blocked(handle: Handle, client: Client) -> str:
    history = RunHistory(client)
    async for _ in history.follow(handle.id, wait=False):
        pass
    return history.blocked


def stored(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("trouble", ["missing", "damaged"])
async def test_a_run_whose_payload_is_gone_waits_says_so_and_goes_on_once_it_is_back(
    client: Client, pool: HostPool, queue: str, directory: Path, tmp_path: Path, trouble: str
) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    async with worker_on(client, pool, queue):
        handle = await started(client, queue, "large_then_gated", log=str(log), gate=str(gate))
        await eventually(lambda: has_begun(log))
    kept = {path: path.read_bytes() for path in stored(directory)}
    assert kept
    for path in kept:
        _spoil[trouble](path)
    async with worker_on(client, pool, queue):
        gate.write_text("open")
        reason = await eventually(lambda: blocked(handle, client))
        assert str(directory) in reason
        assert ("cannot be read" if trouble == "missing" else "is damaged") in reason
        assert "goes on by itself" in reason
        for path, data in kept.items():
            path.write_bytes(data)
        assert (await handle.result()).result == 100_000
        assert not await blocked(handle, client)


async def has_begun(log: Path) -> bool:
    return bool(lines(log))


_spoil: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "damaged": lambda path: path.write_bytes(b"something else"),
}


async def test_a_step_whose_worker_cannot_read_its_arguments_parks(
    client: Client, pool: HostPool, queue: str, directory: Path, tmp_path: Path, temporal_server: ServerInfo
) -> None:
    """Whatever the program would do about a failure: the tool has not been called."""
    elsewhere = tmp_path / "elsewhere"
    other = await connect(temporal_server.address, elsewhere)
    steps = f"{queue}-steps"
    activities = [activity_for(TOOLS["echo"])]
    arguments = {"tool": "echo", "arguments": {"value": "v" * 100_000}}
    options = RunOptions(activity_task_queue=steps, attempts=1)
    async with worker_on(client, pool, queue), Worker(other, task_queue=steps, activities=activities):
        handle = await started(client, queue, "one_call_with_fallback", options, **arguments)
        row = await eventually(lambda: parked(handle))
        assert (row.step, row.reason) == ("a", "retries-spent")
        assert f"cannot be read from {elsewhere}" in row.message
        assert "WEFT_PAYLOAD_DIR" in row.message
        elsewhere.symlink_to(directory)
        await handle.execute_update("decide", Decision(step="a", action="retry"))
        assert (await handle.result()).result == "v" * 100_000


async def test_a_write_whose_result_cannot_be_stored_parks_and_is_not_repeated(
    client: Client, pool: HostPool, queue: str, tmp_path: Path, temporal_server: ServerInfo
) -> None:
    (tmp_path / "full").write_text("no directory")
    full = await connect(temporal_server.address, tmp_path / "full")
    steps, log = f"{queue}-steps", tmp_path / "log"
    activities = [activity_for(TOOLS["large_write"])]
    arguments = {"tool": "large_write", "arguments": {"log": str(log), "size": 100_000}}
    options = RunOptions(activity_task_queue=steps)
    async with worker_on(client, pool, queue), Worker(full, task_queue=steps, activities=activities):
        handle = await started(client, queue, "one_call", options, **arguments)
        row = await eventually(lambda: parked(handle))
        assert (row.step, row.reason) == ("a", "ambiguous")
        assert "large_write ran, but its result is lost: a payload of 100," in row.message
        assert lines(log) == ["large_write"]
        await handle.execute_update("decide", Decision(step="a", action="skip", value="by hand"))
        assert (await handle.result()).result == "by hand"
    assert lines(log) == ["large_write"]


async def test_answers_to_queries_stay_readable_without_the_directory(
    client: Client, pool: HostPool, queue: str, directory: Path, tmp_path: Path, temporal_server: ServerInfo
) -> None:
    async with worker_on(client, pool, queue):
        handle = await started(client, queue, "one_call", tool="echo", arguments={"value": "q" * 60_000})
        await handle.result()
        before = stored(directory)
        stranger = await connect(temporal_server.address, tmp_path / "stranger")
        (row,) = await stranger.get_workflow_handle(handle.id).query("steps")
        assert row["arguments"] == {"value": "q" * 60_000}
        assert (await stranger.get_workflow_handle(handle.id, result_type=RunResult).result()).result == "q" * 60_000
    assert stored(directory) == before
