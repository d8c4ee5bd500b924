"""Makes implicit things of a module explicit, so that its functions can be taken out of their context.

- Annotations outside of class bodies go: a run does not evaluate them.
- Private names in classes get their full spelling, `_Class__name`, since methods are run outside of their class.
- What `@f.register` of a `singledispatch` reads in an annotation is written as its argument.
- The `__await__` of a class becomes asynchronous.
- A function's body that is just `...` becomes `pass`, and a lambda's or a generator's `...` becomes an expression; after this,
  `...` marks the functions, lambdas and generator expressions that the machine runs.
"""

from __future__ import annotations

import ast
from typing import TypeGuard

from weft_compiler.awaitables import make_asynchronous
from weft_compiler.class_index import decorator_name


def normalise(tree: ast.Module) -> None:
    """Rewrites the module in place."""
    _Normaliser(_dispatching(tree)).visit(tree)


def _dispatching(tree: ast.Module) -> set[str]:
    """The names of functions under `singledispatch`."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {f.name for f in functions if any(decorator_name(d) == "singledispatch" for d in f.decorator_list)}


class _Normaliser(ast.NodeTransformer):
    def __init__(self, dispatching: set[str]) -> None:
        self._dispatching = dispatching
        self._in_class = False
        self._class = ""

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outer, self._in_class = self._in_class, False
        node.name = self._mangled(node.name)
        node.returns = None
        node.decorator_list = [made for d in node.decorator_list for made in self._registering(d, node.args)]
        self.generic_visit(node)
        if len(node.body) == 1 and _is_ellipsis(node.body[0]):
            node.body = [ast.copy_location(ast.Pass(), node.body[0])]
        self._in_class = outer
        return node

    def _registering(self, node: ast.expr, args: ast.arguments) -> list[ast.expr]:
        """`@show.register` as `@show.register(int)`, for each of the types in the first parameter's annotation."""
        first = next(iter([*args.posonlyargs, *args.args]), None)
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr="register") if name in self._dispatching and first:
                kinds = [] if first.annotation is None else _alternatives(first.annotation)
                return [ast.copy_location(ast.Call(node, [kind], []), node) for kind in kinds] or [node]
            case _:
                return [node]

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
        node.body = [make_asynchronous(s) if _is_await(s) else s for s in node.body]
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


def _alternatives(annotation: ast.expr) -> list[ast.expr]:
    """The types of `int | float`."""
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return [*_alternatives(left), *_alternatives(right)]
        case ast.Constant(value=None):
            return [ast.copy_location(ast.Call(ast.Name("type", ast.Load()), [annotation], []), annotation)]
        case _:
            return [annotation]


def _is_await(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and node.name == "__await__"


def _is_ellipsis(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...
