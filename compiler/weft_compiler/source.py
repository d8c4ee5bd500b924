"""The first phase: text to syntax tree, titles, and CPython's own syntax errors.

What always holds of a `Source`: its text is within the limits of size and depth, CPython would compile its
tree (with `await` and `return` also allowed at top level), and its lines are split as CPython counts them.
Which constructs an orchestration may use is decided in `subset`, not here.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass, field

from weft_compiler.depth import MAX_CHAIN, MAX_NESTING, too_deep
from weft_compiler.diagnostics import Reporter, split_lines
from weft_compiler.graph import Span
from weft_compiler.syntax import TooDeep, check_tree, parse_tree
from weft_compiler.tree import walk

MAX_BYTES = 1_000_000

_START = Span(line=1, col=0, end_line=1, end_col=0)


@dataclass(frozen=True)
class Source:
    """An orchestration's text and tree. `titles` maps a statement's line to the comment directly above it."""

    text: str
    file: str
    tree: ast.Module
    lines: Sequence[str]
    titles: dict[int, str] = field(default_factory=dict)


def parse_source(text: str, file: str, reporter: Reporter) -> Source | None:
    """The parsed source, or None after its errors are reported."""
    if not _check_text(text, reporter):
        return None
    try:
        tree = parse_tree(text, reporter)
        if tree is None or not _check_depth(tree, reporter) or not check_tree(tree, reporter):
            return None
    except TooDeep as error:
        _report_depth(error.span or _START, reporter)
        return None
    return Source(text, file, tree, reporter.lines, find_titles(reporter.lines, tree))


def find_titles(lines: Sequence[str], tree: ast.Module) -> dict[int, str]:
    """The comment lines directly above each statement, joined by spaces, by the statement's line."""
    above = _comment_lines(lines)
    titles: dict[int, str] = {}
    for node in walk(tree):
        if isinstance(node, (ast.stmt, ast.excepthandler)) and (title := _title_above(_first_line(node), above)):
            titles[node.lineno] = title
    return titles


def _check_text(text: str, reporter: Reporter) -> bool:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        reporter.report("not-text", _START, problem=f"the source is not valid Unicode text: {error.reason}")
        return False
    if size > MAX_BYTES:
        reporter.report("too-large", _START, size=size, limit=MAX_BYTES)
    if (nul := text.find("\0")) >= 0:
        line = len(split_lines(text[:nul]))
        spot = Span(line=line, col=0, end_line=line, end_col=0)
        reporter.report("not-text", spot, problem="the source contains a null byte")
    return not reporter.failed


def _check_depth(tree: ast.Module, reporter: Reporter) -> bool:
    node = too_deep(tree)
    if node is not None:
        _report_depth(node, reporter)
    return node is None


def _report_depth(where: ast.AST | Span, reporter: Reporter) -> None:
    reporter.report("too-deep", where, limit=MAX_NESTING, chain=MAX_CHAIN)


def _comment_lines(lines: Sequence[str]) -> dict[int, str]:
    """The text of each line that holds only a comment."""
    if not any(line.lstrip().startswith("#") for line in lines):
        return {}
    tokens = tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline)
    return {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip()
    }


def _first_line(node: ast.stmt | ast.excepthandler) -> int:
    """The line where the statement begins, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _title_above(line: int, comments: dict[int, str]) -> str:
    parts: list[str] = []
    while (line := line - 1) in comments:
        parts.append(comments[line])
    return " ".join(part for part in reversed(parts) if part)
