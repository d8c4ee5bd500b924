"""Runs that another version of Weft has begun: older ones go on, those of a newer one wait for it and say so."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from weft_compiler.graph import GRAPH_VERSION
from weft_compiler.plan import RULES_VERSION
from weft_worker.connect import Connection
from weft_worker.problems import CommandFailed
from weft_worker.resuming import load_tools_of
from weft_worker.runs import read_history, status_of
from weft_workflows.batch_workflow import REPORT
from weft_workflows.host.errors import MachineFailed
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import RUN_WORKFLOW, RunResult
from weft_workflows.starting import start_options

from tests.temporal.conftest import Handle, StartRun, compiled, eventually, worker_on

pytestmark = pytest.mark.server

SOURCE = "first = await echo(1)\nreturn await echo([first])"


@pytest.fixture
async def real_pool(client: Client, queue: str) -> AsyncIterator[HostPool]:
    pool = HostPool(size=1)
    async with worker_on(client, pool, queue):
        yield pool
    pool.close()


async def start(client: Client, queue: str, change: Any) -> Handle:
    """Starts a run whose input has been changed as plain data."""
    arguments = start_options(compiled(SOURCE), {}, run_id=f"other-{queue}", task_queue=queue)
    given = json.loads(arguments["arg"].model_dump_json())
    plan = json.loads(given["plan"])
    change(given, plan)
    given["plan"] = json.dumps(plan)
    return await client.start_workflow(RUN_WORKFLOW, given, id=arguments["id"], task_queue=queue, result_type=RunResult)


def later_graph(given: dict[str, Any], plan: dict[str, Any]) -> None:
    plan["graph"]["version"] = GRAPH_VERSION + 1


def later_rules(given: dict[str, Any], plan: dict[str, Any]) -> None:
    plan["rules"] = RULES_VERSION + 1


def later_node(given: dict[str, Any], plan: dict[str, Any]) -> None:
    plan["graph"]["functions"]["<module>"]["body"]["nodes"][0]["kind"] = "teleport"


def later_tool(given: dict[str, Any], plan: dict[str, Any]) -> None:
    plan["tools"][0]["colour"] = "red"


LATER = {
    later_graph: f"the plan was made by a newer Weft than this: its graph has version {GRAPH_VERSION + 1}, known here up to",
    later_rules: f"the plan was made by a newer Weft than this: its rules have version {RULES_VERSION + 1}, known here up to",
    later_node: "the plan was made by a newer Weft than this: it has graph.functions.<module>.body.nodes.0, which is",
    later_tool: "a tool of the plan was made by a newer Weft than this: it has colour, which is not known here",
}


@pytest.mark.usefixtures("real_pool")
@pytest.mark.parametrize("change", LATER, ids=lambda change: change.__name__)
async def test_a_run_of_a_newer_weft_waits_for_it_and_says_so(client: Client, queue: str, change: Any) -> None:
    handle = await start(client, queue, change)
    connection = Connection(client, None)

    async def blocked() -> str:
        return (await read_history(connection, handle.id)).blocked

    assert LATER[change] in await eventually(blocked)
    outcome, history, view = await status_of(connection, handle.id)
    assert (outcome.status, view) == ("running", None)
    with pytest.raises(CommandFailed, match="made by a newer Weft than this"):
        load_tools_of(history, [])
    await still_runs(handle)


@pytest.mark.usefixtures("real_pool")
async def test_options_of_a_newer_weft_are_not_left_out(client: Client, queue: str) -> None:
    def later_option(given: dict[str, Any], plan: dict[str, Any]) -> None:
        given["options"]["speed"] = 3

    handle = await start(client, queue, later_option)
    said = "the input of the run was made by a newer Weft than this: it has speed, which is not known here"

    async def task_failed() -> bool:
        failures = [e.workflow_task_failed_event_attributes for e in (await handle.fetch_history()).events]
        return any(said in str(failure) for failure in failures)

    await eventually(task_failed)
    with pytest.raises(CommandFailed, match=said):
        await read_history(Connection(client, None), handle.id)
    await still_runs(handle)


async def still_runs(handle: Handle) -> None:
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    await handle.terminate()


@pytest.mark.usefixtures("real_pool")
async def test_a_plan_from_before_rules_had_versions_runs(client: Client, queue: str) -> None:
    def without_rules(given: dict[str, Any], plan: dict[str, Any]) -> None:
        del plan["rules"]

    handle = await start(client, queue, without_rules)
    assert (await handle.result()).result == [1]


class OlderPool:
    """A pool of a worker that cannot read what a newer one sends it, the first few times."""

    def __init__(self, pool: HostPool, times: int) -> None:
        self.pool = pool
        self.times = times

    def take_out(self, key: str, recipe: Any) -> Any:
        if self.times:
            self.times -= 1
            raise MachineFailed("WrongCheckpoint", "the checkpoint was written by a newer Weft", 0, "")
        return self.pool.take_out(key, recipe)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pool, name)


async def test_long_code_goes_to_another_worker_where_one_is_too_old(
    client: Client, queue: str, start_plan: StartRun
) -> None:
    older = OlderPool(HostPool(size=1), times=2)
    try:
        async with worker_on(client, older, queue):  # type: ignore[arg-type]
            handle = await start_plan("for i in range(1_500_000):\n    pass\nreturn await echo(i)")
            assert (await handle.result()).result == 1_499_999
    finally:
        older.pool.close()
    assert older.times == 0


@pytest.mark.usefixtures("real_pool")
async def test_a_report_of_a_newer_weft_is_not_dropped(client: Client, queue: str) -> None:
    """The SDK drops signals that do not decode; a dropped report would leave its steps in flight for ever."""
    arguments = start_options(compiled("await until_cancelled('log')"), {}, run_id=f"told-{queue}", task_queue=queue)
    handle: Handle = await client.start_workflow(**arguments)
    await handle.signal(REPORT, {"batch": "b", "outcomes": [], "colour": "red"})

    async def blocked() -> str:
        return (await read_history(Connection(client, None), handle.id)).blocked

    assert "newer Weft than this: it has colour" in await eventually(blocked)
    await still_runs(handle)
