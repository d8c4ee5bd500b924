"""Parsing: CPython's own errors and positions, several at once, limits, and titles."""

from __future__ import annotations

import ast
import sys

import pytest
from weft_compiler.depth import MAX_CHAIN, MAX_NESTING, run_deep
from weft_compiler.diagnostics import Reporter, render
from weft_compiler.source import MAX_BYTES, Source, parse_source


def parse(text: str) -> Source:
    reporter = Reporter(text, "plan.py")
    source = parse_source(text, "plan.py", reporter)
    assert source is not None, render(reporter.diagnostics, text, "full", file="plan.py")
    assert not reporter.diagnostics
    return source


def errors(text: str) -> list[str]:
    """`line:column message` of each error."""
    reporter = Reporter(text, "plan.py")
    assert parse_source(text, "plan.py", reporter) is None
    return [f"{found.span.line}:{found.span.col + 1} {found.message}" for found in reporter.diagnostics]


def codes(text: str) -> list[str]:
    reporter = Reporter(text, "plan.py")
    assert parse_source(text, "plan.py", reporter) is None
    return [found.code for found in reporter.diagnostics]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "x = await f()\nreturn x",
        "if x:\n    return\nelse:\n    return await y",
        "for x in y:\n    try:\n        return 1\n    finally:\n        pass",
        "match x:\n    case 1:\n        return 2",
        "async for x in y: pass",
        "async with x: pass",
        "z = [x async for x in y]",
        "def f():\n    yield 1",
        "x = 1; y = '''\n\\N{BULLET}\f'''\n",
        "\x0cx = 1\n",
        "class A:\n    def f(self):\n        return super().f()",
        "x = (yield_ for yield_ in y)",
    ],
)
def test_accepted(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = = 1\n", ["1:5 invalid syntax"]),
        ("é = 1; x = = 1\n", ["1:12 invalid syntax"]),
        ("x = 'abc\n", ["1:5 unterminated string literal (detected at line 1)"]),
        ("x = (1,\ny = 2\nz = = 1\n", ["1:5 '(' was never closed"]),
        ("if x:\ny = 1\nz = = 1\n", ["2:1 expected an indented block after 'if' statement on line 1"]),
        ("if x:\n\ty\n        z\n", ["3:1 inconsistent use of tabs and spaces in indentation"]),
        ("  x = 1\n", ["1:2 unexpected indent"]),
        ("print 'a'\n", ["1:1 Missing parentheses in call to 'print'. Did you mean print(...)?"]),
    ],
)
def test_the_parsers_own_messages(text: str, expected: list[str]) -> None:
    assert errors(text) == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x = = 1\ny = 2\nz = (3 3)\n", [1, 3]),
        ("def f(:\n    return 1\n\n\ng(\n  a b\n)\n", [1, 6]),
        ("if x = 3:\n    pass\nelse:\n    y = = 1\n", [1, 4]),
        ("if x = 3: pass\nelif x = 4: pass\nelse: y = = 1\n", [1, 2, 3]),
        ("for x y:\n    continue\nelse:\n    pass\n", [1]),
        ("try: x = = 1\nexcept: pass\ny z\n", [1, 3]),
        ("try:\n    pass\nexcept A B:\n    pass\nfinally:\n    y z\n", [3, 6]),
        ("match x y:\n    case 1:\n        pass\n    case 2 3:\n        pass\n", [1, 4]),
        ("@a b\ndef f():\n    pass\n", [1]),
        ("class A:\n    def f(self) return 1\n\n    def g(self): x y\n", [2, 4]),
        ("x = 'abc\ny = 1\nz = = 3\n", [1, 3]),
        ("with a b:\n    pass\nwhile x y:\n    break\n", [1, 3]),
        ("async def f(:\n    await x\nawait await\n", [1, 3]),
        ("tr:\n    x = 1\nexcept KeyError:\n    pass\n", [1]),
        ("x = 1 -match y:\n  z\n", [1]),
        ("x = (1)) y\nz)\n", [1]),
    ],
)
def test_independent_errors_come_together_and_bring_no_others(text: str, lines: list[int]) -> None:
    assert [int(error.partition(":")[0]) for error in errors(text)] == lines


def test_a_flood_of_errors_is_cut() -> None:
    assert len(errors("x y\n" * 100)) == 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yield 1\n", ["1:1 'yield' outside function"]),
        ("é = 'ü'; break\n", ["1:10 'break' outside loop"]),
        ("if x:\n    continue\n", ["2:5 'continue' not properly in loop"]),
        ("def f(a, a): pass\n", ["1:10 duplicate argument 'a' in function definition"]),
        ("class A:\n    return 1\n", ["2:5 'return' outside function"]),
        ("nonlocal x\n", ["1:1 nonlocal declaration not allowed at module level"]),
        ("def f():\n    nonlocal x\n", ["2:5 no binding for nonlocal 'x' found"]),
        ("x = 1\nglobal x\n", ["2:1 name 'x' is assigned to before global declaration"]),
        ("from __future__ import nope\n", ["1:1 future feature nope is not defined"]),
        ("def f():\n    from math import *\n", ["2:22 import * only allowed at module level"]),
        ("async def f():\n    yield 1\n    return 2\n", ["3:5 'return' with value in async generator"]),
    ],
)
def test_the_compilers_own_messages(text: str, expected: list[str]) -> None:
    if sys.version_info[:2] == (3, 11):
        assert errors(text) == expected
    assert codes(text) == ["syntax-error"]


def test_what_the_compiler_refuses_comes_together() -> None:
    text = "yield 1\nbreak\ndef f(a, a): pass\nclass A:\n    return 1\nreturn 3\ndef g():\n    nonlocal z\n    break\n"
    assert [int(error.partition(":")[0]) for error in errors(text)] == [1, 2, 3, 5, 8, 9]


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    await x\n",
        "def f():\n    async with x: pass\n",
        "def f():\n    return [x async for x in y]\n",
        "class A:\n    x = await y\n",
        "f = lambda: await x\n",
    ],
)
def test_waiting_where_nothing_can_wait(text: str) -> None:
    assert codes(text) == ["await-in-sync"]


@pytest.mark.parametrize("text", ["x = '\ud800'", "a\0b"])
def test_what_is_not_text(text: str) -> None:
    assert codes(text) == ["not-text"]


def test_size() -> None:
    assert parse("#" * MAX_BYTES)
    assert codes("#" * (MAX_BYTES + 1)) == ["too-large"]


#: CPython 3.12 has limits of its own that nothing can raise.
_FIXED_LIMITS = sys.version_info[:2] == (3, 12)
_LONG = 1_000 if _FIXED_LIMITS else MAX_CHAIN - 10


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 190 + "]" * 190,
        "x = " + "-" * 190 + "1",
        "if x: pass\n" + "elif x: pass\n" * 180,
        "x = " + " + ".join(["a"] * _LONG),
        "x = a" + ".b()" * (_LONG // 2 - 1),
        "x = [" + "1, " * 20_000 + "]",
        "x = " + " and ".join(["a"] * 20_000),
    ],
    ids=lambda text: text[:12],
)
def test_deep_but_within_the_limits(text: str) -> None:
    tree = parse(text).tree
    run_deep(lambda: compile(tree, "plan.py", "exec"))


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 250 + "]" * 250,
        "x = " + "-" * 250 + "1",
        "x = " + "-" * 20_000 + "1",
        "if x: pass\n" + "elif x: pass\n" * 300,
        "x = " + " + ".join(["a"] * (MAX_CHAIN + 10)),
        "x = " + " + ".join(["a"] * 100_000),
        "x = a" + ".b()" * MAX_CHAIN,
        "x = " + "a if b else " * 1_000 + "c",
        "".join(" " * depth + "if x:\n" for depth in range(150)) + " " * 150 + "pass\n",
    ],
    ids=lambda text: text[:12],
)
def test_too_deep(text: str) -> None:
    assert codes(text) == ["too-deep"]


def test_the_limit_of_nesting_is_met_where_it_is_passed() -> None:
    text = "y = 1\nx = " + "-" * (MAX_NESTING + 50) + "1"
    assert errors(text) == [f"2:{len('x = ') + MAX_NESTING} this is nested too deeply to compile"]


def test_room_is_given_back() -> None:
    before = sys.getrecursionlimit()
    with pytest.raises(SyntaxError):
        run_deep(lambda: ast.parse("x = " + " + ".join(["a"] * 2_990) + " +"))
    assert sys.getrecursionlimit() == before


def test_titles() -> None:
    text = """\
# The team.
members = await get_team()  # not a title

# Spending of each member,
#   in this quarter

## and the next
for m in members:
    x = '''
# no comment
'''
    #
    #: one budget
    @decorated
    async def budget():
        # The answer
        return 42
try:
    pass
# When it fails
except ValueError:
    pass
"""
    assert parse(text).titles == {
        2: "The team.",
        8: "and the next",
        15: ": one budget",
        17: "The answer",
        21: "When it fails",
    }


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_other_systems(newline: str) -> None:
    assert parse(newline.join(["# one", "x = 1", "# two", "y = 2", ""])).titles == {2: "one", 4: "two"}
    assert errors(newline.join(["x = = 1", "y = 2", "z = (3 3)"])) == [
        "1:5 invalid syntax",
        "3:6 invalid syntax. Perhaps you forgot a comma?",
    ]


def test_comment_lines_are_joined() -> None:
    assert parse("# one\n#two\n#\n#   three\nx = 1\n").titles == {5: "one two three"}
