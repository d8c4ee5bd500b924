"""Which generators the machine runs: those that can be half-way through when a step comes.

A generator that is used up where it is made (by `list`, a comprehension, a `for` without steps) stays native. All others
could be met half-way by a step: asynchronous ones, and those that go through a decorator, always.
"""

from __future__ import annotations

import ast
from collections.abc import Set

from weft_compiler.ownership import Owners
from weft_compiler.resolve import Names, RunnableNode, Scope, is_generator, walk_scoped

#: Builtins that run an iterable to its end, or that let go of it when they have what they want.
_CONSUMERS = frozenset(
    {"list", "tuple", "set", "frozenset", "dict", "sum", "min", "max", "sorted", "any", "all", "len", "next"}
)
_CONSUMING_METHODS = frozenset({"join", "extend", "update", "fromkeys"})
#: Builtins whose iterator is used up when what uses theirs has ended.
_PASSING = frozenset({"enumerate", "zip", "map", "filter", "iter"})


def find_lasting(
    tree: ast.Module, names: Names, suspending: Set[ast.AST], owners: Owners, stepped: Set[RunnableNode]
) -> set[RunnableNode]:
    """The generators that last, `stepped` ones (which hold steps) among them. `suspending` are the nodes that suspend."""
    return _Search(tree, names, suspending, owners, stepped).lasting


class _Search:
    def __init__(
        self, tree: ast.Module, names: Names, suspending: Set[ast.AST], owners: Owners, stepped: Set[RunnableNode]
    ) -> None:
        self._names = names
        self._suspending = set(suspending)
        self._owners = owners
        self._yields = {spot: owners.runner(spot) for spot in owners.yields}
        self._functions = {f for f in owners.functions if is_generator(f)}
        self.lasting: set[RunnableNode] = {
            f for f in self._functions if isinstance(f, ast.AsyncFunctionDef) or f.decorator_list
        }
        self.lasting |= owners.asynchronous | stepped
        if any(isinstance(node, ast.For) for node in suspending):
            # What `for` calls by itself, such as `__iter__`, nobody names.
            self.lasting |= {f for f in self._functions if f.name.startswith("__")}
        mentions = [m for m in walk_scoped(names, tree, names.module) if isinstance(m[0], _MENTIONS)]
        before = -1
        while before != len(self.lasting):
            before = len(self.lasting)
            for spot in [spot for spot, runner in self._yields.items() if runner in self.lasting]:
                # What stands around a `yield` of a generator that lasts can be met half-way too.
                self._suspending |= owners.chain(spot)
                del self._yields[spot]
            for node, scope in mentions:
                self._look_at(node, scope)

    def _look_at(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Name(ctx=ast.Load()):
                function = self._names.known_function(scope, node.id)
                if function is not None and function in self._functions and not self._is_called_and_used_up(node):
                    self.lasting.add(function)
            case ast.Attribute():
                if not self._is_called_and_used_up(node):
                    self.lasting |= {f for f in self._functions if f.name == node.attr}
            case ast.GeneratorExp():
                if node in self._owners.separate and scope.kind != "class" and not self._is_used_up(node):
                    self.lasting.add(node)

    def _is_called_and_used_up(self, callee: ast.expr) -> bool:
        call = self._owners.parents.get(callee)
        return isinstance(call, ast.Call) and call.func is callee and self._is_used_up(call)

    def _is_used_up(self, made: ast.expr) -> bool:
        """Whether what the generator stands in runs it to its end at once, or drops it."""
        user = self._owners.parents.get(made)
        match user:
            case ast.Call(func=ast.Name(id=name)) if name in _PASSING and made in user.args:
                return self._is_used_up(user)
            case ast.Call(func=ast.Name(id=name)):
                return name in _CONSUMERS and made in user.args
            case ast.Call(func=ast.Attribute(attr=name)):
                return name in _CONSUMING_METHODS and made in user.args
            case ast.For():
                return user.iter is made and user not in self._suspending
            case ast.comprehension():
                comprehension = self._owners.parents.get(user)
                if isinstance(comprehension, ast.GeneratorExp):
                    return comprehension not in self.lasting and self._is_used_up(comprehension)
                return comprehension not in self._suspending
            case ast.YieldFrom():
                return self._owners.runner(user) not in self.lasting and user not in self._suspending
            case ast.Starred() | ast.Compare():
                return True
            case _:
                return False


_MENTIONS = (ast.Name, ast.Attribute, ast.GeneratorExp)
