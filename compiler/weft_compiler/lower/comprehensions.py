"""Comprehensions that hold a step become loops over an accumulator.

The comprehension's own variables become variables of the function, renamed where the name is in use; those that a lambda
captures get a new cell each time the comprehension starts, as CPython gives them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from weft_compiler import graph
from weft_compiler.lower import expressions, statements
from weft_compiler.lower.builder import FIRST, Builder, located
from weft_compiler.ownership import consumed_generator
from weft_compiler.resolve import ComprehensionNode, Scope, elements, walk_scoped
from weft_compiler.tree import walk


def is_consumed_generator(b: Builder, node: ast.Call) -> bool:
    """Whether the call runs a generator expression that holds a step to its end, or to its first hit."""
    generator = consumed_generator(node, b.unit.names, b.scope)
    effects = b.unit.effects
    return generator is not None and effects.suspends(generator) and generator not in effects.asynchronous


def lower_consumed_generator(b: Builder, node: ast.Call) -> ast.expr:
    generator = node.args[0]
    assert isinstance(generator, ast.GeneratorExp)
    if isinstance(node.func, ast.Name) and node.func.id in ("any", "all"):
        return _lower_any(b, generator, found=node.func.id == "any")
    # What stands beside the generator is evaluated before it runs, but after its first iterable.
    first = generator.generators[0]
    operands = [node.func, first.iter, *node.args[1:], *(k.value for k in node.keywords)]
    if any(map(b.unit.effects.suspends, (operands[0], *operands[2:]))):
        values = [expressions.hold(b, value) for value in expressions.lower_in_order(b, operands)]
        function, first.iter, *rest = values
    else:
        function, _, *rest = operands
    others = len(node.args) - 1
    keywords = [ast.keyword(k.arg, value) for k, value in zip(node.keywords, rest[others:], strict=True)]
    call = ast.Call(function, [_accumulate_list(b, generator), *rest[:others]], keywords)
    return ast.copy_location(call, node)


def lower_generator_expression(b: Builder, node: ast.GeneratorExp) -> None:
    """The body of the generator function that a generator expression is; its first iterable is its parameter."""
    b.rebound = {n.target.id for n in walk(node) if isinstance(n, ast.NamedExpr)}

    def give() -> None:
        value = expressions.lower_expression(b, node.elt)
        b.flush()
        b.emit(graph.Yield(value=b.expression(value), **b.place("yield", [node.elt], [value])))

    _loop(b, node, 0, b.load(FIRST, node.generators[0].iter), give, ())


def lower_comprehension(b: Builder, node: ComprehensionNode) -> ast.expr:
    match node:
        case ast.GeneratorExp():
            node.generators[0].iter = expressions.lower_expression(b, node.generators[0].iter)
            return node
        case ast.ListComp():
            return _accumulate_list(b, node)
        case ast.SetComp():
            return _accumulate(b, node, _set_display(node), "add")
        case ast.DictComp():
            return _accumulate(b, node, ast.Dict([], []), "__setitem__")


def collect(b: Builder, node: ast.expr, iterable: ast.expr) -> ast.expr:
    """A list of all that a generator which holds steps gives."""
    name, element = b.temporary("v"), b.temporary()
    b.pend(b.assign(name, located(ast.List([], ast.Load()), node)))

    def append() -> None:
        b.pend(located(_store(name, "append", [b.load(element, node)]), node))

    statements.emit_for(b, node, located(ast.Name(element, ast.Store()), node), iterable, append)
    return b.load(name, node)


def _set_display(node: ast.AST) -> ast.expr:
    """An empty set that no rebinding of `set` can change."""
    return ast.Set([ast.copy_location(ast.Starred(ast.Tuple([], ast.Load()), ast.Load()), node)])


def _accumulate_list(b: Builder, node: ast.ListComp | ast.GeneratorExp) -> ast.expr:
    return _accumulate(b, node, ast.List([], ast.Load()), "append")


def _accumulate(b: Builder, node: ComprehensionNode, empty: ast.expr, method: str) -> ast.expr:
    # The first iterable is evaluated before the accumulator exists, and by the scope around.
    first = expressions.lower_expression(b, node.generators[0].iter)
    name = b.temporary("v")
    b.pend(b.assign(name, located(empty, node)))

    def collect() -> None:
        values = expressions.lower_in_order(b, elements(node))
        b.pend(located(_store(name, method, values), node))

    _loops(b, node, first, collect)
    return b.load(name, node)


def _store(name: str, method: str, values: list[ast.expr]) -> ast.stmt:
    collected = ast.Name(name, ast.Load())
    if method == "__setitem__":
        return ast.Assign([ast.Subscript(collected, values[0], ast.Store())], values[1])
    return ast.Expr(ast.Call(ast.Attribute(collected, method, ast.Load()), values, []))


def _lower_any(b: Builder, node: ast.GeneratorExp, found: bool) -> ast.expr:
    """`any` and `all` stop at the first element that decides."""
    first = expressions.lower_expression(b, node.generators[0].iter)
    name = b.temporary("v")
    b.pend(b.assign(name, located(ast.Constant(not found), node)))

    def decide() -> None:
        test = expressions.lower_expression(b, node.elt)
        with b.block() as hit:
            b.pend(b.assign(name, located(ast.Constant(found), node)))
            b.flush()
            b.emit(graph.Break(**b.place("break", [node], [])))
        expressions.emit_branch(b, test, node, hit if found else [], [] if found else hit)

    _loops(b, node, first, decide)
    return b.load(name, node)


def _loops(b: Builder, node: ComprehensionNode, first: ast.expr, innermost: Callable[[], None]) -> None:
    scope = b.unit.names.scopes[node]
    fresh, renamed = _adopt_variables(b, node, scope)
    outer = set(b.comprehension_names)
    b.comprehension_names |= renamed
    _loop(b, node, 0, first, innermost, tuple(sorted(fresh)))
    b.comprehension_names = outer


def _loop(
    b: Builder,
    node: ComprehensionNode,
    index: int,
    iterable: ast.expr,
    innermost: Callable[[], None],
    fresh: tuple[str, ...],
) -> None:
    generator = node.generators[index]

    def body() -> None:
        _conditions(b, node, generator.ifs, inner)

    def inner() -> None:
        if index + 1 == len(node.generators):
            innermost()
        else:
            following = expressions.lower_expression(b, node.generators[index + 1].iter)
            _loop(b, node, index + 1, following, innermost, ())

    is_async = bool(generator.is_async)
    owns = b.unit.effects.is_fresh(generator.iter)
    statements.emit_for(b, node, generator.target, iterable, body, fresh=fresh, is_async=is_async, owns=owns)


def _conditions(b: Builder, node: ast.AST, conditions: list[ast.expr], then: Callable[[], None]) -> None:
    if not conditions:
        then()
        return
    test = expressions.lower_expression(b, conditions[0])
    with b.block() as passed:
        _conditions(b, node, conditions[1:], then)
    expressions.emit_branch(b, test, conditions[0], passed, [])


def _adopt_variables(b: Builder, node: ComprehensionNode, scope: Scope) -> tuple[set[str], set[str]]:
    """Makes the comprehension's variables variables of the function: (those with a fresh cell, all)."""
    fresh: set[str] = set()
    adopted: set[str] = set()
    for name in [n for n in scope.bindings if scope.owns(n)]:
        captured = name in scope.cells
        new = _free_name(b, name, b.locals if captured else b.cells)
        if new != name:
            _rename(b, node, scope, name, new)
        b.add_variable(new, captured)
        adopted.add(new)
        if captured:
            fresh.add(new)
    return fresh, adopted


def _free_name(b: Builder, name: str, others: set[str]) -> str:
    """A name that is not in use; `others` are variables that live elsewhere, as locals or in cells."""
    candidate, number = name, 1
    while candidate in b.unit.taken or candidate in b.comprehension_names or candidate in others:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _rename(b: Builder, node: ComprehensionNode, owner: Scope, old: str, new: str) -> None:
    names = b.unit.names
    inside = list(walk_scoped(names, node, b.scope))
    for name, scope in inside:
        if isinstance(name, ast.Name) and name.id == old and names.owner(scope, old) is owner:
            name.id = new
        inner = names.scopes.get(name)
        if inner is not None and old in inner.frees and names.owner(inner, old) is owner:
            inner.frees ^= {old, new}
