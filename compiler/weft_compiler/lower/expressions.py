"""Takes the parts of an expression that suspend out of it, in Python's own order of evaluation.

`lower_expression` emits nodes for them and returns a pure expression over temporaries with the same value. What stands
before a suspending part is evaluated before it, into a temporary, unless its value cannot change in between.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from typing import Any

from weft_compiler import graph
from weft_compiler.code import formatting_call
from weft_compiler.lower import awaits, comprehensions
from weft_compiler.lower.builder import Builder, located

#: A place in a tree that holds an operand: the node, its field, and the index where the field is a list.
_Slot = tuple[ast.AST, str, int | None]


def lower_expression(b: Builder, node: ast.expr) -> ast.expr:
    """A pure expression with the value of `node`; its steps become nodes."""
    if not b.unit.effects.suspends(node):
        return node
    if node in b.unit.effects.spread:
        return comprehensions.collect(b, node, _lower_parts(b, node))
    return _lower_parts(b, node)


def _lower_parts(b: Builder, node: ast.expr) -> ast.expr:
    match node:
        case ast.Await() | ast.Yield() | ast.YieldFrom():
            return awaits.lower_await(b, node)
        case ast.Compare() if awaits.is_waiting_call(b, node) and awaits.is_negated(node):
            return awaits.lower_negated(b, node)
        case _ if awaits.is_waiting_call(b, node):
            return awaits.lower_waiting_call(b, node)
        case ast.Call() if comprehensions.is_consumed_generator(b, node):
            return comprehensions.lower_consumed_generator(b, node)
        case ast.BoolOp():
            return _lower_bool(b, node)
        case ast.IfExp():
            return _lower_conditional(b, node)
        case ast.Compare() if len(node.ops) > 1 and any(map(b.unit.effects.suspends, node.comparators)):
            return _lower_chain(b, node)
        case ast.NamedExpr():
            return _lower_walrus(b, node)
        case ast.JoinedStr():
            return _lower_joined(b, node)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return comprehensions.lower_comprehension(b, node)
        case ast.Lambda():
            lower_defaults(b, node.args)
            return node
        case _:
            lowered: ast.expr = lower_operands(b, node)
            return lowered


def lower_defaults(b: Builder, args: ast.arguments) -> None:
    """Takes what suspends out of the defaults, in their place: the function's node is known by its identity."""
    slots = [*_slots_of_field(args, "defaults"), *_slots_of_field(args, "kw_defaults")]
    for slot, value in zip(slots, lower_in_order(b, [_get(slot) for slot in slots]), strict=True):
        _set(slot, value)


def lower_operands(b: Builder, node: Any) -> Any:
    """A copy of the node whose operands are pure; the node itself is left to its reader."""
    node = _copied(node)
    slots = _slots(node)
    values = lower_in_order(b, [_get(slot) for slot in slots])
    for slot, value in zip(slots, values, strict=True):
        _set(slot, value)
    return node


def lower_in_order(b: Builder, operands: Sequence[ast.expr]) -> list[ast.expr]:
    """Pure expressions for operands that are evaluated in this order."""
    last = max((i for i, operand in enumerate(operands) if b.unit.effects.suspends(operand)), default=-1)
    return [_operand(b, operand, held=i < last) for i, operand in enumerate(operands)]


def hold(b: Builder, value: ast.expr) -> ast.expr:
    """The value in a temporary, so that what follows cannot change it."""
    if b.is_stable(value):
        return value
    name = b.temporary()
    b.pend(b.assign(name, value))
    return b.load(name, value)


def with_held_operands(b: Builder, node: Any) -> Any:
    """A copy of the node, whose operands are pure, with each of them under a name or a constant."""
    node = _copied(node)
    for slot in _slots(node):
        operand = _get(slot)
        _set(slot, operand if isinstance(operand, ast.Constant) else hold(b, operand))
    return node


def _operand(b: Builder, node: ast.expr, held: bool) -> ast.expr:
    if isinstance(node, ast.Starred):
        value = lower_expression(b, node.value)
        if held:
            spread = ast.copy_location(ast.Starred(value, ast.Load()), node)
            value = hold(b, ast.copy_location(ast.List([spread], ast.Load()), node))
        return ast.copy_location(ast.Starred(value, node.ctx), node)
    value = lower_expression(b, node)
    return hold(b, value) if held else value


def _copied(node: Any) -> Any:
    """A copy down to the slots: lists, keywords and slices are copied, operands are not."""
    node = copy.copy(node)
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            setattr(node, name, [copy.copy(v) if isinstance(v, ast.keyword) else v for v in value])
        elif isinstance(value, ast.Slice) or (name == "slice" and isinstance(value, ast.Tuple)):
            setattr(node, name, _copied(value))
    return node


def _slots(node: ast.AST) -> list[_Slot]:
    """The operands of an expression in Python's order of evaluation."""
    match node:
        case ast.Call():
            arguments: list[_Slot] = [(node, "args", i) for i in range(len(node.args))]
            return [(node, "func", None), *arguments, *((k, "value", None) for k in node.keywords)]
        case ast.Dict():
            pairs = zip(node.keys, range(len(node.values)), strict=True)
            return [slot for key, i in pairs for slot in _pair(node, key, i)]
        case ast.Subscript():
            return [(node, "value", None), *_slots_of_field(node, "slice")]
        case ast.Slice():
            return [(node, f, None) for f in ("lower", "upper", "step") if getattr(node, f) is not None]
        case ast.Compare():
            return [(node, "left", None), *((node, "comparators", i) for i in range(len(node.comparators)))]
        case _:
            return [slot for name in node._fields for slot in _slots_of_field(node, name)]


def _pair(node: ast.Dict, key: ast.expr | None, index: int) -> list[_Slot]:
    return [*([(node, "keys", index)] if key is not None else []), (node, "values", index)]


def _slots_of_field(node: ast.AST, name: str) -> list[_Slot]:
    value = getattr(node, name, None)
    if isinstance(value, list):
        return [(node, name, i) for i, v in enumerate(value) if isinstance(v, ast.expr)]
    if isinstance(value, ast.Slice):
        return _slots(value)
    return [(node, name, None)] if isinstance(value, ast.expr) else []


def _get(slot: _Slot) -> ast.expr:
    node, name, index = slot
    value: Any = getattr(node, name)
    found: ast.expr = value if index is None else value[index]
    return found


def _set(slot: _Slot, value: ast.expr) -> None:
    node, name, index = slot
    if index is None:
        setattr(node, name, value)
    else:
        getattr(node, name)[index] = value


def _lower_bool(b: Builder, node: ast.BoolOp) -> ast.expr:
    """`a and await f()`: the value so far decides whether the next part runs."""
    first = next(i for i, v in enumerate(node.values) if b.unit.effects.suspends(v))
    name = b.temporary("v")
    head: ast.expr
    if first == 0:
        head, rest = node.values[0], node.values[1:]
    else:
        plain = node.values[:first]
        head = plain[0] if first == 1 else ast.copy_location(ast.BoolOp(node.op, plain), node)
        rest = node.values[first:]
    assign_expression(b, name, head)
    _lower_bool_rest(b, node, name, rest)
    return b.load(name, node)


def _lower_bool_rest(b: Builder, node: ast.BoolOp, name: str, rest: list[ast.expr]) -> None:
    if not rest:
        return
    with b.block() as more:
        assign_expression(b, name, rest[0])
        _lower_bool_rest(b, node, name, rest[1:])
    test = b.load(name, node)
    if isinstance(node.op, ast.And):
        emit_branch(b, test, node, more, [])
    else:
        emit_branch(b, test, node, [], more)


def _lower_conditional(b: Builder, node: ast.IfExp) -> ast.expr:
    name = b.temporary("v")
    test = lower_expression(b, node.test)
    with b.block() as then:
        assign_expression(b, name, node.body)
    with b.block() as orelse:
        assign_expression(b, name, node.orelse)
    emit_branch(b, test, node, then, orelse)
    return b.load(name, node)


def _lower_chain(b: Builder, node: ast.Compare) -> ast.expr:
    """`a < await f() < c`: each operand is evaluated once, and only while the comparisons hold."""
    name = b.temporary("v")
    left, right = lower_in_order(b, [node.left, node.comparators[0]])
    _chain_link(b, node, name, left, 0, right)
    return b.load(name, node)


def _chain_link(b: Builder, node: ast.Compare, name: str, left: ast.expr, index: int, right: ast.expr) -> None:
    is_last = index == len(node.ops) - 1
    kept = b.temporary("v")
    if not is_last:
        # Kept where it is evaluated: after what stands on its left, whose value it may change.
        right = ast.copy_location(ast.NamedExpr(ast.Name(kept, ast.Store()), right), right)
    compared = ast.copy_location(ast.Compare(left, [node.ops[index]], [right]), node)
    b.pend(b.assign(name, compared))
    if is_last:
        return
    with b.block() as more:
        following = lower_expression(b, node.comparators[index + 1])
        _chain_link(b, node, name, b.load(kept, node), index + 1, following)
    emit_branch(b, b.load(name, node), node, more, [])


def _shared(b: Builder, value: ast.expr) -> ast.expr:
    """The value under a name that may be read more than once."""
    if isinstance(value, ast.Constant):
        return value
    name = b.temporary("v")
    b.pend(b.assign(name, value))
    return b.load(name, value)


def _lower_walrus(b: Builder, node: ast.NamedExpr) -> ast.expr:
    value = _shared(b, lower_expression(b, node.value))
    b.pend(b.assign(node.target.id, value))
    return value


def _lower_joined(b: Builder, node: ast.JoinedStr) -> ast.expr:
    """An f-string: what stands before a suspending part is formatted before it."""
    last = max(i for i, v in enumerate(node.values) if b.unit.effects.suspends(v))
    values: list[ast.expr] = []
    for index, part in enumerate(node.values):
        if not isinstance(part, ast.FormattedValue):
            values.append(part)
            continue
        lowered: ast.expr = _lower_formatted(b, part)
        if index < last:
            text = hold(b, ast.copy_location(ast.JoinedStr([lowered]), part))
            lowered = ast.copy_location(ast.FormattedValue(text, -1, None), part)
        values.append(lowered)
    return ast.copy_location(ast.JoinedStr(values), node)


def _lower_formatted(b: Builder, node: ast.FormattedValue) -> ast.expr:
    """One place of an f-string; where formatting the value can hold steps, its text is made first."""
    if not awaits.is_waiting_call(b, node):
        lowered: ast.expr = lower_operands(b, node)
        return lowered
    first = node if node.conversion == -1 else ast.FormattedValue(node.value, node.conversion, None)
    made = located(formatting_call(first), node)
    b.unit.effects.stand_in(made, node)
    text = awaits.lower_waiting_call(b, made)
    if first is node:
        return ast.copy_location(ast.FormattedValue(text, -1, None), node)
    shown: ast.expr = lower_operands(b, ast.copy_location(ast.FormattedValue(text, -1, node.format_spec), node))
    return shown


def assign_expression(b: Builder, name: str, node: ast.expr) -> None:
    """`name = node`, with the node's last step writing the name directly where it can."""
    if not awaits.emit_into(b, node, name):
        b.pend(b.assign(name, lower_expression(b, node)))


def emit_branch(
    b: Builder, test: ast.expr, at: ast.AST, then: Sequence[graph.Node], orelse: Sequence[graph.Node]
) -> None:
    """A Branch whose test is already pure."""
    b.flush()
    where = b.place("if", [at], [test])
    b.emit(
        graph.Branch(
            test=b.expression(test),
            then=graph.Block(nodes=tuple(then)),
            orelse=graph.Block(nodes=tuple(orelse)),
            **where,
        )
    )
