"""Which function runs each part of a module, and what stands around it.

A generator expression counts as a function of its own where it is `separate`: where nothing around it takes all of its
elements on the spot, so that its code runs only when it is asked.
"""

from __future__ import annotations

import ast

from weft_compiler.consumers import ENTERING, consumer_name
from weft_compiler.resolve import FunctionNode, Names, Scope, evaluated_outside, walk_scoped
from weft_compiler.tree import children, walk

_BOUNDARIES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_ASYNC_SYNTAX = (ast.Await, ast.AsyncFor, ast.AsyncWith)
#: Builtins that take all of an iterable at once, so that a list in its place makes no difference.
_CONSUMERS = frozenset({"sum", "list", "tuple", "set", "frozenset", "sorted", "min", "max", "dict"})
_DECIDING = frozenset({"any", "all"})


class Owners:
    """For each node of interest: its parents up to the function that runs it."""

    def __init__(self, tree: ast.Module, names: Names) -> None:
        self.parents: dict[ast.AST, ast.AST] = {}
        self.calls: dict[ast.Call, Scope] = {}
        self.functions: list[FunctionNode] = []
        self.awaits: list[ast.AST] = []
        self.yields: list[ast.AST] = []
        #: Each `for`, also those of comprehensions.
        self.loops: list[ast.For | ast.comprehension] = []
        #: Each plain `with`, and each call by which a stack enters a manager.
        self.managed: list[ast.With | ast.Call] = []
        self.separate: set[ast.AST] = set()
        consumed: set[ast.AST] = set()
        for node, scope in walk_scoped(names, tree, names.module):
            if isinstance(node, ast.Call):
                self.calls[node] = scope
                consumed.add(consumed_generator(node, names, scope) or node)
        for node in walk(tree):
            self._note(node)
            for child in children(node):
                self.parents[child] = node
        #: Generator expressions that hold an `await` or an `async for`: nothing can take those on the spot.
        self.asynchronous = {r for r in map(self.runner, self.awaits) if isinstance(r, ast.GeneratorExp)}
        self.separate -= consumed - self.asynchronous

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, FunctionNode):
            self.functions.append(node)
        elif isinstance(node, ast.GeneratorExp):
            self.separate.add(node)
        elif isinstance(node, ast.For) or (isinstance(node, ast.comprehension) and not node.is_async):
            self.loops.append(node)
        elif isinstance(node, ast.With) or (isinstance(node, ast.Call) and consumer_name(node.func) in ENTERING):
            self.managed.append(node)
        elif isinstance(node, (ast.Yield, ast.YieldFrom)):
            self.yields.append(node)
        elif isinstance(node, _ASYNC_SYNTAX) or (isinstance(node, ast.comprehension) and node.is_async):
            self.awaits.append(node)

    def chain(self, node: ast.AST) -> set[ast.AST]:
        """The node and its parents, up to but without the function or lambda that runs it."""
        return self._climb(node)[0]

    def runner(self, node: ast.AST) -> ast.AST | None:
        """The function, lambda or generator expression whose code holds the node; None for the module's own code."""
        return self._climb(node)[1]

    def _climb(self, node: ast.AST) -> tuple[set[ast.AST], ast.AST | None]:
        found = {node}
        while (parent := self.parents.get(node)) is not None:
            if isinstance(parent, ast.comprehension) and node is parent.iter and self._is_first(parent):
                # The first iterable of a generator expression is evaluated where the expression stands.
                parent = self.parents[parent]
            elif parent in self.separate or (isinstance(parent, _BOUNDARIES) and not evaluated_outside(parent, node)):
                return found, parent
            found.add(parent)
            node = parent
        return found, None

    def _is_first(self, part: ast.comprehension) -> bool:
        whole = self.parents[part]
        return isinstance(whole, ast.GeneratorExp) and whole in self.separate and whole.generators[0] is part


def consumed_generator(node: ast.Call, names: Names, scope: Scope) -> ast.GeneratorExp | None:
    """`sum(f(x) for x in xs)`: a generator that the call around it runs to its end, or to its first hit."""
    if not node.args or not isinstance(first := node.args[0], ast.GeneratorExp):
        return None
    match node.func:
        case ast.Attribute(attr="join"):
            return first
        case ast.Name(id=name) if not names.bindings(scope, name):
            decides = name in _DECIDING and len(first.generators) == 1
            return first if name in _CONSUMERS or decides else None
    return None
