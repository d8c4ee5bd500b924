"""CPython's own view of the text: its parser, and the errors that its compiler finds after parsing.

Messages and positions are CPython's. Only `await`, `return`, `async for`, `async with` and asynchronous
comprehensions at top level are allowed beyond what CPython accepts in a module.
"""

from __future__ import annotations

import ast
import warnings

from weft_compiler.diagnostics import Reporter
from weft_compiler.graph import Span


def parse_tree(text: str, reporter: Reporter) -> ast.Module | None:
    """The tree, or None after its syntax errors are reported."""
    try:
        return _parse(text)
    except SyntaxError as error:
        reporter.report("syntax-error", _span_of_error(error, reporter), problem=error.msg)
    return None


def check_tree(tree: ast.Module, reporter: Reporter) -> bool:
    """Reports what CPython's compiler refuses in the tree; whether there was nothing."""
    try:
        _compile(tree)
    except SyntaxError as error:
        reporter.report("syntax-error", _span_of_error(error, reporter), problem=error.msg)
    return not reporter.failed


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _compile(tree: ast.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(
            _without_top_level_returns(tree), "<orchestration>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        )


class _ReturnsToExpressions(ast.NodeTransformer):
    def visit_Return(self, node: ast.Return) -> ast.stmt:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Expr(node.value), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node


def _without_top_level_returns(tree: ast.Module) -> ast.Module:
    copied = ast.parse(ast.unparse(tree))
    return ast.fix_missing_locations(_ReturnsToExpressions().visit(copied))


def _span_of_error(error: SyntaxError, reporter: Reporter) -> Span:
    line = min(max(error.lineno or 1, 1), len(reporter.lines))
    col = max((error.offset or 1) - 1, 0)
    end_line, end_col = error.end_lineno or line, (error.end_offset or 0) - 1
    if (end_line, end_col) <= (line, col):
        end_line, end_col = line, col + 1
    return Span(line=line, col=col, end_line=end_line, end_col=end_col)
