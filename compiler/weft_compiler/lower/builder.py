"""Builds the block of one function: collects pure statements, makes nodes, names temporaries.

Pure statements are held back (`pend`) until a node that suspends, branches or leaves comes; then they become one
`Compute` (or `Spawn`) before it. So a block reads as maximal runs of pure code between the points where a run can stop.

Two sorts of temporaries: `__weft_tN__` is read exactly once, `__weft_vN__` more often (an accumulator, a condition's value).
They end as they begin, so that class bodies do not mangle them.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from weft_compiler import graph
from weft_compiler.code import FORMATTERS, expression_code, statements_code
from weft_compiler.diagnostics import Reporter, span_of
from weft_compiler.effects import Effects
from weft_compiler.flow_paths import FunctionValue, ToolValue
from weft_compiler.losing import unbinds
from weft_compiler.module_members import asyncio_name
from weft_compiler.resolve import FunctionNode, Names, RunnableNode, Scope, resolve, stored_names
from weft_compiler.source import Source
from weft_compiler.tool_spec import ToolSpec
from weft_compiler.tree import children, walk

#: The first iterable of a generator expression that the machine runs, begun.
FIRST = "__weft_t0"
_SPAWNERS = frozenset({"create_task", "ensure_future"})
_LOOPS = (ast.For, ast.While, ast.AsyncFor)
_LEAVING = (graph.Return, graph.Raise, graph.Break, graph.Continue)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass
class Unit:
    """What the lowering of all functions of one module shares."""

    source: Source
    names: Names
    effects: Effects
    tools: dict[str, ToolSpec]
    reporter: Reporter
    functions: dict[str, graph.Function] = field(default_factory=dict)
    keys: dict[ast.AST, str] = field(default_factory=dict)
    #: Functions that get the class that they speak of from their binder.
    class_users: set[ast.AST] = field(default_factory=set)
    #: Names that a variable of a comprehension must not take when it becomes a variable of the function.
    taken: set[str] = field(default_factory=set)
    #: What stands for a generator expression or a lambda that the machine runs, with its key.
    stubs: dict[ast.AST, str] = field(default_factory=dict)

    def key_of(self, node: RunnableNode) -> str:
        """The function's key in the graph: its qualified name, numbered where it is not unique."""
        if node not in self.keys:
            qualname = self.names.scopes[node].qualname
            taken = sum(1 for k in self.keys.values() if k.partition("#")[0] == qualname)
            self.keys[node] = f"{qualname}#{taken + 1}" if taken else qualname
        return self.keys[node]


class Builder:
    """The block under construction and the names of one function."""

    def __init__(self, unit: Unit, scope: Scope) -> None:
        self.unit = unit
        self.scope = scope
        self.nodes: list[graph.Node] = []
        self.pending: list[ast.stmt] = []
        self.statement: ast.stmt | ast.excepthandler | None = None
        self.rebound: set[str] = set()
        self.locals: set[str] = set()
        self.cells: set[str] = set(scope.cells)
        self._labels: Counter[str] = Counter()
        self._temporaries = 0
        #: Variables of the comprehensions around, which an inner one must not reuse.
        self.comprehension_names: set[str] = set()
        #: Variables that surely have a value at this point of the lowering.
        self.bound: set[str] = set(scope.params)
        #: What was bound where the last block ended; None where it ends by leaving.
        self.bound_at_end: set[str] | None = None
        #: Variables that can lose their value again.
        self.unbound = {n for n, nodes in scope.bindings.items() if any(map(unbinds, nodes))}
        if scope.kind != "module":
            self.locals = {n for n in scope.bindings if scope.owns(n)} - self.cells

    # -- blocks and nodes ------------------------------------------------------------------------------------------

    @contextmanager
    def block(self) -> Iterator[list[graph.Node]]:
        """Collects the nodes made inside into a list of their own."""
        self.flush()
        outer, self.nodes = self.nodes, []
        inner = self.nodes
        statement, bound = self.statement, self.bound
        self.bound = set(bound)
        try:
            yield inner
            self.flush()
        finally:
            self.bound_at_end = None if inner and isinstance(inner[-1], _LEAVING) else self.bound
            self.nodes, self.statement, self.bound = outer, statement, bound

    def emit(self, node: graph.Node) -> None:
        self.flush()
        self.nodes.append(node)
        if isinstance(target := getattr(node, "target", None), str) and not isinstance(node, graph.Loop):
            self.bound.add(target)

    def pend(self, statement: ast.stmt) -> None:
        """Adds pure code to the run of statements that becomes the next Compute."""
        if self.pending and self._starts_tasks(statement) != self._starts_tasks(self.pending[-1]):
            self.flush()
        self.pending.append(statement)
        self.bound |= set(_surely_bound(statement))

    def flush(self) -> None:
        if not self.pending:
            return
        statements, self.pending = self.pending, []
        if self._starts_tasks(statements[0]):
            self.nodes.append(self._spawn(statements))
        else:
            self.nodes.append(self._compute(statements))

    def _compute(self, statements: list[ast.stmt]) -> graph.Compute:
        code, visited = self.code(statements)
        where = self.place("compute", statements, visited)
        return graph.Compute(code=code, exits=exits_of(visited), **where)

    def _spawn(self, statements: list[ast.stmt]) -> graph.Spawn:
        callees = sorted({c for s in statements for c in self.callees_in(s)})
        code, visited = self.code(statements)
        where = self.place("spawn", statements, visited)
        return graph.Spawn(code=code, callees=tuple(callees), **where)

    def _starts_tasks(self, statement: ast.stmt) -> bool:
        """Whether the statement's own code, not that of functions it defines, makes tasks."""
        pending: list[ast.AST] = [statement]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Call) and self._is_spawner(node.func):
                return True
            if not isinstance(node, _FUNCTIONS):
                pending += children(node)
        return False

    def _is_spawner(self, func: ast.expr) -> bool:
        if isinstance(func, ast.Attribute) and func.attr in _SPAWNERS:
            return True
        return asyncio_name(func, self.unit.names, self.scope) in _SPAWNERS

    def place(self, label: str, at: Sequence[ast.AST], code: Sequence[ast.AST], target: str | None = None) -> Any:
        """The fields that all nodes have. `at` is where it stands, `code` the trees it evaluates."""
        spans = [span_of(node, self.unit.source) for node in (at[0], at[-1])]
        first = min(spans, key=lambda span: (span.line, span.col))
        last = max(spans, key=lambda span: (span.end_line, span.end_col))
        span = graph.Span(line=first.line, col=first.col, end_line=last.end_line, end_col=last.end_col)
        reads, writes = self.reads_and_writes(code)
        if target is not None:
            writes = tuple(sorted({*writes, target}))
        return {"id": self.label(label), "span": span, "title": self._title(at), "reads": reads, "writes": writes}

    def _title(self, at: Sequence[ast.AST]) -> str | None:
        """The comment above the first of the statements; above the statement around where it is an expression."""
        titles = self.unit.source.titles
        if isinstance(at[0], ast.stmt):
            return next((titles[s.lineno] for s in at if isinstance(s, ast.stmt) and s.lineno in titles), None)
        return titles.get(self.statement.lineno) if self.statement is not None else None

    def label(self, name: str) -> str:
        self._labels[name] += 1
        count = self._labels[name]
        return name if count == 1 else f"{name}.{count}"

    # -- names -----------------------------------------------------------------------------------------------------

    def temporary(self, kind: str = "t") -> str:
        self._temporaries += 1
        return f"__weft_{kind}{self._temporaries}__"

    def add_variable(self, name: str, captured: bool) -> None:
        (self.cells if captured else self.locals).add(name)

    def reads_and_writes(self, trees: Sequence[ast.AST]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The variables that pure code reads and writes, sorted; builtins and tools are not variables."""
        stubbed = [_Stubs(self).visit(tree) for tree in trees]
        statements = [ast.Expr(t) if isinstance(t, ast.expr) else t for t in stubbed]
        found = resolve(ast.Module(statements, []))
        reads = {n for s in found.scopes.values() for n in s.uses if found.owner(s, n) is None}
        return tuple(sorted(n for n in reads if self.is_variable(n))), tuple(sorted(found.module.bindings))

    def used_late(self, node: ast.GeneratorExp) -> tuple[str, ...]:
        """The variables from outside that a generator expression uses later than when it is made, sorted."""
        first, *others = node.generators
        begun = ast.comprehension(first.target, ast.Tuple([], ast.Load()), first.ifs, first.is_async)
        reads, writes = self.reads_and_writes([located(ast.GeneratorExp(node.elt, [begun, *others]), node)])
        return tuple(sorted({*reads, *writes}))

    def is_variable(self, name: str) -> bool:
        if name in FORMATTERS:
            return False
        known = name in self.scope.frees or bool(self.unit.names.bindings(self.scope, name))
        return name.startswith("__weft_") or known or self.is_own(name)

    def is_own(self, name: str) -> bool:
        return name in self.locals or name in self.cells

    def is_stable(self, node: ast.expr) -> bool:
        """Whether the value of an expression cannot change while a later part of the same statement runs."""
        match node:
            case ast.Constant():
                return True
            case ast.Starred():
                return False
            case ast.Name():
                return node.id.startswith("__weft_t") or self._is_stable_name(node.id)
            case _:
                return False

    def _is_stable_name(self, name: str) -> bool:
        if name in self.rebound or name in self.cells or name in self.scope.frees:
            return False
        if name in self.locals:
            return name in self.bound and name not in self.unbound
        if not self.unit.names.is_global(self.scope, name) or name in self.unit.names.rebound_globals:
            return False
        if self.scope.kind == "module" and name in self.scope.bindings:
            return name in self.bound and name not in self.unbound
        return True

    def callees_in(self, tree: ast.AST) -> list[str]:
        """What the calls in a tree can start: tools and functions by name, sorted."""
        return sorted({name for node in walk(tree) for name in self.callees_of(node)})

    def callees_of(self, call: ast.AST) -> list[str]:
        """The tools and machine-run functions that one call, also one that Python makes, can start, sorted."""
        return sorted(filter(None, map(self._callee_name, self.unit.effects.callees.get(call, set()))))

    def sources_of(self, waiting: ast.AST) -> list[str]:
        """The tools and functions whose coroutines a waiting expression waits for, sorted; `*` where unknown."""
        sites = self.unit.effects.sources.get(waiting, set())
        return sorted({name for name in (self._callee_name(s.callee) for s in sites) if name}) or ["*"]

    def _callee_name(self, callee: ToolValue | FunctionValue) -> str | None:
        if isinstance(callee, ToolValue):
            return callee.name
        if callee.node in self.unit.effects.graph_functions:
            return self.unit.key_of(callee.node)
        return None

    # -- code ------------------------------------------------------------------------------------------------------

    def expression(self, node: ast.expr) -> graph.Code:
        stubs = _Stubs(self)
        visited = stubs.visit(node)
        return expression_code(visited, tuple(stubs.keys))

    def code(self, statements: list[ast.stmt]) -> tuple[graph.Code, list[ast.stmt]]:
        """The code of statements, and the statements as they stand in it."""
        stubs = _Stubs(self)
        visited = [stubs.visit(s) for s in statements]
        return statements_code(visited, tuple(stubs.keys)), visited

    def assign(self, name: str, value: ast.expr) -> ast.stmt:
        """`name = value`, on the line of the value."""
        target = ast.copy_location(ast.Name(name, ast.Store()), value)
        return ast.copy_location(ast.Assign([target], value), value)

    def load(self, name: str, at: ast.AST) -> ast.expr:
        return ast.copy_location(ast.Name(name, ast.Load()), at)


class _Stubs(ast.NodeTransformer):
    """Replaces the bodies of functions, lambdas and generator expressions that the machine runs by `...`.

    `keys` are those of what was replaced, in the order in which a visitor meets it in the text too.
    """

    def __init__(self, b: Builder) -> None:
        self.unit = b.unit
        self.b = b
        self.keys: list[str] = []

    def _visit_function(self, node: FunctionNode) -> ast.AST:
        if node not in self.unit.effects.graph_functions:
            return self.generic_visit(node)
        self.keys.append(self.unit.key_of(node))
        body = ast.copy_location(ast.Expr(ast.copy_location(ast.Constant(...), node)), node)
        fields = {name: getattr(node, name) for name in node._fields}
        fields["args"] = self.visit(node.args)
        fields["decorator_list"] = [self.visit(decorator) for decorator in node.decorator_list]
        return ast.copy_location(type(node)(**{**fields, "body": [body]}), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        if node in self.unit.stubs:
            self.keys.append(self.unit.stubs[node])
            return self.generic_visit(node)
        if node not in self.unit.effects.graph_functions:
            return self.generic_visit(node)
        self.keys.append(self.unit.key_of(node))
        body = ast.copy_location(ast.Constant(...), node.body)
        stub = ast.copy_location(ast.Lambda(self.visit(node.args), body), node)
        self.unit.stubs[stub] = self.unit.key_of(node)
        return stub

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        """`(... for __weft_t0 in xs if (a, b))`: the first iterable, and the variables that the rest mentions."""
        if node in self.unit.stubs:
            self.keys.append(self.unit.stubs[node])
            node.generators[0].iter = self.visit(node.generators[0].iter)
            return node
        if node not in self.unit.effects.generators:
            return self.generic_visit(node)
        key = self.unit.key_of(node)
        self.keys.append(key)
        mentioned = [ast.Name(name, ast.Load()) for name in self.b.used_late(node)]
        first = ast.comprehension(
            target=ast.Name(FIRST, ast.Store()),
            iter=self.visit(node.generators[0].iter),
            ifs=[ast.Tuple([*mentioned], ast.Load())] if mentioned else [],
            is_async=0,
        )
        stub: ast.GeneratorExp = located(ast.GeneratorExp(ast.Constant(...), [first]), node)
        self.unit.stubs[stub] = key
        return stub


def exits_of(statements: Sequence[ast.stmt]) -> tuple[Any, ...]:
    """The ways other than its end by which control can leave native code."""
    found: set[str] = set()
    stack: list[tuple[ast.AST, bool]] = [(s, False) for s in statements]
    while stack:
        node, in_loop = stack.pop()
        if isinstance(node, ast.Return):
            found.add("return")
        elif isinstance(node, ast.Break) and not in_loop:
            found.add("break")
        elif isinstance(node, ast.Continue) and not in_loop:
            found.add("continue")
        if isinstance(node, _FUNCTIONS):
            continue
        if isinstance(node, _LOOPS):
            stack += [(child, True) for child in node.body]
            stack += [(child, in_loop) for child in node.orelse]
        else:
            stack += [(child, in_loop) for child in children(node) if not isinstance(child, ast.expr)]
    return tuple(sorted(found))


def _surely_bound(statement: ast.stmt) -> list[str]:
    """Names that a simple statement binds if it does not raise."""
    match statement:
        case ast.Assign():
            return [name for target in statement.targets for name in stored_names(target)]
        case ast.AugAssign() | ast.AnnAssign():
            return stored_names(statement.target)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [statement.name]
        case ast.Import() | ast.ImportFrom():
            return [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
        case _:
            return []


def located(node: Any, at: ast.AST) -> Any:
    """The new tree, with the location of `at` wherever it has none."""
    for inner in walk(node):
        if "lineno" in inner._attributes and not hasattr(inner, "lineno"):
            ast.copy_location(inner, at)
    return node
