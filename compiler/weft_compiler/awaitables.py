"""Makes the `__await__` of classes asynchronous: `yield from x.__await__()` in it says what `await x` says.

The machine then runs it as any other asynchronous method. One that gives elements of its own (a bare `yield`) stays as it is.
"""

# ruff: noqa: N815 - visitors are named after node classes

from __future__ import annotations

import ast


def make_asynchronous(node: ast.FunctionDef) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """The method as `async def`, where all that it gives comes from the `__await__` of other objects."""
    yields = [n for statement in node.body for n in _own(statement) if isinstance(n, ast.Yield | ast.YieldFrom)]
    returns = [n for statement in node.body for n in _own(statement) if isinstance(n, ast.Return)]
    handed = [r for r in returns if _awaited(r.value) is not None]
    if not (all(_awaited(y.value) for y in yields) if yields else handed and len(handed) == len(returns)):
        return node
    body = [_Awaits(handed=not yields).visit(statement) for statement in node.body]
    fields = {name: getattr(node, name) for name in node._fields}
    return ast.copy_location(ast.AsyncFunctionDef(**{**fields, "body": body}), node)


def _awaited(node: ast.expr | None) -> ast.expr | None:
    """`x` of `x.__await__()`."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr="__await__"), args=[], keywords=[]):
            return value
        case _:
            return None


def _own(node: ast.AST) -> list[ast.AST]:
    """The nodes of the function's own code."""
    found = [node]
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        found += [inner for child in ast.iter_child_nodes(node) for inner in _own(child)]
    return found


class _Awaits(ast.NodeTransformer):
    """Writes the delegations as `await`. `handed` where the method returns another object's `__await__()`."""

    def __init__(self, handed: bool) -> None:
        self._handed = handed

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.AST:
        self.generic_visit(node)
        awaited = _awaited(node.value)
        assert awaited is not None
        return ast.copy_location(ast.Await(awaited), node)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        awaited = _awaited(node.value)
        if self._handed and awaited is not None:
            node.value = ast.copy_location(ast.Await(awaited), node)
        return node

    def _leave(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = _leave
