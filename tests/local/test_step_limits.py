"""How long and how often a step is tried in memory: what tool, run and exception say, on a virtual clock."""

from __future__ import annotations

from typing import Any

import pytest
from weft_activities import Retry, tool
from weft_compiler.compile import compile_source
from weft_compiler.tool_spec import RetrySpec
from weft_worker.fakes import make_fakes
from weft_worker.in_memory import failure_of, run_prepared
from weft_worker.prepare import Prepared
from weft_worker.pytest_plugin import RunOrchestration
from weft_workflows.failures import Failure
from weft_workflows.local import LocalRun, StepInfo
from weft_workflows.messages import RunOptions

from tests.local.test_local import run
from tests.temporal import scripted

RETRY = RetrySpec(max_attempts=3, initial_interval=1, backoff=2)


async def one_step(function: Any, options: RunOptions | None = None, **spec: Any) -> LocalRun:
    made = scripted.tool("work", **{"retry": RETRY, **spec})
    return await run("one_step", function, made, clock="virtual", options=options, describe_failure=failure_of)


async def reset(name: str, arguments: Any, step: StepInfo) -> None:
    raise ConnectionResetError("gone")


async def sleeps_nine(name: str, arguments: Any, step: StepInfo) -> None:
    await step.sleep(9)


def words(outcome: LocalRun) -> tuple[str, str, float, int]:
    assert outcome.error is not None
    return outcome.error.type, outcome.error.message, outcome.elapsed, outcome.steps[0].attempts


async def test_a_runs_settings_win_over_the_tools() -> None:
    assert words(await one_step(reset)) == ("ConnectionResetError", "gone", 1 + 2, 3)
    assert words(await one_step(reset, RunOptions(retry_interval=30))) == ("ConnectionResetError", "gone", 30 + 60, 3)
    assert words(await one_step(reset, RunOptions(retry_interval=90, attempts=2)))[2:] == (90, 2)
    assert words(await one_step(sleeps_nine, RunOptions(step_timeout=4, attempts=2), timeout=8)) == (
        *("TimeoutError", "work took longer than 4 s"),
        *(4 + 1 + 4, 2),
    )


async def test_the_time_in_all_ends_an_attempt_and_begins_no_other() -> None:
    said = "work took longer than 5 s in all"
    assert words(await one_step(sleeps_nine, timeout=8, total_timeout=5)) == ("TimeoutError", said, 5, 1)
    assert words(await one_step(reset, total_timeout=2.5)) == ("ConnectionResetError", "gone", 1, 2)
    said = "work took longer than 12 s in all"
    assert words(await one_step(sleeps_nine, timeout=8, total_timeout=12)) == ("TimeoutError", said, 12, 2)


@pytest.mark.parametrize("never", ["ConnectionResetError", "ConnectionError", "OSError"])
async def test_some_exceptions_are_never_tried_again(weft_run: RunOrchestration, never: str) -> None:
    """By their own name or by that of a class above."""
    attempts = 0

    @tool(retry={"initial_interval": 0.01, "non_retryable": [never]})
    def work() -> None:
        nonlocal attempts
        attempts += 1
        raise ConnectionResetError("gone")

    outcome = weft_run("await work()", tools=[work])
    assert outcome.error is not None
    assert (outcome.error.type, attempts) == ("ConnectionResetError", 1)


async def test_an_exception_says_when_the_next_attempt_is_to_be() -> None:
    async def busy(name: str, arguments: Any, step: StepInfo) -> str:
        if step.attempt == 1:
            raise Retry("busy", after=25)
        if step.attempt == 2:
            raise Failure("Busy", "still", transient=True, retry_after=100)
        return "done"

    outcome = await one_step(busy)
    assert (outcome.result, outcome.elapsed) == ("done", 125)


def test_what_a_program_gets_of_it(weft_run: RunOrchestration) -> None:
    @tool(retry=1)
    def busy() -> None:
        raise Retry("busy", after=25)

    source = "try:\n    await busy()\nexcept ConnectionError as error:\n    return str(error)"
    assert weft_run(source, tools=[busy]).result == "busy"


CLEANS_UP = """
try:
    await asyncio.sleep({seconds})
    return "in time"
finally:
    print(await note("cleaned up"))
"""


async def note(text: str) -> str:
    return text


@pytest.mark.parametrize("seconds", [3, 30])
async def test_a_runs_time(seconds: float) -> None:
    fakes = make_fakes({"note": note})
    plan = compile_source(CLEANS_UP.format(seconds=seconds), fakes.specs(), file="plan.py")
    prepared = Prepared(plan, {}, None, fakes, ())
    outcome = await run_prepared(prepared, run_id="r", options=RunOptions(run_timeout=10))
    assert outcome.stdout == "cleaned up\n"
    if seconds < 10:
        assert (outcome.status, outcome.result) == ("completed", "in time")
        return
    assert (outcome.status, outcome.elapsed) == ("failed", 10)
    assert outcome.error is not None
    said = "the run took longer than the 10 s that --run-timeout allows, and was cancelled"
    assert (outcome.error.type, outcome.error.message) == ("TimedOut", said)
