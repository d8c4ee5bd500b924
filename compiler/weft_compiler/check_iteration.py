"""Reports asynchronous generators where only an ordinary iterable can stand: `sum(await f(x) for x in xs)`.

Only what is evident is reported: the generator is made where it is taken. The others raise Python's own `TypeError` in the
run. Nothing here knows tools: a tool that is called without `await` makes no generator asynchronous.
"""

from __future__ import annotations

import ast

from weft_compiler.consumers import DECIDING, EAGER, LAZY, consumer_name, is_library
from weft_compiler.diagnostics import Reporter
from weft_compiler.effects import Effects
from weft_compiler.flow_paths import FunctionValue
from weft_compiler.ownership import Owners
from weft_compiler.resolve import Names, is_generator

_TAKING = EAGER | DECIDING | LAZY


def check_iteration(effects: Effects, owners: Owners, names: Names, reporter: Reporter) -> None:
    """Reports each asynchronous generator that is taken, where it is made, by what takes ordinary iterables."""
    own = {function.name for function in owners.functions}
    made = [*effects.asynchronous, *(call for call in owners.calls if _makes_asynchronous(call, effects))]
    for generator in made:
        user = owners.parents.get(generator)
        consumer = _consumer(generator, user, own, owners, names)
        if consumer is not None:
            reason, proposal = _reason(generator), _proposal(generator, user)
            reporter.report("asynchronous-generator", generator, consumer=consumer, reason=reason, proposal=proposal)


def _makes_asynchronous(call: ast.Call, effects: Effects) -> bool:
    """Whether the call is surely of an asynchronous generator function, in whose place no decorator put anything."""
    callees = effects.callees.get(call, set())
    return bool(callees) and all(
        isinstance(callee, FunctionValue)
        and isinstance(callee.node, ast.AsyncFunctionDef)
        and is_generator(callee.node)
        and not callee.node.decorator_list
        for callee in callees
    )


def _consumer(made: ast.expr, user: ast.AST | None, own: set[str], owners: Owners, names: Names) -> str | None:
    """What takes the generator, as the message names it; None where that may be able to."""
    match user:
        case ast.Call(func=func) if made in user.args and consumer_name(func) in _TAKING - own:
            known = isinstance(func, ast.Attribute) or is_library(func, names, owners.calls[user])
            return f"`{ast.unparse(func)}`" if known else None
        case ast.For() | ast.comprehension(is_async=0) if user.iter is made:
            return "`for` without `async`"
        case ast.Starred():
            return "`*`"
        case ast.Assign() if any(isinstance(target, (ast.Tuple, ast.List)) for target in user.targets):
            return "unpacking"
        case ast.Compare(ops=[*_, ast.In() | ast.NotIn()]) if user.comparators[-1] is made:
            return "`in`"
    return None


def _reason(made: ast.expr) -> str:
    if isinstance(made, ast.GeneratorExp):
        return "an `await` in a generator expression makes it asynchronous"
    assert isinstance(made, ast.Call)
    return f"`{ast.unparse(made.func)}` is an `async def` with a `yield`"


def _proposal(made: ast.expr, user: ast.AST | None) -> str:
    if not isinstance(made, ast.GeneratorExp):
        return f"ask it with `async for`, or collect it: `[item async for item in {ast.unparse(made)}]`"
    collected = ast.ListComp(made.elt, made.generators)
    if isinstance(user, ast.Call):
        arguments = [collected if argument is made else argument for argument in user.args]
        return f"make it a list: `{ast.unparse(ast.Call(user.func, arguments, user.keywords))}`"
    return f"make it a list: `{ast.unparse(collected)}`"
