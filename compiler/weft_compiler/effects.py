"""Effect inference: which expressions suspend, and which synchronous functions the machine has to run.

An expression suspends if it contains an `await`, a tool call that is awaited on the spot, a call of an effectful
function, or `asyncio.run`. A synchronous function is effectful if its own code suspends. All else is pure.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from weft_compiler.diagnostics import Reporter
from weft_compiler.flow import analyse
from weft_compiler.flow_calls import Facts
from weft_compiler.flow_paths import FunctionValue, Site, ToolValue, Use
from weft_compiler.module_members import asyncio_name
from weft_compiler.resolve import FunctionNode, Names, Scope, evaluated_outside, is_generator, walk_scoped

_BOUNDARIES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
#: Builtins that run an iterable to its end.
_CONSUMERS = frozenset(
    {"list", "tuple", "set", "frozenset", "dict", "sum", "min", "max", "sorted", "any", "all", "len"}
)
_ASYNC_SYNTAX = (ast.Await, ast.AsyncFor, ast.AsyncWith)


@dataclass
class Effects:
    """The answers for one module."""

    #: Every node that suspends or holds a node of its own function that does.
    suspending: set[ast.AST] = field(default_factory=set)
    #: Calls that are awaited though the source has no `await`.
    implicit: set[ast.Call] = field(default_factory=set)
    #: Calls, not awaited, of effectful synchronous functions.
    inline: set[ast.Call] = field(default_factory=set)
    #: Calls of `asyncio.run`.
    runs: set[ast.Call] = field(default_factory=set)
    #: Functions whose bodies the machine runs.
    graph_functions: set[FunctionNode] = field(default_factory=set)
    #: Those of them that are generators.
    generators: set[FunctionNode] = field(default_factory=set)
    callees: dict[ast.Call, set[ToolValue | FunctionValue]] = field(default_factory=dict)
    #: The calls that each waiting expression waits for, as far as they are known.
    sources: dict[ast.AST, set[Site]] = field(default_factory=dict)

    def suspends(self, node: ast.AST) -> bool:
        return node in self.suspending


def infer_effects(tree: ast.Module, names: Names, tools: set[str], reporter: Reporter) -> Effects:
    """The effects of a module; ambiguous and forgotten awaits are reported."""
    facts = analyse(tree, names, tools)
    effects = Effects(callees=facts.callees, sources=facts.sources)
    _decide_sites(facts, effects, reporter)
    owners = _Owners(tree, names)
    effects.runs = {c for c, s in owners.calls.items() if asyncio_name(c.func, names, s) == "run"}
    effects.graph_functions = {f for f in owners.functions if isinstance(f, ast.AsyncFunctionDef)}
    _spread(facts, effects, owners)
    for call in [*effects.implicit, *effects.inline, *effects.runs, *owners.awaits]:
        effects.suspending |= owners.chain(call)
    _find_generators(tree, names, effects, owners)
    _report_callbacks(facts, effects, owners, reporter)
    return effects


class _Owners:
    """For each node of interest: its parents up to the function that runs it."""

    def __init__(self, tree: ast.Module, names: Names) -> None:
        self.parents: dict[ast.AST, ast.AST] = {}
        self.calls: dict[ast.Call, Scope] = {}
        self.functions: list[FunctionNode] = []
        self.lambdas: list[ast.Lambda] = []
        self.awaits: list[ast.AST] = []
        self.yields: list[ast.AST] = []
        for node, scope in walk_scoped(names, tree, names.module):
            if isinstance(node, ast.Call):
                self.calls[node] = scope
        for node in ast.walk(tree):
            self._note(node)
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, FunctionNode):
            self.functions.append(node)
        elif isinstance(node, ast.Lambda):
            self.lambdas.append(node)
        elif isinstance(node, (ast.Yield, ast.YieldFrom)):
            self.yields.append(node)
        elif isinstance(node, _ASYNC_SYNTAX) or (isinstance(node, ast.comprehension) and node.is_async):
            self.awaits.append(node)

    def chain(self, node: ast.AST) -> set[ast.AST]:
        """The node and its parents, up to but without the function or lambda that runs it."""
        found = {node}
        while (parent := self.parents.get(node)) is not None:
            if isinstance(parent, _BOUNDARIES) and not evaluated_outside(parent, node):
                break
            found.add(parent)
            node = parent
        return found

    def runner(self, node: ast.AST) -> ast.AST | None:
        """The function or lambda whose code holds the node; None for the module's own code."""
        while (parent := self.parents.get(node)) is not None:
            if isinstance(parent, _BOUNDARIES) and not evaluated_outside(parent, node):
                return parent
            node = parent
        return None


def _decide_sites(facts: Facts, effects: Effects, reporter: Reporter) -> None:
    for call, sites in facts.sites.items():
        uses = set().union(*(facts.uses[s] for s in sites))
        for site in sites:
            if isinstance(site.callee, FunctionValue):
                _check_awaited(site, uses, reporter)
        if not any(isinstance(s.callee, ToolValue) for s in sites):
            continue
        if "escaped" in uses or {"consumed", "needed"} <= uses:
            name = ast.unparse(call.func)
            reporter.report("ambiguous-coroutine", call, name=name, call=ast.unparse(call))
        elif "consumed" not in uses:
            _decide_on_the_spot(call, sites, effects, reporter)


def _decide_on_the_spot(call: ast.Call, sites: list[Site], effects: Effects, reporter: Reporter) -> None:
    mapped = next((s for s in sites if s.mapped), None)
    if mapped is None:
        effects.implicit.add(call)
    else:
        assert isinstance(mapped.callee, ToolValue)
        reporter.report("effectful-callback", call, name=mapped.callee.name, caller=ast.unparse(call.func))


def _check_awaited(site: Site, uses: set[Use], reporter: Reporter) -> None:
    assert isinstance(site.callee, FunctionValue)
    assert not isinstance(site.callee.node, ast.Lambda)
    if "consumed" not in uses and "escaped" not in uses:
        reporter.report("never-awaited", site.call, name=site.callee.node.name, call=ast.unparse(site.call))


def _spread(facts: Facts, effects: Effects, owners: _Owners) -> None:
    """Effectful functions make their callers effectful, to a fixpoint."""
    seeds = [*effects.implicit, *effects.runs]
    while seeds:
        new = [f for f in (owners.runner(call) for call in seeds) if isinstance(f, ast.FunctionDef)]
        added = {f for f in new if f not in effects.graph_functions}
        effects.graph_functions |= added
        found = [call for call, callees in facts.callees.items() if any(_is_in(c, added) for c in callees)]
        effects.inline |= set(found)
        seeds = list(found)


def _is_in(callee: ToolValue | FunctionValue, functions: set[ast.FunctionDef]) -> bool:
    return isinstance(callee, FunctionValue) and callee.node in functions


def _find_generators(tree: ast.Module, names: Names, effects: Effects, owners: _Owners) -> None:
    """Generators that the machine runs: asynchronous ones, and those that can be half-way through at a step.

    A generator that is used up where it is made (by `list`, a comprehension, a `for` without steps) stays native, and so
    does one that a decorator wraps. All others could be met half-way by a step.
    """
    generators = {f for f in owners.functions if is_generator(f)}
    lasting: set[FunctionNode] = {f for f in generators if isinstance(f, ast.AsyncFunctionDef)}
    if any(isinstance(node, ast.For) for node in effects.suspending):
        # What `for` calls by itself, such as `__iter__`, nobody names.
        lasting |= {f for f in generators if f.name.startswith("__")}
    mentions = list(walk_scoped(names, tree, names.module))
    before = -1
    while before != len(lasting):
        before = len(lasting)
        for node, scope in mentions:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                function = names.known_function(scope, node.id)
                if function is not None and function in generators and not _is_used_up(node, lasting, effects, owners):
                    lasting.add(function)
            elif isinstance(node, ast.Attribute) and not _is_used_up(node, lasting, effects, owners):
                lasting |= {f for f in generators if f.name == node.attr}
    effects.generators = {f for f in lasting if not f.decorator_list}
    effects.graph_functions |= effects.generators
    for spot in owners.yields:
        if owners.runner(spot) in effects.graph_functions:
            effects.suspending |= owners.chain(spot)


def _is_used_up(callee: ast.expr, lasting: set[FunctionNode], effects: Effects, owners: _Owners) -> bool:
    """Whether what a generator function's name stands in runs the generator to its end at once.

    `lasting` are the generators that are known not to be; what they delegate to lasts with them.
    """
    call = owners.parents.get(callee)
    if not isinstance(call, ast.Call) or call.func is not callee:
        return False
    user = owners.parents.get(call)
    match user:
        case ast.Call(func=ast.Name(id=name)):
            return name in _CONSUMERS and call in user.args
        case ast.Call(func=ast.Attribute(attr="join" | "extend" | "update")):
            return call in user.args
        case ast.For():
            return user.iter is call and not effects.suspends(user)
        case ast.comprehension():
            comprehension = owners.parents.get(user)
            return not isinstance(comprehension, ast.GeneratorExp) and comprehension not in effects.suspending
        case ast.YieldFrom():
            return owners.runner(user) not in lasting and not effects.suspends(user)
        case _:
            return False


def _report_callbacks(facts: Facts, effects: Effects, owners: _Owners, reporter: Reporter) -> None:
    for node in owners.lambdas:
        if effects.suspends(node.body):
            reporter.report("effectful-lambda", node)
    for handed, call in facts.handed_out:
        name = handed.name if isinstance(handed, ToolValue) else _effectful_name(handed, effects)
        if name is not None:
            reporter.report("effectful-callback", call, name=name, caller=ast.unparse(call.func))


def _effectful_name(function: FunctionValue, effects: Effects) -> str | None:
    """The name of a synchronous function that holds steps; None for any other."""
    node = function.node
    holds_steps = node in effects.graph_functions and node not in effects.generators
    return node.name if isinstance(node, ast.FunctionDef) and holds_steps else None
