"""Proves, where it can, that an expression is a number, so that the guard leaves its arithmetic alone.

The proof is flow-insensitive: a local variable is a number if every binding of it in its function is one. A type is the number
of bits that an integer of that kind can have (a float counts as small), `UNBOUNDED` for an integer of any size, or None where
nothing is known. Numbers in this sense are exact ints, floats and bools, never instances of the orchestration's classes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

Bits = int | None
UNBOUNDED = 1 << 40
#: Results of up to so many bits are called bounded.
BOUNDED = 4096
_ROUNDS = 6

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def join(first: Bits, second: Bits) -> Bits:
    return None if first is None or second is None else max(first, second)


class NumberTypes:
    """The types of the local variables of one function; `shadowed` are names that are not the builtins."""

    def __init__(self, function: _FunctionNode | None, shadowed: frozenset[str]) -> None:
        self.shadowed = shadowed
        self.variables: dict[str, Bits] = {}
        if function is not None and not isinstance(function, ast.Lambda):
            self._solve(_bindings(function))

    def bind_target(self, target: ast.expr, *, over_range: bool) -> None:
        """Enters the target of a comprehension, whose scope begins here."""
        if isinstance(target, ast.Name):
            self.variables[target.id] = RANGE_ELEMENT.bit_length() if over_range else None
            return
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                self.variables[node.id] = None

    def _solve(self, bindings: dict[str, list[ast.expr | None]]) -> None:
        """Starts from "every variable is tiny" and weakens to a fixpoint; what still grows after some rounds is unbounded."""
        self.variables = {name: None if None in values else 0 for name, values in bindings.items()}
        for round_number in range(_ROUNDS + len(bindings)):
            before = dict(self.variables)
            for name, values in bindings.items():
                for value in values:
                    if value is None or self.variables[name] is None:
                        continue
                    self.variables[name] = join(self.variables[name], self.bits(value))
                grown = self.variables[name]
                if grown is not None and grown != before[name] and round_number >= _ROUNDS:
                    self.variables[name] = UNBOUNDED
            if before == self.variables:
                return
        self.variables = dict.fromkeys(bindings)

    def bits(self, node: ast.expr) -> Bits:
        match node:
            case ast.Constant(value=bool() | float()):
                return 1
            case ast.Constant(value=int(value)):
                return value.bit_length()
            case ast.Name(id=name):
                return self.variables.get(name)
            case ast.UnaryOp(op=ast.Not()):
                return 1
            case ast.UnaryOp(operand=operand):
                inner = self.bits(operand)
                return None if inner is None else inner + 1
            case ast.BinOp(left=left, op=op, right=right):
                return self.combined(op, self.bits(left), self.bits(right), right)
            case ast.Compare(left=left, comparators=others):
                return 1 if all(self.bits(each) is not None for each in [left, *others]) else None
            case ast.IfExp(body=body, orelse=orelse):
                return join(self.bits(body), self.bits(orelse))
            case _:
                return None

    def combined(self, op: ast.operator, left: Bits, right: Bits, right_node: ast.expr) -> Bits:
        """The type of `left op right`; None where either is unknown or the result could be large."""
        if left is None or right is None:
            return None
        match op:
            case ast.Add() | ast.Sub() | ast.BitAnd() | ast.BitOr() | ast.BitXor():
                result = max(left, right) + 1
            case ast.Mult():
                result = left + right
            case ast.Div():
                result = 1
            case ast.FloorDiv() | ast.RShift():
                result = left + 1
            case ast.Mod():
                result = right + 1
            case ast.Pow() | ast.LShift():
                return self._grown(op, left, right_node)
            case _:
                return None
        return result if result <= BOUNDED else UNBOUNDED

    def _grown(self, op: ast.operator, left: int, right_node: ast.expr) -> Bits:
        if not (isinstance(right_node, ast.Constant) and type(right_node.value) is int and right_node.value >= 0):
            return None
        result = left * right_node.value + 1 if isinstance(op, ast.Pow) else left + right_node.value
        return result if result <= BOUNDED else None


def _bindings(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, list[ast.expr | None]]:
    """Every binding of each local name, as the expression bound, or None for anything but a plain value."""
    found: dict[str, list[ast.expr | None]] = {}

    def bind(name: str, value: ast.expr | None) -> None:
        found.setdefault(name, []).append(value)

    for argument in ast.walk(function.args):
        if isinstance(argument, ast.arg):
            bind(argument.arg, None)
    for node in _own_nodes(function):
        for name, value in _bound_by(node):
            bind(name, value)
    return found


def _bound_by(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
            yield name, ast.BinOp(left=ast.Name(id=target.id, ctx=ast.Load()), op=op, right=value)
        case ast.For(target=ast.Name(id=name), iter=iterable) if is_range(iterable):
            yield name, ast.Constant(value=RANGE_ELEMENT)
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            yield from ((name, None) for name in names)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name, None
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name, None
        case ast.MatchMapping(rest=str(name)):
            yield name, None
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (((alias.asname or alias.name).partition(".")[0], None) for alias in aliases)
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) if not getattr(node, "weft_plain", False):
            yield name, None


#: A number of as many bits as an element of a range can have that the guard lets through as a range.
RANGE_ELEMENT = (1 << 62) - 1


def is_range(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and not node.keywords
    )


def _own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes that belong to the function's own scope, and what its inner functions declare nonlocal."""
    stack: list[ast.AST] = list(reversed(function.body))
    while stack:
        node = stack.pop()
        if isinstance(node, _SCOPES):
            yield node
            yield from (inner for inner in ast.walk(node) if isinstance(inner, (ast.Nonlocal, ast.NamedExpr)))
            continue
        _mark_plain_target(node)
        yield node
        stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _mark_plain_target(node: ast.AST) -> None:
    """Marks the names whose binding `_bound_by` reports together with its value, so that they do not count twice."""
    match node:
        case ast.Assign(targets=[ast.Name() as target]) | ast.AugAssign(target=ast.Name() as target):
            target.weft_plain = True  # type: ignore[attr-defined]
        case ast.AnnAssign(target=ast.Name() as target):
            target.weft_plain = True  # type: ignore[attr-defined]
        case ast.For(target=ast.Name() as target, iter=iterable) if is_range(iterable):
            target.weft_plain = True  # type: ignore[attr-defined]
