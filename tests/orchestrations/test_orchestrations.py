"""Longer orchestrations, as Claude writes them for real jobs: each compiles without a word and ends as under CPython.

One file a job, in the form of the cases (`tests/oracle/cases.py`). `pytest tests/orchestrations --update` writes the
outcomes, which come from CPython; read the difference before you commit it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle.cases import Case, load_cases
from tests.oracle.suite import check_cpython, check_machine, compile_case, each

HERE = Path(__file__).parent
ORCHESTRATIONS = load_cases(HERE)


def test_there_are_fifty() -> None:
    assert len(ORCHESTRATIONS) == len({case.file for case in ORCHESTRATIONS}) == 50


@pytest.mark.parametrize("case", each(ORCHESTRATIONS))
def test_length(case: Case) -> None:
    lines = [line for line in case.source.splitlines() if line.strip()]
    assert 60 <= len(lines) <= 200


@pytest.mark.parametrize("case", each(ORCHESTRATIONS))
def test_compiles_without_a_word(case: Case) -> None:
    _plan, warnings = compile_case(case)
    assert warnings == []


@pytest.mark.parametrize("case", each(ORCHESTRATIONS))
def test_cpython(case: Case, update: bool) -> None:
    check_cpython(case, update)


@pytest.mark.parametrize("case", each(ORCHESTRATIONS))
def test_machine(case: Case) -> None:
    check_machine(case, restored=False)


@pytest.mark.parametrize("case", each(ORCHESTRATIONS))
def test_machine_from_checkpoints(case: Case) -> None:
    check_machine(case, restored=True)
