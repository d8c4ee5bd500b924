"""Every case under CPython and in the machine: result, output, error and the timed steps must be the same.

`pytest tests/cases --update` writes outcomes and graphs into the cases; read the difference before you commit it.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from weft_compiler.allowed_names import ALLOWED_MODULES
from weft_compiler.compile import compile_source
from weft_compiler.diagnostics import CompileFailed
from weft_compiler.plan import Plan
from weft_compiler.printer import render_graph

from tests.oracle.cases import Case, load_cases, write_block
from tests.oracle.machine import run_machine
from tests.oracle.run import run_cpython

CASES = load_cases(Path(__file__).parent)
RUNS = [pytest.param(case, id=case.id) for case in CASES if not case.diagnostics]
#: Cases in which the machine differs from CPython, or cannot take a checkpoint, to this day. Each must differ: the one
#: that agrees again is to be taken off the list.
DIFFERENT = set((Path(__file__).parent / "different.txt").read_text().split())


def _in_the_machine(restored: bool) -> list[Any]:
    lists = {f"{'restored' if restored else 'straight'}:", "both:"}
    return [
        pytest.param(
            case,
            id=case.id,
            marks=[pytest.mark.xfail(strict=True)] if any(f"{each}{case.id}" in DIFFERENT for each in lists) else [],
        )
        for case in CASES
        if not case.diagnostics
    ]


REFUSED = [pytest.param(case, id=case.id) for case in CASES if case.diagnostics]
GRAPHS = [pytest.param(case, id=case.id) for case in CASES if case.graph is not None]
#: Bound before a script runs: generated code often leaves the imports out.
MODULES: dict[str, Any] = {
    name: importlib.import_module(name) for name in ALLOWED_MODULES if "." not in name and name != "__future__"
}


def compile_case(case: Case) -> Plan:
    return compile_source(case.source, [tool.spec for tool in case.tools.values()], file="plan.py")


@pytest.mark.parametrize("case", RUNS)
def test_cpython(case: Case, update: bool) -> None:
    outcome = str(run_cpython(case.explicit, case.tools, case.inputs, modules=MODULES))
    if update:
        write_block(case, "outcome", outcome)
    else:
        assert outcome == case.outcome


@pytest.mark.parametrize("case", _in_the_machine(restored=False))
def test_machine(case: Case) -> None:
    assert str(run_machine(case.source, case.tools, case.inputs)) == case.outcome


@pytest.mark.parametrize("case", _in_the_machine(restored=True))
def test_machine_from_checkpoints(case: Case) -> None:
    assert str(run_machine(case.source, case.tools, case.inputs, restored=True)) == case.outcome


@pytest.mark.parametrize("case", REFUSED)
def test_diagnostics(case: Case) -> None:
    with pytest.raises(CompileFailed) as failed:
        compile_case(case)
    assert [(d.span.line, d.code) for d in failed.value.diagnostics] == case.diagnostics


@pytest.mark.parametrize("case", GRAPHS)
def test_graph(case: Case, update: bool) -> None:

    printed = render_graph(compile_case(case).graph, "tree").rstrip("\n") + "\n"
    if update:
        write_block(case, "graph", printed)
    else:
        assert printed == case.graph
