"""Limits stop what would run for ever or fill the memory, soon and for good."""

from __future__ import annotations

import ast

import pytest
from weft_workflows.sandbox.environment import new_globals
from weft_workflows.sandbox.guard import guard
from weft_workflows.sandbox.meter import LimitExceeded

from tests.sandbox.running import Services, run_guarded

_SMALL = {"fuel": 300_000, "value_bytes": 32 * 1024 * 1024}


def test_message_names_limit_and_setting() -> None:
    error = run_guarded("'a' * 10**9", **_SMALL).error
    assert error is not None
    assert "33,554,432" in error
    assert "`--limit value_bytes=N`" in error


def test_output_is_limited() -> None:
    outcome = run_guarded("while True: print('x' * 100)", output_chars=1000)
    assert "`--limit output_chars=N`" in (outcome.error or "")
    assert len(outcome.output) <= 1000


def test_a_refill_gives_fuel_for_another_activation() -> None:
    services = Services(fuel=1000)
    namespace = new_globals(services)
    code = compile(guard(ast.parse("for x in [1] * 850: pass")), "orchestration.py", "exec")
    for _ in range(5):
        services.meter.refill()
        exec(code, namespace)
    assert services.meter.fuel < 200


def test_a_tripped_meter_stays_tripped() -> None:
    services = Services(fuel=1000)
    namespace = new_globals(services)
    with pytest.raises(LimitExceeded):
        exec(compile(guard(ast.parse("while True: pass")), "orchestration.py", "exec"), namespace)
    services.meter.refill()
    for source in ("def f(): pass\nf()", "for x in (1,): pass", "try: 1 / 0\nexcept: pass", "[x for x in (1,)]"):
        with pytest.raises(LimitExceeded):
            exec(compile(guard(ast.parse(source)), "orchestration.py", "exec"), namespace)


def test_an_early_exit_pays_only_for_what_it_saw() -> None:
    source = """
big = list(range(100_000))
for attempt in range(10**9):
    if attempt > 3: break
for _ in range(50):
    next(x for x in big if x == 2)
"""
    assert run_guarded(source, fuel=60_000).error is None
