"""How coroutines and functions flow through calls: of tools, of the orchestration's functions, of asyncio, of builtins.

`CallFlows` is the half of the analysis in `flow` that knows callees; the other half knows statements and expressions.
"""

from __future__ import annotations

import ast
from abc import abstractmethod

from weft_compiler.class_index import decorator_name
from weft_compiler.consumers import ASKING
from weft_compiler.flow_classes import BUILTIN_METHODS, CONTAINER_METHODS, ClassFlows
from weft_compiler.flow_paths import (
    NOTHING,
    ClassValue,
    Flow,
    FunctionValue,
    Path,
    ToolValue,
    at_place,
    bare,
    generators_in,
    got,
    iterated,
    ordered,
    taken,
    wrapped,
)
from weft_compiler.module_members import asyncio_name, library_member
from weft_compiler.resolve import parameters

#: asyncio's functions that take an awaitable as their first argument and see to it.
_CONSUMERS = frozenset({"create_task", "ensure_future", "wait_for", "shield", "run", "run_coroutine_threadsafe"})
#: Those that take a collection of awaitables.
_COLLECTION_CONSUMERS = frozenset({"wait", "as_completed"})
#: Methods with which event loops, task groups and runners take a coroutine.
_CONSUMING_METHODS = frozenset({"create_task", "run_until_complete", "start_soon"})
_SAME_LEVEL = frozenset({"list", "tuple", "set", "frozenset", "reversed", "sorted", "iter", "dict"})
_DEEPER = frozenset({"zip", "enumerate"})
#: What calls a class that it is given.
_MAKERS = frozenset({"map", "starmap", "defaultdict", "field", "reduce", "setdefault"})
#: Builtins that call what they are given as `key`.
_KEYED = frozenset({"min", "max"})
_NEUTRAL = frozenset({"len", "type", "id", "isinstance", "callable", "bool"})
#: Methods that store their last argument, and in which kind of container.
_STORING_METHODS = {
    "append": "l",
    "add": "l",
    "appendleft": "l",
    "insert": "l",
    "setdefault": "d",
    "put": "q",
    "put_nowait": "q",
}
_TAKING_METHODS = frozenset({"get", "pop", "popleft", "popitem", "get_nowait", "setdefault"})
#: Functions of the library that give the elements of their arguments, those that give them in groups, and copies.
_LIBRARY_SAME_LEVEL = frozenset(
    f"itertools.{name}" for name in ("chain", "cycle", "islice", "takewhile", "dropwhile", "filterfalse", "compress")
) | {"collections.deque"}
_LIBRARY_DEEPER = frozenset(f"itertools.{name}" for name in ("batched", "pairwise", "product", "tee", "zip_longest"))
_LIBRARY_COPIES = frozenset({"copy.copy", "copy.deepcopy", "typing.cast"})
#: Those that keep a function and never call it.
_LIBRARY_NEUTRAL = frozenset({"functools.wraps"})
#: Those that give a function, which is called where their result is.
_LIBRARY_WRAPPERS = frozenset({"functools.partial", "functools.update_wrapper"})


class CallFlows(ClassFlows):
    """What a call does to the flows of its arguments, and what it gives."""

    @abstractmethod
    def _store_into(self, container: ast.expr, flow: Flow, kind: Path | None = None) -> None:
        """`container[k] = value` and `container.append(value)`."""

    # -- calls -------------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Flow:
        if (name := asyncio_name(node.func, self.names, self.scope)) is not None:
            return self._asyncio_call(node, name)
        if (member := library_member(node.func, self.names, self.scope, self.tools)) is not None:
            return self._library_call(node, member)
        if isinstance(node.func, ast.Attribute):
            return self._method_call(node, node.func)
        if (
            isinstance(node.func, ast.Name)
            and not self.names.bindings(self.scope, node.func.id)
            and node.func.id not in self.tools
        ):
            return self._builtin_call(node, node.func.id)
        arguments, keywords = self._arguments(node)
        callee = self.value(node.func)
        self._note_manager(node.func, callee)
        return self._call_of(node, callee, arguments, keywords)

    def _arguments(self, node: ast.Call) -> tuple[list[Flow], dict[str | None, Flow]]:
        return [self.value(a) for a in node.args], {k.arg: self.value(k.value) for k in node.keywords}

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
        if func.attr in ASKING:
            self.facts.walks[node] |= generators_in(receiver)
        own = self._methods_meant(func, receiver)
        if not (own or stored):
            return self._plain_method_call(node, func, receiver, arguments)
        keywords = {k.arg: self.value(k.value) for k in node.keywords}
        result = self._call_of(node, stored | own, arguments, keywords)
        if not stored and func.attr in CONTAINER_METHODS and not self._is_own(func.value, receiver):
            self.facts.guessed.add(node)
            if func.attr in (*_STORING_METHODS, *_TAKING_METHODS):
                result |= self._plain_method_call(node, func, receiver, arguments)
        return result

    def _plain_method_call(self, node: ast.Call, func: ast.Attribute, receiver: Flow, arguments: list[Flow]) -> Flow:
        """A call of a method that is not the orchestration's."""
        passed = self._walked(node, arguments)
        if func.attr == "__await__":
            self._consume(receiver, node)
            return NOTHING
        if func.attr in _CONSUMING_METHODS and arguments:
            self._consume(arguments[0], node)
            return NOTHING
        if func.attr in _STORING_METHODS and arguments:
            self._store_into(func.value, arguments[-1], _STORING_METHODS[func.attr])
            return taken(receiver) | arguments[-1] if func.attr == "setdefault" else NOTHING
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
            given = got(receiver) if func.attr == "get" else taken(receiver)
            return given | (arguments[1] if len(arguments) > 1 else NOTHING)
        if func.attr == "copy":
            return receiver
        if func.attr == "from_iterable" and arguments:
            return wrapped(iterated(iterated(arguments[0])))
        if func.attr in ("values", "items"):
            found = wrapped(taken(receiver))
            return found if func.attr == "values" else wrapped(wrapped(taken(receiver), "1"))
        rest = [self.value(k.value) for k in node.keywords]
        self._hand_out(node, [*arguments, *rest], tools_too=func.attr == "sort")
        return passed | (iterated(receiver) if func.attr in ASKING else NOTHING)

    def _library_call(self, node: ast.Call, member: str) -> Flow:
        arguments = [self.value(a) for a in node.args]
        flows = [*arguments, *(self.value(k.value) for k in node.keywords)]
        passed = self._walked(node, flows)
        if member in _LIBRARY_NEUTRAL:
            return NOTHING
        if member in _LIBRARY_WRAPPERS and arguments:
            self._bind_partly(node, arguments)
            return arguments[0]
        if member in _LIBRARY_COPIES and arguments:
            return arguments[-1]
        if member in _LIBRARY_SAME_LEVEL | _LIBRARY_DEEPER:
            self._need_all([bare(flow) for flow in flows])
            self._hand_out_functions(node, flows, tools_too=True)
            given = wrapped(frozenset().union(*(iterated(flow) for flow in arguments)))
            return passed | (wrapped(given) if member in _LIBRARY_DEEPER else given)
        if member == "itertools.starmap" and arguments:
            return self._map(node, "map", arguments[:1])
        if member == "types.SimpleNamespace":
            for keyword in node.keywords:
                self.env["attribute", keyword.arg] |= self.value(keyword.value)
            return NOTHING
        if member == "functools.partial" and arguments and any(isinstance(item, ToolValue) for item, _ in arguments[0]):
            self._need_all(flows[1:])
            return frozenset(found for found in arguments[0] if isinstance(found[0], ToolValue))
        self._hand_out(node, flows)
        return passed

    def _bind_partly(self, node: ast.Call, arguments: list[Flow]) -> None:
        """`partial(f, a, k=b)`: the function gets these arguments, whenever it is called."""
        given = ast.Call(node.args[0], node.args[1:], node.keywords)
        keywords = {k.arg: self.value(k.value) for k in node.keywords}
        for item, path in ordered(arguments[0]):
            if not path and isinstance(item, FunctionValue):
                self._bind(item.node, given, arguments[1:], keywords)

    def _builtin_call(self, node: ast.Call, name: str) -> Flow:
        arguments = [self.value(a) for a in node.args]
        keywords = [self.value(k.value) for k in node.keywords]
        methods = [m for each in BUILTIN_METHODS.get(name, ()) for m in self.classes.methods.get(each, [])]
        given = self._implicit_call(node, methods)
        if name == "type" and len(node.args) == 1:
            return self._own_type(node.args[0])
        if name in _NEUTRAL:
            return NOTHING
        return given | self._walked(node, arguments) | self._given_by(node, name, arguments, keywords)

    def _given_by(self, node: ast.Call, name: str, arguments: list[Flow], keywords: list[Flow]) -> Flow:
        if name in _SAME_LEVEL and arguments:
            self._hand_out(node, [*arguments[1:], *keywords], tools_too=name == "sorted")
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
        self._hand_out(node, [*arguments, *keywords], tools_too=name in _KEYED)
        return NOTHING

    def _map(self, node: ast.Call, name: str, arguments: list[Flow]) -> Flow:
        result: Flow = NOTHING
        for item, path in ordered(arguments[0]):
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
            elif not path and isinstance(item, ClassValue):
                self._hand_out(node, [frozenset({(item, "")})])
        if name == "filter":
            self._hand_out(node, arguments[:1], tools_too=True)
            self._need(frozenset((item, "") for item, _ in result))
            return arguments[1] if len(arguments) > 1 else NOTHING
        return result

    def _hand_out(self, node: ast.Call, arguments: list[Flow], tools_too: bool = False) -> None:
        """Arguments of a builtin or a module's function: values are needed, functions are called from there."""
        self._need_all(arguments)
        self._hand_out_functions(node, arguments, tools_too)

    def _hand_out_functions(self, node: ast.Call, arguments: list[Flow], tools_too: bool) -> None:
        for flow in arguments:
            for item, path in ordered(flow):
                if isinstance(item, FunctionValue) or (tools_too and isinstance(item, ToolValue) and not path):
                    self.facts.handed_out.append((item, node))
                elif isinstance(item, ClassValue) and decorator_name(node.func) in _MAKERS:
                    made = self.classes.constructors(item.node)
                    self.facts.handed_out += [(self._function_value(m), node) for m in made]
