"""Checks a graph's invariants. Only a fault of the compiler itself can break them, never an orchestration.

`check_graph` runs after lowering and after every pass in tests, and once on each graph that is put in a plan.
The message of `BrokenGraph` is the printed graph with each fault under its node.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from weft_compiler.code import decode_lines
from weft_compiler.code_scope import Names, names_in
from weft_compiler.diagnostics import split_lines
from weft_compiler.graph import (
    Attempt,
    Block,
    Break,
    Call,
    Code,
    Compute,
    Continue,
    Function,
    Graph,
    Invoke,
    Loop,
    Map,
    Node,
    Parallel,
    Scope,
    Span,
    Spawn,
)
from weft_compiler.phrases import show
from weft_compiler.printer import render_tree
from weft_compiler.traverse import Form, all_nodes, blocks_of, codes_of, targets_of
from weft_compiler.tree import walk

_UNKNOWN_CALLEE = "*"


class BrokenGraph(Exception):
    """The graph breaks an invariant. The message shows where."""


def check_graph(graph: Graph, *, source: str | None = None, tools: Collection[str] | None = None) -> None:
    """Raises BrokenGraph if the graph breaks an invariant.

    With `source`, spans must lie inside it; with `tools`, every callee must be one of them or a function.
    """
    faults = _Faults()
    if graph.entry not in graph.functions:
        faults.general.append(f"the entry {graph.entry!r} is not among the functions")
    for name, function in graph.functions.items():
        _FunctionCheck(graph, name, function, faults, source, tools).run()
    if faults.found:
        raise BrokenGraph(faults.message(graph))


class _Faults:
    def __init__(self) -> None:
        self.general: list[str] = []
        self.marks: dict[tuple[str, str], str] = {}

    @property
    def found(self) -> bool:
        return bool(self.general or self.marks)

    def mark(self, function: str, node: str, fault: str) -> None:
        earlier = self.marks.get((function, node))
        self.marks[function, node] = f"{earlier}; {fault}" if earlier else fault

    def message(self, graph: Graph) -> str:
        return "\n".join(["the compiler made a broken graph", *self.general, "", render_tree(graph, self.marks)])


class _FunctionCheck:
    def __init__(
        self,
        graph: Graph,
        name: str,
        function: Function,
        faults: _Faults,
        source: str | None,
        tools: Collection[str] | None,
    ) -> None:
        self.graph = graph
        self.name = name
        self.function = function
        self.faults = faults
        self.lines = split_lines(source) if source is not None else None
        self.tools = tools
        #: What was found out of nodes already, by their identity.
        self.pieces: dict[int, list[_Piece]] = {}
        self.touched: dict[int, frozenset[str]] = {}
        self.declared = frozenset(map(show, (*function.locals, *function.cells, *function.frees)))

    def run(self) -> None:
        if self.function.name != self.name:
            self.faults.general.append(f"{self.name}: the function there is named {self.function.name!r}")
        for parameter in self.function.parameters:
            if show(parameter) not in self.declared and not parameter.startswith("__weft_"):
                self.faults.general.append(f"{self.name}: the parameter {parameter!r} is no declared variable")
        for problem in self._span_problems(self.function.span):
            self.faults.general.append(f"{self.name}: {problem}")
        self._check_ids()
        self._check_loops(self.function.body, inside=False)
        for node in all_nodes(self.function):
            for problem in self._problems(node):
                self.faults.mark(self.name, node.id, problem)

    def _check_ids(self) -> None:
        seen: set[str] = set()
        for node in all_nodes(self.function):
            if node.id in seen:
                self.faults.mark(self.name, node.id, f"the id {node.id!r} is used twice")
            seen.add(node.id)

    def _check_loops(self, block: Block, *, inside: bool) -> None:
        for node in block.nodes:
            leaves = isinstance(node, (Break, Continue)) or (
                isinstance(node, Compute) and bool({"break", "continue"} & set(node.exits))
            )
            if leaves and not inside:
                self.faults.mark(self.name, node.id, "leaves a loop, but there is no loop around it")
            for held in blocks_of(node):
                within = inside or (isinstance(node, Loop) and held is node.body)
                self._check_loops(held, inside=within)

    def _problems(self, node: Node) -> Iterator[str]:
        yield from self._span_problems(node.span)
        yield from self._shape_problems(node)
        yield from self._callee_problems(node)
        for piece in self._pieces_of(node):
            yield from self._code_problems(piece)
        yield from self._access_problems(node)
        if isinstance(node, Compute) and (tree := self._pieces_of(node)[0].tree) is not None:
            yield from _exit_problems(node, tree)

    def _span_problems(self, span: Span) -> Iterator[str]:
        if (span.end_line, span.end_col) < (span.line, span.col) or span.line < 1 or span.col < 0:
            yield f"the span {span!r} is not a range"
        elif self.lines is not None and (
            span.end_line > len(self.lines) or span.end_col > len(self.lines[span.end_line - 1])
        ):
            yield f"the span {span!r} ends outside the source"

    def _shape_problems(self, node: Node) -> Iterator[str]:
        if isinstance(node, Loop):
            if (node.iterable is None) == (node.test is None):
                yield "a loop has either an iterable or a test"
            if (node.iterable is None) != (node.target is None):
                yield "a `for` has a target and a `while` has none"
            if node.iterable is not None and node.head.nodes:
                yield "only a `while` has nodes before its test"
        if isinstance(node, Attempt) and not node.handlers and not node.final.nodes:
            yield "a try has handlers or a finally"

    def _callee_problems(self, node: Node) -> Iterator[str]:
        match node:
            case Invoke():
                known = [] if node.callee == _UNKNOWN_CALLEE else [node.callee]
                yield from (f"there is no function {name!r}" for name in known if name not in self.graph.functions)
                return
            case Call():
                names = [node.tool]
            case Parallel():
                names = [*node.branches]
            case Map() | Scope() | Spawn():
                names = [*node.callees]
            case _:
                return
        if self.tools is None:
            return
        known_names = {*self.tools, *self.graph.functions, _UNKNOWN_CALLEE}
        yield from (f"there is no tool or function {name!r}" for name in names if name not in known_names)

    def _code_problems(self, piece: _Piece) -> Iterator[str]:
        if piece.tree is None:
            yield f"the code does not parse: {piece.code.text!r}"
            return
        nodes = list(walk(piece.tree))
        located = sum(hasattr(node, "lineno") for node in nodes)
        given = sum(1 for _ in decode_lines(piece.code.lines))
        if given != located:
            yield f"`lines` speaks of {given} nodes, but the code has {located}"
        yield from (f"the code waits: {type(node).__name__}" for node in nodes if _waits(node))
        bodies = iter(_stub_names(nodes))
        for name in piece.code.functions:
            if name not in self.graph.functions:
                yield f"there is no function {name!r}"
            elif self.graph.functions[name].qualname.rpartition(".")[2] not in bodies:
                yield f"the code has no `def` with the body `...` for {name!r}, or in another order"

    def _access_problems(self, node: Node) -> Iterator[str]:
        own = [piece.names for piece in self._pieces_of(node)]
        loads = {name for names in own for name in names.loads if name in self.declared}
        stores = {name for names in own for name in names.stores if name in self.declared}
        targets = {show(target) for target in targets_of(node)}
        reads, writes, touched = set(map(show, node.reads)), set(map(show, node.writes)), self._touched_by(node)
        yield from _difference(loads - reads, "reads {} but `reads` does not say so")
        yield from _difference((stores | targets) - writes, "writes {} but `writes` does not say so")
        yield from _difference(reads - touched, "`reads` names {}, which nothing here reads")
        yield from _difference(writes - touched, "`writes` names {}, which nothing here writes")

    def _touched_by(self, node: Node) -> frozenset[str]:
        """All names that the node, or a node within it, mentions or assigns."""
        if id(node) not in self.touched:
            inner = [child for block in blocks_of(node) for child in block.nodes]
            self.touched[id(node)] = frozenset(map(show, targets_of(node))).union(
                *(piece.names.mentioned for piece in self._pieces_of(node)),
                *(self._touched_by(child) for child in inner),
            )
        return self.touched[id(node)]

    def _pieces_of(self, node: Node) -> list[_Piece]:
        if id(node) not in self.pieces:
            self.pieces[id(node)] = [_piece(code, form) for code, form in codes_of(node)]
        return self.pieces[id(node)]


@dataclass(frozen=True)
class _Piece:
    """One code of a node. `tree` is None where the text does not parse."""

    code: Code
    tree: ast.AST | None
    names: Names


def _piece(code: Code, form: Form) -> _Piece:
    try:
        tree = ast.parse(code.text, mode="eval" if form == "expression" else "exec")
    except SyntaxError:
        return _Piece(code, None, Names())
    return _Piece(code, tree, names_in(tree))


def _waits(node: ast.AST) -> bool:
    waiting = isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith))
    return waiting or (isinstance(node, ast.comprehension) and bool(node.is_async))


def _stub_names(nodes: list[ast.AST]) -> list[str]:
    """The names of what has the body `...`, in the order of the text."""
    stubs = [(node, name) for node in nodes if (name := _stub_name(node)) is not None]
    return [name for _, name in sorted(stubs, key=lambda stub: (stub[0].lineno, stub[0].col_offset))]  # type: ignore[attr-defined]


def _stub_name(node: ast.AST) -> str | None:
    match node:
        case (
            ast.FunctionDef(body=[ast.Expr(ast.Constant(value=v))])
            | ast.AsyncFunctionDef(body=[ast.Expr(ast.Constant(value=v))])
        ) if v is ...:
            return node.name
        case ast.Lambda(body=ast.Constant(value=v)) if v is ...:
            return "<lambda>"
        case ast.GeneratorExp(elt=ast.Constant(value=v)) if v is ...:
            return "<genexpr>"
    return None


def _exit_problems(node: Compute, tree: ast.AST) -> Iterator[str]:
    found = _exits(getattr(tree, "body", []), loop=False)
    if found != set(node.exits):
        yield f"leaves by {sorted(found)} but `exits` says {sorted(node.exits)}"


def _exits(statements: list[ast.stmt], *, loop: bool) -> set[str]:
    """The ways by which control can leave these statements, where `loop` says that a loop is around them."""
    found: set[str] = set()
    for statement in statements:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                continue
            case ast.Return():
                found.add("return")
            case ast.Break() | ast.Continue():
                found |= set() if loop else {type(statement).__name__.lower()}
            case ast.For() | ast.While():
                found |= _exits(statement.body, loop=True) | _exits(statement.orelse, loop=loop)
            case _:
                for inner in _statement_lists(statement):
                    found |= _exits(inner, loop=loop)
    return found


def _statement_lists(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, [])
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield part.body


def _difference(names: set[str] | frozenset[str], template: str) -> Iterator[str]:
    if names:
        yield template.format(", ".join(sorted(names)))
