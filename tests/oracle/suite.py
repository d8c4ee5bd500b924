"""What each case of a folder must hold: CPython gives its outcome, the machine gives the same, straight and restored.

Nothing here knows what the cases are about.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import pytest
from weft_compiler.allowed_names import ALLOWED_MODULES
from weft_compiler.compile import compile_source
from weft_compiler.diagnostics import Diagnostic
from weft_compiler.plan import Plan

from tests.oracle.cases import Case, write_block
from tests.oracle.machine import run_machine
from tests.oracle.run import run_cpython

#: Bound before a script runs: generated code often leaves the imports out.
MODULES: dict[str, Any] = {
    name: importlib.import_module(name) for name in ALLOWED_MODULES if "." not in name and name != "__future__"
}


def each(cases: Iterable[Case]) -> list[Any]:
    """The cases as parameters of a test."""
    return [pytest.param(case, id=case.id) for case in cases]


def compile_case(case: Case) -> tuple[Plan, list[Diagnostic]]:
    """The plan and the compiler's warnings. Raises CompileFailed."""
    warnings: list[Diagnostic] = []
    tools = [tool.spec for tool in case.tools.values()]
    plan = compile_source(case.source, tools, file="plan.py", inputs=tuple(case.inputs), on_warning=warnings.append)
    return plan, warnings


def check_cpython(case: Case, update: bool) -> None:
    """CPython gives the outcome that the case shows; where `update`, writes what it gives into the case."""
    outcome = str(run_cpython(case.explicit, case.tools, case.inputs, modules=MODULES))
    if update:
        write_block(case, "outcome", outcome)
    else:
        assert outcome == case.outcome


def check_machine(case: Case, *, restored: bool) -> None:
    assert str(run_machine(case.source, case.tools, case.inputs, restored=restored)) == case.outcome
