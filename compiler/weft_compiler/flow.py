"""Where coroutines and functions flow: which un-awaited call makes a coroutine, and which is meant to be awaited.

Claude often writes `roi = calculate_roi(rec)` for an asynchronous tool. Whether that call makes a coroutine (which a
`gather` further down consumes) or is awaited on the spot is decided per call site from what becomes of its value:
through assignments, displays, comprehensions, `append`, subscripts, `values`, `zip`, parameters and returns, to a
fixpoint.

A flow is a pair (item, path): the item is a call site or a function, the path the containers that it lies in, the
outermost first: `l` for a collection, `d` for a mapping's values, a digit for that place of a tuple. The analysis is flow-insensitive: a variable
holds whatever any assignment gives it.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from weft_compiler.resolve import ComprehensionNode, FunctionNode, Names, Scope, elements, parameters

Use = Literal["consumed", "needed", "escaped"]
#: The containers around an item, the outermost first: `l`, `d` or a digit each; empty for the item itself.
Path = str
_DEEPEST = 4


@dataclass(frozen=True)
class ToolValue:
    """A tool as a value."""

    name: str


@dataclass(frozen=True, eq=False)
class FunctionValue:
    """A function of the orchestration as a value; one object for each `def` or lambda."""

    node: FunctionNode | ast.Lambda


@dataclass(frozen=True, eq=False)
class Site:
    """A call whose value is a coroutine unless it is awaited: of a tool, or of an asynchronous function."""

    call: ast.Call
    callee: ToolValue | FunctionValue
    #: True where `map` or the like makes the calls.
    mapped: bool = False


Item = ToolValue | FunctionValue | Site
Flow = frozenset[tuple[Item, Path]]
NOTHING: Flow = frozenset()

#: asyncio's functions that take an awaitable as their first argument and see to it.
_CONSUMERS = frozenset({"create_task", "ensure_future", "wait_for", "shield", "run", "run_coroutine_threadsafe"})
#: Those that take a collection of awaitables.
_COLLECTION_CONSUMERS = frozenset({"wait", "as_completed"})
#: Methods with which event loops, task groups and runners take a coroutine.
_CONSUMING_METHODS = frozenset({"create_task", "run_until_complete", "start_soon"})
_SAME_LEVEL = frozenset({"list", "tuple", "set", "frozenset", "reversed", "sorted", "iter", "dict"})
_DEEPER = frozenset({"zip", "enumerate"})
_NEUTRAL = frozenset({"len", "type", "id", "isinstance", "callable", "bool"})
_STORING_METHODS = frozenset({"append", "add", "appendleft", "put_nowait", "put", "insert", "setdefault"})
_TAKING_METHODS = frozenset({"get", "pop", "popleft", "popitem", "get_nowait", "setdefault"})


@dataclass
class Facts:
    """What the analysis found."""

    sites: dict[ast.Call, list[Site]] = field(default_factory=dict)
    uses: dict[Site, set[Use]] = field(default_factory=lambda: defaultdict(set))
    #: What the callee of each call can be.
    callees: dict[ast.Call, set[ToolValue | FunctionValue]] = field(default_factory=dict)
    #: What each waiting expression waits for, as far as it is known.
    sources: dict[ast.AST, set[Site]] = field(default_factory=lambda: defaultdict(set))
    #: Functions handed to code that is not the orchestration's own, with the call that does it.
    handed_out: list[tuple[FunctionValue, ast.Call]] = field(default_factory=list)


def analyse(tree: ast.Module, names: Names, tools: Iterable[str]) -> Facts:
    """Follows coroutines and functions through a module."""
    return _Analysis(tree, names, frozenset(tools)).facts


def asyncio_name(node: ast.expr, names: Names, scope: Scope) -> str | None:
    """`gather` for `asyncio.gather`, `aio.gather` after `import asyncio as aio`, or `gather` after a from-import."""
    return module_member(node, names, scope, "asyncio")


def module_member(node: ast.expr, names: Names, scope: Scope, module: str) -> str | None:
    """The name of the module's member that an expression means, or None."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        bindings = names.bindings(scope, node.value.id)
        if not bindings:
            return node.attr if node.value.id == module else None
        if all(_imports_module(b, node.value.id, module) for b in bindings):
            return node.attr
    if isinstance(node, ast.Name):
        bindings = names.bindings(scope, node.id)
        found = {_imported_member(b, node.id, module) for b in bindings}
        if len(found) == 1:
            return found.pop()
    return None


def _imports_module(binding: ast.AST, name: str, module: str) -> bool:
    return isinstance(binding, ast.Import) and any(
        (a.asname or a.name) == name and a.name == module for a in binding.names
    )


def _imported_member(binding: ast.AST, name: str, module: str) -> str | None:
    if isinstance(binding, ast.ImportFrom) and binding.module == module:
        for alias in binding.names:
            if (alias.asname or alias.name) == name:
                return alias.name
    return None


def wrapped(flow: Flow, container: Path = "l") -> Flow:
    """The flow as seen in a container of that kind."""
    return frozenset((item, (container + path)[:_DEEPEST]) for item, path in flow)


def taken(flow: Flow) -> Flow:
    """What a subscript or `pop` takes out of a container of any kind."""
    return frozenset((item, path[1:]) for item, path in flow if path)


def iterated(flow: Flow) -> Flow:
    """What iteration gives; a mapping gives its keys, which are nothing of interest."""
    return frozenset((item, path[1:]) for item, path in flow if path and path[0] != "d")


def at_place(flow: Flow, place: int) -> Flow:
    """What destructuring gives to the target at that place."""
    return frozenset((item, path[1:]) for item, path in flow if path and path[0] in ("l", str(place)))


def bare(flow: Flow) -> Flow:
    """The part of the flow that lies in no container."""
    return frozenset((item, path) for item, path in flow if not path)


class _Analysis:
    def __init__(self, tree: ast.Module, names: Names, tools: frozenset[str]) -> None:
        self.names = names
        self.tools = tools
        self.facts = Facts()
        self.env: dict[object, set[tuple[Item, Path]]] = defaultdict(set)
        self.assigned: dict[object, set[ast.expr]] = defaultdict(set)
        self.returns: dict[ast.AST, set[tuple[Item, Path]]] = defaultdict(set)
        self.values: dict[ast.AST, FunctionValue] = {}
        self.made: dict[tuple[ast.Call, object], Site] = {}
        self.methods: Mapping[str, list[FunctionNode]] = _methods(tree)
        self.scope = names.module
        self.function: ast.AST = tree
        before = -1
        while before != self._size():
            before = self._size()
            self.facts.handed_out.clear()
            self._body(tree.body)
        self._need(frozenset(self.returns[tree]))

    def _size(self) -> int:
        flows = sum(len(flow) for flow in [*self.env.values(), *self.returns.values()])
        return flows + sum(len(uses) for uses in self.facts.uses.values()) + len(self.made)

    # -- statements --------------------------------------------------------------------------------------------------

    def _body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for decorator in node.decorator_list:
                    self._need(self.value(decorator))
                self._define(node)
                self._flow_to(node.name, frozenset({(self._function_value(node), "")}))
            case ast.ClassDef():
                outer, self.scope = self.scope, self.names.scopes[node]
                self._body(node.body)
                self.scope = outer
            case ast.Assign():
                flow = self.value(node.value)
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.assigned[self._key(target.id)].add(node.value)
                    self._assign(target, flow)
            case ast.AnnAssign():
                if node.value is not None:
                    self._assign(node.target, self.value(node.value))
            case ast.AugAssign():
                self._assign(node.target, self.value(node.value))
            case ast.For() | ast.AsyncFor():
                self._assign(node.target, iterated(self._iterable(node.iter)))
                self._body(node.body + node.orelse)
            case ast.Return():
                if node.value is not None:
                    self.returns[self.function] |= self.value(node.value)
            case ast.Expr():
                self.value(node.value)
            case ast.If() | ast.While():
                self._need(self.value(node.test))
                self._body(node.body + node.orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    flow = self.value(item.context_expr)
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, flow)
                self._body(node.body)
            case ast.Try() | ast.TryStar():
                self._body(node.body)
                for handler in node.handlers:
                    self._body(handler.body)
                self._body(node.orelse + node.finalbody)
            case ast.Match():
                self._need(self.value(node.subject))
                for case in node.cases:
                    if case.guard is not None:
                        self._need(self.value(case.guard))
                    self._body(case.body)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._need(self.value(child))

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
                starred = any(isinstance(element, ast.Starred) for element in target.elts)
                for place, element in enumerate(target.elts):
                    if isinstance(element, ast.Starred):
                        self._assign(element, wrapped(iterated(flow)))
                    else:
                        self._assign(element, iterated(flow) if starred else at_place(flow, place))
            case ast.Subscript():
                self.value(target.slice)
                self._store_into(target.value, flow)
            case ast.Attribute():
                self.value(target.value)
                self.env["attribute", target.attr] |= flow

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
                flow = self.value(node.value)
                self._need(bare(flow))
                return frozenset(self.env["attribute", node.attr])
            case ast.IfExp():
                self._need(self.value(node.test))
                return self.value(node.body) | self.value(node.orelse)
            case ast.BoolOp():
                return frozenset().union(*(self.value(v) for v in node.values))
            case ast.NamedExpr():
                flow = self.value(node.value)
                self._assign(node.target, flow)
                return flow
            case ast.Starred():
                return self.value(node.value)
            case ast.Lambda():
                self._define(node)
                return frozenset({(self._function_value(node), "")})
            case ast.BinOp():
                return self._binary(node)
            case ast.Compare():
                self._compare(node)
                return NOTHING
            case _:
                self._parts(node)
                return NOTHING

    def _parts(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
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
        for operand in [node.left, *node.comparators]:
            flow = self.value(operand)
            if not neutral:
                self._need(bare(flow))

    def _subscript(self, node: ast.Subscript) -> Flow:
        flow = self.value(node.value)
        self._need(self.value(node.slice))
        if isinstance(node.slice, ast.Slice):
            return flow
        self._need(bare(flow))
        return taken(flow)

    def _iterable(self, node: ast.expr) -> Flow:
        flow = self.value(node)
        self._need(bare(flow))
        return flow

    def _comprehension(self, node: ComprehensionNode) -> Flow:
        first = self._iterable(node.generators[0].iter)
        outer, self.scope = self.scope, self.names.scopes[node]
        for index, generator in enumerate(node.generators):
            source = self._iterable(generator.iter) if index else first
            self._assign(generator.target, iterated(source))
            for condition in generator.ifs:
                self._need(self.value(condition))
        parts = [self.value(e) for e in elements(node)]
        if isinstance(node, ast.DictComp):
            self._need(parts[0])
        self.scope = outer
        return wrapped(parts[-1], "d" if isinstance(node, ast.DictComp) else "l")

    # -- calls -------------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Flow:
        if (name := asyncio_name(node.func, self.names, self.scope)) is not None:
            return self._asyncio_call(node, name)
        if isinstance(node.func, ast.Attribute):
            return self._method_call(node, node.func)
        if (
            isinstance(node.func, ast.Name)
            and not self.names.bindings(self.scope, node.func.id)
            and node.func.id not in self.tools
        ):
            return self._builtin_call(node, node.func.id)
        return self._call_of(node, self.value(node.func))

    def _call_of(self, node: ast.Call, callee: Flow) -> Flow:
        """A call of whatever the flow holds: tools, functions, or what only the run knows."""
        found = {item for item, path in callee if not path and not isinstance(item, Site)}
        self.facts.callees.setdefault(node, set()).update(found)
        arguments = [self.value(a) for a in node.args]
        keywords = {k.arg: self.value(k.value) for k in node.keywords}
        result: Flow = NOTHING
        for item in sorted(found, key=_place):
            if isinstance(item, ToolValue):
                self._need_all([*arguments, *keywords.values()])
                result |= {(self._site(node, item), "")}
            else:
                self._bind(item.node, node, arguments, keywords)
                result |= self._result_of(node, item)
        if not found:
            for flow in [*arguments, *keywords.values()]:
                self._use(flow, "escaped")
        return result

    def _result_of(self, node: ast.Call, callee: FunctionValue) -> Flow:
        if isinstance(callee.node, ast.AsyncFunctionDef):
            return frozenset({(self._site(node, callee), "")})
        return frozenset(self.returns[callee.node])

    def _bind(
        self,
        function: FunctionNode | ast.Lambda,
        node: ast.Call,
        arguments: list[Flow],
        keywords: dict[str | None, Flow],
    ) -> None:
        scope = self.names.scopes[function]
        positional = [p.arg for p in [*function.args.posonlyargs, *function.args.args]]
        if positional and isinstance(node.func, ast.Attribute) and scope.parent and scope.parent.kind == "class":
            positional = positional[1:]
        for index, (argument, flow) in enumerate(zip(node.args, arguments, strict=True)):
            if isinstance(argument, ast.Starred):
                for name in positional[index:]:
                    self.env[scope, name] |= iterated(flow)
            elif index < len(positional):
                self.env[scope, positional[index]] |= flow
            elif function.args.vararg:
                self.env[scope, function.args.vararg.arg] |= wrapped(flow)
        for key, flow in keywords.items():
            if key in {p.arg for p in parameters(function.args)}:
                self.env[scope, key] |= flow
            elif function.args.kwarg:
                self.env[scope, function.args.kwarg.arg] |= wrapped(flow, "d")

    def _asyncio_call(self, node: ast.Call, name: str) -> Flow:
        flows = [self.value(a) for a in node.args] + [self.value(k.value) for k in node.keywords]
        if name == "gather":
            for argument, flow in zip(node.args, flows, strict=False):
                self._consume(iterated(flow) if isinstance(argument, ast.Starred) else flow, node)
        elif name in _CONSUMERS and flows:
            self._consume(flows[0], node)
            if name == "run":
                return self._await(flows[0], node)
        elif name in _COLLECTION_CONSUMERS and flows:
            self._consume(iterated(flows[0]), node)
        elif name == "to_thread" and flows:
            return self._call_through(node, flows[0])
        return NOTHING

    def _call_through(self, node: ast.Call, callee: Flow) -> Flow:
        for item, path in callee:
            if not path and isinstance(item, FunctionValue):
                self.facts.handed_out.append((item, node))
        return NOTHING

    def _method_call(self, node: ast.Call, func: ast.Attribute) -> Flow:
        receiver = self.value(func.value)
        arguments = [self.value(a) for a in node.args]
        stored = frozenset(self.env["attribute", func.attr])
        if func.attr in self.methods or stored:
            own = [(self._function_value(m), "") for m in self.methods.get(func.attr, [])]
            return self._call_of(node, stored | frozenset(own))
        if func.attr in _CONSUMING_METHODS and arguments:
            self._consume(arguments[0], node)
            return NOTHING
        if func.attr in _STORING_METHODS and arguments:
            is_mapping = func.attr == "setdefault"
            self._store_into(func.value, arguments[-1], "d" if is_mapping else "l")
            return taken(receiver) | arguments[-1] if is_mapping else NOTHING
        if func.attr in ("extend", "extendleft", "update") and arguments:
            if func.attr == "update":
                self._store_into(func.value, taken(arguments[0]), "d")
            else:
                self._store_into(func.value, iterated(arguments[0]), "l")
            return NOTHING
        self._need(bare(receiver))
        if func.attr in _TAKING_METHODS:
            for flow in arguments[:1]:
                self._need(flow)
            return taken(receiver) | (arguments[1] if len(arguments) > 1 else NOTHING)
        if func.attr == "copy":
            return receiver
        if func.attr in ("values", "items"):
            found = wrapped(taken(receiver))
            return found if func.attr == "values" else wrapped(wrapped(taken(receiver), "1"))
        self._hand_out(node, [*arguments, *(self.value(k.value) for k in node.keywords)])
        return NOTHING

    def _builtin_call(self, node: ast.Call, name: str) -> Flow:
        arguments = [self.value(a) for a in node.args]
        keywords = [self.value(k.value) for k in node.keywords]
        if name in _NEUTRAL:
            return NOTHING
        if name in _SAME_LEVEL and arguments:
            self._hand_out(node, [*arguments[1:], *keywords])
            if name == "dict":
                pairs = wrapped(at_place(iterated(arguments[0]), 1), "d")
                return pairs | frozenset(f for f in arguments[0] if f[1].startswith("d"))
            return wrapped(iterated(arguments[0]))
        if name in _DEEPER and arguments:
            first = 1 if name == "enumerate" else 0
            places = [wrapped(iterated(flow), str(place)) for place, flow in enumerate(arguments[:9], first)]
            return wrapped(frozenset().union(*places))
        if name == "next" and arguments:
            return iterated(arguments[0]) | (arguments[1] if len(arguments) > 1 else NOTHING)
        if name in ("map", "filter") and arguments:
            return self._map(node, name, arguments)
        self._hand_out(node, [*arguments, *keywords])
        return NOTHING

    def _map(self, node: ast.Call, name: str, arguments: list[Flow]) -> Flow:
        result: Flow = NOTHING
        for item, path in _ordered(arguments[0]):
            if not path and isinstance(item, ToolValue):
                result |= {(self._site(node, item, mapped=True), "l")}
            elif not path and isinstance(item, FunctionValue):
                for parameter, flow in zip(parameters(item.node.args), arguments[1:], strict=False):
                    self.env[self.names.scopes[item.node], parameter.arg] |= iterated(flow)
                if isinstance(item.node, ast.AsyncFunctionDef):
                    result |= {(self._site(node, item, mapped=True), "l")}
                else:
                    self.facts.handed_out.append((item, node))
                    result |= wrapped(frozenset(self.returns[item.node]))
        if name == "filter":
            self._need(frozenset((item, "") for item, _ in result))
            return arguments[1] if len(arguments) > 1 else NOTHING
        return result

    def _hand_out(self, node: ast.Call, arguments: list[Flow]) -> None:
        """Arguments of a builtin or a module's function: values are needed, functions are called from there."""
        for flow in arguments:
            self._need(flow)
            for item, _ in _ordered(flow):
                if isinstance(item, FunctionValue):
                    self.facts.handed_out.append((item, node))

    # -- uses --------------------------------------------------------------------------------------------------------

    def _site(self, node: ast.Call, callee: ToolValue | FunctionValue, mapped: bool = False) -> Site:
        key = (node, callee)
        if key not in self.made:
            site = self.made[key] = Site(node, callee, mapped)
            self.facts.sites.setdefault(node, []).append(site)
            self.facts.uses[site] = set()
        return self.made[key]

    def _function_value(self, node: FunctionNode | ast.Lambda) -> FunctionValue:
        return self.values.setdefault(node, FunctionValue(node))

    def _use(self, flow: Flow, use: Use) -> None:
        for item, _ in flow:
            if isinstance(item, Site):
                self.facts.uses[item].add(use)

    def _need(self, flow: Flow) -> None:
        self._use(flow, "needed")

    def _need_all(self, flows: list[Flow]) -> None:
        for flow in flows:
            self._need(flow)

    def _consume(self, flow: Flow, waiting: ast.AST) -> None:
        reached = bare(flow)
        self._use(reached, "consumed")
        self.facts.sources[waiting] |= {item for item, _ in reached if isinstance(item, Site)}

    def _await(self, flow: Flow, waiting: ast.AST) -> Flow:
        self._consume(flow, waiting)
        result: Flow = NOTHING
        for item, path in flow:
            if not path and isinstance(item, Site) and isinstance(item.callee, FunctionValue):
                result |= frozenset(self.returns[item.callee.node])
        return result


def _place(item: Item) -> tuple[int, int, str]:
    """Where an item stands in the source; tools have no place and come first."""
    match item:
        case ToolValue():
            return (0, 0, item.name)
        case FunctionValue():
            return (item.node.lineno, item.node.col_offset, "")
        case Site():
            return (item.call.lineno, item.call.col_offset, "")


def _ordered(flow: Flow) -> list[tuple[Item, Path]]:
    return sorted(flow, key=lambda found: (*_place(found[0]), found[1]))


def _methods(tree: ast.Module) -> dict[str, list[FunctionNode]]:
    found: dict[str, list[FunctionNode]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, FunctionNode):
                    found.setdefault(statement.name, []).append(statement)
    return found


def _defaults(args: ast.arguments) -> list[tuple[str, ast.expr]]:
    positional = [*args.posonlyargs, *args.args]
    pairs = list(zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None]
    return [(argument.arg, default) for argument, default in pairs]
