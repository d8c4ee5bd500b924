"""Makes implicit things of a module explicit, so that its functions can be taken out of their context.

- Annotations outside of class bodies go: a run does not evaluate them.
- Private names in classes get their full spelling, `_Class__name`, since methods are run outside of their class.
- A function's body that is just `...` becomes `pass`, and a lambda's or a generator's `...` becomes an expression; after this,
  `...` marks the functions, lambdas and generator expressions that the machine runs.
"""

from __future__ import annotations

import ast


def normalise(tree: ast.Module) -> None:
    """Rewrites the module in place."""
    _Normaliser().visit(tree)


class _Normaliser(ast.NodeTransformer):
    def __init__(self) -> None:
        self._in_class = False
        self._class = ""

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outer, self._in_class = self._in_class, False
        node.name = self._mangled(node.name)
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
        node.name = self._mangled(node.name)
        for part in ("decorator_list", "bases", "keywords"):
            setattr(node, part, [self.visit(child) for child in getattr(node, part)])
        outer = self._in_class, self._class
        self._in_class, self._class = True, node.name
        node.body = [self.visit(statement) for statement in node.body]
        self._in_class, self._class = outer
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        self.generic_visit(node)
        node.elt = _spelt_out(node.elt)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        node.body = _spelt_out(node.body)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        node.arg = self._mangled(node.arg)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._mangled(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = self._mangled(node.attr)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        node.name = None if node.name is None else self._mangled(node.name)
        return node

    def _visit_declaration(self, node: ast.Global | ast.Nonlocal) -> ast.AST:
        node.names = [self._mangled(name) for name in node.names]
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        return self._visit_declaration(node)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        return self._visit_declaration(node)

    def _mangled(self, name: str) -> str:
        """The spelling of a private name inside a class, as CPython's compiler gives it."""
        owner = self._class.lstrip("_")
        if not owner or not name.startswith("__") or name.endswith("__"):
            return name
        return f"_{owner}{name}"

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


def _spelt_out(node: ast.expr) -> ast.expr:
    """The expression, `...` in another form."""
    if not isinstance(node, ast.Constant) or node.value is not ...:
        return node
    return ast.copy_location(ast.IfExp(ast.Constant(True), node, ast.copy_location(ast.Constant(None), node)), node)


def _is_ellipsis(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...
