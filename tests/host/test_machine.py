"""The real machine in a host: what it answers there is what it answers in the test's own process."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from weft_compiler.compile import compile_source
from weft_compiler.plan import Plan
from weft_compiler.tool_spec import Effect, Parameter, ToolSpec
from weft_workflows.host.pool import EvaluatorDied, Handle, HostLimits, HostPool, InProcessMachine
from weft_workflows.machine import protocol as p

DOUBLE = ToolSpec(name="double", parameters=(Parameter(name="x"),), effect=Effect.READ)

#: Uses what the library would load at first use: modules, codecs, time zones, formats.
LIBRARY = """
import asyncio, base64, csv, io, json, re, statistics, textwrap
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

@dataclass
class Row:
    name: str
    value: int

async def row(n):
    value = await double(x=n)
    await asyncio.sleep(1)
    return Row(f"row {n}", value)

rows = await asyncio.gather(*[row(n) for n in range(4)])
print(statistics.mean(r.value for r in rows), Counter(r.value % 4 for r in rows))
print(datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")).isoformat())
print(f"{datetime(2024, 5, 3):%d %b %Y}", Decimal(2).sqrt(), re.sub("a+", "b", "caat"))
print(json.dumps({"é": "é".encode("cp1252").hex()}), base64.b64encode(b"x"), textwrap.shorten("a b c d", 6))
return [r.value for r in rows]
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[HostPool]:
    pool = HostPool(1, HostLimits(stack_bytes=4 * 1024**2))
    yield pool
    pool.close()


def start_message(source: str) -> bytes:
    plan = compile_source(source, [DOUBLE])
    assert isinstance(plan, Plan), plan
    return p.to_bytes([p.Start(plan=plan.canonical_json(), inputs="{}", run_id="run", seed=1, now=1e9)])


def drive(handle: Handle | InProcessMachine, commands: bytes) -> list[p.Command]:
    """Answers every command at once; all commands in the order given."""
    queue: list[p.Command] = p.from_bytes(commands)
    given: list[p.Command] = []
    now = 1e9
    while queue:
        command = queue.pop(0)
        given.append(command)
        match command:
            case p.CallTool(step=step, arguments=arguments):
                event: p.Event = p.StepSucceeded(step, json.dumps(json.loads(arguments)["x"] * 2), now)
            case p.StartTimer(timer=timer, deadline=deadline):
                now = max(now, deadline)
                event = p.TimerFired(timer, now)
            case _:
                continue
        queue += p.from_bytes(handle.deliver(p.to_bytes([event])))
    return given


def test_a_host_gives_the_same_commands_as_the_own_process(pool: HostPool) -> None:
    start = start_message(LIBRARY)
    given = drive(*pool.start("run", start))
    assert given == drive(*InProcessMachine.start("run", start))
    assert given[-1] == p.Finish("[0,2,4,6]")


def test_a_program_that_crashes_is_named_by_its_line(pool: HostPool) -> None:
    crash = "x = await double(x=1)\nnested = ()\nfor _ in range(200_000):\n    nested = (nested,)\nkept = {nested: 1}\n"
    neighbour, _ = pool.start("neighbour", start_message("return await double(x=4)"))
    handle, commands = pool.start("crash", start_message(crash))
    (call,) = p.from_bytes(commands)
    event = p.to_bytes([p.StepSucceeded(call.step, "2", 1e9)])
    with pytest.raises(EvaluatorDied, match="killed by SIGSEGV") as caught:
        handle.deliver(event)
    assert 2 <= caught.value.line <= 5
    assert json.loads(neighbour.inspect("strands"))
