"""Makes a failing program smaller while it fails in the same way.

Works on the syntax tree: statements go, compound ones give way to their bodies, expressions to their parts or to a constant.
It knows nothing of what a program is compared with: a predicate says whether a smaller one still fails.
"""

from __future__ import annotations

import ast
import copy
import re
import time
from collections.abc import Callable, Iterator

from tests.oracle.generated.programs import Program

#: Stands for `‹await ›` and `‹async ›` where a program has to be parsed.
_MARK = "_implicit_"


def minimise(program: Program, fails: Callable[[Program], bool], seconds: float = 120) -> Program:
    """The smallest program found in that time for which `fails` still holds."""
    end = time.monotonic() + seconds
    best, progress = program, True
    while progress and time.monotonic() < end:
        progress = False
        for smaller in _smaller(best):
            if time.monotonic() > end:
                break
            if len(smaller.text) < len(best.text) and fails(smaller):
                best, progress = smaller, True
                break
    return best


def _smaller(program: Program) -> Iterator[Program]:
    """All smaller programs, the boldest cuts first."""
    tree = ast.parse(_to_marks(program.text))
    for change in (_without_statements, _without_shells, _without_parts, _with_simpler_expressions):
        for smaller in change(tree):
            yield Program(_from_marks(ast.unparse(ast.fix_missing_locations(smaller))) + "\n", program.tempo)


def _to_marks(text: str) -> str:
    text = re.sub(r"‹async ›for (\w+) in ", rf"async for \1 in {_MARK}.", text.replace("‹[›", "[").replace("‹]›", "]"))
    return text.replace("‹await ›", f"await {_MARK}.").replace("‹async ›def ", f"async def {_MARK}")


def _from_marks(text: str) -> str:
    text = re.sub(rf"async for (\w+) in {_MARK}\.", r"‹async ›for \1 in ", text)
    return text.replace(f"await {_MARK}.", "‹await ›").replace(f"async def {_MARK}", "‹async ›def ")


def _blocks(tree: ast.AST) -> list[tuple[ast.AST, str, list[ast.stmt]]]:
    found = []
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                found.append((node, name, block))
    return found


def _changed(tree: ast.Module, index: int, change: Callable[[list[ast.stmt]], list[ast.stmt]]) -> ast.Module:
    """A copy of the tree with another content of its block of that number."""
    fresh = copy.deepcopy(tree)
    node, name, block = _blocks(fresh)[index]
    left = change(block)
    setattr(node, name, left or ([ast.Pass()] if name == "body" and not isinstance(node, ast.Module) else []))
    return fresh


def _without_statements(tree: ast.Module) -> Iterator[ast.Module]:
    sizes = sorted({len(block) for *_, block in _blocks(tree)}, reverse=True)
    chunk = max(sizes[0] // 2, 1) if sizes else 0
    while chunk:
        for index, (_, _, block) in enumerate(_blocks(tree)):
            if chunk > len(block) or (len(block) == 1 and isinstance(block[0], ast.Pass)):
                continue
            for start in range(0, len(block), chunk):
                yield _changed(tree, index, lambda b, s=start, c=chunk: [*b[:s], *b[s + c :]])  # type: ignore[misc]
        chunk //= 2


def _without_shells(tree: ast.Module) -> Iterator[ast.Module]:
    """Compound statements replaced by what they hold."""
    for index, (_, _, block) in enumerate(_blocks(tree)):
        for position, statement in enumerate(block):
            for name in ("body", "orelse", "finalbody"):
                if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and getattr(
                    statement, name, None
                ):
                    yield _changed(
                        tree,
                        index,
                        lambda b, p=position, n=name: [*b[:p], *getattr(b[p], n), *b[p + 1 :]],  # type: ignore[misc]
                    )


def _without_parts(tree: ast.Module) -> Iterator[ast.Module]:
    """Handlers, cases, items, arguments, elements, decorators, conditions of comprehensions: one less of each."""
    for number, node in enumerate(ast.walk(tree)):
        for name in (
            "handlers",
            "cases",
            "items",
            "args",
            "keywords",
            "elts",
            "decorator_list",
            "ifs",
            "targets",
            "orelse",
            "finalbody",
        ):
            held = getattr(node, name, None)
            if not isinstance(held, list):
                continue
            for position in range(len(held)):
                if name in ("items", "targets", "cases") and len(held) == 1:
                    continue
                fresh = copy.deepcopy(tree)
                del getattr(_nth(fresh, number), name)[position]
                yield fresh


def _with_simpler_expressions(tree: ast.Module) -> Iterator[ast.Module]:
    for number, node in enumerate(ast.walk(tree)):
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.expr) and not isinstance(getattr(value, "ctx", None), ast.Store | ast.Del):
                yield from _replaced(tree, number, field, None, value)
            elif isinstance(value, list):
                for position, item in enumerate(value):
                    if isinstance(item, ast.expr) and not isinstance(getattr(item, "ctx", None), ast.Store | ast.Del):
                        yield from _replaced(tree, number, field, position, item)


def _replaced(tree: ast.Module, number: int, field: str, position: int | None, value: ast.expr) -> Iterator[ast.Module]:
    parts = [child for child in ast.walk(value) if isinstance(child, ast.expr) and child is not value]
    options: list[ast.expr] = [] if isinstance(value, ast.Constant | ast.Name) else [*parts[:12], ast.Constant(1)]
    for option in options:
        fresh = copy.deepcopy(tree)
        node = _nth(fresh, number)
        if position is None:
            setattr(node, field, copy.deepcopy(option))
        else:
            getattr(node, field)[position] = copy.deepcopy(option)
        yield fresh


def _nth(tree: ast.AST, number: int) -> ast.AST:
    for index, node in enumerate(ast.walk(tree)):
        if index == number:
            return node
    raise IndexError(number)
