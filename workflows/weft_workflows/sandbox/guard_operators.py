"""The part of the guard that treats operators, comparisons and f-strings.

An operation stays native where a proof says that its result cannot be large: numbers of bounded size, short constants. Elsewhere the
operation is checked before (`*`, `**`, `<<`, `%`) or after (`+`, which at most doubles).
"""

from __future__ import annotations

import ast
from typing import Any

from weft_workflows.sandbox.guard_nodes import call_of, is_short, is_simple, load, own
from weft_workflows.sandbox.numbers_of import BOUNDED, NumberTypes, is_range
from weft_workflows.sandbox.text import SMALL_WIDTH, largest_number

_BEFORE: dict[type[ast.operator], str] = {
    ast.Mult: "multiply",
    ast.Pow: "power",
    ast.LShift: "shift",
    ast.Mod: "modulo",
    ast.FloorDiv: "divide",
}
_SET_OPERATORS: dict[type[ast.operator], str] = {ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.Sub: "-"}
_SYMBOLS: dict[type[ast.operator], str] = {
    ast.Mult: "*",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.Mod: "%",
    ast.FloorDiv: "//",
}


class OperatorGuard(ast.NodeTransformer):
    """State of the transformation, and the visitors of operators."""

    def __init__(self, shadowed: frozenset[str]) -> None:
        self.shadowed = shadowed
        self.types = NumberTypes(None, shadowed)
        self.scope = "module"
        self.class_name: str | None = None
        self.matches = 0

    def call(self, name: str, *args: Any, at: ast.AST) -> Any:
        return call_of(name, *args, at=at)

    def type_is(self, variable: str, kind: str) -> ast.expr:
        return ast.Compare(left=_type_of(variable), ops=[ast.Is()], comparators=[own(kind)])

    def type_in(self, variable: str, kinds: str) -> ast.expr:
        return ast.Compare(left=_type_of(variable), ops=[ast.In()], comparators=[own(kinds)])

    def is_range(self, node: ast.expr) -> bool:
        return is_range(node) and "range" not in self.shadowed

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """Walks a chain such as `a + b + c` along its left side without recursion, then guards it from the inside out."""
        spine = [node]
        while isinstance(spine[-1].left, ast.BinOp):
            spine.append(spine[-1].left)
        bits = [self._operand_bits(each) for each in spine] if len(spine) < 200 else [(None, None)] * len(spine)
        result = self.visit(spine[-1].left)
        for index in range(len(spine) - 1, -1, -1):
            link = spine[index]
            short = is_short(link.left) or is_short(link.right)
            link.left, link.right = result, self.visit(link.right)
            added_later = index > 0 and isinstance(spine[index - 1].op, ast.Add)
            result = self._operation(link, *bits[index], short=short or added_later)
        return result

    def _operand_bits(self, node: ast.BinOp) -> tuple[int | None, int | None]:
        return self.types.bits(node.left), self.types.bits(node.right)

    def _operation(self, node: ast.BinOp, left: int | None, right: int | None, *, short: bool) -> Any:
        result = self.types.combined(node.op, left, right, node.right)
        if isinstance(node.op, ast.Add):
            unchecked = short or left is not None or right is not None
            return node if unchecked else self.call("sized", node, at=node)
        if type(node.op) in _SET_OPERATORS:
            return self._set_operation(node, left, right)
        if type(node.op) not in _BEFORE or (result is not None and result <= BOUNDED) or _is_real(node, left):
            return node
        if isinstance(node.op, ast.FloorDiv) and _is_small_number(node.right):
            return node
        guarded = self.call(_BEFORE[type(node.op)], node.left, node.right, at=node)
        if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Name) and _is_small_number(node.right):
            return ast.copy_location(ast.IfExp(test=self.type_is(node.left.id, "int"), body=node, orelse=guarded), node)
        return guarded

    def _set_operation(self, node: ast.BinOp, left: int | None, right: int | None) -> Any:
        """Operators of dict views give a native set, whose order is not the run's; a subtraction is checked only after `.keys()`."""
        if (
            left is not None
            or right is not None
            or isinstance(node.left, ast.Constant)
            or isinstance(node.right, ast.Constant)
        ):
            return node
        if isinstance(node.op, ast.Sub) and not (_is_view(node.left) or _is_view(node.right)):
            return node
        return self.call(
            "set_operation", ast.Constant(value=_SET_OPERATORS[type(node.op)]), node.left, node.right, at=node
        )

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        left = self.types.bits(load(node.target.id)) if isinstance(node.target, ast.Name) else None
        right = self.types.bits(node.value)
        result = self.types.combined(node.op, left, right, node.value)
        short = is_short(node.value)
        node.value = self.visit(node.value)
        if isinstance(node.op, ast.Add):
            if not short and left is None and right is None:
                node.value = self.call("addend", node.value, at=node)
            return self._target_visited(node)
        bounded = result is not None and result <= BOUNDED
        harmless = _is_float(node.value) or (isinstance(node.op, ast.FloorDiv) and _is_small_number(node.value))
        if type(node.op) not in _SYMBOLS or bounded or harmless:
            return self._target_visited(node)
        return self._checked_in_place(node)

    def _target_visited(self, node: ast.AugAssign) -> Any:
        node.target = self.visit(node.target)
        return node

    def _checked_in_place(self, node: ast.AugAssign) -> Any:
        symbol = ast.Constant(value=_SYMBOLS[type(node.op)])
        target = node.target
        if isinstance(target, ast.Name):
            self.visit(target)
            value = self.call("in_place", symbol, load(target.id), node.value, at=node)
            return ast.copy_location(ast.Assign(targets=[target], value=value), node)
        if isinstance(target, ast.Subscript):
            place = [self.visit(target.value), self.visit(_as_value(target.slice))]
            return self._statement("in_place_item", symbol, *place, node.value, at=node)
        self.visit(ast.Attribute(value=load("x"), attr=target.attr, ctx=ast.Store()))
        name = ast.Constant(value=target.attr)
        return self._statement("in_place_attribute", symbol, self.visit(target.value), name, node.value, at=node)

    def _statement(self, name: str, *args: Any, at: ast.AST) -> ast.stmt:
        return ast.copy_location(ast.Expr(value=self.call(name, *args, at=at)), at)

    def visit_Compare(self, node: ast.Compare) -> Any:
        container = node.comparators[-1]
        membership = len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn))
        if (
            membership
            and isinstance(container, ast.Set)
            and all(isinstance(each, ast.Constant) for each in container.elts)
        ):
            node.left = self.visit(node.left)
            return node
        plain = membership or self._compares_plainly(node)
        self.generic_visit(node)
        if not plain:
            return self._measured(node)
        if not membership or is_short(container):
            return node
        container = node.comparators[0]
        guarded = self.call("contains", node.left, container, at=node)
        if isinstance(node.ops[0], ast.NotIn):
            guarded = ast.copy_location(ast.UnaryOp(op=ast.Not(), operand=guarded), node)
        if isinstance(container, ast.Name) and is_simple(node.left):
            return ast.copy_location(
                ast.IfExp(test=self.type_is(container.id, "dict"), body=node, orelse=guarded), node
            )
        return guarded

    def _compares_plainly(self, node: ast.Compare) -> bool:
        """Whether one side says that the comparison looks at no more than a number or a short text."""
        if len(node.ops) != 1 or isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            return len(node.ops) != 1
        sides = (node.left, node.comparators[0])
        return any(self.types.bits(side) is not None or is_short(side) or _is_length(side) for side in sides)

    def _measured(self, node: ast.Compare) -> Any:
        """A comparison of unknown values: containers are measured before."""
        if isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            return node
        if isinstance(node.left, ast.Name):
            left: ast.expr = load(node.left.id)
            measured = ast.BoolOp(
                op=ast.Or(),
                values=[self.type_in(left.id, "plain_types"), self.call("measure", left, at=node)],  # type: ignore[attr-defined]
            )
            return ast.copy_location(ast.BoolOp(op=ast.And(), values=[measured, node]), node)
        node.left = self.call("measured", node.left, at=node.left)
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> Any:
        harmless = self.types.bits(node.value) is not None or isinstance(node.value, ast.Constant)
        node.value = self.visit(node.value)
        spec = node.format_spec
        if spec is None or _is_small_spec(spec):
            if not harmless:
                node.value = self.call("plain", node.value, at=node.value)
            return node
        conversion = ast.Constant(value=chr(node.conversion) if node.conversion != -1 else "")
        value = self.call("field", node.value, conversion, self.visit(spec), at=node.value)
        return ast.copy_location(ast.FormattedValue(value=value, conversion=-1, format_spec=None), node)


def _type_of(variable: str) -> ast.expr:
    return ast.Call(func=own("type"), args=[load(variable)], keywords=[])


def _is_real(node: ast.BinOp, left: int | None) -> bool:
    """Whether `*` has a float constant on one side, which no sequence takes, or `%` a number on its left."""
    if isinstance(node.op, ast.Mult):
        return _is_float(node.left) or _is_float(node.right)
    return isinstance(node.op, ast.Mod) and left is not None


def _is_small_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value.bit_length() <= BOUNDED


def _is_float(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is float


def _is_length(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"


def _is_view(node: ast.expr) -> bool:
    """Whether an expression says itself that it is a view: a call of `keys` or `items`, guarded or not."""
    return any(
        isinstance(each, (ast.Attribute, ast.Constant))
        and getattr(each, "attr", getattr(each, "value", None)) in ("keys", "items")
        for each in ast.walk(node)
    )


def _is_small_spec(spec: ast.expr) -> bool:
    """Whether a format specification is constant and asks for little padding and precision."""
    parts = spec.values if isinstance(spec, ast.JoinedStr) else [spec]
    return all(isinstance(part, ast.Constant) and largest_number(str(part.value)) <= SMALL_WIDTH for part in parts)


def _as_value(index: ast.expr) -> ast.expr:
    """A subscript as a value: `a:b` becomes a slice object."""
    if not isinstance(index, ast.Slice):
        return index
    parts = [part or ast.Constant(value=None) for part in (index.lower, index.upper, index.step)]
    return ast.Call(func=own("slice"), args=parts, keywords=[])
