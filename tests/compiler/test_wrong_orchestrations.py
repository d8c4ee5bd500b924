"""What generated code gets wrong is reported by the expected code, on its line, with a remedy, and without false echoes."""

from __future__ import annotations

import re
import sys

import pytest
from weft_compiler.compile import compile_source
from weft_compiler.diagnostics import CompileFailed, Diagnostic

from tests.compiler.pages import TOOLS
from tests.compiler.wrong_orchestrations import WRONG

_EXPECTED = re.compile(r"\s*#\s*error( before 3\.12)?:\s*([a-z-]+(?:,\s*[a-z-]+)*)\s*$")


@pytest.mark.parametrize("name", WRONG)
def test_the_fault_is_found_and_nothing_else(name: str) -> None:
    text, expected = _announced(WRONG[name])
    found = _diagnostics(text)
    assert [(each.span.line, each.code) for each in found] == expected
    for each in found:
        assert each.notes, each
        assert each.help, each
        assert "\n" not in each.message


def test_advice_that_compiles_is_code() -> None:
    """Where a diagnostic gives the corrected line, the text with that line has this fault no more."""
    tried = 0
    for source in WRONG.values():
        text, _ = _announced(source)
        for each in _diagnostics(text):
            if each.fix is None:
                continue
            lines = text.split("\n")
            indent = lines[each.span.line - 1][: -len(lines[each.span.line - 1].lstrip())]
            lines[each.span.line - 1] = indent + each.fix
            left = _diagnostics("\n".join(lines))
            assert (each.code, each.message) not in [(other.code, other.message) for other in left]
            tried += 1
    assert tried >= 4


def _announced(source: str) -> tuple[str, list[tuple[int, str]]]:
    """The text without its comments, and the line and code of what they announce for this version of Python."""
    expected: list[tuple[int, str]] = []
    lines = source.split("\n")
    for number, line in enumerate(lines, start=1):
        if found := _EXPECTED.search(line):
            lines[number - 1] = line[: found.start()]
            if not (found[1] and sys.version_info >= (3, 12)):
                expected += [(number, code.strip()) for code in found[2].split(",")]
    return "\n".join(lines), expected


def _diagnostics(text: str) -> tuple[Diagnostic, ...]:
    try:
        compile_source(text, TOOLS, file="plan.py")
    except CompileFailed as failed:
        return failed.diagnostics
    return ()
