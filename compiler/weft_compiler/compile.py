"""From source to plan: the compiler as its phases.

parse -> subset -> entry -> resolve -> names -> effects -> lower -> check. Each phase reports what it finds and carries on;
all errors that do not depend on each other come out together, in source order.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from weft_compiler.check import check_graph
from weft_compiler.check_iteration import check_iteration
from weft_compiler.check_names import check_names
from weft_compiler.depth import run_deep
from weft_compiler.diagnostics import Diagnostic, Reporter
from weft_compiler.effects import infer_effects
from weft_compiler.entry import INPUTS, Entry, prepare_entry
from weft_compiler.graph import Graph
from weft_compiler.lower.builder import Unit
from weft_compiler.lower.module import MODULE, lower_module
from weft_compiler.normalise import normalise
from weft_compiler.ownership import Owners
from weft_compiler.plan import Limits, Plan
from weft_compiler.resolve import resolve
from weft_compiler.source import Source, parse_source
from weft_compiler.subset import check_subset
from weft_compiler.tool_spec import ToolSpec
from weft_compiler.tree import walk


def compile_source(
    source: str,
    tools: Sequence[ToolSpec],
    *,
    file: str = "<orchestration>",
    inputs: Sequence[str] = (),
    limits: Limits | None = None,
    on_warning: Callable[[Diagnostic], None] | None = None,
) -> Plan:
    """Compiles an orchestration to a plan.

    `tools` are those that may be called; the plan keeps the ones that it uses. `inputs` are names that top-level code
    may use because the run will be given them. `on_warning` gets what is doubtful but compiles. Raises `CompileFailed`
    with every error found.
    """
    reporter = Reporter(source, file)
    plan = run_deep(lambda: _compile(source, tools, file, inputs, limits or Limits(), reporter))
    if on_warning is not None:
        for warning in reporter.diagnostics:
            on_warning(warning)
    return plan


def _compile(
    text: str, tools: Sequence[ToolSpec], file: str, inputs: Sequence[str], limits: Limits, reporter: Reporter
) -> Plan:
    source = parse_source(text, file, reporter)
    if source is None:
        reporter.raise_if_errors()
        raise AssertionError("parsing failed without a diagnostic")
    callable_tools = {t.name: t for t in tools}
    check_subset(source, reporter, tools=callable_tools)
    normalise(source.tree)
    entry = prepare_entry(source.tree, set(callable_tools), reporter)
    names = resolve(source.tree)
    modules = check_names(source, names, callable_tools, {*inputs, INPUTS}, reporter)
    owners = Owners(source.tree, names)
    effects = infer_effects(source.tree, names, owners, set(callable_tools), reporter)
    check_iteration(effects, owners, names, reporter)
    reporter.raise_if_errors()
    used = _used_tools(source, callable_tools)
    unit = Unit(source, names, effects, callable_tools, reporter)
    functions = lower_module(unit, source.tree)
    reporter.raise_if_errors()
    graph = Graph(entry=MODULE, functions=functions, inputs=_inputs(entry, inputs), modules=modules)
    check_graph(graph)
    return Plan(file=file, source=text, graph=graph, tools=used, limits=limits)


def _inputs(entry: Entry, given: Sequence[str]) -> dict[str, bool]:
    return entry.inputs if entry.function else dict.fromkeys(given, True)


def _used_tools(source: Source, tools: dict[str, ToolSpec]) -> tuple[ToolSpec, ...]:
    mentioned = {n.id for n in walk(source.tree) if isinstance(n, ast.Name)}
    return tuple(tools[name] for name in sorted(mentioned & set(tools)))
