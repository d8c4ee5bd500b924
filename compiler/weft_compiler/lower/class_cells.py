"""Spells out `super()` and `__class__` in functions that the machine runs, which are run outside of their class.

CPython gives each function in a class body, and each function inside one, a cell with the class where it speaks of it. The
outermost function that the machine runs gets the class from its binder, under the name `CLASS`; those inside capture it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from weft_compiler.lower.builder import Unit, located
from weft_compiler.resolve import parameters

#: What a method's class is called in its code.
CLASS = "__weft_class"
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def name_classes(unit: Unit, tree: ast.Module) -> None:
    """Rewrites all functions of all classes, and notes in their scopes what they capture."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for function in _functions_in(node.body):
                _name_in(unit, function, provided=False)


def _name_in(unit: Unit, node: _Function, provided: bool) -> None:
    """`provided` where a function around it, which the machine runs, has the class."""
    if not any(_speaks_of_class(inner) for inner in _own_and_nested(node)):
        return
    scope = unit.names.scopes[node]
    if node in unit.effects.graph_functions:
        if provided:
            scope.frees.add(CLASS)
        else:
            scope.cells.add(CLASS)
            unit.class_users.add(node)
        provided = True
    body = node.body if isinstance(node.body, list) else [node.body]
    if provided:
        first = next((p.arg for p in parameters(node.args)), None)
        for inner in _own(body):
            _spell_out(inner, first)
            if inner in unit.effects.generators:
                unit.names.scopes[inner].frees.add(CLASS)
    for function in _functions_in(body):
        _name_in(unit, function, provided)


def _speaks_of_class(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="super"), args=[], keywords=[]) | ast.Name(id="__class__"):
            return True
        case _:
            return False


def _spell_out(node: ast.AST, first: str | None) -> None:
    match node:
        case ast.Call(func=ast.Name(id="super"), args=[], keywords=[]) if first is not None:
            node.args = [located(ast.Name(name, ast.Load()), node) for name in (CLASS, first)]
        case ast.Name(id="__class__"):
            node.id = CLASS


def _own_and_nested(node: _Function) -> Iterator[ast.AST]:
    """The function's nodes and those of functions in it, but for classes, whose functions speak of them."""
    pending: list[ast.AST] = list(ast.iter_child_nodes(node))
    while pending:
        inner = pending.pop()
        yield inner
        if not isinstance(inner, ast.ClassDef):
            pending += ast.iter_child_nodes(inner)


def _own(body: list[ast.stmt] | list[ast.expr]) -> Iterator[ast.AST]:
    """The nodes of the function's own code."""
    pending: list[ast.AST] = list(body)
    while pending:
        inner = pending.pop()
        yield inner
        if isinstance(inner, _Function):
            pending += [*inner.args.defaults, *(d for d in inner.args.kw_defaults if d is not None)]
            pending += getattr(inner, "decorator_list", [])
        elif not isinstance(inner, ast.ClassDef):
            pending += ast.iter_child_nodes(inner)


def _functions_in(body: list[ast.stmt] | list[ast.expr]) -> list[_Function]:
    """The functions that are defined directly in some code."""
    return [node for node in _own(body) if isinstance(node, _Function)]
