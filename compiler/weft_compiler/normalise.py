"""Takes out of a module what a run does not evaluate: annotations outside of class bodies, and docstring-like bodies.

After this a function's body that is just `...` can only be one that the machine runs.
"""

from __future__ import annotations

import ast


def normalise(tree: ast.Module) -> None:
    """Rewrites the module in place."""
    _Normaliser().visit(tree)


class _Normaliser(ast.NodeTransformer):
    def __init__(self) -> None:
        self._in_class = False

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outer, self._in_class = self._in_class, False
        node.returns = None
        self.generic_visit(node)
        if len(node.body) == 1 and _is_ellipsis(node.body[0]):
            node.body = [ast.copy_location(ast.Pass(), node.body[0])]
        self._in_class = outer
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._visit_function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        outer, self._in_class = self._in_class, True
        self.generic_visit(node)
        self._in_class = outer
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if self._in_class:
            return node
        if node.value is None:
            # The annotation alone binds nothing, but it makes the name a variable of its scope.
            if isinstance(node.target, ast.Name):
                return ast.copy_location(_declaration(node.target), node)
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def _declaration(name: ast.Name) -> ast.stmt:
    """A statement that never runs and makes the name local, as a bare annotation does."""
    assign = ast.Assign([ast.copy_location(ast.Name(name.id, ast.Store()), name)], ast.Constant(None))
    return ast.If(ast.Constant(False), [assign], [])


def _is_ellipsis(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...
