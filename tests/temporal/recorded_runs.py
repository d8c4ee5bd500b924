"""The runs whose histories are recorded for each version (`tests.temporal.recording`): one of every kind.

They are real orchestrations, so that a history needs nothing but itself to be replayed. Paths in their inputs are
relative, since histories are kept in the repository. A run that is here may be recorded already: add runs, do not
change them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.service import RPCError
from weft_activities import tool
from weft_activities.tool import Tool, tool_of
from weft_workflows.evaluators import EVALUATOR_DIED, Death
from weft_workflows.host.limits import HostLimits
from weft_workflows.messages import LIMIT_CLEANUP, BatchLimits, HistoryLimits, ParkedStep, RunOptions, RunView

from tests.temporal.conftest import Handle, eventually
from tests.temporal.test_parking import decide
from tests.temporal.tools import TOOLS


@tool(effect="read")
def file_exists(file: str) -> bool:
    """Whether there is such a file."""
    return Path(file).exists()


def tool_made_of(function: Any) -> Tool:
    made = tool_of(function)
    assert made is not None
    return made


#: What is done to a run after its start. What it waits for is what the run shows, never a time.
Act = Callable[[Handle], Awaitable[None]]


AS_USUAL = RunOptions()
USUAL_LIMITS = HostLimits()


async def nothing(handle: Handle) -> None:
    """The run needs nobody."""


@dataclass(frozen=True)
class RecordedRun:
    """One run: what is started, and what is done to it. `limits` are those of the worker's hosts."""

    name: str
    source: str
    inputs: dict[str, Any] = field(default_factory=dict)
    options: RunOptions = AS_USUAL
    act: Act = nothing
    tools: tuple[Tool, ...] = (*TOOLS.values(), tool_made_of(file_exists))
    limits: HostLimits = USUAL_LIMITS
    file: str = "plan.py"
    #: Whether the worker that takes it first is killed once the file `log` exists.
    loses_its_worker: bool = False
    #: What is done to the run once it has ended and is resumed; None where it is not.
    then: Act | None = None


async def parked_row(handle: Handle) -> ParkedStep | None:
    """What is parked, whatever else of the run goes on."""
    with suppress(RPCError):
        view = await handle.query("status", result_type=RunView, rpc_timeout=timedelta(seconds=3))
        return view.parked[0] if view.parked else None
    return None


def decisions(*made: dict[str, Any]) -> Act:
    """Waits until the run is parked, and decides, as often as there are decisions."""

    async def act(handle: Handle) -> None:
        for number, decision in enumerate(made):
            row = await eventually(lambda: parked_row(handle))
            await decide(handle, step=row.step, decision_id=f"d{number}", **decision)

    return act


def exists(file: str) -> Act:
    async def act(_handle: Handle) -> None:
        async def there() -> bool:
            return Path(file).exists()

        await eventually(there)

    return act


def in_order(*acts: Act) -> Act:
    async def act(handle: Handle) -> None:
        for each in acts:
            await each(handle)

    return act


def opens(gate: str) -> Act:
    async def act(_handle: Handle) -> None:
        Path(gate).write_text("open")

    return act


async def cancels(handle: Handle) -> None:
    await handle.cancel()


async def is_computing(handle: Handle) -> None:
    async def computing() -> bool:
        view: RunView = await handle.query("status", result_type=RunView)
        return view.computing is not None

    await eventually(computing)


async def is_parked(handle: Handle) -> None:
    await eventually(lambda: parked_row(handle))


async def started(handle: Handle) -> None:
    """The server knows that a step is being carried out."""

    async def known() -> bool:
        described = await handle.describe()
        return any(pending.state == 2 for pending in described.raw_description.pending_activities)

    await eventually(known)


async def passes_while_parked(handle: Handle) -> None:
    """A timer fires while the run is parked; then a person decides."""

    async def fired() -> bool:
        return any(e.HasField("timer_fired_event_attributes") for e in (await handle.fetch_history()).events)

    await is_parked(handle)
    await eventually(fired)
    await decisions({"action": "skip", "value": 1})(handle)


async def has_moved(handle: Handle) -> None:
    """The run is parked, and goes on in another execution than the one that it was started in."""

    async def moved() -> bool:
        described = await handle.describe()
        return described.run_id != described.raw_description.workflow_execution_info.first_run_id

    await is_parked(handle)
    await eventually(moved)


def pauses(meanwhile: Act) -> Act:
    """Pauses the run, does something, waits until a step has ended, and lets the run go on."""

    async def act(handle: Handle) -> None:
        before = await steps_done(handle)
        await handle.execute_update("pause", id="p1")
        await meanwhile(handle)

        async def ended() -> bool:
            return await steps_done(handle) > before

        await eventually(ended)
        await handle.execute_update("unpause", id="p2")

    return act


async def steps_done(handle: Handle) -> int:
    view = await handle.query("status", result_type=RunView)
    return view.steps_done


def cut_off(seconds: float) -> Act:
    """Cancels the run and gives its clean-up so many seconds."""

    async def act(handle: Handle) -> None:
        await handle.signal(LIMIT_CLEANUP, seconds)
        await handle.cancel()

    return act


def dies_at(step: str) -> Act:
    """Tells the run what its worker would after an event has killed a host twice; the event has not happened yet."""

    async def act(handle: Handle) -> None:
        death = Death(event=f"step {step}", tries=0, line=4, reason="killed by SIGSEGV", fatal=True)
        await handle.signal(EVALUATOR_DIED, death)

    return act


async def queried(handle: Handle) -> None:
    """Queries leave no trace in history, and must not need one."""
    await asyncio.gather(*(handle.query(name) for name in ("status", "steps", "source", "graph", "output")))


STRAIGHT = """
import random, time, uuid
from datetime import datetime

# What the run takes from outside
ids = [str(uuid.uuid4()), random.random(), datetime.now().isoformat(), time.time()]
first = await echo({"n": [1, 2.5, None, "ü"], "ids": ids}, secret="hush")
shared = [first]
both = {"a": shared, "b": shared}
print("begin", first["n"])
# Say it twice
second = await echo([both, both])
both["a"].append(time.time() >= ids[3])
print("end")
return [second, both["b"][1], ids]
"""

WINDOWS = """
import asyncio

async def chain(n):
    a = await echo(n)
    return await echo(a * 10)

async def main(count):
    wide = await asyncio.gather(*[echo(i) for i in range(count)])
    mixed = await asyncio.gather(chain(1), echo("x"), chain(2), return_exceptions=True)
    return [wide, mixed]
"""

BRANCHES_AND_LOOPS = """
class Basket:
    def __init__(self):
        self.items, self.total = [], 0

    async def add(self, name, price):
        self.items.append(await echo(name))
        self.total += price
        return self

async def pages(n):
    for i in range(n):
        yield await echo({"page": i})

async def main(rows):
    basket = Basket()
    for name, price in rows:
        if price > 10 and (await echo(price)) % 2:
            continue
        try:
            await basket.add(name, price)
            if name == "bad":
                raise KeyError(name)
        except KeyError as e:
            print("dropped", e)
            basket.total -= await echo(price)
        finally:
            await echo("next")
    seen = [p["page"] async for p in pages(3)]
    while seen:
        seen.pop()
        if await echo(len(seen)) == 1:
            break
    levels = {f"L{len(n) % 3}" for n, _ in rows}
    order = [await echo(level) for level in levels]
    return [basket.items, basket.total, seen, order]
"""

TIMERS = """
import asyncio

async def slow(seconds, value):
    await asyncio.sleep(seconds)
    return await echo(value)

async def main():
    try:
        await asyncio.wait_for(slow(60, "never"), 0.1)
    except asyncio.TimeoutError:
        print("too slow")
    first = await asyncio.wait_for(slow(0.05, "in time"), 60)
    done, pending = await asyncio.wait([asyncio.create_task(slow(s, s)) for s in (0.02, 50)],
                                       return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    async with asyncio.timeout(60):
        last = await echo("under a deadline")
    return [first, [t.result() for t in done], last]
"""

ASYNCIO = """
import asyncio

async def worker(queue, seen, gate):
    while (item := await queue.get()) is not None:
        async with gate:
            seen.append(await echo(item))
        queue.task_done()

async def main():
    queue, seen, gate, ready = asyncio.Queue(2), [], asyncio.Semaphore(1), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(worker(queue, seen, gate))
        for item in range(6):
            await queue.put(item)
        for _ in range(3):
            await queue.put(None)

    async def waiter():
        await ready.wait()
        return await echo("ready")

    task = asyncio.create_task(waiter())
    shielded = asyncio.shield(asyncio.ensure_future(echo("shielded")))
    ready.set()
    results = [await t for t in asyncio.as_completed([task, shielded])]
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(refuse("one"))
            group.create_task(asyncio.sleep(60))
    except* FileNotFoundError as errors:
        results.append([str(e) for e in errors.exceptions])
    lock = asyncio.Lock()

    async def locked(n):
        async with lock:
            return await echo(n)

    results += await asyncio.gather(*map(locked, range(3)))
    return [sorted(seen), results]
"""

CANCELS_A_STEP = """
import asyncio

async def main(log):
    task = asyncio.create_task(until_cancelled(log))
    while not await file_exists(log):
        await asyncio.sleep(0.02)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("stopped")
    return await echo("after")
"""

ONE_CALL = """
async def main(log, gate="no gate"):
    before = await echo("before")
    print("so far")
    after = await {call}
    return [before, await echo(after)]
"""

PARKED_AMONG_SIBLINGS = """
import asyncio

async def count(log):
    return [await flaky(log, 3), "counted"]

async def second():
    return await echo(await echo("second"))

async def main(log):
    return await asyncio.gather(count(log), echo("first"), second())
"""

HANDLED = """
async def main(log):
    answers = []
    try:
        await refuse("no such thing")
    except FileNotFoundError as e:
        answers.append(await echo([type(e).__name__, str(e), e.errno]))
    try:
        await flaky(log, 99)
    except ConnectionError as e:
        answers.append(await echo(f"gave up: {e}"))
    return answers
"""

CLEANS_UP = """
import asyncio

async def main(log):
    sibling = asyncio.create_task(asyncio.sleep(600))
    try:
        return await until_cancelled(log)
    finally:
        print("cleaned up:", await echo("cleanup"))
"""

CATCHES_CANCELLATION = """
import asyncio

async def main(log):
    try:
        await until_cancelled(log)
    except asyncio.CancelledError:
        return "caught"
"""

AGGREGATION = """
import asyncio

async def main(n, pause):
    first = await echo({"offset": 3})
    totals = {}
    for i in range(n):
        totals[i % 7] = totals.get(i % 7, 0) + i + first["offset"]
    waiting = asyncio.create_task(asyncio.sleep(pause, "slept"))
    second = await echo(totals[1])
    largest = max(sum(divmod(i, 1000)) for i in range(n))
    return [second, largest, await waiting]
"""

LONG_AND_CANCELLED = """
import asyncio
n = 0
try:
    for n in range(3_000_000):
        pass
    await asyncio.sleep(60)
finally:
    print("cleaned up at", await echo(n))
"""

#: Within an activation's budget, and half a second of CPU time at least: a host that allows less is killed.
DENSE = """
n = await echo(100_000)
total = 0
for i in range(n):
    total += len(str(i)) + i % 7 + i % 11 + i % 13 + len(str(i * i)) + len(repr(i)) + len(hex(i)) + len(f"{i:>20}")
return await echo("computed")
"""

GATED = """
async def main(log, gate):
    opened = await gated_read(log, gate)
    second = await echo([opened])
    return second
"""

LARGE = """
import asyncio

async def main():
    try:
        await echo("x" * 2_100_000)
    except ValueError as e:
        print(e)
    return [len(text) for text in await asyncio.gather(*[echo("y" * 900_000) for _ in range(3)])]
"""

PARKED_UNDER_A_DEADLINE = """
import asyncio

async def guarded(log, gate):
    async with asyncio.timeout(900):
        return await hanging_write(log, gate)

async def main(log, gate):
    pause = asyncio.create_task(asyncio.sleep(0.3, "slept"))
    first, second = await asyncio.gather(asyncio.wait_for(guarded(log, gate), 600), echo("sibling"))
    return [first, second, await pause, await echo("after")]
"""

SPENT_UNDER_A_DEADLINE = """
import asyncio

async def main(log):
    try:
        return [await asyncio.wait_for(flaky(log, 9), 600), await echo("after")]
    except ConnectionError as e:
        print("log and raise:", e)
        raise
"""

DEADLINE_PASSES_WHILE_PARKED = """
import asyncio

async def main(log, gate):
    sibling = asyncio.create_task(asyncio.wait_for(gated_read(log, "never"), 2.5))
    first = await hanging_write(log, gate)
    try:
        await sibling
    except asyncio.TimeoutError:
        return [first, await echo("too late")]
"""

SUPPRESSED = """
import asyncio
from contextlib import suppress

async def main(log):
    found = []
    with suppress(ConnectionError):
        found.append(await flaky(log, 9))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(echo(n)) for n in range(3)]
    return [found, [t.result() for t in tasks]]
"""

RESUMED = """
import random

async def main(log):
    drawn = random.random()
    found = [await echo(n) for n in range(5)]
    try:
        await refuse("handled")
    except FileNotFoundError as e:
        found.append(str(e))
    await echo(drawn)
    found.append(await flaky_write(log, 3))
    return found
"""

PAUSED = """
import asyncio

async def main(log, gate):
    opened, other = await asyncio.gather(gated_read(log, gate), asyncio.sleep(0.2, "slept"))
    return [await echo(n) for n in (opened, other, 3)]
"""

CLEANS_UP_FOR_EVER = """
async def main(log):
    try:
        return await until_cancelled(log)
    finally:
        print(await until_cancelled(log + "2"))
"""

MOVES_WHILE_PARKED = """
import asyncio

async def main(log, gate):
    parked = asyncio.create_task(hanging_write(log, gate))
    found = []
    for n in range(12):
        found.append(await echo(n))
    return [await parked, found]
"""

LOST_WORKER = """
import asyncio

async def main(log, gate):
    before = await echo("before")
    return [before, *await asyncio.gather(gated_read(log, gate), gated_write(log, gate))]
"""

#: So small that a run moves after every other step.
OFTEN = HistoryLimits(soft_events=16, firm_events=40)
SOON = HistoryLimits(soft_events=6, firm_events=40)
FEW = BatchLimits(waiting=8, size=7)
TIGHT = HostLimits(cpu_seconds=0.05)
TIGHT_EVERYWHERE = HostLimits(cpu_seconds=0.05, long_cpu_seconds=0.05)
RETRY, SKIP, FAIL = {"action": "retry"}, {"action": "skip", "value": {"by": "hand"}}, {"action": "fail"}
HANGS = ONE_CALL.format(call="hanging_write(log, gate)")


def kinds() -> list[RecordedRun]:
    """One run of every kind."""
    rows = [["pen", 3], ["lamp", 15], ["bad", 7], ["desk", 22]]
    waits = {"log": "log", "gate": "gate"}
    return [
        RecordedRun("straight", STRAIGHT, options=RunOptions(objective="Try it"), act=queried),
        RecordedRun("windows", WINDOWS, {"count": 30}, RunOptions(window=5)),
        RecordedRun("branches-and-loops", BRANCHES_AND_LOOPS, {"rows": rows}),
        RecordedRun("timers", TIMERS),
        RecordedRun("asyncio", ASYNCIO),
        RecordedRun("cancels-a-step", CANCELS_A_STEP, {"log": "log"}),
        RecordedRun("retried-by-the-server", ONE_CALL.format(call="flaky(log, 2)"), {"log": "log"}),
        RecordedRun("failures-handled", HANDLED, {"log": "log"}),
        RecordedRun("failure-not-handled", "print('so far')\nawait echo(1)\nawait refuse('no such thing')"),
        RecordedRun("ambiguous-retried", HANGS, waits, act=in_order(is_parked, opens("gate"), decisions(RETRY))),
        RecordedRun("ambiguous-retried-twice", HANGS, waits, act=decisions(RETRY, SKIP)),
        RecordedRun("ambiguous-skipped", HANGS, waits, act=decisions(SKIP)),
        RecordedRun("ambiguous-failed", HANGS, waits, act=decisions(FAIL)),
        RecordedRun("spent-retried", PARKED_AMONG_SIBLINGS, {"log": "log"}, act=decisions(RETRY)),
        RecordedRun(
            "spent-failed",
            ONE_CALL.format(call="flaky(log, 9)"),
            {"log": "log"},
            RunOptions(attempts=1),
            decisions(FAIL),
        ),
        RecordedRun("spent-skipped", ONE_CALL.format(call="flaky_write(log, 9)"), {"log": "log"}, act=decisions(SKIP)),
        RecordedRun("cancelled", CLEANS_UP, {"log": "log"}, act=in_order(exists("log"), cancels)),
        RecordedRun("cancellation-caught", CATCHES_CANCELLATION, {"log": "log"}, act=in_order(exists("log"), cancels)),
        RecordedRun("cancelled-while-parked", HANGS, waits, act=in_order(is_parked, cancels)),
        RecordedRun("parked-under-a-deadline", PARKED_UNDER_A_DEADLINE, waits, act=decisions(RETRY, SKIP)),
        RecordedRun("spent-under-a-deadline", SPENT_UNDER_A_DEADLINE, {"log": "log"}, act=decisions(SKIP)),
        RecordedRun("deadline-passes-while-parked", DEADLINE_PASSES_WHILE_PARKED, waits, act=passes_while_parked),
        RecordedRun("spent-suppressed", SUPPRESSED, {"log": "log"}),
        RecordedRun("cancelled-in-long-step", CLEANS_UP, {"log": "log"}, act=in_order(started, cancels)),
        RecordedRun("moved", BRANCHES_AND_LOOPS, {"rows": rows}, RunOptions(history=OFTEN)),
        RecordedRun("moved-windows", WINDOWS, {"count": 30}, RunOptions(window=5, history=OFTEN)),
        RecordedRun("moved-timers", TIMERS, options=RunOptions(history=OFTEN)),
        RecordedRun("moved-asyncio", ASYNCIO, options=RunOptions(history=OFTEN)),
        RecordedRun(
            "moved-while-parked",
            MOVES_WHILE_PARKED,
            waits,
            RunOptions(history=OFTEN),
            in_order(has_moved, decisions(SKIP)),
        ),
        RecordedRun("batches", WINDOWS, {"count": 30}, RunOptions(window=3, batches=FEW)),
        RecordedRun("batches-moved", WINDOWS, {"count": 30}, RunOptions(window=3, batches=FEW, history=OFTEN)),
        RecordedRun(
            "long-steps",
            CLEANS_UP,
            {"log": "log"},
            RunOptions(batches=BatchLimits(seconds=1)),
            in_order(exists("log"), cancels),
        ),
        RecordedRun("long-code-moved", AGGREGATION, {"n": 700_000, "pause": 0.2}, RunOptions(history=SOON)),
        RecordedRun("paused", PAUSED, waits, act=in_order(exists("log"), pauses(opens("gate")))),
        RecordedRun("clean-up-cut-off", CLEANS_UP_FOR_EVER, {"log": "log"}, act=in_order(exists("log"), cut_off(0.3))),
        RecordedRun(
            "out-of-time", CLEANS_UP, {"log": "log"}, RunOptions(run_timeout=0.5, step_timeout=60, retry_interval=0.1)
        ),
        RecordedRun("resumed", RESUMED, {"log": "log"}, act=in_order(decisions(FAIL)), then=nothing),
        RecordedRun("evaluator-died-retried", GATED, waits, act=death(decisions(RETRY))),
        RecordedRun("evaluator-died-failed", GATED, waits, act=death(decisions(FAIL))),
        RecordedRun("evaluator-died-cancelled", GATED, waits, act=death(in_order(is_parked, cancels))),
        RecordedRun("long-code", AGGREGATION, {"n": 700_000, "pause": 0.2}),
        RecordedRun(
            "long-code-first", "total = 0\nfor i in range(1_500_000):\n    total += i\nreturn await echo(total)"
        ),
        RecordedRun("ends-in-long-code", "print('before')\nfor i in range(1_500_000):\n    pass\nraise ValueError(i)"),
        RecordedRun("long-code-cancelled", LONG_AND_CANCELLED, act=in_order(is_computing, cancels)),
        RecordedRun("host-killed-then-alone", DENSE, limits=TIGHT),
        RecordedRun("host-killed-everywhere", DENSE, limits=TIGHT_EVERYWHERE, act=decisions(FAIL)),
        RecordedRun("large-arguments", LARGE),
        RecordedRun("result-too-large", "return 'z' * 2_000_000"),
        RecordedRun("deadlock", "import asyncio\nawait echo(1)\nawait asyncio.Event().wait()"),
        RecordedRun(
            "lost-worker", LOST_WORKER, waits, act=in_order(opens("gate"), decisions(SKIP)), loses_its_worker=True
        ),
        RecordedRun("no-steps", "print('hello')\nsum(range(10))"),
    ]


def death(then: Act) -> Act:
    """The run's worker dies of the step that waits for the gate."""
    return in_order(exists("log"), dies_at("main/gated_read"), opens("gate"), then)
