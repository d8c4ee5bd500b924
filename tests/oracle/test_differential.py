"""Random programs end in the machine as they end in CPython: result, output, error and the timed steps."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings

from tests.oracle.machine import run_machine
from tests.oracle.programs import TOOLS, programs
from tests.oracle.run import run_cpython


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
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
    expected = str(run_cpython(source, TOOLS, modules={"asyncio": asyncio}))
    assert str(run_machine(source, TOOLS)) == expected, source
    assert str(run_machine(source, TOOLS, restored=True)) == expected, source
