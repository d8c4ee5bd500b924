"""Each row of the table in `step_outcomes.py` on a real server, for tools that write and for tools that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker
from weft_activities.invoke import activity_for
from weft_activities.tool import make_tool
from weft_worker.segments import keeping
from weft_workflows import evaluators
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import RunOptions, RunView
from weft_workflows.registry import WORKFLOWS

from tests.temporal.conftest import Handle, StartRun, eventually, worker_on
from tests.temporal.test_parking import decide, parked

pytestmark = pytest.mark.server

CATCHES = """
try:
    return await {call}
except Exception as error:
    return [type(error).__name__, str(error)]
"""


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


async def count(handle: Handle, kind: EventType.ValueType) -> int:
    return sum([event.event_type == kind async for event in handle.fetch_history_events()])


async def running(handle: Handle, steps: int) -> bool:
    view = await handle.query("status", result_type=RunView)
    return view.status == "running" and view.steps_running == steps


@pytest.mark.parametrize("tool", ["gated_read", "gated_write"])
async def test_a_step_that_no_worker_has_taken_waits(
    client: Client, machines: HostPool, queue: str, start_plan: StartRun, log: Path, gate: Path, tool: str
) -> None:
    gate.write_text("done")
    evaluators.install(machines, evaluators.signals_through(client))
    handle = await start_plan(
        f"return await {tool}({str(log)!r}, {str(gate)!r})", RunOptions(activity_task_queue=f"{queue}-steps")
    )
    async with Worker(client, task_queue=queue, workflows=WORKFLOWS, activities=[keeping(client)]):
        await eventually(lambda: running(handle, 1))
        assert not lines(log)
        async with worker_on(client, machines, f"{queue}-steps"):
            assert (await handle.result()).result == "done"
    assert len(lines(log)) == 1


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("tool", ["refuse", "refuse_write"])
async def test_an_answer_is_the_programs(start_plan: StartRun, tool: str) -> None:
    handle = await start_plan(CATCHES.format(call=f"{tool}('none')"))
    assert (await handle.result()).result == ["FileNotFoundError", "[Errno 2] none"]
    assert await count(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED) == 1


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("tool", ["flaky", "flaky_write"])
async def test_a_transient_failure_is_tried_again_until_the_attempts_are_spent(
    start_plan: StartRun, log: Path, tool: str
) -> None:
    handle = await start_plan(CATCHES.format(call=f"{tool}({str(log)!r}, 9)"))
    assert (await handle.result()).result == ["ConnectionResetError", "reset 3"]


@pytest.mark.usefixtures("listening")
async def test_an_exception_that_the_policy_names_is_not_tried_again(start_plan: StartRun, log: Path) -> None:
    """And goes to the program as an answer does: nothing parks."""
    handle = await start_plan(f"return await flaky_once({str(log)!r}, 1)")
    with pytest.raises(Exception, match="Workflow execution failed"):
        await handle.result()
    assert len(lines(log)) == 1


@pytest.mark.usefixtures("listening")
async def test_a_timeout_that_the_policy_names_is_not_tried_again(start_plan: StartRun, log: Path, gate: Path) -> None:
    handle = await start_plan(CATCHES.format(call=f"hangs_once({str(log)!r}, {str(gate)!r})"))
    assert (await handle.result()).result == ["TimeoutError", "hangs_once took longer than 0.3 s"]
    assert len(lines(log)) == 1


@pytest.mark.usefixtures("listening")
async def test_a_tool_says_when_it_is_to_be_tried_again(start_plan: StartRun, log: Path) -> None:
    """Its policy would wait a second."""
    handle = await start_plan(f"return await busy({str(log)!r}, 2.5)")
    assert 2.5 <= (await handle.result()).result < 10


@pytest.mark.usefixtures("listening")
async def test_a_run_says_when_steps_are_tried_again(start_plan: StartRun, log: Path) -> None:
    """The tool's policy would wait 50 ms."""
    source = f"begun = time.time()\nawait flaky({str(log)!r}, 1)\nreturn time.time() - begun"
    handle = await start_plan(source, RunOptions(retry_interval=1.5))
    assert (await handle.result()).result >= 1.5


@pytest.mark.usefixtures("listening")
async def test_the_late_answer_of_an_attempt_that_timed_out_is_nobodys(
    start_plan: StartRun, log: Path, gate: Path
) -> None:
    """Its thread goes on beside the second attempt, and ends while the run still works."""
    source = (
        f"first = await answers_late({str(log)!r}, 2.5)\nreturn [first, await gated_read({str(log)!r}, {str(gate)!r})]"
    )
    handle = await start_plan(source)

    async def both_ended() -> bool:
        return {"end 1", "end 2"} <= set(lines(log))

    await eventually(both_ended)
    gate.write_text("later")
    assert (await handle.result()).result == ["attempt 2", "later"]
    assert [line for line in lines(log) if line.startswith(("begin", "end"))] == [
        "begin 1",
        "begin 2",
        "end 2",
        "end 1",
    ]


@pytest.mark.usefixtures("listening")
class TestTimeInAll:
    async def test_a_read_is_spent(self, start_plan: StartRun, gate: Path) -> None:
        handle = await start_plan(CATCHES.format(call=f"limited_read({str(gate)!r})"))
        assert (await handle.result()).result == ["TimeoutError", "limited_read took longer than 1 s in all"]

    async def test_a_write_that_was_running_is_ambiguous(self, start_plan: StartRun, gate: Path) -> None:
        handle = await start_plan(f"return await limited_write({str(gate)!r})")
        row = await eventually(lambda: parked(handle))
        assert row.reason == "ambiguous"
        assert "limited_write took longer than 1 s in all: it may or may not" in row.message
        assert ", and may still be running" in row.message
        gate.write_text("done")
        await decide(handle, step="limited_write", action="retry")
        assert (await handle.result()).result == "done"

    async def test_a_write_that_was_not_running_is_spent(self, start_plan: StartRun, log: Path) -> None:
        """Each attempt has said that it failed."""
        handle = await start_plan(CATCHES.format(call=f"limited_tries({str(log)!r})"))
        assert (await handle.result()).result == ["ConnectionResetError", "reset 2"]

    @pytest.mark.parametrize("tool", ["limited_read", "limited_write"])
    async def test_a_step_that_no_worker_took_is_spent(
        self, start_plan: StartRun, queue: str, gate: Path, tool: str
    ) -> None:
        """It did not run, whatever it does."""
        options = RunOptions(activity_task_queue=f"{queue}-nobody")
        handle = await start_plan(CATCHES.format(call=f"{tool}({str(gate)!r})"), options)
        assert (await handle.result()).result == ["TimeoutError", f"{tool} took longer than 1 s in all"]

    async def test_a_step_of_the_run_may_take_less(self, start_plan: StartRun, log: Path, gate: Path) -> None:
        call = f"gated_read({str(log)!r}, {str(gate)!r})"
        handle = await start_plan(CATCHES.format(call=call), RunOptions(step_timeout=0.5, attempts=1))
        assert (await handle.result()).result == ["TimeoutError", "gated_read took longer than 0.5 s"]


async def test_a_worker_without_the_tool_is_none_of_the_steps(
    client: Client, machines: HostPool, queue: str, start_plan: StartRun, log: Path
) -> None:
    """The server tries again until a worker has it, also a `write`."""
    evaluators.install(machines, evaluators.signals_through(client))
    async with Worker(client, task_queue=queue, workflows=WORKFLOWS, activities=[_other_tool(), keeping(client)]):
        handle = await start_plan(f"return await flaky_write({str(log)!r}, 0)")

        async def refused() -> Any:
            pending = (await handle.describe()).raw_description.pending_activities
            return pending and pending[0].attempt > 1

        await eventually(refused)
    async with worker_on(client, machines, queue):
        assert (await handle.result()).result == 1
    assert len(lines(log)) == 1


def _other_tool() -> Any:
    def other() -> None: ...

    return activity_for(make_tool(other))
