"""Every case under CPython and in the machine: result, output, error and the timed steps must be the same.

`pytest tests/cases --update` writes outcomes and graphs into the cases; read the difference before you commit it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from weft_compiler.diagnostics import CompileFailed
from weft_compiler.printer import render_graph

from tests.oracle.cases import Case, load_cases, write_block
from tests.oracle.suite import check_cpython, check_machine, compile_case, each

HERE = Path(__file__).parent
CASES = load_cases(HERE)
RUNS = [case for case in CASES if not case.diagnostics]
REFUSED = [case for case in CASES if case.diagnostics]
GRAPHS = [case for case in CASES if case.graph is not None]


@pytest.mark.parametrize("case", each(RUNS))
def test_cpython(case: Case, update: bool) -> None:
    check_cpython(case, update)


@pytest.mark.parametrize("case", each(RUNS))
def test_machine(case: Case) -> None:
    check_machine(case, restored=False)


@pytest.mark.parametrize("case", each(RUNS))
def test_machine_from_checkpoints(case: Case) -> None:
    check_machine(case, restored=True)


@pytest.mark.parametrize("case", each(REFUSED))
def test_diagnostics(case: Case) -> None:
    with pytest.raises(CompileFailed) as failed:
        compile_case(case)
    assert [(d.span.line, d.code) for d in failed.value.diagnostics] == case.diagnostics


@pytest.mark.parametrize("case", each(GRAPHS))
def test_graph(case: Case, update: bool) -> None:
    plan, _warnings = compile_case(case)
    printed = render_graph(plan.graph, "tree").rstrip("\n") + "\n"
    if update:
        write_block(case, "graph", printed)
    else:
        assert printed == case.graph
