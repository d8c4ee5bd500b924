"""Which generators the machine runs: those that can be half-way through when a step comes.

A generator that is used up where it is made, or right after (by `list`, a comprehension, a `for` without steps), stays native.
All others could be met half-way by a step: asynchronous ones, and those that go through a decorator, always.
"""

from __future__ import annotations

import ast
from collections.abc import Set

from weft_compiler.consumers import DECIDING, EAGER, LAZY, consumer_name
from weft_compiler.ownership import Owners
from weft_compiler.resolve import Names, RunnableNode, Scope, is_generator, walk_scoped

#: What lets go of an iterable when it has what it wants.
_DROPPING = DECIDING | {"len"}
#: What stands around an iterator that is used up when the one that it gives has ended.
_PASSING = LAZY | {"iter"}


def find_lasting(
    tree: ast.Module, names: Names, suspending: Set[ast.AST], owners: Owners, stepped: Set[RunnableNode]
) -> set[RunnableNode]:
    """The generators that last, `stepped` ones (which hold steps) among them. `suspending` are the nodes that suspend."""
    return _Search(tree, names, suspending, owners, stepped).lasting


class _Search:
    def __init__(
        self, tree: ast.Module, names: Names, suspending: Set[ast.AST], owners: Owners, stepped: Set[RunnableNode]
    ) -> None:
        self._tree = tree
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
                if node in self._owners.separate and not self._is_used_up(node):
                    self.lasting.add(node)

    def _is_called_and_used_up(self, callee: ast.expr) -> bool:
        call = self._owners.parents.get(callee)
        return isinstance(call, ast.Call) and call.func is callee and self._is_used_up(call)

    def _is_used_up(self, made: ast.expr) -> bool:
        """Whether what the generator stands in runs it to its end at once, or drops it."""
        user = self._owners.parents.get(made)
        match user:
            case ast.Call() if made in user.args and not self._is_own(user.func):
                name = consumer_name(user.func)
                return name in EAGER or name in _DROPPING or (name in _PASSING and self._is_used_up(user))
            case ast.Assign(targets=[ast.Name(id=name)]):
                return self._is_used_up_as(name, user)
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

    def _is_own(self, func: ast.expr) -> bool:
        """Whether a function of the orchestration may be called, whatever its name says."""
        return any(function.name == consumer_name(func) for function in self._owners.functions)

    def _is_used_up_as(self, name: str, assigned: ast.Assign) -> bool:
        """`g = (…)`: whether what follows in the same block runs `g` to its end before anything suspends."""
        parents, around = self._owners.parents, self._owners.chain(assigned)
        body = getattr(parents[assigned], "body", [])
        if isinstance(parents[assigned], ast.ClassDef):
            # It can be reached as an attribute.
            return False
        if assigned not in body or any(isinstance(node, (ast.Try, ast.With, ast.AsyncWith)) for node in around):
            return False
        runner = self._owners.runner(assigned)
        following = body[body.index(assigned) + 1 :]
        for node in ast.walk(runner or self._tree):
            if isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
                return False
            if not isinstance(node, ast.Name) or node.id != name or node is assigned.targets[0]:
                continue
            chain = self._owners.chain(node)
            place = next((index for index, statement in enumerate(following) if statement in chain), None)
            if place is None or self._owners.runner(node) is not runner or not self._runs_to_its_end(node):
                return False
            if any(statement in self._suspending for statement in following[: place + 1]):
                return False
        return True

    def _runs_to_its_end(self, used: ast.Name) -> bool:
        user = self._owners.parents[used]
        match user:
            case ast.For():
                return not any(isinstance(node, (ast.Break, ast.Return, ast.Yield)) for node in ast.walk(user))
            case ast.Call():
                return consumer_name(user.func) in EAGER and self._is_used_up(used)
        return isinstance(user, ast.comprehension) and self._is_used_up(used)


_MENTIONS = (ast.Name, ast.Attribute, ast.GeneratorExp)
