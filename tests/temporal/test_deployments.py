"""Temporal's worker versioning: new runs go to the current version, pinned ones end on the one that began them.

What people do with Temporal's own CLI is done with it here; the commands are those of deploy/README.md.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import RoutingConfigUpdateState
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest
from temporalio.client import Client
from weft_activities.catalog import load_catalog
from weft_compiler.compile import compile_source
from weft_worker.embedded import ServerInfo, find_binary
from weft_workflows.messages import HistoryLimits, RunOptions
from weft_workflows.starting import start_options

from tests.cli.conftest import Weft
from tests.cli.test_serving import await_line
from tests.temporal.conftest import connect, eventually

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

TOOLS = """
import os
from pathlib import Path
from weft_activities import tool

@tool(effect="read")
async def version() -> str:
    return os.environ.get("VERSION", "none")

@tool(effect="read")
def is_open(gate: str) -> bool:
    return Path(gate).exists()
"""
PLAN = """
import asyncio
first = await version()
while not await is_open(gate):
    await asyncio.sleep(0.2)
for n in range(200_000):
    pass
last = await version()
return [first, last]
"""


class Deployment:
    """One deployment on the session's server: workers of its versions, and Temporal's CLI."""

    def __init__(self, weft: Weft, server: ServerInfo, name: str) -> None:
        self.weft, self.server, self.name = weft, server, name
        self.queue = {"WEFT_TASK_QUEUE": name}
        weft.write("tools.py", TOOLS)
        weft.write("plan.py", PLAN)

    async def worker(self, build: str, role: str = "all", **more: str) -> subprocess.Popen[str]:
        """A worker of that version; where `build` is empty, an unversioned one."""
        versioned = {"WEFT_DEPLOYMENT": self.name, "WEFT_BUILD_ID": build} if build else {}
        tools = () if role == "workflows" else ("--tools", "tools.py")
        command = ("worker", "--role", role, *tools, "--address", self.server.address)
        worker = self.weft.start(*command, **self.queue, **versioned, VERSION=build or "none", **more)
        await asyncio.to_thread(await_line, worker, f"working on {self.name}")
        return worker

    async def submit(self, number: int) -> str:
        run_id = f"{self.name}-{number}"
        command = ("submit", "--plan", "plan.py", "--tools", "tools.py", "--run-id", run_id)
        inputs = ("--inputs", json.dumps({"gate": str(self.weft.folder / "gate")}))
        done = await asyncio.to_thread(self.weft, *command, *inputs, "--address", self.server.address, **self.queue)
        assert done.code == 0, done.stderr
        return run_id

    async def temporal(self, *words: str) -> Any:
        """What a command of Temporal's CLI says."""
        binary = find_binary(self.weft.state)
        command = [str(binary), "--address", self.server.address, *words, "--output", "json"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    async def set_current(self, build: str) -> None:
        version = ("--deployment-name", self.name, "--build-id", build)

        async def known() -> bool:
            """A version is known once one of its workers has asked for work."""
            try:
                await self.temporal("worker", "deployment", "describe-version", *version)
            except AssertionError:
                return False
            return True

        await eventually(known)
        await self.temporal("worker", "deployment", "set-current-version", *version, "--yes")
        await eventually(self._is_spread)

    async def _is_spread(self) -> bool:
        """The server tells its task queues of a new current version one after the other."""
        client = await connect(self.server.address)
        asked = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=self.name)
        described = await client.workflow_service.describe_worker_deployment(asked)
        state = described.worker_deployment_info.routing_config_update_state
        return state == RoutingConfigUpdateState.ROUTING_CONFIG_UPDATE_STATE_COMPLETED

    async def drainage(self, build: str) -> Any:
        version = ("--deployment-name", self.name, "--build-id", build)
        described = await self.temporal("worker", "deployment", "describe-version", *version)
        return described["drainageInfo"]["drainageStatus"]

    def open_the_gate(self) -> None:
        (self.weft.folder / "gate").touch()


@pytest.fixture
def deployment(weft_served: Weft, temporal_server: ServerInfo) -> Deployment:
    return Deployment(weft_served, temporal_server, f"shop-{time.time_ns()}")


@pytest.fixture
def weft_served(tmp_path: Path, temporal_server: ServerInfo, server_state: Path) -> Iterator[Weft]:
    folder = tmp_path / "project"
    folder.mkdir()
    weft = Weft(folder, server_state)
    yield weft
    weft.close()


@pytest.fixture
async def client(temporal_server: ServerInfo) -> Client:
    return await connect(temporal_server.address)


async def first_step_of(client: Client, run_id: str) -> None:
    async def done() -> bool:
        history = await client.get_workflow_handle(run_id).fetch_history()
        return any(event.HasField("activity_task_completed_event_attributes") for event in history.events)

    await eventually(done)


async def runs_on(client: Client, run_id: str) -> str:
    """The build of the version by which the run's last task was done."""
    described = await client.get_workflow_handle(run_id).describe()
    versioning = described.raw_description.workflow_execution_info.versioning_info
    return versioning.deployment_version.build_id


async def result(client: Client, run_id: str) -> Any:
    return (await client.get_workflow_handle(run_id).result())["result"]


async def test_pinned_runs_end_where_they_began(deployment: Deployment, client: Client) -> None:
    await deployment.worker("b1")
    await deployment.set_current("b1")
    before = await deployment.submit(1)
    await first_step_of(client, before)
    await deployment.worker("b2")
    await deployment.set_current("b2")
    after = await deployment.submit(2)
    await first_step_of(client, after)
    deployment.open_the_gate()
    assert await result(client, before) == ["b1", "b1"]
    assert await result(client, after) == ["b2", "b2"]


async def test_runs_that_may_move_go_to_the_current_version(deployment: Deployment, client: Client) -> None:
    await deployment.worker("b1", WEFT_VERSIONING="auto-upgrade")
    await deployment.set_current("b1")
    run_id = await deployment.submit(1)
    await first_step_of(client, run_id)
    await deployment.worker("b2", WEFT_VERSIONING="auto-upgrade")
    await deployment.set_current("b2")

    async def has_moved() -> bool:
        return await runs_on(client, run_id) == "b2"

    await eventually(has_moved)
    deployment.open_the_gate()
    assert await result(client, run_id) == ["b1", "b2"]


async def test_pinned_runs_that_move_go_to_the_current_version(deployment: Deployment, client: Client) -> None:
    """Where a run goes on in a new execution, that one begins on what is the current version then."""
    await deployment.worker("b1")
    await deployment.set_current("b1")
    tools = load_catalog([str(deployment.weft.folder / "tools.py")])
    plan = compile_source(PLAN, [tool.spec for tool in tools], file="plan.py", inputs=("gate",))
    options = RunOptions(history=HistoryLimits(soft_events=40, firm_events=80))
    inputs = {"gate": str(deployment.weft.folder / "gate")}
    run_id = f"{deployment.name}-moving"
    await client.start_workflow(**start_options(plan, inputs, options, run_id=run_id, task_queue=deployment.name))
    await first_step_of(client, run_id)
    await deployment.worker("b2")
    await deployment.set_current("b2")

    async def has_moved() -> bool:
        return await runs_on(client, run_id) == "b2"

    await eventually(has_moved, seconds=60)
    deployment.open_the_gate()
    assert await result(client, run_id) == ["b1", "b2"]


async def test_steps_may_stay_unversioned(deployment: Deployment, client: Client) -> None:
    """Workers for steps without the variables serve the runs of every version."""
    await deployment.worker("", role="activities")
    await deployment.worker("b1", role="workflows")
    await deployment.set_current("b1")
    run_id = await deployment.submit(1)
    deployment.open_the_gate()
    assert await result(client, run_id) == ["none", "none"]


async def test_a_version_that_is_not_current_gets_no_runs(deployment: Deployment, client: Client) -> None:
    await deployment.worker("b1")
    await deployment.set_current("b1")
    await deployment.worker("b2")
    deployment.open_the_gate()
    runs = [await deployment.submit(number) for number in range(3)]
    assert [await result(client, run_id) for run_id in runs] == [["b1", "b1"]] * 3


async def test_a_version_without_workers_keeps_its_runs_waiting(deployment: Deployment, client: Client) -> None:
    """Nothing is lost when the last worker of a version goes too early: the run goes on when one is there again, or moves."""
    old = await deployment.worker("b1")
    await deployment.set_current("b1")
    run_id = await deployment.submit(1)
    await first_step_of(client, run_id)
    old.kill()
    await asyncio.to_thread(old.wait)
    await deployment.worker("b2")
    await deployment.set_current("b2")
    assert await deployment.drainage("b1") == "draining"
    deployment.open_the_gate()
    status = deployment.weft.start("status", run_id, "--address", deployment.server.address)
    said = await asyncio.to_thread(deployment.weft.end, status)
    assert f"the run is pinned to the version {deployment.name}.b1, and no worker of it answers" in said.stderr
    await deployment.temporal(
        "workflow",
        "update-options",
        "--workflow-id",
        run_id,
        "--versioning-override-behavior",
        "pinned",
        "--versioning-override-deployment-name",
        deployment.name,
        "--versioning-override-build-id",
        "b2",
    )
    assert await result(client, run_id) == ["b1", "b2"]


def test_both_variables_or_none(weft_served: Weft) -> None:
    half = weft_served("worker", "--role", "workflows", WEFT_DEPLOYMENT="shop")
    assert half.code == 2
    assert "WEFT_DEPLOYMENT and WEFT_BUILD_ID belong together: set both, or none of them" in half.stderr


def test_the_commands_are_those_of_the_documentation() -> None:
    readme = " ".join((Path(__file__).parents[2] / "deploy" / "README.md").read_text().split())
    for command in (
        "worker deployment set-current-version --deployment-name shop --build-id b2 --yes",
        "worker deployment describe-version --deployment-name shop --build-id b1",
        "workflow update-options --workflow-id RUN --versioning-override-behavior pinned",
    ):
        assert f"temporal {command}" in readme
