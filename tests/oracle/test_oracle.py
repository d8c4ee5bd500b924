"""The oracle itself: time, entry, result, tools and errors as the design defines them, checked by values
made by hand.
"""

from __future__ import annotations

import asyncio
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from weft_compiler.tool_spec import Effect, Parameter, ToolSpec

from tests.oracle.clock import Clock, Deadlock, VirtualLoop
from tests.oracle.fakes import Behaviour, FakeTool
from tests.oracle.run import Outcome, run_cpython
from tests.oracle.values import to_json_value


def fake(name: str, answer: Any, *parameters: Parameter, delay: float = 1.0, effect: str = "write") -> FakeTool:
    spec = ToolSpec.model_validate({"name": name, "parameters": parameters, "effect": Effect(effect)})
    return FakeTool(spec, Behaviour(answer, lambda _arguments, _state, _count: delay))


def put(arguments: dict[str, Any], state: dict[str, Any], count: int) -> int:
    state["x"] = arguments["value"]
    return count


TOOLS = {
    "get": fake("get", lambda _a, state, _n: state.get("x", 0), effect="read", delay=0.25),
    "put": fake("put", put, Parameter(name="value"), delay=2),
    "echo": fake(
        "echo",
        lambda arguments, _s, _n: arguments,
        Parameter(name="a", kind="positional_only"),
        Parameter(name="rest", kind="var_positional", required=False),
        Parameter(name="k", kind="keyword_only", required=False),
        Parameter(name="more", kind="var_keyword", required=False),
    ),
}


def run(source: str, inputs: dict[str, Any] | None = None) -> Outcome:
    return run_cpython(source, TOOLS, inputs, modules={"asyncio": asyncio, "json": json})


def timed(outcome: Outcome) -> list[str]:
    return [str(call) for call in outcome.calls]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = await put(1)\nreturn 'early'\nx = 2", "early"),
        ("x = await put(5)\nx + 1", 2),
        ("x = await put(5)\ny = [x]", [1]),
        ("try:\n    r = await put(5)\nexcept ValueError:\n    r = None", 1),
        ("r = 0\nfor i in range(4):\n    r += i", 6),
        ("import json\ndef f(): return 1", None),
        ("from __future__ import annotations\nx: undefined = 3", 3),
        ("async def main():\n    return await put(1)\nresult = asyncio.run(main())", 1),
        ("x = [(y := n) for n in (1, 2)]\nreturn y", 2),
    ],
)
def test_result(source: str, expected: Any) -> None:
    assert run(source).result == expected


def test_the_only_unnamed_async_function_is_the_entry_and_takes_the_inputs() -> None:
    source = """
LIMIT = 2
async def help(v):
    return await put(v)
async def check(value, k=1):
    return [await help(value), k]
"""
    outcome = run(source, {"value": 7})
    assert outcome.result == [1, 1]
    assert timed(outcome) == ["0 put(value=7)"]


def test_run_beside_await_shares_the_clock() -> None:
    outcome = run("await put(1)\nasync def main(): return await get()\nx = asyncio.run(main())\nawait put(x)")
    assert timed(outcome) == ["0 put(value=1)", "2 get()", "2.25 put(value=1)"]
    assert outcome.ended == 4.25


def test_reads_look_at_their_start_and_writes_act_at_their_end() -> None:
    assert run("return await asyncio.gather(put(9), get())").result == [1, 0]
    assert run("await put(9)\nreturn await get()").result == 9


def test_equal_sleeps_end_in_the_order_of_their_start() -> None:
    source = """
order = []
async def rest(n):
    await asyncio.sleep(1)
    order.append(n)
await asyncio.gather(*[rest(n) for n in range(50)])
order
"""
    assert run(source).result == list(range(50))


def test_one_timer_comes_to_rest_before_the_next() -> None:
    source = """
log = []
async def both(n):
    await asyncio.sleep(1)
    for _ in range(3):
        log.append(n)
        await asyncio.sleep(0)
await asyncio.gather(both("a"), both("b"))
"".join(log)
"""
    assert run(source).result == "aaabbb"


def test_arguments_are_bound_as_by_cpython() -> None:
    assert run("return await echo(1, 2, 3, k=4, z=5)").result == {"a": 1, "rest": [2, 3], "k": 4, "z": 5}
    assert run("return await echo(1)").result == {"a": 1}
    expected = ("TypeError", "put() missing 1 required positional argument: 'value'")
    assert run("await put()").error == expected


def test_messages_name_functions_as_in_a_module() -> None:
    source = "def f(a): return a\nclass C:\n    def m(self): return 1\n"
    assert run(source + "f()").error == ("TypeError", "f() missing 1 required positional argument: 'a'")
    assert run(source + "C().m(2)").error == (
        "TypeError",
        "C.m() takes 1 positional argument but 2 were given",
    )
    assert run("x = y").error == ("NameError", "name 'y' is not defined")


def test_results_share_nothing_with_the_state() -> None:
    tools = {"shared": fake("shared", lambda _a, state, _n: state.setdefault("list", []))}
    source = "a = await shared()\na.append(1)\nb = await shared()\nreturn b"
    assert run_cpython(source, tools).result == []


def test_a_deadlock_is_an_error() -> None:
    assert run("await asyncio.Event().wait()").error == ("Deadlock", "everything waits and no timer is set")


def test_output_is_kept_apart() -> None:
    outcome = run("print('a', 1)\nprint('b', end='')\nreturn 3")
    assert outcome.stdout == "a 1\nb"
    assert str(outcome) == "result: 3\noutput, without a newline at its end:\n  a 1\n  b\nended: 0\n"


def test_time_passes_only_by_timers() -> None:
    clock = Clock()
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        runner.run(asyncio.sleep(86_400 * 365))
    assert clock.now == pytest.approx(86_400 * 365)
    with (
        asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner,
        pytest.raises(Deadlock),
    ):
        runner.run(asyncio.Event().wait())


def test_values_leave_as_json() -> None:
    assert to_json_value({1: {Decimal("1.50")}, "d": (date(2026, 1, 2),)}) == {
        "1": ["1.50"],
        "d": ["2026-01-02"],
    }
    with pytest.raises(TypeError, match="object has no JSON form"):
        to_json_value(object())
