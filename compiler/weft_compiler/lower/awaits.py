"""Nodes that wait: which kind an `await`, or a call that is awaited on the spot, becomes."""

from __future__ import annotations

import ast
from typing import Any

from weft_compiler import graph
from weft_compiler.flow_paths import FunctionValue, ToolValue
from weft_compiler.lower import expressions
from weft_compiler.lower.builder import Builder
from weft_compiler.module_members import asyncio_name


def is_waiting_call(b: Builder, node: ast.expr) -> bool:
    """Whether a call, written out or made by Python itself, waits though it stands in no `await`."""
    effects = b.unit.effects
    return node in effects.implicit or node in effects.inline or node in effects.runs


def emit_into(b: Builder, node: ast.expr, target: str | None) -> bool:
    """Emits the node of an expression that is an await or a waiting call; False for any other expression."""
    if isinstance(node, ast.Await):
        _emit_await(b, node, target)
        return True
    if isinstance(node, (ast.Yield, ast.YieldFrom)):
        _emit_yield(b, node, target)
        return True
    if not is_waiting_call(b, node) or is_negated(node):
        return False
    if isinstance(node, ast.Call):
        _emit_waiting_call(b, node, target)
    else:
        _emit_inline(b, node, _on_names(b, node), target)
    return True


def is_negated(node: ast.expr) -> bool:
    """`x not in y`: what the machine runs is `x in y`."""
    return isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotIn)


def lower_negated(b: Builder, node: ast.Compare) -> ast.expr:
    positive = ast.copy_location(ast.Compare(node.left, [ast.In()], node.comparators), node)
    b.unit.effects.stand_in(positive, node)
    return ast.copy_location(ast.UnaryOp(ast.Not(), _into_temporary(b, positive)), node)


def lower_await(b: Builder, node: ast.Await | ast.Yield | ast.YieldFrom) -> ast.expr:
    return _into_temporary(b, node)


def lower_waiting_call(b: Builder, node: ast.expr) -> ast.expr:
    return _into_temporary(b, node)


def _into_temporary(b: Builder, node: ast.expr) -> ast.expr:
    name = b.temporary()
    emit_into(b, node, name)
    return b.load(name, node)


def _emit_await(b: Builder, node: ast.Await, target: str | None) -> None:
    awaited = node.value
    if not isinstance(awaited, ast.Call) or is_waiting_call(b, awaited):
        value = expressions.lower_expression(b, awaited)
        b.flush()
        b.emit(graph.Join(value=b.expression(value), target=target, **b.place("join", [node], [value], target)))
        return
    value = expressions.lower_operands(b, awaited)
    b.flush()
    member = asyncio_name(awaited.func, b.unit.names, b.scope)
    if member is None:
        b.emit(_call_node(b, node, awaited, value, target))
    else:
        b.emit(_asyncio_node(b, node, awaited, member, value, target))


def _emit_yield(b: Builder, node: ast.Yield | ast.YieldFrom, target: str | None) -> None:
    value = None if node.value is None else expressions.lower_expression(b, node.value)
    b.flush()
    where = b.place("yield", [node], [] if value is None else [value], target)
    code = None if value is None else b.expression(value)
    b.emit(graph.Yield(value=code, target=target, delegate=isinstance(node, ast.YieldFrom), **where))


def _emit_waiting_call(b: Builder, node: ast.Call, target: str | None) -> None:
    value = expressions.lower_operands(b, node)
    b.flush()
    if node in b.unit.effects.runs:
        callees = tuple(b.sources_of(node))
        where = b.place(callees[0] if len(callees) == 1 and callees[0] != "*" else "run", [node], [value], target)
        b.emit(graph.Scope(scope="run", callees=callees, value=b.expression(value), target=target, **where))
    elif node in b.unit.effects.inline:
        _emit_inline(b, node, value, target)
    else:
        b.emit(_call_node(b, node, node, value, target, implicit=True))


def _on_names(b: Builder, node: ast.expr) -> ast.expr:
    """The expression over names and constants, so that its operands can be read twice."""
    lowered: ast.expr = expressions.lower_operands(b, node)
    held: ast.expr = expressions.with_held_operands(b, lowered)
    return held


def _emit_inline(b: Builder, node: ast.expr, value: ast.expr, target: str | None) -> None:
    b.flush()
    names = b.callees_of(node)
    callee = names[0] if len(names) == 1 else "*"
    where = b.place(callee if callee != "*" else "invoke", [node], [value], target)
    implicit = node in b.unit.effects.implicit
    code = b.expression(value)
    b.emit(graph.Invoke(callee=callee, awaited=False, implicit=implicit, value=code, target=target, **where))


def _call_node(
    b: Builder, at: ast.AST, call: ast.Call, value: ast.expr, target: str | None, implicit: bool = False
) -> graph.Node:
    callees = b.unit.effects.callees.get(call, set())
    only = next(iter(callees)) if len(callees) == 1 else None
    if isinstance(only, ToolValue):
        where = b.place(only.name, [at], [value], target)
        return graph.Call(tool=only.name, implicit=implicit, value=b.expression(value), target=target, **where)
    if isinstance(only, FunctionValue) and isinstance(only.node, ast.AsyncFunctionDef):
        key = b.unit.key_of(only.node)
        where = b.place(only.node.name, [at], [value], target)
        return graph.Invoke(callee=key, value=b.expression(value), target=target, **where)
    where = b.place("invoke", [at], [value], target)
    return graph.Invoke(callee="*", value=b.expression(value), target=target, **where)


def _asyncio_node(
    b: Builder, at: ast.AST, call: ast.Call, member: str, value: ast.expr, target: str | None
) -> graph.Node:
    code: dict[str, Any] = {"value": b.expression(value), "target": target}
    match member:
        case "gather":
            return _gather(b, at, call, value, code)
        case "sleep":
            return graph.Sleep(**code, **b.place("sleep", [at], [value], target))
        case "wait_for":
            sources = tuple(b.sources_of(call))
            return graph.Scope(scope="wait_for", callees=sources, **code, **b.place("wait_for", [at], [value], target))
        case _:
            sources = tuple(b.sources_of(call))
            return graph.Scope(scope="other", callees=sources, **code, **b.place(member, [at], [value], target))


def _gather(b: Builder, at: ast.AST, call: ast.Call, value: ast.expr, code: dict[str, Any]) -> graph.Node:
    where = b.place("gather", [at], [value], code["target"])
    starred = next((a for a in call.args if isinstance(a, ast.Starred)), None)
    if starred is not None:
        return graph.Map(callees=tuple(b.sources_of(call)), over=_ranges_over(starred.value), **code, **where)
    branches = tuple("|".join(b.callees_in(argument)) or "*" for argument in call.args)
    return graph.Parallel(branches=branches, **code, **where)


def _ranges_over(spread: ast.expr) -> str:
    if isinstance(spread, (ast.ListComp, ast.GeneratorExp)):
        return ast.unparse(spread.generators[0].iter)
    return ast.unparse(spread)
