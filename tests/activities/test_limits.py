"""`max_concurrent` and `rate_per_second`."""

from __future__ import annotations

import asyncio

import pytest
from weft_activities import StepContext, tool
from weft_activities.invoke import call_tool
from weft_activities.limits import limiter_of
from weft_activities.tool import tool_of


async def test_no_more_calls_at_once_than_allowed_and_in_order() -> None:
    running, most, order = 0, 0, []

    @tool(max_concurrent=3)
    async def f(n: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        order.append(n)
        await asyncio.sleep(0.001)
        running -= 1

    found = tool_of(f)
    assert found is not None
    await asyncio.gather(*(call_tool(found, {"n": n}, StepContext("r", str(n))) for n in range(10)))
    assert most == 3
    assert order == list(range(10))


async def test_calls_begin_apart() -> None:
    starts: list[float] = []

    @tool(rate_per_second=100)
    async def f() -> None:
        starts.append(asyncio.get_running_loop().time())

    found = tool_of(f)
    assert found is not None
    await asyncio.gather(*(call_tool(found, {}, StepContext("r", str(n))) for n in range(5)))
    # Turns are 10 ms apart; a late wake-up may bring two closer, but none before its turn.
    assert all(start >= starts[0] + n * 0.010 - 0.002 for n, start in enumerate(starts))


async def test_a_place_is_given_back_after_failures_and_cancellations() -> None:
    @tool(max_concurrent=1)
    async def f(fail: bool) -> None:
        if fail:
            raise ValueError
        await asyncio.Event().wait()

    found = tool_of(f)
    assert found is not None
    with pytest.raises(ValueError, match=r"^$"):
        await call_tool(found, {"fail": True}, StepContext("r", "1"))
    tasks = [asyncio.create_task(call_tool(found, {"fail": False}, StepContext("r", str(n)))) for n in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5):
        await limiter_of(found).acquire()


def test_a_tool_outlives_its_event_loop() -> None:
    @tool(max_concurrent=1)
    async def f() -> int:
        await asyncio.sleep(0)
        return 1

    found = tool_of(f)
    assert found is not None

    async def twice() -> list[int]:
        return await asyncio.gather(*(call_tool(found, {}, StepContext("r", "s")) for _ in range(2)))

    assert asyncio.run(twice()) == asyncio.run(twice()) == [1, 1]
