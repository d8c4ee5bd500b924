"""Where the last attempt of a step fails: what programs do about it, and what waits for a person then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import ParkedStep, RunOptions, RunResult, RunView, StepRow

from tests.temporal.conftest import Handle, StartRun, eventually, worker_on
from tests.temporal.test_parking import decide, parked, refusal

pytestmark = pytest.mark.server

LOG_AND_RAISE = """
async def main(log):
    try:
        return await flaky(log, 1)
    except ConnectionError as error:
        await echo(f"noted: {error}")
        raise
"""
ANOTHER_ERROR = LOG_AND_RAISE.replace("        raise", "        raise RuntimeError('no page') from error")
CONDITIONAL = """
async def main(log):
    try:
        return await flaky(log, 1)
    except ConnectionError as error:
        if "refused" not in str(error):
            raise
        return "refused"
"""
RETRY_DECORATOR = """
import functools

def again(times):
    def decorate(function):
        @functools.wraps(function)
        async def trying(*arguments):
            for left in reversed(range(times)):
                try:
                    return await function(*arguments)
                except ConnectionError:
                    if not left:
                        raise
                    await asyncio.sleep(0.01)
        return trying
    return decorate

@again(3)
async def fetch(log):
    return await flaky(log, 3)

async def main(log):
    return await fetch(log)
"""
CLEANS_UP = """
async def tidy(value):
    try:
        await asyncio.sleep(0.5)
        return await echo(value)
    finally:
        await echo("tidied")

async def main(log):
    return await asyncio.gather(flaky(log, 1), tidy("sibling"))
"""
SUPPRESSED = """
import contextlib

async def main(log):
    with contextlib.suppress(ConnectionError):
        return await flaky(log, 1)
    return "suppressed"
"""
FINALLY_RETURN = """
async def main(log):
    try:
        await flaky(log, 1)
    finally:
        return "swallowed"
"""
AWAITED_LATER = """
async def main(log):
    task = asyncio.create_task(flaky(log, 1))
    await asyncio.sleep(0.5)
    await echo("meanwhile")
    return await task
"""
GATHERED = """
async def main(log):
    return await asyncio.gather(flaky(log, 1), echo("sibling"))
"""
RETURNED = """
async def main(log):
    first, second = await asyncio.gather(flaky(log, 1), echo("sibling"), return_exceptions=True)
    return [type(first).__name__, await echo(second)]
"""
IN_A_GROUP = """
async def main(log):
    async with asyncio.TaskGroup() as group:
        first = group.create_task(flaky(log, 1))
        second = group.create_task(echo("sibling"))
    return [first.result(), second.result()]
"""
NO_TRANSIENT_FAILURE = """
async def main(log):
    try:
        await flaky(log, 1)
    except ConnectionError:
        await refuse("nobody knows")
"""
A_BUG = """
async def main(log):
    try:
        await flaky(log, 1)
    except ConnectionError:
        await echo("handled")
    return [][0]
"""


@pytest.fixture(scope="module")
def hosts() -> Iterator[HostPool]:
    pool = HostPool(size=1)
    yield pool
    pool.close()


@pytest.fixture(autouse=True)
async def real_worker(client: Client, hosts: HostPool, queue: str) -> AsyncIterator[None]:
    async with worker_on(client, hosts, queue):
        yield


@pytest.fixture
def begin(start_plan: StartRun, tmp_path: Path) -> Any:
    """Starts a run whose steps have one attempt; its first `flaky` fails."""

    async def start(source: str) -> Handle:
        return await start_plan(source, RunOptions(attempts=1), log=str(tmp_path / "log"))

    return start


async def waiting(handle: Handle) -> ParkedStep:
    row: ParkedStep = await eventually(lambda: parked(handle))
    return row


async def failure(handle: Handle) -> tuple[str, str]:
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    result = RunResult.model_validate(caught.value.cause.details[0])
    assert result.error is not None
    return result.error.type, result.error.message


@pytest.mark.parametrize(
    ("source", "step", "result"),
    [
        (CONDITIONAL, "main/flaky", 2),
        (RETRY_DECORATOR, "main/fetch/for[2]/flaky", 4),
        (GATHERED, "main/gather/flaky[0]", [2, "sibling"]),
        (CLEANS_UP, "main/gather/flaky[0]", [2, "sibling"]),
        (IN_A_GROUP, "main/create_task/flaky[0]", [2, "sibling"]),
    ],
    ids=["conditional re-raise", "retry decorator", "gather", "siblings that clean up", "group"],
)
async def test_what_nobody_catches_parks_at_its_step(begin: Any, source: str, step: str, result: Any) -> None:
    handle = await begin(source)
    row = await waiting(handle)
    assert (row.reason, row.step.rpartition("/")[2]) == ("retries-spent", step.rpartition("/")[2])
    await decide(handle, action="retry")
    assert (await handle.result()).result == result


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (SUPPRESSED, "suppressed"),
        (FINALLY_RETURN, "swallowed"),
        (RETURNED, ["ConnectionResetError", "sibling"]),
    ],
    ids=["suppress", "finally: return", "return_exceptions"],
)
async def test_what_the_program_handles_is_its_own(begin: Any, source: str, result: Any) -> None:
    assert (await (await begin(source)).result()).result == result


@pytest.mark.parametrize(
    ("source", "ended"),
    [
        (LOG_AND_RAISE, ("ConnectionResetError", "reset 1")),
        (ANOTHER_ERROR, ("RuntimeError", "no page")),
        (AWAITED_LATER, ("ConnectionResetError", "reset 1")),
    ],
    ids=["log and raise", "another error", "a task awaited later"],
)
async def test_a_run_that_ends_of_it_later_parks_as_a_whole(begin: Any, source: str, ended: tuple[str, str]) -> None:
    handle = await begin(source)
    row = await waiting(handle)
    assert (row.step, row.reason) == ("@run", "ended-uncaught")
    assert row.message.startswith(f"the program has ended with {': '.join(ended)}, after the last attempt of flaky at ")
    assert (await (await handle.describe()).memo())["parked"] == ["@run"]
    assert [each.state for each in await handle.query("steps", result_type=list[StepRow])] == ["failed", "completed"]
    message = await refusal(handle, action="retry")
    assert message == f"the program has ended: going back takes a new execution, `weft retry {handle.id} @run`"
    await decide(handle, action="fail")
    assert await failure(handle) == ended


async def test_skipping_a_whole_run_gives_its_result(begin: Any) -> None:
    handle = await begin(LOG_AND_RAISE)
    await waiting(handle)
    await decide(handle, step="@run", action="skip", value={"by": "hand"})
    assert (await handle.result()).result == {"by": "hand"}


async def test_a_whole_run_that_is_parked_can_be_cancelled(begin: Any) -> None:
    handle = await begin(LOG_AND_RAISE)
    await waiting(handle)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED


@pytest.mark.parametrize(
    ("source", "ended"),
    [(NO_TRANSIENT_FAILURE, "FileNotFoundError"), (A_BUG, "IndexError")],
    ids=["an answer of another tool", "a bug"],
)
async def test_other_ends_of_a_run_are_ends(begin: Any, source: str, ended: str) -> None:
    assert (await failure(await begin(source)))[0] == ended


async def test_what_a_person_lets_fail_does_not_ask_again(begin: Any) -> None:
    """The program ends of a failure that a person has let happen."""
    handle = await begin(CONDITIONAL.replace('if "refused"', "print('seen')\n        if \"refused\""))
    await waiting(handle)
    await decide(handle, action="fail")
    assert await failure(handle) == ("ConnectionResetError", "reset 1")


async def test_the_view_of_a_run_that_is_parked_as_a_whole(begin: Any) -> None:
    handle = await begin(LOG_AND_RAISE)
    await waiting(handle)
    view = await handle.query("status", result_type=RunView)
    assert (view.status, view.steps_done, view.steps_running, view.lines) == ("parked", 1, 0, ())
