"""The in-memory driver carries out commands, in order, on a real and on a virtual clock."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from weft_compiler.tool_spec import RetrySpec
from weft_workflows.failures import Failure
from weft_workflows.host.pool import HostLimits, HostPool
from weft_workflows.local import VIRTUAL_EPOCH, CallTool, LocalRun, StepInfo, run_plan
from weft_workflows.machine import protocol as p
from weft_workflows.messages import RunOptions

from tests.temporal.scripted import (
    Script,
    ScriptedMachine,
    call,
    finish,
    plan,
    script,
    tool,
    uncaught,
    value_of,
)


async def run(name: str, tool_function: CallTool, *specs: Any, **options: Any) -> LocalRun:
    def machine(start: bytes) -> tuple[ScriptedMachine, bytes]:
        return ScriptedMachine.start(start, lambda line: None)

    specs = specs or (tool("work"),)
    return await run_plan(plan(name, *specs), {"who": "Ada"}, tool_function, machine=machine, **options)


@script
def two_steps(start: p.Start) -> Script:
    event = yield [p.Output("hello\n"), call("a", "work", n=1)]
    event = yield [call("b", "work", n=value_of(event)), p.Output("again\n")]
    yield [finish([json.loads(start.inputs)["who"], value_of(event)])]


async def plus_one(name: str, arguments: dict[str, Any], info: StepInfo) -> Any:
    return arguments["n"] + 1


@pytest.mark.parametrize("clock", ["real", "virtual"])
async def test_steps_output_and_result(clock: Any) -> None:
    seen: list[Any] = []
    outcome = await run("two_steps", plus_one, clock=clock, on_command=seen.append, on_event=seen.append)
    assert (outcome.status, outcome.result, outcome.stdout) == ("completed", ["Ada", 3], "hello\nagain\n")
    assert [(s.id, s.tool, s.arguments, s.outcome, s.value) for s in outcome.steps] == [
        ("a", "work", {"n": 1}, "completed", 2),
        ("b", "work", {"n": 2}, "completed", 3),
    ]
    assert [m.kind for m in seen] == [
        *("output", "call_tool", "step_succeeded", "call_tool", "output", "step_succeeded", "finish"),
    ]


@script
def three_sleepers(start: p.Start) -> Script:
    timer = p.StartTimer("t", 2.5, start.now + 2.5, 1)
    event = yield [timer, *(call(f"s{delay}", "work", delay=delay) for delay in (3, 1, 2))]
    order = []
    for _ in range(4):
        order.append([event.step if isinstance(event, p.StepSucceeded) else event.timer, event.now - start.now])
        if len(order) < 4:
            event = yield []
    yield [finish(order)]


async def resting(name: str, arguments: dict[str, Any], info: StepInfo) -> None:
    await info.sleep(arguments["delay"])


async def test_virtual_time_jumps_to_the_next_thing_that_happens() -> None:
    begin = time.perf_counter()
    outcome = await run("three_sleepers", resting, clock="virtual")
    assert outcome.result == [["s1", 1], ["s2", 2], ["t", 2.5], ["s3", 3]]
    assert outcome.elapsed == 3
    assert [(s.started, s.ended) for s in outcome.steps] == [(0, 3), (0, 1), (0, 2)]
    assert time.perf_counter() - begin < 1


async def test_virtual_time_waits_for_what_takes_real_time() -> None:
    async def half_real(name: str, arguments: dict[str, Any], info: StepInfo) -> None:
        if arguments["delay"] == 1:
            await asyncio.sleep(0.05)
        await info.sleep(arguments["delay"])

    outcome = await run("three_sleepers", half_real, clock="virtual")
    assert outcome.result == [["s1", 1], ["s2", 2], ["t", 2.5], ["s3", 3]]


@script
def timer_order(start: p.Start) -> Script:
    event = yield [p.StartTimer(t, 1.0, start.now + 1.0, 1) for t in ("t1", "t2", "t3")]
    first = event.timer
    event = yield [p.CancelTimer("t2")]
    yield [finish([first, event.timer])]


@pytest.mark.parametrize("clock", ["real", "virtual"])
async def test_equal_timers_fire_in_order_and_cancelled_ones_never(clock: Any) -> None:
    assert (await run("timer_order", plus_one, clock=clock)).result == ["t1", "t3"]


@script
def one_step(start: p.Start) -> Script:
    event = yield [call("a", "work", n=1)]
    if isinstance(event, p.StepFailed):
        yield [uncaught(event)]
    yield [finish(value_of(event))]


async def test_transient_failures_are_retried_under_the_policy() -> None:
    infos: list[StepInfo] = []

    async def flaky(name: str, arguments: dict[str, Any], info: StepInfo) -> str:
        infos.append(info)
        if info.attempt < 4:
            raise ConnectionResetError(104, "reset")
        return "made it"

    spec = tool("work", retry=RetrySpec(max_attempts=4, initial_interval=1, backoff=3, max_interval=5))
    outcome = await run("one_step", flaky, spec, clock="virtual")
    assert (outcome.result, outcome.elapsed) == ("made it", 1 + 3 + 5)
    assert [info.attempt for info in infos] == [1, 2, 3, 4]
    assert outcome.steps[0].attempts == 4

    outcome = await run("one_step", flaky, spec, clock="virtual", options=RunOptions(attempts=2))
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert outcome.error.type == "ConnectionResetError"
    assert outcome.steps[0].attempts == 2


class Odd(KeyError):
    pass


@script
def failure_seen(start: p.Start) -> Script:
    event = yield [call("a", "work")]
    assert isinstance(event, p.StepFailed)
    yield [finish([event.type, event.message, json.loads(event.arguments), event.base_type])]


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (ValueError("no", 3), ["ValueError", "('no', 3)", ["no", 3], "ValueError"]),
        (Odd("k"), ["Odd", "'k'", ["k"], "KeyError"]),
        (
            FileNotFoundError(2, "none"),
            ["FileNotFoundError", "[Errno 2] none", [2, "none"], "FileNotFoundError"],
        ),
        (
            Failure("Refused", "not today", ["x"], base_type="RuntimeError"),
            ["Refused", "not today", ["x"], "RuntimeError"],
        ),
        (asyncio.CancelledError(), ["CancelledError", "", [], "BaseException"]),
    ],
)
async def test_an_answer_goes_to_the_program_at_once(raised: BaseException, seen: Any) -> None:
    async def refuse(name: str, arguments: dict[str, Any], info: StepInfo) -> None:
        assert info.attempt == 1
        raise raised

    assert (await run("failure_seen", refuse)).result == seen


async def test_a_result_without_json_form_is_a_failure_of_the_step() -> None:
    async def unfit(name: str, arguments: dict[str, Any], info: StepInfo) -> Any:
        return object()

    assert (await run("failure_seen", unfit)).result[1] == "a value of type object has no JSON form"


async def test_a_tool_that_takes_too_long_times_out() -> None:
    outcome = await run(
        "one_step", lambda n, a, i: i.sleep(9), tool("work", timeout=5), clock="virtual", options=RunOptions(attempts=1)
    )
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == ("TimeoutError", "work took longer than 5 s")
    assert outcome.elapsed == 5


@script
def stops_a_slow_step(start: p.Start) -> Script:
    yield [call("slow", "work", delay=60), call("fast", "work", delay=1)]
    event = yield [p.CancelStep("slow"), call("next", "work", delay=1)]
    yield [finish(event.step)]


async def test_a_cancelled_step_stops_and_says_nothing() -> None:
    stopped: list[str] = []

    async def resting_loudly(name: str, arguments: dict[str, Any], info: StepInfo) -> None:
        try:
            await info.sleep(arguments["delay"])
        except asyncio.CancelledError:
            stopped.append(info.step)
            raise

    outcome = await run("stops_a_slow_step", resting_loudly, clock="virtual")
    assert (outcome.result, stopped, outcome.elapsed) == ("next", ["slow"], 2)
    assert [s.outcome for s in outcome.steps] == ["cancelled", "completed", "completed"]


@script
def until_cancelled(start: p.Start) -> Script:
    event = yield [call("slow", "work", delay=0)]
    assert isinstance(event, p.CancelRun)
    event = yield [p.CancelStep("slow"), call("cleanup", "work", delay=1)]
    yield [p.Fail("CancelledError", "", 1, cancelled=True)]


async def test_a_cancelled_run_cleans_up() -> None:
    cancel, done = asyncio.Event(), []

    async def work(name: str, arguments: dict[str, Any], info: StepInfo) -> None:
        if info.step == "slow":
            cancel.set()
            await asyncio.Event().wait()
        done.append(info.step)

    outcome = await run("until_cancelled", work, cancel=cancel)
    assert (outcome.status, done) == ("cancelled", ["cleanup"])


async def test_the_driver_leaves_nothing_running_when_it_is_cancelled_itself() -> None:
    stopped = asyncio.Event()

    async def hang(name: str, arguments: dict[str, Any], info: StepInfo) -> None:
        try:
            task.cancel()
            await asyncio.Event().wait()
        finally:
            stopped.set()

    task = asyncio.create_task(run("one_step", hang))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped.is_set()


@script
def waits_for_nothing(start: p.Start) -> Script:
    yield []


async def test_a_program_that_nothing_can_wake_fails() -> None:
    outcome = await run("waits_for_nothing", plus_one)
    assert outcome.error is not None
    assert (outcome.status, outcome.error.type) == ("failed", "Deadlock")


async def test_virtual_time_begins_at_a_fixed_moment() -> None:
    starts: list[float] = []

    def machine(start: bytes) -> tuple[ScriptedMachine, bytes]:
        starts.append(p.from_bytes(start)[0].now)
        return ScriptedMachine.start(start, lambda line: None)

    for now in (None, 5.0):
        await run_plan(plan("waits_for_nothing"), {}, plus_one, clock="virtual", now=now, machine=machine)
    assert starts == [VIRTUAL_EPOCH, 5.0]


@script
def crashes_its_host(start: p.Start) -> Script:
    yield [call("a", "work", n=1)]
    nested: tuple[Any, ...] = ()
    for _ in range(200_000):
        nested = (nested,)
    yield [finish(hash(nested))]


async def test_a_program_that_kills_its_host_fails_with_its_line() -> None:
    pool = HostPool(size=1, limits=HostLimits(stack_bytes=1024**2), machine=f"{__name__}:ScriptedMachine")
    try:
        outcome = await run_plan(
            plan("crashes_its_host", tool("work")), {}, plus_one, machine=lambda start: pool.start("run", start)
        )
    finally:
        pool.close()
    assert outcome.error is not None
    assert (outcome.status, outcome.error.type, outcome.error.line) == ("failed", "EvaluatorDied", 2)
    assert outcome.error.message == "the process that evaluates the program was ended twice: killed by SIGSEGV"
