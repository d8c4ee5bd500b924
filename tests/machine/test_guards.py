"""Which deadlines stand around a step, also after the machine was made anew; what a spent failure leads to."""

from __future__ import annotations

import json

import pytest
from weft_workflows.machine import protocol as p
from weft_workflows.machine.json_values import from_json

from tests.machine.running import remade, result, start

#: Programs that call `step("parked")` among others, and the seconds of the deadlines around it.
AROUND = {
    "wait_for": ("await asyncio.wait_for(step('parked'), 60)", [60]),
    "timeout": ("async with asyncio.timeout(60):\n    await step('parked')", [60]),
    "nested": (
        "async with asyncio.timeout(60):\n    await asyncio.wait_for(asyncio.gather(step('parked'), step(1)), 30)",
        [30, 60],
    ),
    "a function of the same strand": (
        "async def f():\n    await step('parked')\nasync with asyncio.timeout(60):\n    await f()",
        [60],
    ),
    "a sleep beside": ("await asyncio.wait_for(asyncio.gather(step('parked'), asyncio.sleep(9)), 60)", [60]),
    "a deadline beside": (
        "await asyncio.gather(asyncio.wait_for(step('parked'), 60), asyncio.wait_for(step(1), 30))",
        [60],
    ),
    "no deadline of a strand that waits for another": (
        "t = asyncio.create_task(step('parked'))\nasync with asyncio.timeout(30):\n    await step(1)\nawait t",
        [],
    ),
    "a task that is awaited": (
        "t = asyncio.create_task(step('parked'))\nawait asyncio.sleep(0)\nawait asyncio.wait_for(t, 60)",
        [60],
    ),
    "a shielded task": (
        "t = asyncio.create_task(step('parked'))\nawait asyncio.wait_for(asyncio.shield(t), 60)",
        [60],
    ),
    "wait looks only": (
        (
            "t = asyncio.create_task(step('parked'))\n"
            "async with asyncio.timeout(60):\n    await asyncio.wait([t], timeout=5)"
        ),
        [60],
    ),
    "as_completed": (
        "for each in asyncio.as_completed([step('parked'), step(1)], timeout=60):\n    await each",
        [60],
    ),
    "no time at all": ("t = asyncio.create_task(step('parked'))\nawait asyncio.sleep(0)\nawait t", []),
    "a group at its end": (
        (
            "async with asyncio.timeout(60):\n"
            "    async with asyncio.TaskGroup() as group:\n        group.create_task(step('parked'))"
        ),
        [60],
    ),
    "a group in its body": (
        (
            "async with asyncio.timeout(60):\n"
            "    async with asyncio.TaskGroup() as group:\n"
            "        group.create_task(step('parked'))\n"
            "        async with asyncio.timeout(5):\n            await asyncio.wait_for(step(1), 4)"
        ),
        [60],
    ),
    "a group inside of a group": (
        (
            "async with asyncio.TaskGroup() as outer:\n"
            "    outer.create_task(step('parked'))\n"
            "    async with asyncio.timeout(60):\n"
            "        async with asyncio.TaskGroup() as inner:\n"
            "            inner.create_task(step('parked'))\n"
            "            await asyncio.wait_for(step(1), 4)"
        ),
        [60],
    ),
    "those who wait for the strand of a group": (
        (
            "async def grouped():\n"
            "    async with asyncio.TaskGroup() as group:\n"
            "        group.create_task(step('parked'))\n"
            "        await step(1)\n"
            "await asyncio.gather(asyncio.wait_for(asyncio.create_task(grouped()), 60), step(2))"
        ),
        [60],
    ),
    "a manager of a library": (
        (
            "import contextlib\n"
            "async with contextlib.AsyncExitStack() as stack:\n"
            "    await stack.enter_async_context(asyncio.timeout(60))\n"
            "    await step('parked')"
        ),
        [60],
    ),
}


@pytest.mark.parametrize("name", AROUND)
def test_deadlines_around_a_step(name: str) -> None:
    source, expected = AROUND[name]
    machine, commands = start(source)
    parked = [c.step for c in commands if isinstance(c, p.CallTool) and from_json(c.arguments) == {"x": "parked"}]
    seconds = {c.timer: c.seconds for c in commands if isinstance(c, p.StartTimer)}
    assert parked
    assert set(expected) <= {c.seconds for c in commands if isinstance(c, p.StartTimer) and c.guards}
    for each in (machine, remade(machine)):
        guards = json.loads(each.inspect(f"{p.GUARDING}{json.dumps(parked)}"))
        assert sorted(seconds[timer] for timer in guards) == expected
    assert json.loads(machine.inspect(f"{p.GUARDING}[]")) == []


#: Programs whose first step fails for the last time; later steps go well. What is the failure to how they end?
LED_TO = {
    "await fail('ConnectionError')": True,
    "try:\n    await fail('ConnectionError')\nexcept ConnectionError:\n    await step()\n    raise": True,
    "try:\n    await fail('ConnectionError')\nexcept ConnectionError as e:\n    await step()\n"
    "    raise RuntimeError('no') from e": True,
    "try:\n    await fail('ConnectionError')\nexcept ConnectionError:\n    await step()\n    raise RuntimeError('no')": True,
    "a = await asyncio.gather(fail('ConnectionError'), return_exceptions=True)\nawait step()\nraise a[0]": True,
    "async with asyncio.TaskGroup() as g:\n    g.create_task(fail('ConnectionError'))": True,
    "try:\n    await fail('ConnectionError')\nexcept ConnectionError:\n    await step()\nraise ValueError('later')": False,
    "try:\n    await fail('ConnectionError')\nexcept ConnectionError:\n    await fail('ValueError')": False,
}


@pytest.mark.parametrize("source", LED_TO)
def test_what_a_spent_failure_leads_to(source: str) -> None:
    machine, commands = start(source)
    spent_step = ""
    while not isinstance(commands[-1], p.Fail):
        call = next(c for c in commands if isinstance(c, p.CallTool))
        kind = from_json(call.arguments).get("kind")
        if spent := kind == "ConnectionError":
            spent_step = call.step
        failed = p.StepFailed(call.step, str(kind), "no", '["no"]', str(kind), 1e9, spent)
        event = failed if kind else p.StepSucceeded(call.step, "null", 1e9)
        machine = remade(machine)
        commands = p.from_bytes(machine.deliver(p.to_bytes([event])))
    assert commands[-1].spent == (spent_step if LED_TO[source] else "")


def test_a_failure_that_is_not_spent_leads_to_none() -> None:
    machine, (call,) = start("await fail('ConnectionError')")
    assert isinstance(call, p.CallTool)
    failed = p.StepFailed(call.step, "ConnectionError", "no", '["no"]', "ConnectionError", 1e9)
    (end,) = p.from_bytes(machine.deliver(p.to_bytes([failed])))
    assert (end.step, end.spent) == (call.step, "")


def test_strands_say_which_step_they_wait_for() -> None:
    machine, _ = start("t = asyncio.create_task(step('parked'))\nawait asyncio.wait_for(t, 60)")
    assert [each["waits_for"] for each in json.loads(machine.inspect("strands"))] == ["", "spawn/step[0]"]


def test_programs_see_nothing_of_it() -> None:
    machine, (call,) = start("try:\n    await fail('E')\nexcept Exception as e:\n    seen = e.args\nreturn seen")
    failed = p.StepFailed(call.step, "ConnectionError", "no", '["no"]', "ConnectionError", 1e9, spent=True)
    assert result(p.from_bytes(machine.deliver(p.to_bytes([failed])))) == ["no"]
