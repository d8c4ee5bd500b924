"""Where coroutines and functions flow: which un-awaited call makes a coroutine, and which is meant to be awaited.

Claude often writes `roi = calculate_roi(rec)` for an asynchronous tool. Whether that call makes a coroutine (which a
`gather` further down consumes) or is awaited on the spot is decided per call site from what becomes of its value:
through assignments, displays, comprehensions, `append`, subscripts, `values`, `zip`, parameters and returns, to a
fixpoint.

The analysis is flow-insensitive: a variable holds whatever any assignment gives it (see `flow_paths` for what a flow is).
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable

from weft_compiler.class_index import ClassIndex
from weft_compiler.flow_calls import CallFlows
from weft_compiler.flow_classes import AWAITED_METHODS, Facts, formatting_methods, is_iteration
from weft_compiler.flow_paths import (
    NOTHING,
    Flow,
    Path,
    ToolValue,
    at_place,
    bare,
    generators_in,
    iterated,
    taken,
    wrapped,
)
from weft_compiler.resolve import ComprehensionNode, FunctionNode, Names, elements
from weft_compiler.tree import children


def analyse(tree: ast.Module, names: Names, tools: Iterable[str]) -> Facts:
    """Follows coroutines and functions through a module."""
    return _Analysis(tree, names, frozenset(tools)).facts


class _Analysis(CallFlows):
    def __init__(self, tree: ast.Module, names: Names, tools: frozenset[str]) -> None:
        super().__init__()
        self.names = names
        self.tools = tools
        self.assigned: dict[object, set[ast.expr]] = defaultdict(set)
        self.classes = ClassIndex(tree, names)
        self.scope = names.module
        self.function: ast.AST = tree
        before = -1
        while before != self._size():
            before = self._size()
            self._pass(tree)
        self.settled = True
        self._pass(tree)
        self._need(frozenset(self.returns[tree]))

    def _pass(self, tree: ast.Module) -> None:
        self.facts.handed_out.clear()
        self.facts.decorated.clear()
        self.facts.managers.clear()
        self._body(tree.body)

    def _size(self) -> int:
        flows = sum(len(flow) for flow in [*self.facts.walks.values(), *self.facts.spread.values()])
        flows += sum(len(flow) for flow in [*self.env.values(), *self.returns.values(), *self.yields.values()])
        return flows + sum(len(uses) for uses in self.facts.uses.values()) + len(self._sites)

    # -- statements --------------------------------------------------------------------------------------------------

    def _body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._define(node)
                self._flow_to(node.name, self._decorated(node, frozenset({(self._function_value(node), "")})))
            case ast.ClassDef():
                for part in [*node.bases, *(k.value for k in node.keywords)]:
                    self._need(self.value(part))
                outer, self.scope = self.scope, self.names.scopes[node]
                self._body(node.body)
                self.scope = outer
                self._flow_to(node.name, self._decorated(node, frozenset({(self._class_value(node), "")})))
            case ast.Assign():
                flow = self.value(node.value)
                if any(map(_takes_all, node.targets)):
                    self.facts.spread[node.value] |= generators_in(flow)
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.assigned[self._key(target.id)].add(node.value)
                    if isinstance(target, (ast.Tuple, ast.List)):
                        self._take_apart(target, flow)
                    else:
                        self._assign(target, flow)
            case ast.AnnAssign():
                if node.value is not None:
                    self._assign(node.target, self.value(node.value))
            case ast.AugAssign():
                flow = self.value(node.value)
                self.facts.spread[node.value] |= generators_in(flow)
                self._assign(node.target, flow)
            case ast.For() | ast.AsyncFor():
                self._assign(node.target, iterated(self._iterable(node.iter, node)))
                self._body(node.body + node.orelse)
            case ast.Return():
                if node.value is not None:
                    self._return(self.value(node.value), node)
            case ast.Expr():
                self.value(node.value)
            case ast.If() | ast.While():
                self._need(bare(self.value(node.test)))
                self._body(node.body + node.orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    flow = self.value(item.context_expr)
                    managing = {each for each in generators_in(flow) if not is_iteration(each.node)}
                    self.facts.walks[node] |= managing
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, iterated(flow) if managing else flow)
                self._body(node.body)
            case ast.Try() | ast.TryStar():
                self._body(node.body)
                for handler in node.handlers:
                    if handler.type is not None:
                        self._need(self.value(handler.type))
                    self._body(handler.body)
                self._body(node.orelse + node.finalbody)
            case ast.Match():
                self._need(self.value(node.subject))
                for case in node.cases:
                    if case.guard is not None:
                        self._need(self.value(case.guard))
                    self._body(case.body)
            case _:
                for child in children(node):
                    if isinstance(child, ast.expr):
                        self._need(self.value(child))

    def _return(self, flow: Flow, node: ast.Return) -> None:
        self.returns[self.function] |= flow
        if getattr(self.function, "name", "") in AWAITED_METHODS and self.classes.owner_of(self.function) is not None:
            self._consume(flow, node)

    def _define(self, node: FunctionNode | ast.Lambda) -> None:
        for parameter, default in _defaults(node.args):
            flow = self.value(default)
            self.env[self.names.scopes[node], parameter] |= flow
        outer = self.scope, self.function
        self.scope, self.function = self.names.scopes[node], node
        if isinstance(node, ast.Lambda):
            self.returns[node] |= self.value(node.body)
        else:
            self._body(node.body)
        self.scope, self.function = outer

    def _key(self, name: str) -> object:
        return self.names.owner(self.scope, name), name

    def _flow_to(self, name: str, flow: Flow) -> None:
        self.env[self._key(name)] |= flow

    def _assign(self, target: ast.expr, flow: Flow) -> None:
        match target:
            case ast.Name():
                self._flow_to(target.id, flow)
            case ast.Starred():
                self._assign(target.value, flow)
            case ast.Tuple() | ast.List():
                self.facts.walks[target] |= generators_in(flow)
                self._take_apart(target, flow)
            case ast.Subscript():
                self.value(target.slice)
                self._store_into(target.value, flow)
            case ast.Attribute():
                self.value(target.value)
                self.env["attribute", target.attr] |= flow

    def _take_apart(self, target: ast.Tuple | ast.List, flow: Flow) -> None:
        starred = any(isinstance(element, ast.Starred) for element in target.elts)
        for place, element in enumerate(target.elts):
            if isinstance(element, ast.Starred):
                self._assign(element, wrapped(iterated(flow)))
            else:
                self._assign(element, iterated(flow) if starred else at_place(flow, place))

    def _store_into(self, container: ast.expr, flow: Flow, kind: Path | None = None) -> None:
        """`container[k] = value` and `container.append(value)`; `kind` is what the way of storing says of it."""
        match container:
            case ast.Name():
                self._flow_to(container.id, wrapped(flow, kind or self._kind_of(container.id)))
            case ast.Attribute():
                self.env["attribute", container.attr] |= wrapped(flow, kind or "d")
            case ast.Subscript():
                self.value(container.slice)
                self._store_into(container.value, wrapped(flow, kind or "d"))
            case ast.IfExp():
                self._need(self.value(container.test))
                self._store_into(container.body, flow, kind)
                self._store_into(container.orelse, flow, kind)
            case ast.Call(func=ast.Attribute(value=outer, attr="setdefault" | "get")):
                self.value(container)
                self._store_into(outer, wrapped(flow, kind or "d"), "d")
            case _:
                self._use(flow, "escaped")

    def _kind_of(self, name: str) -> Path:
        """Whether a variable that is stored into by subscript is ever made as a list."""
        made_as_list = (ast.List, ast.ListComp, ast.BinOp)
        return "l" if any(isinstance(v, made_as_list) for v in self.assigned[self._key(name)]) else "d"

    # -- expressions -------------------------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Flow:
        """What the value of an expression holds; uses of its parts are recorded on the way."""
        match node:
            case ast.Name():
                return self._name(node)
            case ast.Call():
                return self._call(node)
            case ast.Await():
                return self._await(self.value(node.value), node)
            case ast.List() | ast.Tuple() | ast.Set():
                return self._display(node)
            case ast.Dict():
                for key in node.keys:
                    if key is not None:
                        self._need(self.value(key))
                flows = [
                    self.value(v) if k is None else wrapped(self.value(v), "d")
                    for k, v in zip(node.keys, node.values, strict=True)
                ]
                return frozenset().union(*flows) if flows else NOTHING
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self._comprehension(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.IfExp():
                self._need(bare(self.value(node.test)))
                return self.value(node.body) | self.value(node.orelse)
            case ast.BoolOp():
                return frozenset().union(*(self.value(v) for v in node.values))
            case ast.NamedExpr():
                flow = self.value(node.value)
                self._assign(node.target, flow)
                return flow
            case ast.Starred():
                flow = self.value(node.value)
                self.facts.spread[node.value] |= generators_in(flow)
                return flow
            case ast.Yield():
                if node.value is not None:
                    self.yields[self.function] |= self.value(node.value)
                return NOTHING
            case ast.YieldFrom():
                flow = self._iterable(node.value, node)
                self.yields[self.function] |= iterated(flow)
                return frozenset().union(*(self.returns[g.node] for g in generators_in(flow)))
            case ast.Lambda():
                self._define(node)
                return frozenset({(self._function_value(node), "")})
            case ast.BinOp():
                return self._binary(node)
            case ast.UnaryOp():
                self._need(bare(self.value(node.operand)))
                return NOTHING
            case ast.Compare():
                self._compare(node)
                return NOTHING
            case _:
                self._parts(node)
                return NOTHING

    def _parts(self, node: ast.AST) -> None:
        if isinstance(node, ast.FormattedValue):
            self._implicit_call(node, formatting_methods(self.classes, node.conversion))
        for child in children(node):
            if isinstance(child, ast.expr):
                self._need(self.value(child))
            elif not isinstance(child, (ast.expr_context, ast.operator)):
                self._parts(child)

    def _name(self, node: ast.Name) -> Flow:
        flow = frozenset(self.env[self._key(node.id)])
        if node.id in self.tools and not self.names.bindings(self.scope, node.id):
            flow |= {(ToolValue(node.id), "")}
        return flow

    def _display(self, node: ast.List | ast.Tuple | ast.Set) -> Flow:
        placed = isinstance(node, ast.Tuple) and not any(isinstance(e, ast.Starred) for e in node.elts)
        found: Flow = NOTHING
        for place, element in enumerate(node.elts):
            flow = self.value(element)
            if isinstance(element, ast.Starred):
                found |= wrapped(iterated(flow))
            else:
                found |= wrapped(flow, str(place) if placed and place < 10 else "l")
        return found

    def _binary(self, node: ast.BinOp) -> Flow:
        flow = self.value(node.left) | self.value(node.right)
        self._need(bare(flow))
        return flow - bare(flow)

    def _compare(self, node: ast.Compare) -> None:
        neutral = all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
        if len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            self._implicit_call(node, self.classes.methods.get("__contains__", []))
        searches = any(isinstance(op, (ast.In, ast.NotIn)) for op in node.ops)
        for operand in [node.left, *node.comparators]:
            flow = self.value(operand)
            if not neutral:
                self._need(bare(flow))
            if searches:
                self.facts.walks[node] |= generators_in(flow)

    def _subscript(self, node: ast.Subscript) -> Flow:
        flow, place = self.value(node.value), self.value(node.slice)
        self._need(place)
        given: Flow = NOTHING
        if isinstance(node.ctx, ast.Load):
            given = self._implicit_call(node, self.classes.methods.get("__getitem__", []), [place])
        if isinstance(node.slice, ast.Slice):
            return flow | given
        self._need(bare(flow))
        return taken(flow) | given

    def _iterable(self, node: ast.expr, walk: ast.AST) -> Flow:
        flow = self.value(node)
        self._need(bare(flow))
        self.facts.walks[walk] |= generators_in(flow)
        return flow

    def _comprehension(self, node: ComprehensionNode) -> Flow:
        first = self._iterable(node.generators[0].iter, node.generators[0])
        outer, self.scope = self.scope, self.names.scopes[node]
        for index, generator in enumerate(node.generators):
            source = self._iterable(generator.iter, generator) if index else first
            self._assign(generator.target, iterated(source))
            for condition in generator.ifs:
                self._need(self.value(condition))
        parts = [self.value(e) for e in elements(node)]
        if isinstance(node, ast.DictComp):
            self._need(parts[0])
        self.scope = outer
        if isinstance(node, ast.GeneratorExp):
            self.yields[node] |= parts[-1]
            return self._made(node)
        return wrapped(parts[-1], "d" if isinstance(node, ast.DictComp) else "l")


def _takes_all(target: ast.expr) -> bool:
    """Whether an assignment to the target takes all elements of its value."""
    if isinstance(target, ast.Subscript):
        return isinstance(target.slice, ast.Slice)
    return isinstance(target, ast.Tuple | ast.List)


def _defaults(args: ast.arguments) -> list[tuple[str, ast.expr]]:
    positional = [*args.posonlyargs, *args.args]
    pairs = list(zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None]
    return [(argument.arg, default) for argument, default in pairs]
