"""Every attempt of the table against a real host: refused, harmless, or stopped by a named limit within the host's time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from weft_workflows.host.pool import HostPool

from tests.sandbox.attempts import Attempt, attempts, caught_by, outcome_of

TABLE = list(attempts())
#: Attempts that aim at getting hold of something; the others at using too much.
ESCAPES = [each for each in TABLE if "escaped(" in each.source]


@pytest.fixture(scope="module")
def pool() -> Iterator[HostPool]:
    pool = HostPool(1)
    yield pool
    pool.close()


@pytest.mark.parametrize("attempt", TABLE, ids=lambda attempt: attempt.id)
def test_ends_as_the_table_says(pool: HostPool, attempt: Attempt) -> None:
    """A host ends whatever takes 1.5 s of CPU time; that would be an error here, and its process another one."""
    pool.wait_ready()
    before = pool.pids()
    assert outcome_of(attempt.source, pool.start) == attempt.expected
    assert pool.pids() == before


@pytest.mark.parametrize("attempt", ESCAPES, ids=lambda attempt: attempt.id)
def test_the_sandbox_alone_lets_nothing_out(attempt: Attempt) -> None:
    assert caught_by(attempt.source) == []


def test_the_table_is_large_and_says_nothing_twice() -> None:
    assert len(TABLE) >= 300
    assert len({each.source for each in TABLE}) == len(TABLE)
    assert len({each.kind for each in TABLE}) >= 15
