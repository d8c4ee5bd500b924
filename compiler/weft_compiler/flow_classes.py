"""How coroutines and functions flow through callees that are known: functions, methods, classes, decorators.

`ClassFlows` also records what Python calls by itself: a property where an attribute is read, `__getitem__` at a subscript,
`__init__` where a class is called, `__str__` in an f-string.
"""

from __future__ import annotations

import ast
import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from weft_compiler.class_index import ClassIndex, decorator_name
from weft_compiler.consumers import LAZY, consumer_name
from weft_compiler.flow_paths import (
    NOTHING,
    ClassValue,
    Flow,
    FunctionValue,
    GeneratorValue,
    Item,
    Path,
    Site,
    ToolValue,
    Use,
    awaited,
    bare,
    generators_in,
    iterated,
    place_of,
    wrapped,
)
from weft_compiler.module_members import makes_manager
from weft_compiler.resolve import FunctionNode, Names, RunnableNode, Scope, is_generator, parameters

#: The special methods that a builtin function calls, the first that a class has.
BUILTIN_METHODS = {
    "len": ("__len__",),
    "str": ("__str__", "__repr__"),
    "repr": ("__repr__",),
    "format": ("__format__", "__str__", "__repr__"),
    "bool": ("__bool__", "__len__"),
    "next": ("__next__",),
}
#: Methods of texts, of the builtin containers and of queues.
CONTAINER_METHODS = frozenset(
    name
    for kind in (dict, list, set, str, bytes, deque, asyncio.Queue)
    for name in dir(kind)
    if not name.startswith("_")
)
#: Special methods whose results are awaited by the syntax that calls them.
AWAITED_METHODS = frozenset({"__aenter__", "__aexit__", "__anext__"})
#: Decorators that give the function itself, or something that calls it where the function would be called.
_TRANSPARENT = frozenset(
    {
        "staticmethod", "classmethod", "property", "cached_property", "abstractmethod", "abstractproperty", "setter",
        "getter", "deleter", "wraps", "override", "final", "overload", "runtime_checkable", "dataclass", "unique", "verify",
        "total_ordering", "contextmanager", "asynccontextmanager", "singledispatch", "register", "no_type_check",
    }
)  # fmt: skip


@dataclass
class Facts:
    """What the analysis found."""

    sites: dict[ast.Call, list[Site]] = field(default_factory=dict)
    uses: dict[Site, set[Use]] = field(default_factory=lambda: defaultdict(set))
    #: What the callee of each call can be, and what Python can call by itself at other expressions.
    callees: dict[ast.AST, set[ToolValue | FunctionValue]] = field(default_factory=dict)
    #: What each waiting expression waits for, as far as it is known.
    sources: dict[ast.AST, set[Site]] = field(default_factory=lambda: defaultdict(set))
    #: Functions, and tools as keys or predicates, handed to code that is not the orchestration's own, with the call that does it.
    handed_out: list[tuple[FunctionValue | ToolValue, ast.Call]] = field(default_factory=list)
    #: The generators that each `for` (also of a comprehension), `yield from`, or call asks for elements.
    walks: dict[ast.AST, set[GeneratorValue]] = field(default_factory=lambda: defaultdict(set))
    #: Those that are taken whole where an expression stands: by a star, or by unpacking.
    spread: dict[ast.expr, set[GeneratorValue]] = field(default_factory=lambda: defaultdict(set))
    #: Calls of methods that are the orchestration's or, as likely, a container's of the same name.
    guessed: set[ast.Call] = field(default_factory=set)
    #: Functions under a decorator that calls them from inside Python.
    decorated: list[tuple[FunctionValue, ast.expr]] = field(default_factory=list)
    #: Managers that are called, as decorators are, with the functions that they run around what they decorate.
    managers: list[tuple[ast.expr, set[RunnableNode]]] = field(default_factory=list)
    #: Calls of decorators, which stand in no tree, by decorator.
    applications: dict[ast.expr, ast.Call] = field(default_factory=dict)


class ClassFlows(ABC):
    """What a call of something known does to the flows of its arguments, and what it gives."""

    names: Names
    tools: frozenset[str]
    classes: ClassIndex
    facts: Facts
    scope: Scope
    #: What each variable holds, by (owner, name), and each attribute, by ("attribute", name).
    env: dict[object, set[tuple[Item, Path]]]
    returns: dict[ast.AST, set[tuple[Item, Path]]]
    #: What each generator gives, element by element.
    yields: dict[ast.AST, set[tuple[Item, Path]]]

    def __init__(self) -> None:
        self.facts = Facts()
        #: Whether all flows are known, so that what is unknown now will stay so.
        self.settled = False
        self.env = defaultdict(set)
        self.returns = defaultdict(set)
        self.yields = defaultdict(set)
        self._generators: dict[ast.AST, GeneratorValue] = {}
        self._values: dict[ast.AST, FunctionValue] = {}
        self._class_values: dict[ast.AST, ClassValue] = {}
        self._sites: dict[tuple[ast.Call, object], Site] = {}

    @abstractmethod
    def value(self, node: ast.expr) -> Flow:
        """What the value of an expression holds."""

    # -- calls -------------------------------------------------------------------------------------------------------

    def _call_of(self, node: ast.Call, callee: Flow, arguments: list[Flow], keywords: dict[str | None, Flow]) -> Flow:
        """A call of whatever the flow holds: tools, functions, classes, or what only the run knows."""
        found = {item for item, path in callee if not path and isinstance(item, ToolValue | FunctionValue | ClassValue)}
        noted = self.facts.callees.setdefault(node, set())
        noted |= {item for item in found if not isinstance(item, ClassValue)}
        result: Flow = NOTHING
        for item in sorted(found, key=place_of):
            match item:
                case ToolValue():
                    self._need_all([*arguments, *keywords.values()])
                    result |= {(self._site(node, item), "")}
                case FunctionValue():
                    self._bind(item.node, node, arguments, keywords)
                    result |= self._result_of(node, item)
                case ClassValue():
                    self._construct(item.node, node, arguments, keywords)
                    result |= self._instance_of(item.node)
        return result if found else self._call_unknown(node, arguments, keywords)

    def _call_unknown(self, node: ast.Call, arguments: list[Flow], keywords: dict[str | None, Flow]) -> Flow:
        """A call of what is not known: of a library's function, or else perhaps of an instance with `__call__`."""
        flows = [*arguments, *keywords.values()]
        methods = self.classes.methods.get("__call__", [])
        for method in methods:
            self._bind(method, node, arguments, keywords)
        result = self._implicit_call(node, methods)
        if not methods and self.settled:
            for flow in flows:
                self._use(flow, "escaped")
        return result | self._walked(node, flows)

    def _result_of(self, node: ast.Call, callee: FunctionValue) -> Flow:
        if not isinstance(callee.node, ast.Lambda) and is_generator(callee.node):
            kept = not _is_replaced(callee.node) or makes_manager(callee.node, self.names, self.tools)
            return self._made(callee.node) if kept else NOTHING
        if isinstance(callee.node, ast.AsyncFunctionDef):
            return frozenset({(self._site(node, callee), "")})
        return frozenset(self.returns[callee.node])

    def _made(self, node: RunnableNode) -> Flow:
        """What a call of a generator function, or a generator expression, gives."""
        generator = self._generators.setdefault(node, GeneratorValue(node))
        given = wrapped(frozenset(self.yields[node]))
        return given if isinstance(node, ast.AsyncFunctionDef) else given | {(generator, "")}

    def _walked(self, node: ast.Call, arguments: Sequence[Flow]) -> Flow:
        """Notes the generators that a call may ask; gives those that its result asks in its turn."""
        held = frozenset().union(*(generators_in(flow) for flow in arguments))
        self.facts.walks[node] |= held
        name = consumer_name(node.func)
        return frozenset((generator, "") for generator in held if name in LAZY or name == "iter")

    def _bind(
        self,
        function: FunctionNode | ast.Lambda,
        node: ast.Call,
        arguments: list[Flow],
        keywords: dict[str | None, Flow],
    ) -> None:
        scope = self.names.scopes[function]
        positional = [p.arg for p in [*function.args.posonlyargs, *function.args.args]]
        if positional and self._is_bound(function, node):
            positional = positional[1:]
        given = [*node.args, *([None] * (len(arguments) - len(node.args)))]
        for index, (argument, flow) in enumerate(zip(given, arguments, strict=True)):
            if isinstance(argument, ast.Starred):
                for name in positional[index:]:
                    self.env[scope, name] |= iterated(flow)
                if function.args.vararg:
                    self.env[scope, function.args.vararg.arg] |= flow
            elif index < len(positional):
                self.env[scope, positional[index]] |= flow
            elif function.args.vararg:
                self.env[scope, function.args.vararg.arg] |= wrapped(flow)
        for key, flow in keywords.items():
            if key in {p.arg for p in parameters(function.args)}:
                self.env[scope, key] |= flow
            elif function.args.kwarg:
                self.env[scope, function.args.kwarg.arg] |= flow if key is None else wrapped(flow, "d")

    def _is_bound(self, function: FunctionNode | ast.Lambda, node: ast.Call) -> bool:
        """Whether the function's first parameter is the object, or the class, that the call goes through."""
        if isinstance(function, ast.Lambda) or self.classes.owner_of(function) is None:
            return False
        kinds = {decorator_name(d) for d in function.decorator_list}
        if "staticmethod" in kinds:
            return False
        through = node.func.value if isinstance(node.func, ast.Attribute) else None
        on_class = isinstance(through, ast.Name) and self.classes.meant_by(through, self.scope) is not None
        return "classmethod" in kinds or not on_class

    def _construct(
        self, cls: ast.ClassDef, node: ast.Call, arguments: list[Flow], keywords: dict[str | None, Flow]
    ) -> None:
        """A call of a class: its constructors get the arguments; without any, its fields do."""
        made = self.classes.constructors(cls)
        self.facts.callees.setdefault(node, set()).update(map(self._function_value, made))
        for method in made:
            self._bind(method, node, arguments, keywords)
        if any(m.name != "__post_init__" for m in made):
            return
        fields = self.classes.fields(cls)
        self._need_all(arguments[len(fields) :])
        for name, flow in [*zip(fields, arguments, strict=False), *keywords.items()]:
            if name in fields:
                self.env["attribute", name] |= flow
            else:
                self._need(flow)

    def _instance_of(self, cls: ast.ClassDef) -> Flow:
        """An instance, as far as it concerns those who iterate over it: what its `__iter__` and `__next__` ask."""
        found: Flow = NOTHING
        for method in [*self.classes.inherited(cls, "__iter__"), *self.classes.inherited(cls, "__next__")]:
            if isinstance(method, ast.AsyncFunctionDef):
                continue
            if is_generator(method) or method.name == "__next__":
                found |= {(self._generators.setdefault(method, GeneratorValue(method)), "")}
            else:
                found |= {(each, "") for each in generators_in(frozenset(self.returns[method]))}
        if found:
            for method in self.classes.bound_methods(cls):
                for parameter in parameters(method.args)[:1]:
                    self.env[self.names.scopes[method], parameter.arg] |= found
        return found

    def _implicit_call(self, node: ast.expr, methods: Sequence[FunctionNode], arguments: Sequence[Flow] = ()) -> Flow:
        """What Python calls by itself at an expression. What is asynchronous only makes a coroutine there."""
        result: Flow = NOTHING
        for method in methods:
            if isinstance(method, ast.AsyncFunctionDef):
                continue
            self.facts.callees.setdefault(node, set()).add(self._function_value(method))
            for parameter, flow in zip(parameters(method.args)[1:], arguments, strict=False):
                self.env[self.names.scopes[method], parameter.arg] |= flow
            result |= frozenset(self.returns[method])
        return result

    # -- attributes and classes --------------------------------------------------------------------------------------

    def _attribute(self, node: ast.Attribute) -> Flow:
        flow = self.value(node.value)
        self._need(bare(flow))
        if node.attr == "__class__":
            return self._own_type(node.value)
        found = frozenset(self.env["attribute", node.attr])
        if isinstance(node.ctx, ast.Load):
            readers = self.classes.properties.get(node.attr, [])
            found |= self._implicit_call(node, readers)
            if not readers:
                found |= self._methods_meant(node, flow)
        return found

    def _methods_meant(self, func: ast.Attribute, receiver: Flow) -> Flow:
        """The orchestration's functions that `receiver.name` can be: by name, and by class where that is known."""
        found = self.classes.methods.get(func.attr, [])
        owner = self._class_around()
        classes = [item.node for item, path in receiver if not path and isinstance(item, ClassValue)]
        match func.value:
            case ast.Call(func=ast.Name(id="super")) if owner is not None:
                found = self.classes.above(owner, func.attr)
            case _ if classes:
                found = [m for each in classes for m in self.classes.inherited(each, func.attr)]
            case _:
                found = [m for m in found if m not in self.classes.properties.get(func.attr, [])]
        return frozenset((self._function_value(m), "") for m in found)

    def _is_own(self, node: ast.expr, receiver: Flow) -> bool:
        """Whether a method's receiver is surely of a class of the orchestration: a class, `super()`, or the method's own object."""
        if any(not path and isinstance(item, ClassValue) for item, path in receiver):
            return True
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Name) and node.func.id == "super"
        is_first = isinstance(node, ast.Name) and [node.id] == self.scope.function().params[:1]
        return is_first and self._class_around() is not None

    def _class_around(self) -> ast.ClassDef | None:
        scope: Scope | None = self.scope
        while scope is not None and not isinstance(scope.node, ast.ClassDef):
            scope = scope.parent
        return scope.node if scope is not None and isinstance(scope.node, ast.ClassDef) else None

    def _own_type(self, node: ast.expr) -> Flow:
        """`type(self)`: the class around and those that derive from it."""
        owner = self._class_around()
        parameter = self.scope.function().params[:1]
        if owner is None or not isinstance(node, ast.Name) or [node.id] != parameter:
            return NOTHING
        return frozenset((self._class_value(each), "") for each in self.classes.derived(owner))

    # -- decorators --------------------------------------------------------------------------------------------------

    def _decorated(self, node: FunctionNode | ast.ClassDef, flow: Flow) -> Flow:
        """What the name of a decorated function or class holds."""
        owner = self.classes.owner_of(node)
        if owner is not None and any(decorator_name(d) == "classmethod" for d in node.decorator_list):
            scope = self.names.scopes[node]
            for first in scope.params[:1]:
                own = [(self._class_value(each), "") for each in self.classes.derived(owner)]
                self.env[scope, first] |= frozenset(own)
        for decorator in reversed(node.decorator_list):
            flow = self._apply(decorator, node, flow)
        return flow

    def _apply(self, decorator: ast.expr, node: FunctionNode | ast.ClassDef, flow: Flow) -> Flow:
        callee = self.value(decorator)
        self._note_manager(decorator, callee)
        if any(not path and isinstance(item, FunctionValue | ClassValue) for item, path in callee):
            placeholder = ast.copy_location(ast.Name(node.name, ast.Load()), node)
            made = ast.copy_location(ast.Call(decorator, [placeholder], []), decorator)
            call = self.facts.applications.setdefault(decorator, made)
            return self._call_of(call, callee, [flow], {})
        self._need(callee)
        if decorator_name(decorator) not in _TRANSPARENT:
            self.facts.decorated += [(item, decorator) for item, _ in flow if isinstance(item, FunctionValue)]
        return flow

    def _note_manager(self, called: ast.expr, flow: Flow) -> None:
        """Notes what runs where a manager is called with a function: Python enters it around each call of that function."""
        entered: set[RunnableNode] = set()
        for generator in generators_in(flow):
            node = generator.node
            if isinstance(node, ast.FunctionDef) and makes_manager(node, self.names, self.tools):
                entered.add(node)
        made = self.value(called.func) if isinstance(called, ast.Call) else NOTHING
        for item, path in made:
            if not path and isinstance(item, ClassValue) and not self.classes.inherited(item.node, "__call__"):
                entered |= {m for name in ("__enter__", "__exit__") for m in self.classes.inherited(item.node, name)}
        if entered:
            self.facts.managers.append((called, entered))

    # -- uses --------------------------------------------------------------------------------------------------------

    def _site(self, node: ast.Call, callee: ToolValue | FunctionValue, mapped: bool = False) -> Site:
        key = (node, callee)
        if key not in self._sites:
            site = self._sites[key] = Site(node, callee, mapped)
            self.facts.sites.setdefault(node, []).append(site)
            self.facts.uses[site] = set()
        return self._sites[key]

    def _function_value(self, node: FunctionNode | ast.Lambda) -> FunctionValue:
        return self._values.setdefault(node, FunctionValue(node))

    def _class_value(self, node: ast.ClassDef) -> ClassValue:
        return self._class_values.setdefault(node, ClassValue(node))

    def _use(self, flow: Flow, use: Use) -> None:
        for item, _ in flow:
            if isinstance(item, Site):
                self.facts.uses[item].add(use)

    def _need(self, flow: Flow) -> None:
        self._use(flow, "needed")

    def _need_all(self, flows: Sequence[Flow]) -> None:
        for flow in flows:
            self._need(flow)

    def _consume(self, flow: Flow, waiting: ast.AST) -> None:
        reached = bare(flow)
        self._use(reached, "consumed")
        self.facts.sources[waiting] |= {item for item, _ in reached if isinstance(item, Site)}

    def _await(self, flow: Flow, waiting: ast.AST) -> Flow:
        self._consume(flow, waiting)
        result = awaited(flow)
        for item, path in flow:
            if not path and isinstance(item, Site) and isinstance(item.callee, FunctionValue):
                result |= frozenset(self.returns[item.callee.node])
        return result


def _is_replaced(function: FunctionNode) -> bool:
    """Whether decorators may have put something else in the function's place."""
    return not {decorator_name(d) for d in function.decorator_list} <= {"staticmethod", "classmethod"}


def is_iteration(node: ast.AST | None) -> bool:
    """Whether it is by name what Python asks an object of a class for its elements."""
    return isinstance(node, ast.FunctionDef) and node.name in ("__iter__", "__next__")


def formatting_methods(classes: ClassIndex, conversion: int) -> list[FunctionNode]:
    """The methods that an f-string's `{x}`, `{x!s}` or `{x!r}` calls."""
    called = {-1: "format", ord("s"): "str"}.get(conversion, "repr")
    return [m for name in BUILTIN_METHODS[called] for m in classes.methods.get(name, [])]
