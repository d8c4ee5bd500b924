"""Lowers statements: pure ones are held back for a Compute, effectful ones become nodes and regions."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from typing import Any

from weft_compiler import graph
from weft_compiler.diagnostics import span_of
from weft_compiler.lower import awaits, definitions, expressions, matching
from weft_compiler.lower.builder import Builder, exits_of, located
from weft_compiler.tree import walk


def lower_body(b: Builder, statements: Sequence[ast.stmt]) -> None:
    """Lowers statements in order into the current block."""
    for statement in statements:
        b.statement = statement
        b.rebound = {n.target.id for n in walk(statement) if isinstance(n, ast.NamedExpr)}
        lower_statement(b, statement)


def lower_statement(b: Builder, node: ast.stmt) -> None:
    match node:
        case ast.Global() | ast.Nonlocal() | ast.Pass():
            pass
        case ast.Return():
            _lower_return(b, node)
        case ast.Break():
            b.flush()
            b.emit(graph.Break(**b.place("break", [node], [])))
        case ast.Continue():
            b.flush()
            b.emit(graph.Continue(**b.place("continue", [node], [])))
        case ast.Raise():
            _lower_raise(b, node)
        case ast.If() if b.unit.effects.suspends(node) or exits_of([node]):
            _lower_if(b, node)
        case ast.Match() if exits_of([node]):
            matching.lower_match(b, node)
        case _ if not b.unit.effects.suspends(node):
            b.pend(node)
        case _:
            _lower_effectful(b, node)


def _lower_effectful(b: Builder, node: ast.stmt) -> None:
    match node:
        case ast.Expr():
            _lower_bare_expression(b, node)
        case ast.Assign():
            _lower_assign(b, node)
        case ast.AnnAssign():
            assert node.value is not None
            _lower_assign(b, ast.copy_location(ast.Assign([node.target], node.value), node))
        case ast.AugAssign():
            _lower_augmented(b, node)
        case ast.While():
            _lower_while(b, node)
        case ast.For() | ast.AsyncFor():
            iterable = expressions.lower_expression(b, node.iter)
            is_async = isinstance(node, ast.AsyncFor)
            owns = b.unit.effects.is_fresh(node.iter)
            body = functools.partial(lower_body, b, node.body)
            emit_for(b, node, node.target, iterable, body, node.orelse, is_async=is_async, owns=owns)
        case ast.With() | ast.AsyncWith():
            _lower_with(b, node, node.items)
        case ast.Try() | ast.TryStar():
            _lower_try(b, node)
        case ast.Assert():
            _lower_assert(b, node)
        case ast.Delete():
            _lower_delete(b, node)
        case ast.Match():
            matching.lower_match(b, node)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            definitions.lower_definition(b, node)
        case _:
            raise AssertionError(f"no lowering for {type(node).__name__}")


# -- simple statements -------------------------------------------------------------------------------------------------


def _lower_bare_expression(b: Builder, node: ast.Expr) -> None:
    if awaits.emit_into(b, node.value, None):
        return
    value = expressions.lower_expression(b, node.value)
    b.pend(ast.copy_location(ast.Expr(value), node))


def _lower_assign(b: Builder, node: ast.Assign) -> None:
    target = node.targets[0]
    if len(node.targets) == 1 and isinstance(target, ast.Name) and awaits.emit_into(b, node.value, target.id):
        return
    value = expressions.lower_expression(b, node.value)
    if not any(b.unit.effects.suspends(t) for t in node.targets):
        b.pend(ast.copy_location(ast.Assign(node.targets, value), node))
        return
    value = _shared(b, value)
    for each in node.targets:
        _assign_to(b, each, value)


def _assign_to(b: Builder, target: ast.expr, value: ast.expr) -> None:
    """Stores the value in a target whose parts may hold steps; an unpacking stores its places one after another."""
    if not b.unit.effects.suspends(target):
        b.pend(ast.copy_location(ast.Assign([target], value), target))
    elif isinstance(target, (ast.Tuple, ast.List)):
        names = [b.temporary() for _ in target.elts]
        b.pend(located(ast.Assign([_unpacking(target, names)], value), target))
        for element, name in zip(target.elts, names, strict=True):
            inner = element.value if isinstance(element, ast.Starred) else element
            _assign_to(b, inner, b.load(name, element))
    else:
        b.pend(ast.copy_location(ast.Assign([_lower_target(b, target)], value), target))


def _unpacking(target: ast.Tuple | ast.List, names: list[str]) -> ast.expr:
    """The target with a temporary in each place."""
    places: list[ast.expr] = []
    for element, name in zip(target.elts, names, strict=True):
        place: ast.expr = ast.Name(name, ast.Store())
        places.append(ast.Starred(place, ast.Store()) if isinstance(element, ast.Starred) else place)
    return ast.Tuple(places, ast.Store())


def _lower_target(b: Builder, target: ast.expr) -> ast.expr:
    lowered: ast.expr = expressions.lower_operands(b, target) if b.unit.effects.suspends(target) else target
    return lowered


def _lower_augmented(b: Builder, node: ast.AugAssign) -> None:
    """`target op= value`: the target is read before the value is computed, and written after."""
    if isinstance(node.target, ast.Name):
        before = expressions.hold(b, b.load(node.target.id, node.target))
        value = expressions.lower_expression(b, node.value)
        if isinstance(before, ast.Name) and before.id == node.target.id:
            b.pend(ast.copy_location(ast.AugAssign(node.target, node.op, value), node))
            return
        _write_back(b, node, before, value, node.target)
        return
    place = expressions.lower_operands(b, node.target)
    place = _held_place(b, place)
    current = ast.copy_location(type(place)(**{**dict(ast.iter_fields(place)), "ctx": ast.Load()}), place)
    name = b.temporary()
    b.pend(b.assign(name, current))
    value = expressions.lower_expression(b, node.value)
    _write_back(b, node, b.load(name, node), value, place)


def _held_place(b: Builder, place: Any) -> Any:
    """The parts of `x.a` or `x[k]` under names that are read twice."""
    place.value = _shared(b, place.value)
    if isinstance(place, ast.Subscript) and not isinstance(place.slice, (ast.Slice, ast.Constant)):
        place.slice = _shared(b, place.slice)
    return place


def _shared(b: Builder, value: ast.expr) -> ast.expr:
    name = b.temporary("v")
    b.pend(b.assign(name, value))
    return b.load(name, value)


def _write_back(b: Builder, node: ast.AugAssign, before: ast.expr, value: ast.expr, target: ast.expr) -> None:
    name = b.temporary("v")
    b.pend(b.assign(name, before))
    updated = ast.copy_location(ast.Name(name, ast.Store()), node)
    b.pend(ast.copy_location(ast.AugAssign(updated, node.op, value), node))
    b.pend(ast.copy_location(ast.Assign([target], b.load(name, node)), node))


def _lower_return(b: Builder, node: ast.Return) -> None:
    value = None if node.value is None else expressions.lower_expression(b, node.value)
    b.flush()
    where = b.place("return", [node], [] if value is None else [value])
    b.emit(graph.Return(value=None if value is None else b.expression(value), **where))


def _lower_raise(b: Builder, node: ast.Raise) -> None:
    parts = [p for p in (node.exc, node.cause) if p is not None]
    values = expressions.lower_in_order(b, parts)
    b.flush()
    where = b.place("raise", [node], values)
    codes = [b.expression(v) for v in values]
    b.emit(graph.Raise(value=codes[0] if codes else None, cause=codes[1] if len(codes) > 1 else None, **where))


def _lower_assert(b: Builder, node: ast.Assert) -> None:
    test = expressions.lower_expression(b, node.test)
    with b.block() as failed:
        arguments = [] if node.msg is None else [expressions.lower_expression(b, node.msg)]
        raised = ast.Raise(ast.Call(ast.Name("AssertionError", ast.Load()), arguments, []), None)
        _lower_raise(b, located(raised, node))
    expressions.emit_branch(b, test, node, [], failed)


def _lower_delete(b: Builder, node: ast.Delete) -> None:
    for target in node.targets:
        lowered = _lower_target(b, target)
        b.pend(ast.copy_location(ast.Delete([lowered]), node))


# -- regions -----------------------------------------------------------------------------------------------------------


def _block(nodes: Sequence[graph.Node]) -> graph.Block:
    return graph.Block(nodes=tuple(nodes))


def _lower_if(b: Builder, node: ast.If) -> None:
    test = expressions.lower_expression(b, node.test)
    b.flush()
    where = b.place("if", [node], [test])
    code = b.expression(test)
    with b.block() as then:
        lower_body(b, node.body)
    bound_then = b.bound_at_end
    with b.block() as orelse:
        lower_body(b, node.orelse)
    ends = [bound for bound in (bound_then, b.bound_at_end) if bound is not None]
    if ends:
        b.bound = set.intersection(*ends)
    b.emit(graph.Branch(test=code, then=_block(then), orelse=_block(orelse), **where))


def _lower_while(b: Builder, node: ast.While) -> None:
    b.flush()
    where = b.place("while", [node], [])
    with b.block() as head:
        test = expressions.lower_expression(b, node.test)
        b.flush()
        where["reads"], where["writes"] = b.reads_and_writes([test])
        code = b.expression(test)
    with b.block() as body:
        lower_body(b, node.body)
    with b.block() as orelse:
        lower_body(b, node.orelse)
    b.emit(graph.Loop(head=_block(head), test=code, body=_block(body), orelse=_block(orelse), **where))


def emit_for(
    b: Builder,
    at: ast.AST,
    target: ast.expr,
    iterable: ast.expr,
    body: Callable[[], None],
    orelse: Sequence[ast.stmt] = (),
    fresh: tuple[str, ...] = (),
    is_async: bool = False,
    owns: bool = False,
) -> None:
    """A `for` over a pure iterable; destructuring happens at the start of the body."""
    b.flush()
    name = target.id if isinstance(target, ast.Name) else b.temporary()
    where = b.place("for", [at], [iterable], name)
    code = b.expression(iterable)
    with b.block() as inner:
        if isinstance(target, ast.Name):
            b.bound.add(name)
        else:
            _lower_assign(b, ast.copy_location(ast.Assign([target], b.load(name, target)), target))
        body()
    with b.block() as after:
        lower_body(b, orelse)
    b.emit(
        graph.Loop(
            iterable=code,
            target=name,
            head=graph.Block(),
            body=_block(inner),
            orelse=_block(after),
            fresh=fresh,
            is_async=is_async,
            owns=owns,
            **where,
        )
    )


def _lower_with(b: Builder, node: ast.With | ast.AsyncWith, items: Sequence[ast.withitem]) -> None:
    """Each manager is a region of its own inside the one before it."""
    item, *inner = items
    manager = expressions.lower_expression(b, item.context_expr)
    b.flush()
    wanted = item.optional_vars
    target = wanted.id if isinstance(wanted, ast.Name) else b.temporary() if wanted is not None else None
    where = b.place("with", [item.context_expr], [manager], target)
    code = b.expression(manager)
    with b.block() as body:
        if isinstance(wanted, ast.Name):
            b.bound.add(wanted.id)
        elif wanted is not None and target is not None:
            _lower_assign(b, ast.copy_location(ast.Assign([wanted], b.load(target, wanted)), wanted))
        if inner:
            _lower_with(b, node, inner)
        else:
            lower_body(b, node.body)
    is_async = isinstance(node, ast.AsyncWith)
    b.emit(graph.With(manager=code, target=target, is_async=is_async, body=_block(body), **where))


def _lower_try(b: Builder, node: ast.Try | ast.TryStar) -> None:
    if isinstance(node, ast.Try):
        node = _with_late_types(b, node)
    b.flush()
    where = b.place("try", [node], [h.type for h in node.handlers if h.type is not None])
    with b.block() as body:
        lower_body(b, node.body)
    handlers = tuple(_handler(b, h) for h in node.handlers)
    names = {h.name for h in handlers if h.name}
    where["writes"] = tuple(sorted({*where["writes"], *names}))
    with b.block() as orelse:
        lower_body(b, node.orelse)
    with b.block() as final:
        lower_body(b, node.finalbody)
    is_star = isinstance(node, ast.TryStar)
    blocks: dict[str, Any] = {"body": _block(body), "orelse": _block(orelse), "final": _block(final)}
    b.emit(graph.Attempt(handlers=handlers, is_star=is_star, **blocks, **where))


def _with_late_types(b: Builder, node: ast.Try) -> ast.Try:
    """The type after an `except` that holds steps is found in a handler of all errors, which then tries again.

    The error itself is raised again there, so that the handlers from that one on see it as the others did.
    """
    first = next((i for i, h in enumerate(node.handlers) if h.type and b.unit.effects.suspends(h.type)), None)
    if first is None:
        return node
    handler = node.handlers[first]
    assert handler.type is not None
    kinds = b.temporary("v")
    found = ast.Assign([ast.Name(kinds, ast.Store())], handler.type)
    typed = ast.ExceptHandler(ast.Name(kinds, ast.Load()), handler.name, handler.body)
    again = ast.Try([ast.Raise(None, None)], [typed, *node.handlers[first + 1 :]], [], [])
    late = ast.ExceptHandler(None, None, [found, again])
    b.unit.effects.suspending |= {found, again}
    whole: ast.Try = located(ast.Try(node.body, [*node.handlers[:first], late], node.orelse, node.finalbody), node)
    for made in (found, again, late, typed):
        located(made, handler)
    return whole


def _handler(b: Builder, node: ast.ExceptHandler) -> graph.Handler:
    types = None
    if node.type is not None:
        if b.unit.effects.suspends(node.type):
            b.unit.reporter.report("effectful-except-type", node.type)
        types = b.expression(node.type)
    with b.block() as body:
        b.statement = node
        lower_body(b, node.body)
    span = span_of(node, b.unit.source)
    return graph.Handler(span=span, types=types, name=node.name, body=_block(body))
