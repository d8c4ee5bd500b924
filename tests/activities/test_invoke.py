"""One step without Temporal: arguments in, the function's call, plain JSON out."""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import enum
import functools
import threading
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict
from weft_activities import StepContext, current_step, json_values, tool
from weft_activities.context import running_step
from weft_activities.invoke import ResultError, call_tool, call_tool_json
from weft_activities.json_values import NotJson
from weft_activities.tool import Tool, tool_of
from weft_workflows.payload_sizes import PAYLOAD_LIMIT


class Money(BaseModel):
    amount: Decimal
    currency: str = "EUR"


class Strict(BaseModel, strict=True):
    day: dt.date


@dataclass
class Point:
    x: float
    y: float = 0.0


class Row(TypedDict):
    id: str


class Colour(enum.Enum):
    RED = "red"


def tool_from(function: Any) -> Tool:
    found = tool_of(tool(function))
    assert found is not None
    return found


async def call(function: Any, /, **arguments: Any) -> Any:
    return await call_tool(tool_from(function), arguments, StepContext("run", "step"))


async def test_arguments_arrive_as_the_hinted_types() -> None:
    seen: list[Any] = []

    async def f(
        a: Money,
        b: dt.datetime,
        c: set[int],
        d: Point,
        e: Colour,
        g: UUID,
        h: dict[str, list[Point]],
        i: Strict,
        j: Any,
    ) -> None:
        seen.extend([a, b, c, d, e, g, h, i, j])

    await call(
        f,
        a={"amount": "1.50"},
        b="2024-05-06T07:08:09+00:00",
        c=[1, 2, 2],
        d={"x": 1},
        e="red",
        g="12345678123456781234567812345678",
        h={"k": [{"x": 2, "y": 3}]},
        i={"day": "2024-01-02"},
        j={"b": [1, None], "a": 10**30},
    )
    assert seen == [
        Money(amount=Decimal("1.50")),
        dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC),
        {1, 2},
        Point(1.0),
        Colour.RED,
        UUID("12345678123456781234567812345678"),
        {"k": [Point(2.0, 3.0)]},
        Strict(day=dt.date(2024, 1, 2)),
        {"b": [1, None], "a": 10**30},
    ]


async def test_every_kind_of_parameter_is_bound() -> None:
    def f(a: int, b: int = 2, /, c: int = 3, *rest: int, d: int = 4, **more: str) -> Any:
        return [a, b, c, list(rest), d, more]

    assert await call(f, a=1) == [1, 2, 3, [], 4, {}]
    assert await call(f, a=1, rest=[7, 8], d=5, e="x") == [1, 2, 3, [7, 8], 5, {"e": "x"}]
    assert await call(f, a=1, b=9, c=8) == [1, 9, 8, [], 4, {}]


async def test_defaults_are_the_functions_own() -> None:
    marker = object()

    def f(a: int = marker) -> Any:  # type: ignore[assignment]
        return a is marker

    assert await call(f) is True


async def test_a_pydantic_field_as_default_means_what_it_holds() -> None:
    @tool
    def f(a: int = Field(ge=0, description="how many"), b: list[int] = Field(default_factory=list)) -> Any:  # noqa: B008
        return [a, b]

    found = tool_of(f)
    assert found is not None
    assert [p.required for p in found.spec.parameters] == [True, False]
    assert found.spec.input_schema["properties"]["a"] == {"type": "integer", "minimum": 0, "description": "how many"}
    assert await call_tool(found, {"a": 1}, StepContext("r", "s")) == [1, []]


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({}, TypeError, r"f\(\): missing argument 'n'; it takes \(n, name, key\)"),
        ({"n": 1, "nam": "x", "k": 2}, TypeError, r"unexpected argument 'nam', unexpected argument 'k'"),
        ({"n": "x"}, ValueError, r"n: input should be a valid integer.*\(got 'x'\)"),
        (
            {"n": -1, "name": 3},
            ValueError,
            r"n: input should be greater.*; name: input should be a valid string \(got 3\)",
        ),
        ({"n": 1, "key": [1, "secret"]}, ValueError, r"key\[1\]: is not valid$"),
    ],
)
async def test_wrong_arguments_are_named_before_the_call(arguments: Any, kind: type, said: str) -> None:
    called = False

    @tool(redact=["key"])
    def f(n: int = Field(ge=0), name: str = "", key: list[int] = []) -> None:  # noqa: B006
        nonlocal called
        called = True

    found = tool_of(f)
    assert found is not None
    with pytest.raises(kind, match=said):
        await call_tool(found, arguments, StepContext("run", "step"))
    assert not called


@pytest.mark.parametrize(
    ("returned", "plain"),
    [
        ({"b": 1, "a": (1, {2})}, {"b": 1, "a": [1, [2]]}),
        ([dt.date(2024, 1, 2), Decimal("1.5"), Colour.RED, b"\xff"], ["2024-01-02", "1.5", "red", "_w=="]),
        (Money(amount=Decimal(2)), {"amount": "2", "currency": "EUR"}),
        ([Point(1, 2)], [{"x": 1, "y": 2}]),
        ({1: "a"}, {"1": "a"}),
        ("\ud800 é", "\ud800 é"),
        (10**30, 10**30),
        (float("inf"), float("inf")),
        (None, None),
    ],
)
async def test_results_become_plain_json(returned: Any, plain: Any) -> None:
    async def f() -> Any:
        return returned

    assert await call(f) == plain


async def test_keys_keep_the_order_in_which_the_tool_made_them() -> None:
    def f() -> dict[str, int]:
        return {"b": 1, "a": 2}

    assert await call_tool_json(tool_from(f), {}, StepContext("r", "s")) == b'{"b":1,"a":2}'


async def test_a_dict_becomes_the_model_of_the_return_hint() -> None:
    def f() -> list[Money | None]:
        return [{"amount": 1, "extra": 2}, None]  # type: ignore[list-item]

    assert await call(f) == [{"amount": "1", "currency": "EUR"}, None]


async def test_what_is_no_model_stays_as_it_was_returned() -> None:
    def f() -> dict[str, list[Row] | float]:
        return {"rows": [{"id": "1", "more": 2}], "mean": 3}  # type: ignore[typeddict-unknown-key]

    value = await call(f)
    assert value == {"rows": [{"id": "1", "more": 2}], "mean": 3}
    assert isinstance(value["mean"], int)


async def test_a_result_that_does_not_fit_its_hint_is_an_error() -> None:
    def f() -> list[Money]:
        return [{"amount": 1}, {"amount": "much"}]  # type: ignore[list-item]

    with pytest.raises(
        ResultError, match=r"f\(\) returned .* hint: result\[1\]\.amount: input should be a valid decimal"
    ):
        await call(f)

    def g() -> str:
        return None  # type: ignore[return-value]

    with pytest.raises(ResultError, match=r"g\(\) returned .*: result: input should be a valid string \(got None\)"):
        await call(g)


async def test_a_result_without_json_form_is_an_error_that_says_where() -> None:
    def f() -> Any:
        return {"rows": [1, {"lock": threading.Lock()}]}

    with pytest.raises(ResultError, match=r"f\(\): result\['rows'\]\[1\]\['lock'\] is of type _thread.lock"):
        await call(f)


async def test_a_circular_result_is_an_error() -> None:
    def f() -> Any:
        ring: list[Any] = []
        ring.append(ring)
        return ring

    with pytest.raises(ResultError, match="no JSON form"):
        await call(f)


async def test_too_large_a_result_is_an_error() -> None:
    def f() -> str:
        return "x" * 3_000_000

    step = StepContext("r", "s")
    expected = r"f\(\): the result is 3,000,002 bytes of JSON, over the limit of 3,000,001 \(WEFT_PAYLOAD_LIMIT\)"
    with pytest.raises(ResultError, match=expected):
        await call_tool_json(tool_from(f), {}, step, result_limit=3_000_001)
    assert len(await call_tool_json(tool_from(f), {}, step, result_limit=3_000_002)) == 3_000_002
    assert json_values.RESULT_LIMIT == PAYLOAD_LIMIT


async def test_the_tools_own_exception_comes_out() -> None:
    class Refused(Exception): ...

    error = Refused("no")

    def f() -> None:
        raise error

    async def g() -> None:
        raise error

    for function in (f, g):
        with pytest.raises(Refused) as caught:
            await call(function)
        assert caught.value is error


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), BaseExceptionGroup("x", [SystemExit()])])
async def test_a_tool_cannot_end_the_process(error: BaseException) -> None:
    def f() -> None:
        raise error

    async def g() -> None:
        raise error

    for function in (f, g):
        with pytest.raises(RuntimeError, match=r"\(\) raised .*: a tool must not end the process"):
            await call(function)


async def test_a_cancellation_within_the_tool_is_a_failure_of_the_tool() -> None:
    async def f() -> None:
        task = asyncio.create_task(asyncio.sleep(10))
        task.cancel()
        await task

    with pytest.raises(RuntimeError, match="awaited a task that was cancelled"):
        await call(f)


async def test_plain_functions_run_side_by_side_and_leave_the_loop_free() -> None:
    barrier = threading.Barrier(20)

    def f() -> int:
        # Passes only if all twenty are running at once.
        return barrier.wait(timeout=10)

    found = tool_from(f)
    places = await asyncio.gather(*(call_tool(found, {}, StepContext("r", str(i))) for i in range(20)))
    assert sorted(places) == list(range(20))


async def test_cancelling_a_plain_function_sets_its_flag_and_drops_its_result() -> None:
    begun, seen = threading.Event(), threading.Event()

    def f() -> str:
        step = current_step()
        begun.set()
        while not step.cancelled:
            time.sleep(0.001)
        seen.set()
        return "late"

    task = asyncio.create_task(call(f))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(seen.wait, 10)


async def test_an_async_tool_is_cancelled_where_it_awaits() -> None:
    begun = asyncio.Event()
    heard = False

    async def f() -> None:
        nonlocal heard
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard = current_step().cancelled is False
            raise

    task = asyncio.create_task(call(f))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard


async def test_a_plain_function_may_hand_out_a_coroutine() -> None:
    async def work(a: int) -> int:
        return a + 1

    @functools.wraps(work)
    def f(a: int) -> Any:
        return work(a)

    assert await call(f, a=1) == 2


async def test_the_step_is_known_in_functions_of_both_kinds() -> None:
    def f() -> Any:
        step = current_step()
        return [step.run_id, step.step_id, step.attempt, step.idempotency_key]

    async def g() -> Any:
        return f()

    key = StepContext("run", "step", attempt=5).idempotency_key
    assert await call(f) == await call(g) == ["run", "step", 1, key]
    assert key != StepContext("run", "step2").idempotency_key
    assert key != StepContext("runs", "tep").idempotency_key


def test_outside_of_a_step_there_is_none() -> None:
    with pytest.raises(RuntimeError, match="only while Weft runs a tool"):
        current_step()
    with running_step(StepContext("r", "s")) as step:
        assert current_step() is step
        step.heartbeat("ignored where nobody listens")


async def test_context_variables_of_the_caller_reach_the_tool() -> None:
    tenant = contextvars.ContextVar("tenant", default="none")

    def f() -> str:
        return tenant.get()

    tenant.set("acme")
    assert await call(f) == "acme"


@pytest.mark.parametrize("value", ["\ud800", float("inf"), 10**30, {"a": [None, True, -0.5]}, ""])
async def test_any_value_comes_through_where_the_hint_takes_any(value: Any) -> None:
    def f(a: Any) -> Any:
        return a

    assert await call(f, a=value) == value


async def test_numbers_and_arrays_of_numpy_are_numbers_and_lists() -> None:
    class Int64:
        __module__ = "numpy"

        def tolist(self) -> Any:
            return 7

    class Array:
        __module__ = "numpy"

        def tolist(self) -> Any:
            return [1.5, [2.5]]

    def f() -> Any:
        return {"n": Int64(), "a": Array()}

    assert await call(f) == {"n": 7, "a": [1.5, [2.5]]}


async def test_arguments_that_are_not_json_are_refused() -> None:
    def f(a: Any) -> None: ...

    with pytest.raises(TypeError, match="not JSON serializable"):
        await call(f, a=object())


def test_not_json_is_a_value_error() -> None:
    assert issubclass(NotJson, ValueError)
