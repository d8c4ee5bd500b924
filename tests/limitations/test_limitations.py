"""`docs/limitations.md` lists what differs from CPython, and each entry has a case that shows it.

An entry that is lifted takes its case with it: a case in which CPython and the machine agree fails here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from weft_compiler.code_table import _CALLS, _EFFECTS, _SUBSET
from weft_compiler.codes import CODES

from tests.compiler.pages import read_examples
from tests.oracle.cases import Case, load_cases, write_block
from tests.oracle.machine import run_machine
from tests.oracle.run import run_cpython
from tests.oracle.suite import MODULES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "limitations.md").read_text(encoding="utf-8")
DIFFERENCES = load_cases(Path(__file__).parent)
_CASE = re.compile(r"\[case\]\(\.\./(tests/[\w/.]+)(?:#([\w-]+))?\)")
#: Codes that say that Python itself would fail, or whose construct is merely doubtful.
_MISTAKES = {"never-awaited", "asynchronous-generator", "reserved-name", "dunder-name"}


def _section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


ENTRIES = [" ".join(entry.split()) for entry in re.split(r"(?m)^- ", _section("Different at run time"))[1:]]


def test_every_refused_construct_is_listed() -> None:
    listed = set(re.findall(r"`([a-z-]+)`", _section("Refused when compiling")))
    assert set(_SUBSET | _CALLS | _EFFECTS) - _MISTAKES <= listed


def test_every_code_that_is_listed_has_an_example() -> None:
    rows = [line.split("|")[2] for line in _section("Refused when compiling").splitlines() if line.startswith("| ")][2:]
    shown = {example.slug for example in read_examples() if example.kind == "bad"}
    for row in rows:
        codes = set(re.findall(r"`([a-z-]+)`", row))
        assert codes, row
        assert codes <= set(CODES) & shown


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry[:40] for entry in ENTRIES])
def test_every_difference_has_a_case(entry: str) -> None:
    references = _CASE.findall(entry)
    assert references, "name a case of it: [case](../tests/limitations/differences.md#title), or a test"
    for file, anchor in references:
        assert _exists(ROOT / file, anchor), f"{file}#{anchor}"


def test_every_case_belongs_to_an_entry() -> None:
    named = {anchor for entry in ENTRIES for file, anchor in _CASE.findall(entry) if file.endswith("differences.md")}
    assert {_anchor(case) for case in DIFFERENCES} == named


@pytest.mark.parametrize("case", DIFFERENCES, ids=[case.title for case in DIFFERENCES])
def test_the_machine_differs(case: Case, update: bool) -> None:
    cpython = str(run_cpython(case.source, case.tools, modules=MODULES))
    machine = str(run_machine(case.source, case.tools, restored=True))
    if update:
        write_block(case, "outcome", cpython)
        write_block(case, "machine", machine)
    else:
        assert (cpython, machine) == (case.outcome, case.machine)
        assert cpython != machine


def _anchor(case: Case) -> str:
    return case.id.partition(":")[2]


def _exists(file: Path, anchor: str) -> bool:
    """Whether the file is there, with the case that differs, or the test, of that name; without a name, the page."""
    if not file.is_file():
        return False
    if file.suffix == ".py":
        return not anchor or f"def {anchor}(" in file.read_text(encoding="utf-8")
    if not anchor:
        return True
    return file.parent == Path(__file__).parent and anchor in {_anchor(case) for case in DIFFERENCES}
