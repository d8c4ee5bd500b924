"""Tools as Temporal activities, in the SDK's own test environment."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
import time
import traceback
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from weft_activities import StepContext, current_step, tool
from weft_activities.invoke import activity_for, call_tool
from weft_activities.tool import make_tool, tool_of
from weft_activities.tool_loop import ToolLoop


def environment(**info: Any) -> ActivityEnvironment:
    made = ActivityEnvironment()
    made.info = dataclasses.replace(made.info, **info)
    return made


def made_of(function: Any) -> Any:
    found = tool_of(function) or tool_of(tool(function))
    assert found is not None
    return activity_for(found)


async def run(function: Any, arguments: Any = None, env: ActivityEnvironment | None = None) -> Any:
    raw = await (env or environment()).run(made_of(function), arguments or {})
    assert isinstance(raw, RawValue)
    assert raw.payload.metadata == {"encoding": b"json/plain"}
    return json.loads(raw.payload.data)


def test_an_activity_bears_its_tools_name() -> None:
    @tool(name="look_up")
    def f() -> None: ...

    definition = activity._Definition.must_from_callable(made_of(f))
    assert (definition.name, definition.is_async) == ("look_up", True)


async def test_arguments_and_result_are_json() -> None:
    def f(b: int, a: int) -> dict[str, int]:
        return {"b": b, "a": a}

    assert await run(f, {"a": 2, "b": 1}) == {"b": 1, "a": 2}


async def test_an_answer_is_not_retried_and_a_transient_failure_is() -> None:
    class Refused(ValueError): ...

    def f(kind: str) -> None:
        raise Refused("no", 3) if kind == "answer" else ConnectionResetError("gone")

    with pytest.raises(ApplicationError) as caught:
        await run(f, {"kind": "answer"})
    error = caught.value
    assert (error.message, error.type, error.non_retryable) == ("('no', 3)", "Refused", True)
    assert list(error.details) == [["no", 3], "ValueError"]
    with pytest.raises(ApplicationError) as caught:
        await run(f, {"kind": "passing"})
    assert (caught.value.type, caught.value.non_retryable) == ("ConnectionResetError", False)


async def test_the_failure_shows_the_tools_lines() -> None:
    def f() -> None:
        {}["key"]

    with pytest.raises(ApplicationError) as caught:
        await run(f)
    assert '{}["key"]' in "".join(traceback.format_tb(caught.value.__traceback__))
    assert caught.value.__suppress_context__


async def test_wrong_arguments_fail_for_good() -> None:
    def f(a: int) -> None: ...

    with pytest.raises(ApplicationError, match="missing argument 'a'") as caught:
        await run(f, {})
    assert (caught.value.type, caught.value.non_retryable) == ("TypeError", True)


async def test_a_step_tried_again_by_a_person_keeps_its_key() -> None:
    def f() -> Any:
        step = current_step()
        return [step.run_id, step.step_id, step.attempt, step.idempotency_key]

    env = environment(workflow_id="run-1", activity_id="main/3~2", attempt=4)
    assert await run(f, env=env) == ["run-1", "main/3", 4, StepContext("run-1", "main/3").idempotency_key]


@pytest.mark.parametrize("kind", ["thread", "blocking coroutine"])
async def test_a_tool_that_blocks_is_heartbeated(kind: str) -> None:
    beats, enough = [], threading.Event()

    def on_heartbeat(*details: Any) -> None:
        beats.append(details)
        if len(beats) == 3:
            enough.set()

    def f() -> bool:
        return enough.wait(10)

    async def g() -> bool:
        return enough.wait(10)

    env = environment(heartbeat_timeout=timedelta(seconds=0.03))
    env.on_heartbeat = on_heartbeat
    assert await run(f if kind == "thread" else g, env=env) is True
    assert set(beats) == {()}


async def test_a_heartbeat_keeps_the_details_that_the_tool_left() -> None:
    beats: list[Any] = []
    enough = threading.Event()

    def on_heartbeat(*details: Any) -> None:
        beats.append(details)
        if beats.count(({"row": 9},)) == 3:
            enough.set()

    def f() -> Any:
        step = current_step()
        # From a thread that knows nothing of the step, too.
        thread = threading.Thread(target=lambda: step.heartbeat({"row": 9}))
        thread.start()
        thread.join()
        return [enough.wait(10), list(step.last_heartbeat_details)]

    env = environment(heartbeat_timeout=timedelta(seconds=0.03), heartbeat_details=[{"row": 5}])
    env.on_heartbeat = on_heartbeat
    assert await run(f, env=env) == [True, [{"row": 5}]]
    assert {json.dumps(details) for details in beats} <= {'[{"row": 5}]', '[{"row": 9}]'}


async def test_heartbeat_details_must_be_json() -> None:
    def f() -> None:
        current_step().heartbeat(threading.Lock())

    with pytest.raises(ApplicationError, match=r"the heartbeat's detail is of type _thread.lock"):
        await run(f)


async def test_a_cancelled_activity_cancels_its_tool_and_waits_for_its_end() -> None:
    begun = threading.Event()
    seen: list[str] = []

    async def f() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            seen.append("cleaned up")

    env = environment()
    running = asyncio.ensure_future(env.run(made_of(f), {}))
    await asyncio.to_thread(begun.wait, 10)
    env.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert seen == ["cleaned up"]


@pytest.mark.parametrize("outcome", ["gives", "raises"])
async def test_a_cancelled_activity_ends_when_its_thread_does(outcome: str) -> None:
    begun, told, release = threading.Event(), threading.Event(), threading.Event()

    def f() -> str:
        step = current_step()
        begun.set()
        while not step.cancelled:
            time.sleep(0.005)
        told.set()
        release.wait(10)
        if outcome == "raises":
            raise InterruptedError
        return "finished"

    env = environment()
    running = asyncio.ensure_future(env.run(made_of(f), {}))
    await asyncio.to_thread(begun.wait, 10)
    env.cancel()
    assert await asyncio.to_thread(told.wait, 10), "a thread sees that it is cancelled"
    assert not running.done()
    release.set()
    if outcome == "raises":
        with pytest.raises(asyncio.CancelledError):
            await running
    else:
        assert (await running).payload.data == b'"finished"'


async def test_a_worker_that_shuts_down_does_not_wait_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft_activities.tool_loop.CANCEL_GRACE", 0.05)
    begun, release = threading.Event(), threading.Event()

    def f() -> None:
        begun.set()
        release.wait(10)

    env = environment()
    running = asyncio.ensure_future(env.run(made_of(f), {}))
    await asyncio.to_thread(begun.wait, 10)
    env.cancel()
    env.worker_shutdown()
    with pytest.raises(asyncio.CancelledError):
        await running
    release.set()


async def test_a_thread_that_nobody_waits_for_keeps_its_place() -> None:
    """A tool that may run once at a time does, even where a step of it was given up."""
    running, release = threading.Semaphore(0), threading.Event()
    at_once: list[int] = []
    now = 0

    def f() -> None:
        nonlocal now
        now += 1
        at_once.append(now)
        running.release()
        release.wait(10)
        now -= 1

    made = make_tool(f, {"max_concurrent": 1})
    first = asyncio.ensure_future(call_tool(made, {}, StepContext("r", "s1")))
    await asyncio.to_thread(running.acquire, True, 10)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.ensure_future(call_tool(made, {}, StepContext("r", "s2")))
    await asyncio.sleep(0.05)
    assert at_once == [1]
    release.set()
    await second
    assert at_once == [1, 1]


async def test_a_tool_that_ignores_its_cancellation_gives_its_result() -> None:
    begun = threading.Event()

    async def f() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done anyway"
        return ""

    env = environment()
    running = asyncio.ensure_future(env.run(made_of(f), {}))
    await asyncio.to_thread(begun.wait, 10)
    env.cancel()
    raw = await running
    assert raw.payload.data == b'"done anyway"'


async def test_async_tools_share_one_loop_that_is_not_the_workers() -> None:
    loops = []

    async def f() -> None:
        loops.append(asyncio.get_running_loop())

    await run(f)
    await run(f)
    assert loops[0] is loops[1]
    assert loops[0] is not asyncio.get_running_loop()


async def test_a_closed_tool_loop_starts_again_and_does_not_wait_for_work() -> None:
    loop = ToolLoop()

    async def one() -> int:
        return 1

    assert await loop.run(one) == 1
    pending = asyncio.ensure_future(loop.run(asyncio.Event().wait))
    await loop.run(one)
    begin = time.monotonic()
    loop.close()
    assert time.monotonic() - begin < 1.0
    with pytest.raises(asyncio.CancelledError):
        await pending
    assert await loop.run(one) == 1
    loop.close()
    loop.close()
