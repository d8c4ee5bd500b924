"""How deeply a tree is nested, measured without recursion, and room for those who do recurse.

CPython's parser and compiler recurse in C and measure themselves against the recursion limit, as everything does
that walks a tree by recursion. Within the limits here all of that fits into the room that `run_deep` gives; CPython
3.12 alone has a fixed limit of its own, at about half of `MAX_CHAIN`.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from weft_compiler.tree import children

#: Levels of statements and expressions within one another.
MAX_NESTING = 200
#: Links of chains such as `a + b + …` and `q.f().g()…`, which lean to the left and do not count as nesting.
MAX_CHAIN = 3_000

_Result = TypeVar("_Result")
_RECURSION_LIMIT = 30_000
_STACK_BYTES = 128 * 1024 * 1024
_COUNTED = (ast.stmt, ast.expr, ast.pattern, ast.excepthandler)
_one_at_a_time = threading.Lock()


def too_deep(tree: ast.AST) -> ast.AST | None:
    """The first node, in the order of the source, that lies beyond one of the limits; None if all are within."""
    pending: list[tuple[ast.AST, int, int]] = [(tree, 0, 0)]
    while pending:
        node, nesting, chain = pending.pop()
        if nesting > MAX_NESTING or chain > MAX_CHAIN:
            return node
        linked = _chained(node)
        below = [
            (child, nesting, chain + 1) if child is linked else (child, nesting + isinstance(child, _COUNTED), chain)
            for child in children(node)
        ]
        pending.extend(reversed(below))
    return None


def run_deep(work: Callable[[], _Result]) -> _Result:
    """What `work` returns or raises; where the recursion limit stops it, it is run again with far more room."""
    try:
        return work()
    except RecursionError:
        with _one_at_a_time:
            return _run_with_room(work)


def _run_with_room(work: Callable[[], _Result]) -> _Result:
    """Runs the work in a thread with a large stack. The recursion limit is the process's: it is put back after."""
    outcome: Future[_Result] = Future()

    def fill() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001  (handed to the caller)
            outcome.set_exception(error)

    limit, stack = sys.getrecursionlimit(), threading.stack_size(_STACK_BYTES)
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        thread = threading.Thread(target=fill, name="weft-deep")
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(stack)
    return outcome.result()


def _chained(node: ast.AST) -> ast.AST | None:
    """The child by which a chain goes on: the left operand, or what is called, indexed or looked into."""
    match node:
        case ast.BinOp(left=ast.BinOp() as link):
            return link
        case ast.Call(func=link) | ast.Attribute(value=link) | ast.Subscript(value=link):
            return link
        case _:
            return None
