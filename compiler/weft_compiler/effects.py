"""Effect inference: which expressions suspend, and which synchronous functions the machine has to run.

An expression suspends if it contains an `await`, a tool call that is awaited on the spot, a call of an effectful
function, or `asyncio.run`. A synchronous function is effectful if its own code suspends. All else is pure.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from weft_compiler.class_index import decorator_name
from weft_compiler.consumers import LAZY, can_wait, consumer_name, is_library
from weft_compiler.diagnostics import Reporter
from weft_compiler.flow import analyse
from weft_compiler.flow_classes import Facts, is_iteration
from weft_compiler.flow_paths import FunctionValue, Site, ToolValue, Use
from weft_compiler.lasting import find_lasting
from weft_compiler.losing import catching_lost_variables
from weft_compiler.module_members import asyncio_name
from weft_compiler.ownership import Owners
from weft_compiler.resolve import Names, RunnableNode, is_generator
from weft_compiler.tree import walk

#: Special methods that the machine can run wherever syntax, or one of a few builtins, calls them.
DURABLE_METHODS = frozenset(
    {
        "__new__", "__init__", "__post_init__", "__call__", "__getitem__", "__contains__", "__len__", "__str__",
        "__repr__", "__format__", "__next__", "__enter__", "__exit__",
    }
)  # fmt: skip
#: Methods of `ExitStack` that keep a function to call it, and those of `AsyncExitStack` that await it.
_ON_STACKS = {"callback": "push_async_callback", "push": "push_async_exit"}
#: Methods that a `with` calls.
_MANAGING = frozenset({"__enter__", "__exit__", "close"})


@dataclass
class Effects:
    """The answers for one module."""

    #: Every node that suspends or holds a node of its own function that does.
    suspending: set[ast.AST] = field(default_factory=set)
    #: Calls that are awaited though the source has no `await`.
    implicit: set[ast.Call] = field(default_factory=set)
    #: Calls, not awaited, of effectful synchronous functions; and where else Python may call one by itself.
    inline: set[ast.AST] = field(default_factory=set)
    #: Calls of `asyncio.run`.
    runs: set[ast.Call] = field(default_factory=set)
    #: Functions whose bodies the machine runs.
    graph_functions: set[RunnableNode] = field(default_factory=set)
    #: Those of them that are generators.
    generators: set[RunnableNode] = field(default_factory=set)
    #: Plain generators whose own code waits.
    stepped: set[RunnableNode] = field(default_factory=set)
    #: Expressions whose value is such a generator and is taken whole.
    spread: set[ast.expr] = field(default_factory=set)
    #: Generator expressions that are asynchronous.
    asynchronous: set[ast.GeneratorExp] = field(default_factory=set)
    callees: dict[ast.AST, set[ToolValue | FunctionValue]] = field(default_factory=dict)
    #: The calls of decorators, by decorator.
    applications: dict[ast.expr, ast.Call] = field(default_factory=dict)
    #: The calls that each waiting expression waits for, as far as they are known.
    sources: dict[ast.AST, set[Site]] = field(default_factory=dict)

    def suspends(self, node: ast.AST) -> bool:
        return node in self.suspending

    def stand_in(self, made: ast.expr, node: ast.expr) -> None:
        """Notes that an expression of the compiler's own waits where `node` does."""
        self.inline.add(made)
        self.suspending.add(made)
        self.callees[made] = self.callees.get(node, set())

    def is_fresh(self, node: ast.expr) -> bool:
        """Whether the value is a generator that was made here, alone or wrapped, so that nothing else can hold it."""
        match node:
            case ast.GeneratorExp():
                return True
            case ast.Call(func=ast.Name(id=name)) if name in LAZY and name not in ("map", "filter"):
                return any(map(self.is_fresh, node.args)) and all(self.is_fresh(a) or _is_plain(a) for a in node.args)
            case ast.Call():
                callees = self.callees.get(node, set())
                return bool(callees) and all(_makes_generator(callee) for callee in callees)
        return False


def _makes_generator(callee: ToolValue | FunctionValue) -> bool:
    node = callee.node if isinstance(callee, FunctionValue) else None
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_generator(node) and not node.decorator_list


def _is_plain(node: ast.expr) -> bool:
    """Whether an expression surely holds no generator."""
    return isinstance(node, (ast.Constant, ast.Tuple, ast.List)) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"
    )


def infer_effects(tree: ast.Module, names: Names, owners: Owners, tools: set[str], reporter: Reporter) -> Effects:
    """The effects of a module; ambiguous and forgotten awaits are reported."""
    facts = analyse(tree, names, tools)
    effects = Effects(callees=facts.callees, sources=facts.sources, applications=facts.applications)
    _decide_sites(facts, effects, reporter)
    # The call of a decorator stands in no tree; it is made where the definition stands.
    owners.parents |= {call: owners.parents[decorator] for decorator, call in facts.applications.items()}
    effects.runs = {c for c, s in owners.calls.items() if asyncio_name(c.func, names, s) == "run"}
    effects.graph_functions = {f for f in owners.functions if isinstance(f, ast.AsyncFunctionDef)}
    effects.asynchronous = owners.asynchronous
    _spread(facts, effects, owners)
    for call in [*effects.implicit, *effects.inline, *effects.runs, *owners.awaits]:
        effects.suspending |= owners.chain(call)
    for attempt in catching_lost_variables(tree, names, owners, effects.graph_functions):
        effects.suspending |= owners.chain(attempt)
    effects.generators = find_lasting(tree, names, effects.suspending, owners, effects.stepped)
    effects.graph_functions |= effects.generators
    for spot in owners.yields:
        if owners.runner(spot) in effects.graph_functions:
            effects.suspending |= owners.chain(spot)
    _report_callbacks(facts, effects, reporter)
    _report_methods(tree, effects, reporter)
    _report_consumers(facts, effects, owners, names, reporter)
    return effects


def _decide_sites(facts: Facts, effects: Effects, reporter: Reporter) -> None:
    for call, sites in facts.sites.items():
        uses = set().union(*(facts.uses[s] for s in sites))
        # Where the callee may be a plain function as well, nobody can say that a coroutine is forgotten.
        is_sure = call not in facts.guessed and facts.callees.get(call, set()) <= {site.callee for site in sites}
        for site in sites:
            if isinstance(site.callee, FunctionValue) and is_sure:
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


def _spread(facts: Facts, effects: Effects, owners: Owners) -> None:
    """Effectful functions make their callers effectful, and effectful generators what asks them, to a fixpoint."""
    seeds: list[ast.AST] = [*effects.implicit, *effects.runs]
    while seeds:
        runners = [owners.runner(seed) for seed in seeds]
        generators = {r for r in runners if _is_plain_generator(r, owners)} - effects.stepped
        added = {f for f in runners if isinstance(f, ast.FunctionDef | ast.Lambda) and f not in effects.graph_functions}
        effects.stepped |= generators  # type: ignore[arg-type]
        effects.graph_functions |= added
        functions = added - generators
        found = [spot for spot, callees in facts.callees.items() if any(_is_in(c, functions) for c in callees)]
        effects.inline |= set(found)
        asking = generators | added
        walks = [node for node, asked in facts.walks.items() if any(g.node in asking for g in asked)]
        if any(map(is_iteration, asking)):
            # Nobody names the `__iter__` that a loop calls.
            walks += owners.loops
        if any(isinstance(f, ast.FunctionDef) and f.name in _MANAGING for f in functions):
            # Nor the methods of a manager, nor the one that `closing` calls.
            walks += owners.managed
        spread = [node for node, asked in facts.spread.items() if any(g.node in asking for g in asked)]
        effects.spread |= set(spread)
        effects.inline |= {node for node in walks if isinstance(node, ast.Call) and can_wait(node)}
        for node in [*walks, *spread]:
            effects.suspending |= owners.chain(node)
        seeds = [*found, *walks, *spread]


def _is_plain_generator(runner: ast.AST | None, owners: Owners) -> bool:
    if isinstance(runner, ast.FunctionDef):
        return is_generator(runner)
    return isinstance(runner, ast.GeneratorExp) and runner not in owners.asynchronous


def _is_in(callee: ToolValue | FunctionValue, functions: set[ast.FunctionDef | ast.Lambda]) -> bool:
    return isinstance(callee, FunctionValue) and callee.node in functions


def _report_callbacks(facts: Facts, effects: Effects, reporter: Reporter) -> None:
    """Reports functions that hold steps and are called from inside Python: by a library, a decorator, or Python itself."""
    for handed, call in facts.handed_out:
        if isinstance(handed, FunctionValue) and isinstance(handed.node, ast.Lambda):
            if handed.node in effects.graph_functions:
                body = ast.unparse(handed.node.body)
                reporter.report("effectful-lambda", handed.node, caller=ast.unparse(call.func), body=body)
            continue
        name = handed.name if isinstance(handed, ToolValue) else _effectful_name(handed, effects)
        if name is not None:
            asynchronous = _ON_STACKS.get(consumer_name(call.func))
            remedy = asynchronous and f"make `{name}` asynchronous, and use `{asynchronous}` of an `AsyncExitStack`"
            caller = ast.unparse(call.func)
            reporter.report("effectful-callback", call, help_text=remedy, name=name, caller=caller)
    for function, decorator in facts.decorated:
        if _effectful_name(function, effects) is not None:
            reporter.report("effectful-decorator", function.node, name=ast.unparse(decorator))
    waiting = effects.stepped | (effects.graph_functions - effects.generators)
    for manager, entered in facts.managers:
        if any(isinstance(each, ast.FunctionDef) and each in waiting for each in entered):
            reporter.report("effectful-manager", manager, name=ast.unparse(manager))


def _effectful_name(function: FunctionValue, effects: Effects) -> str | None:
    """The name of a synchronous function that holds steps; None for any other."""
    node = function.node
    holds_steps = node in effects.graph_functions and node not in effects.generators
    return node.name if isinstance(node, ast.FunctionDef) and holds_steps else None


def _report_consumers(facts: Facts, effects: Effects, owners: Owners, names: Names, reporter: Reporter) -> None:
    """Reports what would run a generator that holds steps inside Python."""
    for node, asked in facts.walks.items():
        if not any(g.node in effects.stepped or g.node in effects.graph_functions - effects.generators for g in asked):
            continue
        if isinstance(node, ast.Compare):
            reporter.report("effectful-generator", node, consumer="in")
        elif isinstance(node, (ast.Tuple, ast.List)):
            reporter.report("effectful-generator", node, consumer=ast.unparse(node))
        elif (
            isinstance(node, ast.Call)
            and node not in effects.inline
            and is_library(node.func, names, owners.calls[node])
        ):
            reporter.report("effectful-generator", node, consumer=ast.unparse(node.func))


def _report_methods(tree: ast.Module, effects: Effects, reporter: Reporter) -> None:
    """Reports special methods that hold steps and that Python calls where a run cannot stop."""
    for cls in [node for node in walk(tree) if isinstance(node, ast.ClassDef)]:
        is_enum = any(decorator_name(base).endswith(("Enum", "Flag")) for base in cls.bases)
        for method in cls.body:
            if not isinstance(method, ast.FunctionDef) or method not in effects.graph_functions - effects.generators:
                continue
            accessor = {decorator_name(d) for d in method.decorator_list} & {"setter", "deleter"}
            special = method.name.startswith("__") and method.name.endswith("__")
            if accessor or (special and (is_enum or method.name not in DURABLE_METHODS)):
                reporter.report("effectful-method", method, name=method.name, cls=cls.name)
