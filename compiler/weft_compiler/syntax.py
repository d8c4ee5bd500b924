"""CPython's own view of the text: its parser, and the errors that its compiler finds after parsing.

Messages and positions are CPython's. Only `await`, `return`, `async for`, `async with` and asynchronous
comprehensions at top level are allowed beyond what CPython accepts in a module. CPython stops at its first error;
here the faulty statement gives way to a harmless one and the rest is looked at again.
"""

from __future__ import annotations

import ast
import copy
import re
import sys
import warnings
from typing import cast

from weft_compiler.depth import run_deep
from weft_compiler.diagnostics import Reporter, characters
from weft_compiler.graph import Span
from weft_compiler.syntax_advice import advice, is_fence, problem_of, without_fences
from weft_compiler.syntax_recovery import brought_about, without_statement

#: Syntax errors of one source that are reported together.
_MOST_ERRORS = 20
#: Limits of CPython's tokenizer, which it reports as syntax errors.
_DEPTH_MESSAGES = ("too many nested parentheses", "too many levels of indentation")


#: CPython's messages about `await` and its like in a function, or a class body, that cannot wait.
_WAITS = re.compile(r"outside async function|outside of an asynchronous function|'await' outside")


class TooDeep(Exception):
    """CPython's parser or compiler gave up on the depth of the text. `span` is None where it does not say where."""

    def __init__(self, span: Span | None = None) -> None:
        super().__init__(span)
        self.span = span


def parse_tree(text: str, reporter: Reporter) -> ast.Module | None:
    """The tree, or None after its syntax errors are reported. Raises TooDeep."""
    seen: set[int] = set()
    while len(seen) < _MOST_ERRORS:
        try:
            tree = _parse(text)
        except SyntaxError as error:
            span = _span_of_error(error, reporter, in_bytes=False)
            if error.msg.startswith(_DEPTH_MESSAGES):
                raise TooDeep(span) from error
            if span.line in seen or (seen and brought_about(error.msg, reporter.lines[span.line - 1], span.col)):
                return None
            seen.add(span.line)
            line = reporter.lines[span.line - 1]
            _report(error.msg, span, reporter)
            patched = without_fences(text) if is_fence(line) else without_statement(text, span.line, error.msg)
            if patched is None:
                return None
            text = patched
        else:
            return None if seen else tree
    return None


def check_tree(tree: ast.Module, reporter: Reporter) -> bool:
    """Reports what CPython's compiler refuses in the tree; says whether there was nothing. Raises TooDeep."""
    error = _compile_error(tree)
    if error is None:
        return True
    tree = _copied(tree)
    seen: set[tuple[int, int]] = set()
    while error is not None and len(seen) < _MOST_ERRORS:
        span = _span_of_error(error, reporter, in_bytes=True)
        _report(error.msg, span, reporter)
        place = (error.lineno or 0, error.offset or 0)
        if place in seen or not _replace_statement(tree, *place):
            break
        seen.add(place)
        error = _compile_error(tree)
    return False


def _report(message: str, span: Span, reporter: Reporter) -> None:
    """What the compiler, not the parser, refuses is a syntax error too, but waiting has a code of its own."""
    line = reporter.lines[span.line - 1]
    if _WAITS.search(message):
        # CPython's range is the whole statement, body and all.
        whole = span.end_line == span.line
        header = span if whole else Span(line=span.line, col=span.col, end_line=span.line, end_col=len(line.rstrip()))
        reporter.report("await-in-sync", header, problem=message)
        return
    notes = [f"the text is read as Python {sys.version_info[0]}.{sys.version_info[1]}"]
    problem, help_text = problem_of(message, line), advice(message, line)
    reporter.report("syntax-error", span, notes=notes, help_text=help_text, problem=problem)


def _copied(tree: ast.Module) -> ast.Module:
    return run_deep(lambda: copy.deepcopy(tree))


def _parse(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run_deep(lambda: ast.parse(text))
    except (RecursionError, MemoryError) as error:
        raise TooDeep from error


def _compile_error(tree: ast.Module) -> SyntaxError | None:
    """What CPython's compiler says about the tree, its top-level returns taken as expressions."""
    module = cast(ast.Module, _without_returns(tree))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run_deep(lambda: _compile(module))
    except SyntaxError as error:
        return error
    except (RecursionError, MemoryError) as error:
        raise TooDeep from error
    return None


def _compile(module: ast.Module) -> None:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compile(module, "<orchestration>", "exec", flags=flags, dont_inherit=True)


def _without_returns(part: ast.AST) -> ast.AST:
    """The part with each `return` that belongs to the module itself as an expression; shares what stays the same."""
    if isinstance(part, ast.Return):
        value = part.value or ast.copy_location(ast.Constant(None), part)
        return ast.copy_location(ast.Expr(value), part)
    if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return part
    clone = copy.copy(part)
    for name, held in ast.iter_fields(part):
        if isinstance(held, list) and held and isinstance(held[0], (ast.stmt, ast.excepthandler, ast.match_case)):
            setattr(clone, name, [_without_returns(inner) for inner in held])
    return clone


def _replace_statement(tree: ast.Module, line: int, offset: int) -> bool:
    """Puts `pass` for the innermost statement that holds the position; says whether there is one."""
    place = (line, max(offset - 1, 0))
    found: tuple[list[ast.stmt], int] | None = None
    pending: list[ast.AST] = [tree]
    while pending:
        for _, held in ast.iter_fields(pending.pop()):
            for index, inner in enumerate(held if isinstance(held, list) else ()):
                if isinstance(inner, ast.stmt) and _holds(inner, place):
                    found = (held, index)
                    pending.append(inner)
                elif isinstance(inner, (ast.excepthandler, ast.match_case)):
                    pending.append(inner)
    if found is None:
        return False
    statements, index = found
    statements[index] = ast.copy_location(ast.Pass(), statements[index])
    return True


def _holds(statement: ast.stmt, place: tuple[int, int]) -> bool:
    end = (statement.end_lineno or statement.lineno, statement.end_col_offset or 0)
    return (statement.lineno, statement.col_offset) <= place <= end


def _span_of_error(error: SyntaxError, reporter: Reporter, *, in_bytes: bool) -> Span:
    """The error's range. CPython counts from 1; in characters when it parses, in UTF-8 bytes when it compiles."""
    line = min(max(error.lineno or 1, 1), len(reporter.lines))
    end_line = min(max(error.end_lineno or line, line), len(reporter.lines))
    col = _column(reporter.lines[line - 1], error.offset, in_bytes=in_bytes)
    end_col = _column(reporter.lines[end_line - 1], error.end_offset, in_bytes=in_bytes)
    if (end_line, end_col) <= (line, col):
        end_line, end_col = line, min(col + 1, len(reporter.lines[line - 1]))
    return Span(line=line, col=col, end_line=end_line, end_col=end_col)


def _column(line: str, offset: int | None, *, in_bytes: bool) -> int:
    col = max((offset or 1) - 1, 0)
    return characters(line, col) if in_bytes else min(col, len(line))
