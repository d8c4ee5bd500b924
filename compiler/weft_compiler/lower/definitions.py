"""Lowers definitions that hold steps outside of functions' bodies: in defaults, decorators, bases, and class bodies.

What suspends is taken out in Python's own order and the definition stays pure code over temporaries. A class body is run
up to its last step where the class stands: its variables become temporaries there, which the body then takes over.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from weft_compiler.class_index import decorator_name
from weft_compiler.lower import awaits, expressions
from weft_compiler.lower.builder import Builder, located
from weft_compiler.resolve import FunctionNode, Scope, stored_names, walk_scoped

#: What has a meaning in a class body only: it stays there, and could not be kept over a step.
_STAYING = frozenset({"field", "auto", "KW_ONLY"})


def lower_definition(b: Builder, node: FunctionNode | ast.ClassDef) -> None:
    """A definition of which something suspends."""
    if isinstance(node, ast.ClassDef):
        _lower_class(b, node)
    else:
        calls = _calls_of_decorators(b, node)
        _lower_function_parts(b, node)
        _define(b, node, calls)


def _calls_of_decorators(b: Builder, node: FunctionNode | ast.ClassDef) -> list[ast.Call | None]:
    """For each decorator its call, where that holds steps."""
    calls = [b.unit.effects.applications.get(d) for d in node.decorator_list]
    return [call if call is not None and awaits.is_waiting_call(b, call) else None for call in calls]


def _lower_function_parts(b: Builder, node: FunctionNode, held: bool = False) -> None:
    """The decorators, then the defaults, in their place: the function's node is known by its identity."""
    defaults = node.args.kw_defaults
    operands = [*node.decorator_list, *node.args.defaults, *(d for d in defaults if d is not None)]
    values = iter(_in_order(b, operands, held))
    node.decorator_list = [next(values) for _ in node.decorator_list]
    node.args.defaults = [next(values) for _ in node.args.defaults]
    node.args.kw_defaults = [None if d is None else next(values) for d in defaults]


def _in_order(b: Builder, operands: Sequence[ast.expr], held: bool) -> list[ast.expr]:
    """Pure expressions for the operands; `held` where what follows may change their values."""
    values = expressions.lower_in_order(b, operands)
    if not held:
        return values
    return [value if isinstance(value, ast.Starred) else expressions.hold(b, value) for value in values]


def _define(b: Builder, node: FunctionNode | ast.ClassDef, calls: list[ast.Call | None]) -> None:
    """The pure definition; a decorator that holds steps itself is called after it, and those around it after that."""
    outer = max((i + 1 for i, call in enumerate(calls) if call is not None), default=0)
    held = [expressions.hold(b, d) for d in node.decorator_list[:outer]]
    node.decorator_list = node.decorator_list[outer:]
    b.pend(node)
    for decorator, call in reversed(list(zip(held, calls[:outer], strict=True))):
        made = ast.copy_location(ast.Call(decorator, [b.load(node.name, node)], []), decorator)
        if call is not None:
            b.unit.effects.stand_in(made, call)
        expressions.assign_expression(b, node.name, made)


# -- classes -----------------------------------------------------------------------------------------------------------


def _lower_class(b: Builder, node: ast.ClassDef) -> None:
    last = max((i for i, s in enumerate(node.body) if b.unit.effects.suspends(s)), default=-1)
    calls = _calls_of_decorators(b, node)
    operands = [*node.decorator_list, *node.bases, *(k.value for k in node.keywords)]
    values = iter(_in_order(b, operands, held=last >= 0))
    node.decorator_list = [next(values) for _ in node.decorator_list]
    node.bases = [next(values) for _ in node.bases]
    node.keywords = [ast.keyword(k.arg, next(values)) for k in node.keywords]
    prefix = _Prefix(b, b.unit.names.scopes[node])
    body = [made for statement in node.body[: last + 1] for made in prefix.lower(statement)]
    if prefix.refused is not None:
        b.unit.reporter.report("effectful-class", prefix.refused, name=node.name)
        return
    node.body = [*body, *node.body[last + 1 :]]
    _define(b, node, calls)
    if prefix.names:
        held = [ast.Name(name, ast.Del()) for name in prefix.names.values()]
        b.pend(located(ast.Delete([*held]), node))


class _Prefix:
    """The statements of a class body up to the last that suspends. `refused` is the first that cannot be taken out."""

    def __init__(self, b: Builder, scope: Scope) -> None:
        self.b = b
        self.scope = scope
        self.refused: ast.stmt | None = None
        #: The class's variables by now, with the temporaries that hold their values.
        self.names: dict[str, str] = {}
        #: Those that have a value in the class only.
        self.inside: set[str] = set()

    def lower(self, node: ast.stmt) -> list[ast.stmt]:
        """Runs the statement where the class stands; gives what the class body does instead."""
        suspends = self.b.unit.effects.suspends(node)
        if not self._take_names(node, suspends):
            self.refused = self.refused or node
            return [node]
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if suspends:
                _lower_function_parts(self.b, node, held=True)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if not suspends:
                pass
            case ast.Pass() | ast.Expr(value=ast.Constant()) | ast.AnnAssign(value=None):
                return [node]
            case ast.Assign(value=ast.Call(func=func)) | ast.AnnAssign(value=ast.Call(func=func)) if (
                not suspends and decorator_name(func) in _STAYING
            ):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self.inside |= {name for target in targets for name in stored_names(target)}
            case ast.Expr():
                self.b.pend(ast.copy_location(ast.Expr(expressions.lower_expression(self.b, node.value)), node))
                return []
            case ast.Assign():
                return self._assign(node, node.targets, node.value)
            case ast.AnnAssign(value=ast.expr() as value):
                self._assign(node, [node.target], value)
                node.value = self._taken(node.target)
            case _:
                self.refused = self.refused or node
        self.inside |= {node.name} if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else set()
        return [node]

    def _take_names(self, node: ast.stmt, suspends: bool) -> bool:
        """Spells the class's variables as their temporaries; False where one has its value in the class only."""
        definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if definition and not suspends:
            return True
        for inner, scope in list(walk_scoped(self.b.unit.names, node, self.scope)):
            if not isinstance(inner, ast.Name) or scope is not self.scope or not isinstance(inner.ctx, ast.Load):
                continue
            if inner.id in self.inside:
                return False
            inner.id = self.names.get(inner.id, inner.id)
        return True

    def _assign(self, node: ast.stmt, targets: list[ast.expr], value: ast.expr) -> list[ast.stmt]:
        bound = [name for target in targets for name in stored_names(target)]
        if not all(map(_is_of_names, targets)):
            self.refused = self.refused or node
            return [node]
        fresh = {name: self.b.temporary("v") for name in dict.fromkeys(bound)}
        lowered = expressions.lower_expression(self.b, value)
        places = [_renamed(target, fresh) for target in targets]
        self.b.pend(located(ast.Assign(places, lowered), node))
        self.names |= fresh
        self.inside -= set(fresh)
        return [
            located(ast.Assign([ast.Name(name, ast.Store())], self.b.load(made, node)), node)
            for name, made in fresh.items()
        ]

    def _taken(self, target: ast.expr) -> ast.expr:
        assert isinstance(target, ast.Name)
        return self.b.load(self.names[target.id], target)


def _is_of_names(target: ast.expr) -> bool:
    match target:
        case ast.Name():
            return True
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return all(map(_is_of_names, elements))
        case ast.Starred(value=value):
            return _is_of_names(value)
        case _:
            return False


def _renamed(target: ast.expr, names: dict[str, str]) -> ast.expr:
    """The target with other names in its places."""
    match target:
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return ast.Tuple([_renamed(element, names) for element in elements], ast.Store())
        case ast.Starred(value=value):
            return ast.Starred(_renamed(value, names), ast.Store())
        case _:
            assert isinstance(target, ast.Name)
            return ast.Name(names[target.id], ast.Store())
