"""Runs that go on in new executions, at any point of their program, and with steps in workflows of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowUpdateFailedError
from weft_activities import StepContext
from weft_activities.invoke import call_tool
from weft_worker.history import RunHistory
from weft_worker.in_memory import failure_of
from weft_workflows.host.pool import HostPool
from weft_workflows.local import StepInfo, run_plan
from weft_workflows.messages import BatchInput, BatchLimits, HistoryLimits, RunOptions

from tests.temporal.conftest import Handle, StartRun, compiled, eventually, worker_on
from tests.temporal.test_parking import decide, parked
from tests.temporal.tools import TOOLS

pytestmark = pytest.mark.server

#: So small that a run moves after every other step.
SMALL = HistoryLimits(soft_events=16, firm_events=40)
STARTED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
CHILD = EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED


@pytest.fixture(autouse=True)
async def real_pool(client: Client, queue: str) -> AsyncIterator[HostPool]:
    pool = HostPool(size=1)
    async with worker_on(client, pool, queue):
        yield pool
    pool.close()


async def executions(client: Client, run_id: str) -> list[list[HistoryEvent]]:
    """The events of each execution of a run, oldest first."""
    found: list[list[HistoryEvent]] = []
    execution: str | None = (
        await client.get_workflow_handle(run_id).describe()
    ).raw_description.workflow_execution_info.first_run_id
    while execution:
        events = [e async for e in client.get_workflow_handle(run_id, run_id=execution).fetch_history_events()]
        found.append(events)
        execution = events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return found


def count(events: list[HistoryEvent], kind: EventType.ValueType) -> int:
    return sum(event.event_type == kind for event in events)


async def in_memory(source: str, inputs: dict[str, Any]) -> Any:
    async def call(name: str, arguments: dict[str, Any], info: StepInfo) -> Any:
        return await call_tool(TOOLS[name], arguments, StepContext(info.run_id, info.step))

    return await run_plan(compiled(source), inputs, call, describe_failure=failure_of)


NESTED = """
import asyncio

class Tally:
    def __init__(self):
        self.seen = []

    async def add(self, value):
        self.seen.append(await echo(value))
        return len(self.seen)

async def main():
    tally = Tally()
    alias = tally.seen
    for outer in range(4):
        try:
            for inner in range(3):
                await tally.add([outer, inner])
                if inner == 2 and outer == 1:
                    raise KeyError(outer)
        except KeyError as error:
            print("caught", error, len(alias))
            await tally.add("handler")
        finally:
            print("finally", await echo(outer))
        pairs = await asyncio.gather(*[echo([outer, n]) for n in range(3)])
        tally.seen.append(pairs)
        print(pairs, alias is tally.seen)
        await asyncio.sleep(0.01)
    return tally.seen
"""


async def test_a_run_moves_anywhere_and_nobody_sees_it(client: Client, start_plan: StartRun) -> None:
    handle = await start_plan(NESTED, RunOptions(history=SMALL))
    result = await handle.result()
    expected = await in_memory(NESTED, {})
    assert (result.result, result.stdout) == (expected.result, expected.stdout)
    assert result.steps == len(expected.steps)
    histories = await executions(client, handle.id)
    assert len(histories) > 8
    assert sum(count(events, SCHEDULED) for events in histories) == len(expected.steps)
    assert max(len(events) for events in histories) < 60
    whole, last = RunHistory(client), RunHistory(client)
    async for _ in whole.follow(handle.id, wait=False, whole=True):
        pass
    async for _ in last.follow(handle.id, wait=False):
        pass
    states = [(step.id, step.arguments, step.state) for step in whole.steps.values()]
    assert states == [(step.id, step.arguments, step.outcome) for step in expected.steps]
    assert last.earlier + sum(step.state == "completed" for step in last.steps.values()) == len(expected.steps)


async def test_timers_keep_their_deadlines(client: Client, start_plan: StartRun) -> None:
    source = """
import asyncio

async def main():
    sleeper = asyncio.create_task(asyncio.sleep(6, "slept"))
    began = asyncio.get_running_loop().time()
    for n in range(12):
        await echo(n)
    early = sleeper.done()
    return [early, await sleeper, round(asyncio.get_running_loop().time() - began)]
"""
    handle = await start_plan(source, RunOptions(history=SMALL))
    assert (await handle.result()).result in ([False, "slept", 6], [False, "slept", 7])
    assert len(await executions(client, handle.id)) > 4


async def test_what_is_parked_crosses(client: Client, start_plan: StartRun, tmp_path: Path) -> None:
    source = """
import asyncio

async def risky(log):
    return await flaky(log, 3)

async def others():
    for n in range(20):
        await echo(n)

async def main(log):
    return (await asyncio.gather(risky(log), others()))[0]
"""
    handle = await start_plan(source, RunOptions(history=SMALL), log=str(tmp_path / "log"))
    row = await eventually(lambda: parked(handle))
    assert len(await executions(client, handle.id)) > 1
    with pytest.raises(WorkflowUpdateFailedError):
        await decide(handle, step="nonsense", action="retry")
    await decide(handle, step=row.step, action="retry", decision_id="once")
    await decide(handle, step=row.step, action="retry", decision_id="once")
    assert (await handle.result()).result == 4


async def test_decisions_reach_a_run_that_moves_all_the_time(start_plan: StartRun, tmp_path: Path) -> None:
    source = """
import asyncio

over = False

async def risky(log):
    global over
    value = await flaky(log, 3)
    over = True
    return value

async def others():
    n = 0
    while not over:
        n += 1
        await echo(n)

async def main(log):
    return (await asyncio.gather(risky(log), others()))[0]
"""
    handle = await start_plan(source, RunOptions(history=SMALL), log=str(tmp_path / "log"))

    async def the_parked() -> str | None:
        from weft_workflows.messages import RunView

        view = await handle.query("status", result_type=RunView)
        return view.parked[0].step if view.parked else None

    step = await eventually(the_parked)
    await decide(handle, step=step, action="skip", value="skipped", decision_id="d")
    assert (await handle.result()).result == "skipped"


async def test_the_firm_limit_waits_for_what_is_in_flight(client: Client, start_plan: StartRun) -> None:
    source = """
import asyncio

async def twice(n):
    return await echo(await echo(n))

async def main():
    return await asyncio.gather(*[twice(n) for n in range(60)])
"""
    handle = await start_plan(source, RunOptions(history=SMALL, window=4))
    assert (await handle.result()).result == list(range(60))
    histories = await executions(client, handle.id)
    assert len(histories) > 5
    assert sum(count(events, SCHEDULED) for events in histories) == 120
    # What is in flight at the limit adds a few events.
    assert max(len(events) for events in histories) < 40 + 4 * 6 + 10


async def test_a_wide_map_goes_out_in_batches(client: Client, start_plan: StartRun) -> None:
    source = """
import asyncio

async def main(count):
    rows = await asyncio.gather(*[echo({"n": n}) for n in range(count)])
    return sum(row["n"] for row in rows)
"""
    options = RunOptions(batches=BatchLimits(waiting=50, size=40), window=80)
    handle = await start_plan(source, options, count=300)
    assert (await handle.result()).result == sum(range(300))
    (events,) = await executions(client, handle.id)
    batches = count(events, CHILD)
    assert batches > 3
    assert count(events, SCHEDULED) == 300 - batches * 40
    children = [
        row
        async for row in client.list_workflows(f"WorkflowType = 'WeftSteps' and WorkflowId STARTS_WITH '{handle.id}//'")
    ]
    assert len(children) <= batches


async def test_its_history_tells_of_steps_in_batches(client: Client, start_plan: StartRun) -> None:
    source = """
import asyncio

async def main(count):
    # All of them
    await asyncio.gather(*[echo(n) for n in range(count)])
    await asyncio.gather(*[refuse(str(n)) for n in range(count)], return_exceptions=True)
"""
    options = RunOptions(batches=BatchLimits(waiting=20, size=30), window=60)
    handle = await start_plan(source, options, count=120)
    await handle.result()
    told = RunHistory(client)
    seen = Counter([step.state async for step in told.follow(handle.id, wait=False) if step is not None])
    states = Counter((step.tool, step.state) for step in told.steps.values())
    assert states == {("echo", "completed"): 120, ("refuse", "failed"): 120}
    assert seen["completed"] == seen["failed"] == 120
    errors = {step.error for step in told.steps.values() if step.tool == "refuse"}
    assert "FileNotFoundError: [Errno 2] 7" in errors
    assert {step.line for step in told.steps.values()} == {6, 7}


async def test_reports_of_large_results_are_bounded(client: Client, start_plan: StartRun) -> None:
    source = """
import asyncio

async def main(count):
    texts = await asyncio.gather(*[echo("x" * 1_500_000 + str(n)) for n in range(count)])
    return [text[1_500_000:] for text in texts]
"""
    handle = await start_plan(source, RunOptions(batches=BatchLimits(waiting=2, size=50), window=8), count=16)
    assert (await handle.result()).result == [str(n) for n in range(16)]
    (events,) = await executions(client, handle.id)
    handed_out = [
        len(BatchInput.model_validate(each).calls)
        for event in events
        if event.event_type == CHILD
        for each in await client.data_converter.decode(
            event.start_child_workflow_execution_initiated_event_attributes.input.payloads
        )
    ]
    told = [
        len(each["outcomes"])
        for event in events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        for each in await client.data_converter.decode(
            event.workflow_execution_signaled_event_attributes.input.payloads
        )
    ]
    assert handed_out
    assert max(handed_out) <= 2
    assert max(told) <= 3


async def test_a_tools_own_window_holds(client: Client, start_plan: StartRun) -> None:
    source = """
import asyncio

async def main(count):
    return await asyncio.gather(*[echo(n) for n in range(count)], *[until(n) for n in range(3)])

async def until(n):
    return await open_gate(f"/dev/null")
"""
    for options in (
        RunOptions(tool_windows={"echo": 2}),
        RunOptions(tool_windows={"echo": 2}, batches=BatchLimits(waiting=5, size=10)),
    ):
        handle = await start_plan(source, options, count=30)
        await handle.result()
        workflows = [handle.id]
        workflows += [row.id async for row in client.list_workflows(f"WorkflowId STARTS_WITH '{handle.id}//'")]
        for workflow_id in workflows:
            (events,) = await executions(client, workflow_id)
            assert at_once(events, "echo") <= 2


def at_once(events: list[HistoryEvent], tool: str) -> int:
    """The most steps of a tool that were with the server at a time."""
    open_, most = set(), 0
    for event in events:
        scheduled = event.activity_task_scheduled_event_attributes
        if event.event_type == SCHEDULED and scheduled.activity_type.name == tool:
            open_.add(event.event_id)
        open_.discard(event.activity_task_completed_event_attributes.scheduled_event_id)
        most = max(most, len(open_))
    return most


async def test_failures_in_batches_are_the_programs(start_plan: StartRun) -> None:
    source = """
import asyncio

async def main(count):
    results = await asyncio.gather(*[refuse(str(n)) for n in range(count)], return_exceptions=True)
    return sorted({type(r).__name__ for r in results}), len(results)
"""
    options = RunOptions(batches=BatchLimits(waiting=10, size=20))
    handle = await start_plan(source, options, count=60)
    assert (await handle.result()).result == [["FileNotFoundError"], 60]


async def test_a_long_step_lets_the_run_move(client: Client, start_plan: StartRun, tmp_path: Path) -> None:
    """A step of a tool that may take long is carried out by a workflow of its own, which reports to whichever execution
    has the run by then."""
    source = """
import asyncio

async def main(log, gate):
    long = asyncio.create_task(long_read(log, gate))
    for n in range(15):
        await echo(n)
    await open_gate(gate)
    return await long
"""
    log, gate = tmp_path / "log", tmp_path / "gate"
    options = RunOptions(history=SMALL, batches=BatchLimits(seconds=600))
    handle = await start_plan(source, options, log=str(log), gate=str(gate))
    assert (await handle.result()).result == "open"
    assert log.read_text().splitlines() == ["long_read"]
    assert len(await executions(client, handle.id)) > 1


async def test_a_cancelled_step_of_a_batch_is_cancelled_there(
    client: Client, start_plan: StartRun, tmp_path: Path
) -> None:
    source = """
import asyncio

async def main(log, gate):
    tasks = [asyncio.create_task(gated_read(log, gate)) for n in range(30)]
    await asyncio.sleep(1)
    for task in tasks[3:]:
        task.cancel()
    await open_gate(gate)
    done = await asyncio.gather(*tasks, return_exceptions=True)
    return [type(each).__name__ for each in done]
"""
    options = RunOptions(batches=BatchLimits(waiting=5, size=10))
    handle = await start_plan(source, options, log=str(tmp_path / "log"), gate=str(tmp_path / "gate"))
    assert Counter((await handle.result()).result) == {"str": 3, "CancelledError": 27}

    async def all_over() -> bool:
        query = f"WorkflowType = 'WeftSteps' and WorkflowId STARTS_WITH '{handle.id}//' and ExecutionStatus = 'Running'"
        return not [row async for row in client.list_workflows(query)]

    await eventually(all_over)


async def test_steps_of_a_batch_that_is_ended_from_outside_are_not_lost(
    client: Client, start_plan: StartRun, tmp_path: Path
) -> None:
    source = """
import asyncio

async def main(log, gate):
    read, write = await asyncio.gather(long_read(log, gate), long_write(log, gate))
    return [read, write]
"""
    log, gate = tmp_path / "log", tmp_path / "gate"
    options = RunOptions(batches=BatchLimits(seconds=600))
    handle = await start_plan(source, options, log=str(log), gate=str(gate))

    async def started() -> bool:
        return log.exists() and len(log.read_text().splitlines()) == 2

    await eventually(started)
    query = f"WorkflowType = 'WeftSteps' and WorkflowId STARTS_WITH '{handle.id}//'"

    async def both() -> list[Any]:
        rows = [row async for row in client.list_workflows(query)]
        return rows if len(rows) == 2 else []

    for row in await eventually(both):
        await client.get_workflow_handle(row.id, run_id=row.run_id).terminate("for the test")
    gate.write_text("open")

    async def write_parked() -> Any:
        return await parked(handle)

    parked_row = await eventually(write_parked)
    assert parked_row.reason == "ambiguous"
    await decide(handle, step=parked_row.step, action="skip", value="by hand")
    assert (await handle.result()).result == ["open", "by hand"]
    assert Counter(line.split()[0] for line in log.read_text().splitlines()) == {"long_read": 2, "long_write": 1}


async def test_cancelling_reaches_a_run_that_has_moved(client: Client, start_plan: StartRun) -> None:
    source = """
import asyncio

async def main():
    try:
        for n in range(12):
            await echo(n)
        await asyncio.sleep(1000)
    finally:
        print("cleaned", await echo("up"))
"""
    handle = await start_plan(source, RunOptions(history=SMALL))

    async def sleeping() -> bool:
        return len(await executions(client, handle.id)) > 3 and (await lines_of(handle)) == (8,)

    await eventually(sleeping)
    await handle.cancel()
    from temporalio.client import WorkflowFailureError

    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert type(caught.value.cause).__name__ == "CancelledError"
    memo = await (await handle.describe()).memo()
    assert memo["end"]["stdout"] == "cleaned up\n"


async def lines_of(handle: Handle) -> tuple[int, ...]:
    from weft_workflows.messages import RunView

    return (await handle.query("status", result_type=RunView)).lines
