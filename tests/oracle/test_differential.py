"""Random programs end in the machine as they end in CPython: result, output, error and the timed steps.

Each is also rebuilt from a checkpoint before each event. `python -m benchmarks.differential` runs as many as one likes.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.oracle.generated.compare import difference
from tests.oracle.generated.minimise import minimise
from tests.oracle.generated.programs import Program, program_of, programs

_CHUNK = 25


#: Shrinking a failing program takes minutes; the long run does it, this one shows the program as it was found.
@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(programs())
def test_machine_equals_cpython(program: Program) -> None:
    check(program)


@pytest.mark.parametrize("first", range(0, 200, _CHUNK))
def test_machine_equals_cpython_for_numbered_programs(first: int) -> None:
    for number in range(first, first + _CHUNK):
        check(program_of(number), other_orders=0 if number % 4 else 1)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_machine_equals_cpython_for_many(program: Program) -> None:
    check(program)


def check(program: Program, other_orders: int = 0) -> None:
    found = difference(program, other_orders=other_orders)
    assert found is None, f"{program!r}\n{found}"


def test_a_number_is_always_the_same_program() -> None:
    assert program_of(7) == program_of(7)
    assert program_of(7) != program_of(8)


def test_minimise_keeps_what_fails() -> None:
    text = "a = 1\nif a:\n    for v in [1, 2]:\n        b = ‹await ›look(v)\n    print(b)\nc = [a, a]\n"
    small = minimise(Program(text, 2), lambda program: "look(" in program.source)
    assert small.tempo == 2
    assert small.text.strip() == "b = ‹await ›look()"
