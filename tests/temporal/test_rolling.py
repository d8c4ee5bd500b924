"""A worker of the previous version is replaced, or stands beside one of today's: runs that it has begun go on.

The previous version is the newest tag, else the commit before this one, as Git has it.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from weft_worker.embedded import ServerInfo

from tests.cli.conftest import Weft
from tests.cli.test_serving import await_line
from tests.temporal.conftest import connect, eventually

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("compiler", "workflows", "activities", "worker")

TOOLS = """
from pathlib import Path
from weft_activities import tool

LOG = Path(__file__).with_name("calls.log")

@tool(effect="write")
async def put(run: str, n: int) -> int:
    with LOG.open("a") as log:
        log.write(f"{run} {n}\\n")
    return n

@tool(effect="read")
async def unknown(name: str) -> int:
    raise KeyError(name)
"""
#: What a run holds when its worker goes: strands, a deadline, chance and time, sets, objects, an error, an iterator.
PLAN = """
import asyncio, random, time, uuid

class Basket:
    def __init__(self):
        self.items = []

async def both(basket, run, n):
    basket.items += await asyncio.gather(put(run, n), put(run, n + 1))

async def main(run, pause):
    began, name, basket = time.time(), str(uuid.uuid4()), Basket()
    await both(basket, run, 1)
    try:
        await unknown("x")
    except KeyError as error:
        kept = error
    levels = {f"L{n % 3}" for n in basket.items}
    rest = iter([3, 5, 7])
    ticking = asyncio.create_task(asyncio.sleep(pause, "ticked"))
    for n in rest:
        async with asyncio.timeout(600):
            await both(basket, run, n)
        if n == 5:
            print(await ticking)
    return [basket.items, str(kept), list(levels), len(name), time.time() >= began, random.random() < 1]
"""
EXPECTED = [[1, 2, 3, 4, 5, 6, 7, 8], "'x'", ["L1", "L2"], 36, True, True]


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which `weft` is the previous version."""
    folder = tmp_path_factory.mktemp("previous")
    found = git("tag", "--sort=-creatordate").decode().split()
    archive = git("archive", found[0] if found else "HEAD~1", *PACKAGES)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    environment = {"PYTHONPATH": os.pathsep.join(str(folder / package) for package in PACKAGES)}
    check_version(environment, folder)
    return environment


def git(*command: str) -> bytes:
    try:
        return subprocess.run(["git", *command], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"there is no previous version to be had from Git's history here: {problem}")


def check_version(environment: dict[str, str], folder: Path) -> None:
    """The old code, not today's that is installed beside it."""
    where = "import sys, weft_worker.runs as w; sys.stdout.write(w.__file__)"
    python = subprocess.run(
        [sys.executable, "-c", where], env={**os.environ, **environment}, capture_output=True, check=True, text=True
    )
    assert python.stdout.startswith(str(folder))


class Versions:
    """`weft` of both versions on one server and task queue."""

    def __init__(self, weft: Weft, server: ServerInfo, previous: dict[str, str], queue: str) -> None:
        self.weft = weft
        self.address = ("--address", server.address)
        self.queue = {"WEFT_TASK_QUEUE": f"rolling-{queue}"}
        self.of = {"old": previous, "new": {}}
        weft.write("tools.py", TOOLS)
        weft.write("plan.py", PLAN)

    async def worker(self, version: str) -> subprocess.Popen[str]:
        command = ("worker", "--tools", "tools.py", *self.address)
        worker = self.weft.start(*command, **self.queue, **self.of[version])
        await asyncio.to_thread(await_line, worker, "working on rolling")
        return worker

    async def submit(self, version: str, run_id: str, pause: float) -> None:
        inputs = json.dumps({"run": run_id, "pause": pause})
        command = ("submit", "--plan", "plan.py", "--tools", "tools.py", "--inputs", inputs, "--run-id", run_id)
        done = await asyncio.to_thread(self.weft, *command, *self.address, **self.queue, **self.of[version])
        assert done.code == 0, done.stderr

    def effects(self) -> Counter[str]:
        return Counter(self.weft.calls())


@pytest.fixture
def versions(weft_served: Weft, temporal_server: ServerInfo, previous: dict[str, str], queue: str) -> Versions:
    return Versions(weft_served, temporal_server, previous, queue)


@pytest.fixture
def weft_served(tmp_path: Path, temporal_server: ServerInfo, server_state: Path) -> Iterator[Weft]:
    folder = tmp_path / "project"
    folder.mkdir()
    weft = Weft(folder, server_state)
    yield weft
    weft.close()


async def count(client: Client, run_id: str, kind: EventType.ValueType) -> int:
    handle = client.get_workflow_handle(run_id)
    return [event.event_type async for event in handle.fetch_history_events()].count(kind)


async def result(client: Client, run_id: str) -> object:
    return (await client.get_workflow_handle(run_id).result())["result"]


async def test_a_run_goes_on_when_its_worker_is_replaced(versions: Versions, temporal_server: ServerInfo) -> None:
    """The old worker is killed while the run waits with half of its steps behind it; no finished step runs again."""
    client = await connect(temporal_server.address)
    old = await versions.worker("old")
    run_id = f"replaced-{time.time_ns()}"
    await versions.submit("old", run_id, 6)

    async def is_half_way() -> bool:
        return await count(client, run_id, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED) == 6

    await eventually(is_half_way)
    old.send_signal(signal.SIGKILL)
    old.wait()
    assert await count(client, run_id, EventType.EVENT_TYPE_TIMER_FIRED) == 0
    await versions.worker("new")
    assert await result(client, run_id) == EXPECTED
    assert versions.effects() == {f"{run_id} {n}": 1 for n in range(1, 9)}


async def test_both_versions_share_the_runs_of_a_task_queue(versions: Versions, temporal_server: ServerInfo) -> None:
    """As while workers are replaced one by one: runs of both clients, tasks and steps to either worker, then one leaves."""
    client = await connect(temporal_server.address)
    old, _new = await versions.worker("old"), await versions.worker("new")
    stamp = time.time_ns()
    runs = [f"{version}-{number}-{stamp}" for number in range(3) for version in ("old", "new")]
    await asyncio.gather(*(versions.submit(run.partition("-")[0], run, 3) for run in runs))

    async def are_half_way() -> bool:
        done = [await count(client, run, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED) for run in runs]
        return min(done) >= 4

    await eventually(are_half_way, seconds=90)
    old.send_signal(signal.SIGTERM)
    assert (await asyncio.to_thread(versions.weft.end, old)).code == 0
    for run in runs:
        assert await result(client, run) == EXPECTED, run
    assert versions.effects() == {f"{run} {n}": 1 for run in runs for n in range(1, 9)}
