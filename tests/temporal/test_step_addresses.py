"""What a tool is told of its step: the same key for each attempt of a call, whatever became of the one before."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from weft_activities import StepContext
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import RunOptions, StepRow
from weft_workflows.starting import start_options
from weft_workflows.step_address import address_of

from tests.temporal.conftest import Handle, StartRun, compiled, eventually, worker_on
from tests.temporal.test_parking import decide, parked
from tests.temporal.tools import TOOLS

pytestmark = [pytest.mark.server]


def accounts(log: Path) -> list[list[Any]]:
    """Run, step, attempt, key and the last attempt's details, of each attempt."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def key(handle: Handle, step: str, tool: str, arguments: dict[str, Any]) -> str:
    return address_of(handle.id, step, TOOLS[tool].spec, json.dumps(arguments)).idempotency_key


@pytest.mark.usefixtures("listening")
async def test_each_attempt_has_the_same_key(start_plan: StartRun, log: Path) -> None:
    """Three attempts under the server's policy, then a person's: the first run's worker counts on."""
    handle = await start_plan(f"await accounts({str(log)!r}, failures=4)")
    await eventually(lambda: parked(handle))
    await decide(handle, step="accounts", action="retry")
    await handle.result()
    same = key(handle, "accounts", "accounts", {"log": str(log), "failures": 4})
    assert [row[:4] for row in accounts(log)] == [
        [handle.id, "accounts", attempt, same] for attempt in (1, 2, 3, 2, 3)
    ], "the count goes on behind what is known of the attempts before"
    assert [row[4] for row in accounts(log)] == [[], [{"row": 1}], [{"row": 2}], [{"row": 3}], [{"row": 4}]]


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("tool", ["copies", "copies_again"])
async def test_a_timed_out_attempt_leaves_its_details(
    start_plan: StartRun, log: Path, tool: str, tmp_path: Path
) -> None:
    """To the server's next attempt, and to a person's."""
    gate = tmp_path / "gate"
    handle = await start_plan(f"return await {tool}({str(log)!r}, {str(gate)!r})")
    if tool == "copies":
        await eventually(lambda: parked(handle))
        await decide(handle, step=tool, action="retry")
        await eventually(lambda: parked(handle))
        gate.write_text("")
        await decide(handle, step=tool, action="retry")
    assert (await handle.result()).result == "copied"
    assert [row[4] for row in accounts(log)] == [[], [{"row": 0}], [{"row": 1}]]
    assert [row[2] for row in accounts(log)] == [1, 2, 3]
    assert len({row[3] for row in accounts(log)}) == 1


async def test_a_step_that_a_shutdown_cuts_off_leaves_its_details(
    client: Client, queue: str, machines: HostPool, start_plan: StartRun, log: Path
) -> None:
    async with worker_on(client, machines, queue):
        handle = await start_plan(f"return await copies_until_shut_down({str(log)!r})")
        await eventually(lambda: _begun(log))
    async with worker_on(client, machines, queue):
        row = await eventually(lambda: parked(handle))
        assert row.reason == "ambiguous"
        await decide(handle, step="copies_until_shut_down", action="retry")
        assert (await handle.result()).result == "copied"


@pytest.mark.usefixtures("listening")
async def test_the_key_is_the_runs(client: Client, queue: str, log: Path) -> None:
    """The same where a run is taken up again under its id; another one in another run."""
    plan, handles = compiled(f"await accounts({str(log)!r})"), []
    for run_id in ("key-a", "key-a", "key-b"):
        start = start_options(plan, {}, run_id=run_id, task_queue=queue)
        handles.append(await client.start_workflow(**start, id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE))
        await handles[-1].result()
    (first, again, other) = (row[3] for row in accounts(log))
    assert first == again != other


@pytest.mark.usefixtures("listening")
async def test_a_tool_sees_the_steps_own_id(start_plan: StartRun, log: Path) -> None:
    """Also where it is long, in a loop, in a function, and beside others."""
    source = f"""
    async def a_name_that_is_as_long_as_a_careless_author_makes_it_{"x" * 60}(n):
        if n == 0:
            return await accounts({str(log)!r})
        return await a_name_that_is_as_long_as_a_careless_author_makes_it_{"x" * 60}(n - 1)

    for n in range(2):
        await accounts({str(log)!r})
        await asyncio.gather(*[accounts({str(log)!r}) for _ in range(2)])
    await a_name_that_is_as_long_as_a_careless_author_makes_it_{"x" * 60}(12)
    """
    handle = await start_plan(_dedented(source))
    await handle.result()
    rows = await handle.query("steps", result_type=list[StepRow])
    assert sorted(row[1] for row in accounts(log)) == sorted(row.id for row in rows)
    assert len({row[3] for row in accounts(log)}) == len(rows) == 7


@pytest.mark.usefixtures("listening")
async def test_a_run_from_before_keeps_its_keys(client: Client, queue: str, log: Path) -> None:
    start = start_options(compiled(f"await accounts({str(log)!r})"), {}, run_id="key-old", task_queue=queue)
    start["arg"] = start["arg"].model_copy(update={"options": RunOptions()})
    handle = await client.start_workflow(**start)
    await handle.result()
    assert accounts(log)[0][3] == StepContext("key-old", "accounts").idempotency_key


async def _begun(log: Path) -> bool:
    return bool(accounts(log))


def _dedented(source: str) -> str:
    return textwrap.dedent(source)
