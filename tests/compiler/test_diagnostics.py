"""Diagnostics: where they point, in which order they come, and their three renderings."""

from __future__ import annotations

import ast
import json

import pytest
from weft_compiler.codes import CODES, UnknownCode, code_of, explain
from weft_compiler.diagnostics import CompileFailed, Label, Reporter, header_of, render, span_of
from weft_compiler.graph import Span


def span(line: int, col: int, end_col: int, end_line: int | None = None) -> Span:
    return Span(line=line, col=col, end_line=end_line or line, end_col=end_col)


def pointed_at(text: str, node: ast.AST, *, header: bool = False) -> str:
    """The text that a node's span covers, lines joined by `|`."""
    reporter = Reporter(text, "plan.py")
    found = header_of(node, reporter) if header else span_of(node, reporter)
    lines = list(reporter.lines[found.line - 1 : found.end_line])
    lines[-1] = lines[-1][: found.end_col]
    lines[0] = lines[0][found.col :]
    return "|".join(lines)


SOURCE = """\
user = get_user("u1")
\t数据 = list_orders("日本", max=2)
for a in b:
    f(
    1,
    2,
    3,
    4,
    5)
"""

FULL = """\
error[wrong-argument]: `list_orders` has no parameter `max`
 --> plan.py:2:25
  |
2 |     数据 = list_orders("日本", max=2)
  |                                ^^^^^
  :
1 | user = get_user("u1")
  |        -------- a tool that has it
  |
  = note: the signature is `list_orders(user_id, limit=…)`
  = help: did you mean `limit`?
  |
  + 数据 = list_orders("日本", limit=2)

error[effectful-generator]: `f` asks a generator that holds steps from inside Python, where a run cannot stop
 --> plan.py:4:5
  |
4 |     f(
  |     ^^
5 |     1,
  |     ^^
... |
8 |     4,
  |     ^^
9 |     5)
  |     ^^
  |
  = note: first
  = help: one
          two

warning[name-shadows-tool]: `x` hides the tool of that name
  --> plan.py:10:1
   |
10 |
   | ^
   |
   = note: calls of `x` in its scope use this definition, not the tool
   = help: rename it if you mean to call the tool

2 errors, 1 warning"""


@pytest.fixture
def reporter() -> Reporter:
    """Three findings, reported out of order."""
    reporter = Reporter(SOURCE, "plan.py")
    reporter.report("name-shadows-tool", span(10, 0, 0), name="x")
    reporter.report("effectful-generator", span(4, 4, 6, 9), consumer="f", notes=["first"], help_text="one\ntwo")
    reporter.report(
        "wrong-argument",
        span(2, 24, 29),
        tool="list_orders",
        name="max",
        signature="list_orders(user_id, limit=…)",
        proposal="did you mean `limit`?",
        fix='数据 = list_orders("日本", limit=2)',
        related=[Label(span(1, 7, 15), "a tool that has it")],
    )
    return reporter


def test_full(reporter: Reporter) -> None:
    assert render(reporter.diagnostics, SOURCE, "full", file="plan.py") == FULL


def test_color_adds_nothing_but_color(reporter: Reporter) -> None:
    colored = render(reporter.diagnostics, SOURCE, "full", file="plan.py", color=True)
    assert "\x1b[1;31merror[wrong-argument]\x1b[0m" in colored
    plain = "".join(part.partition("m")[2] if index else part for index, part in enumerate(colored.split("\x1b[")))
    assert plain == FULL


def test_concise(reporter: Reporter) -> None:
    assert render(reporter.diagnostics, SOURCE, "concise", file="plan.py").split("\n") == [
        "plan.py:2:25: error[wrong-argument]: `list_orders` has no parameter `max`",
        "plan.py:4:5: error[effectful-generator]: `f` asks a generator that holds steps from inside Python, where a run cannot stop",
        "plan.py:10:1: warning[name-shadows-tool]: `x` hides the tool of that name",
    ]


def test_json(reporter: Reporter) -> None:
    first, *_ = json.loads(render(reporter.diagnostics, SOURCE, "json", file="plan.py"))
    assert first == {
        "code": "wrong-argument",
        "severity": "error",
        "message": "`list_orders` has no parameter `max`",
        "file": "plan.py",
        "span": {"line": 2, "col": 24, "end_line": 2, "end_col": 29},
        "notes": ["the signature is `list_orders(user_id, limit=…)`"],
        "help": "did you mean `limit`?",
        "fix": '数据 = list_orders("日本", limit=2)',
        "related": [{"span": {"line": 1, "col": 7, "end_line": 1, "end_col": 15}, "message": "a tool that has it"}],
    }


def test_nothing_is_rendered_as_nothing() -> None:
    assert render((), "x = 1\n", "full", file="plan.py") == ""
    assert render((), "x = 1\n", "concise", file="plan.py") == ""
    assert render((), "x = 1\n", "json", file="plan.py") == "[]"


@pytest.mark.parametrize(
    ("line", "col", "end_col", "shown"),
    [
        ("a\tbc", 2, 4, ["a   bc", "    ^^"]),
        ("日\tbc", 2, 4, ["日  bc", "    ^^"]),
        ("e\u0301 = x", 5, 6, ["e\u0301 = x", "    ^"]),
        ("x\x1b[2Jy", 5, 6, ["x␛[2Jy", "     ^"]),
    ],
)
def test_marks_stand_under_their_text(line: str, col: int, end_col: int, shown: list[str]) -> None:
    reporter = Reporter(line, "plan.py")
    reporter.report("syntax-error", span(1, col, end_col), problem="invalid syntax")
    rendered = render(reporter.diagnostics, line, "full", file="plan.py").split("\n")
    assert [row.removeprefix("1 | ").removeprefix("  | ") for row in rendered[3:5]] == shown


def test_very_long_lines_are_cut_around_the_marks() -> None:
    line = f"x = [{'1, ' * 10_000}y]"
    reporter = Reporter(line, "plan.py")
    place = line.index("y")
    reporter.report("syntax-error", span(1, place, place + 1), problem="invalid syntax")
    text, marks = render(reporter.diagnostics, line, "full", file="plan.py").split("\n")[3:5]
    assert len(text) < 250
    assert text[marks.index("^")] == "y"


def test_warnings_alone_do_not_fail() -> None:
    reporter = Reporter("x = 1\n", "plan.py")
    reporter.report("name-shadows-tool", span(1, 0, 1), name="x")
    reporter.raise_if_errors()
    assert not reporter.failed


def test_failure_carries_everything_in_order(reporter: Reporter) -> None:
    with pytest.raises(CompileFailed) as failed:
        reporter.raise_if_errors()
    assert [found.span.line for found in failed.value.diagnostics] == [2, 4, 10]
    assert (failed.value.source, failed.value.file) == (SOURCE, "plan.py")
    assert str(failed.value) == render(reporter.diagnostics, SOURCE, "concise", file="plan.py")


def test_the_same_finding_is_reported_once() -> None:
    reporter = Reporter("x = 1\n", "plan.py")
    for _ in range(2):
        reporter.report("reserved-name", span(1, 0, 1), name="x")
    assert len(reporter.diagnostics) == 1


def test_a_name_is_refused_by_the_first_phase_that_does() -> None:
    reporter = Reporter("open\n", "plan.py")
    name = ast.parse(reporter.text).body[0].value  # type: ignore[attr-defined]
    reporter.report("refused-builtin", name, name="open", reason="files")
    reporter.report("unknown-name", name, name="open", available="", proposal="")
    assert [found.code for found in reporter.diagnostics] == ["refused-builtin"]


def test_a_missing_value_is_named() -> None:
    with pytest.raises(TypeError, match="'reserved-name' needs a value for 'name'"):
        Reporter("x\n", "plan.py").report("reserved-name", span(1, 0, 1))


def test_unknown_codes_get_the_closest_ones() -> None:
    with pytest.raises(UnknownCode, match="unknown diagnostic code 'unknown-nam'; the closest are unknown-name"):
        code_of("unknown-nam")
    with pytest.raises(UnknownCode, match="all codes: ambiguous-coroutine"):
        explain("xyzzy")


@pytest.mark.parametrize("slug", sorted(CODES))
def test_texts_keep_the_style(slug: str) -> None:
    code = CODES[slug]
    for text in (code.message, *code.notes, code.help or "x"):
        assert not text.endswith("."), text
        assert text[0] == text[0].lower() or text.startswith("Python "), text
        assert "\n" not in text, text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("é = 'ü'; x = f(1)", "x = f(1)"),
        ("x = [\n  1,\n]", "x = [|  1,|]"),
        ("x = 1 # \u2028\ny = 2", "y = 2"),
        ("x = 1\r\ny = 2\r\n", "y = 2"),
    ],
)
def test_spans_are_in_characters(text: str, shown: str) -> None:
    assert pointed_at(text, ast.parse(text).body[-1]) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("async  def f(a,\n b): pass", "async  def f"),
        ("@d\nclass C(B): pass", "class C"),
        ("for x in xs: pass", "for x in xs"),
        ("while x > 1:\n  pass", "while x > 1"),
        ("with a as b, c:\n  pass", "with a as b, c"),
        ("try:\n  pass\nfinally:\n  pass", "try"),
        ("match x:\n  case 1: pass", "match x"),
        ("x = 1", "x = 1"),
    ],
)
def test_compound_statements_are_pointed_at_by_their_header(text: str, shown: str) -> None:
    assert pointed_at(text, ast.parse(text).body[0], header=True) == shown


def test_nodes_without_a_position_have_that_of_their_children() -> None:
    text = "[x for x in xs if x]"
    comprehension = ast.parse(text).body[0].value.generators[0]  # type: ignore[attr-defined]
    assert pointed_at(text, comprehension) == "x in xs if x"
    assert span_of(ast.parse(""), Reporter("", "plan.py")) == span(1, 0, 0)
