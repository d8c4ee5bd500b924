"""Random programs end in the machine as they end in CPython: result, output, error and the timed steps."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.oracle.machine import run_machine
from tests.oracle.programs import TOOLS, programs
from tests.oracle.run import run_cpython


#: Shrinking a failing program takes minutes; the long run does it, this one shows the program as it was found.
@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(programs())
def test_machine_equals_cpython(source: str) -> None:
    check(source)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_machine_equals_cpython_for_many(source: str) -> None:
    check(source)


def check(source: str) -> None:
    expected = _as_since_3_12(str(run_cpython(source, TOOLS, modules={"asyncio": asyncio})))
    assert _as_since_3_12(str(run_machine(source, TOOLS))) == expected, source
    assert _as_since_3_12(str(run_machine(source, TOOLS, restored=True))) == expected, source


def _as_since_3_12(outcome: str) -> str:
    """Before Python 3.12 a comprehension was a function, for which an unbound local of the one around is free."""
    return _FREE_IN_COMPREHENSION.sub(
        r"UnboundLocalError: cannot access local variable \1 where it is not", outcome
    ).replace(" associated with a value in enclosing scope", " associated with a value")


_FREE_IN_COMPREHENSION = re.compile(r"NameError: cannot access free variable ('\w+') where it is not")
