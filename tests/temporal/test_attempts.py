"""A few attempts of the sandbox's table on a real worker, each beside a run that must not notice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import RunResult

from tests.temporal.conftest import StartRun, worker_on

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("host_of_both")]

NEIGHBOUR = """
total = 0
for n in range(20):
    total += await echo(n)
return total
"""
#: What is attempted -> the program, and the type of the error that it must end with.
ENDED = {
    "a value that is too large": ("text = 'a' * 10**10", "LimitExceeded"),
    "output without end": ("print('x' * 10**7)", "LimitExceeded"),
    "an error whose text never ends": (
        "class E(Exception):\n    def __str__(self):\n        return 'x' * 10**10\nraise E()",
        "LimitExceeded",
    ),
    "errors that are each other's cause": (
        "a, b = ValueError(1), ValueError(2)\na.__cause__, b.__cause__ = b, a\nraise a",
        "ValueError",
    ),
    "a type of the machine's own": ("type(echo)(1)", "TypeError"),
}


@pytest.fixture
async def host_of_both(client: Client, queue: str) -> AsyncIterator[HostPool]:
    pool = HostPool(size=1)
    async with worker_on(client, pool, queue):
        yield pool
    pool.close()


@pytest.mark.parametrize("what", ENDED)
async def test_the_run_ends_and_its_neighbour_goes_on(start_plan: StartRun, what: str) -> None:
    source, kind = ENDED[what]
    neighbour = await start_plan(NEIGHBOUR)
    attempt = await start_plan(source)
    with pytest.raises(WorkflowFailureError) as caught:
        await attempt.result()
    assert isinstance(caught.value.cause, ApplicationError)
    error = RunResult.model_validate(caught.value.cause.details[0]).error
    assert error is not None
    assert error.type == kind
    assert (await neighbour.result()).result == sum(range(20))
