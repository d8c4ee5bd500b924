"""Every code has a page, and the pages tell the truth: the bad example yields the code, the good one compiles."""

from __future__ import annotations

import sys

import pytest
from _pytest.mark import ParameterSet
from weft_compiler.codes import CODES, explain
from weft_compiler.compile import compile_source
from weft_compiler.diagnostics import CompileFailed, Diagnostic

from tests.compiler.pages import FOLDER, TOOLS, Example, read_examples

#: Codes of which no short Python text can be an example.
_WITHOUT_EXAMPLE = {"missing-input", "not-text", "too-deep", "too-large", "unknown-input"}

#: A line that is never right, and its code, which has no warning of its own.
_WRONG, _WRONG_CODE = "from . import wrong", "relative-import"

EXAMPLES = read_examples()


def _runnable() -> list[ParameterSet]:
    """The examples that this version of Python can parse."""
    return [
        pytest.param(
            example,
            id=f"{example.slug}-{example.kind}",
        )
        for example in EXAMPLES
        if example.python <= sys.version_info[:2]
    ]


def test_each_code_has_a_page_and_each_page_a_code() -> None:
    assert {page.stem for page in FOLDER.glob("*.md")} - {"README"} == set(CODES)


@pytest.mark.parametrize("slug", sorted(CODES))
def test_a_page_opens_with_its_code(slug: str) -> None:
    assert explain(slug).startswith(f"# `{slug}`\n")


def test_each_page_has_both_examples() -> None:
    kinds = {(example.slug, example.kind) for example in EXAMPLES}
    wanted = {(slug, kind) for slug in set(CODES) - _WITHOUT_EXAMPLE for kind in ("bad", "good")}
    assert kinds == wanted


@pytest.mark.parametrize("example", _runnable())
def test_the_examples_yield_what_they_announce(example: Example) -> None:
    expected = example.expected()
    found = _diagnostics(example.text, warned=any(severity == "warning" for _, severity, _ in expected))
    assert [(one.span.line, one.severity, one.code) for one in found] == expected
    assert [code for _, _, code in expected] == ([example.slug] if example.kind == "bad" else [])


def _diagnostics(text: str, *, warned: bool) -> tuple[Diagnostic, ...]:
    """The text's diagnostics. Warnings come out together with an error only, so `warned` adds one, and drops it."""
    try:
        compile_source(f"{text}\n{_WRONG}" if warned else text, TOOLS, file="plan.py")
    except CompileFailed as failed:
        return tuple(found for found in failed.diagnostics if not warned or found.code != _WRONG_CODE)
    return ()
