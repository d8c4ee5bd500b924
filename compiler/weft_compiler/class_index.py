"""The classes of an orchestration as the compiler sees them: hierarchy, methods by name, what a call of a class runs.

Everything follows from the text: a base that is no class of the orchestration counts as a library's, whose methods hold no
steps. It knows neither flows nor effects.
"""

from __future__ import annotations

import ast

from weft_compiler.resolve import FunctionNode, Names, Scope, walk_scoped
from weft_compiler.tree import children

#: Methods that Python calls where a class is called, in this order.
CONSTRUCTORS = ("__new__", "__init__", "__post_init__")
#: Decorators that turn reading an attribute into a call.
_READERS = frozenset({"property", "cached_property", "abstractproperty"})


class ClassIndex:
    """Answers about all classes of one module."""

    def __init__(self, tree: ast.Module, names: Names) -> None:
        self._names = names
        self._scopes: dict[ast.ClassDef, Scope] = {}
        #: All functions that stand directly in classes, by name.
        self.methods: dict[str, list[FunctionNode]] = {}
        self._owners: dict[ast.AST, ast.ClassDef] = {}
        for node, scope in walk_scoped(names, tree, names.module):
            if isinstance(node, ast.ClassDef):
                self._scopes[node] = scope
                self._note_methods(node)
        self._orders = {node: self._order(node, ()) for node in self._scopes}
        self.properties = {
            name: readers for name, found in self.methods.items() if (readers := [m for m in found if is_reader(m)])
        }

    def _note_methods(self, node: ast.ClassDef) -> None:
        for inner in _statements(node.body):
            if isinstance(inner, FunctionNode):
                self.methods.setdefault(inner.name, []).append(inner)
                self._owners[inner] = node

    def _order(self, node: ast.ClassDef, around: tuple[ast.ClassDef, ...]) -> list[ast.ClassDef]:
        """The class and those that it derives from, nearest first."""
        if node in around:
            return []
        found = [node]
        for base in node.bases:
            meant = self.meant_by(base, self._scopes[node])
            inherited = [] if meant is None else self._order(meant, (*around, node))
            found = [each for each in found if each not in inherited] + inherited
        return found

    def meant_by(self, node: ast.expr, scope: Scope) -> ast.ClassDef | None:
        """The one class of the orchestration that an expression names, also as `Base[int]`; None for anything else."""
        if isinstance(node, ast.Subscript):
            return self.meant_by(node.value, scope)
        if not isinstance(node, ast.Name):
            return None
        bindings = self._names.bindings(scope, node.id)
        only = bindings[0] if len(bindings) == 1 else None
        return only if isinstance(only, ast.ClassDef) else None

    def owner_of(self, method: ast.AST) -> ast.ClassDef | None:
        """The class in whose body a function stands."""
        return self._owners.get(method)

    def inherited(self, node: ast.ClassDef, name: str) -> list[FunctionNode]:
        """What the attribute `name` of a class is, where it is a function: the nearest class that defines it decides."""
        for each in self._orders[node]:
            if found := [m for m in self.methods.get(name, []) if self._owners[m] is each]:
                return found
        return []

    def above(self, node: ast.ClassDef, name: str) -> list[FunctionNode]:
        """What `super().name` can be in the class's methods: of the classes after it in each hierarchy that has it."""
        after = {each for order in self._orders.values() if node in order for each in order[order.index(node) + 1 :]}
        return [m for m in self.methods.get(name, []) if self._owners[m] in after]

    def constructors(self, node: ast.ClassDef) -> list[FunctionNode]:
        """The functions of the orchestration that a call of the class runs."""
        return [m for name in CONSTRUCTORS for m in self.inherited(node, name)]

    def bound_methods(self, node: ast.ClassDef) -> list[FunctionNode]:
        """The methods of the class and its bases whose first parameter is the instance."""
        found = [method for methods in self.methods.values() for method in methods]
        return [
            method
            for method in found
            if self._owners[method] in self._orders[node]
            and not {decorator_name(d) for d in method.decorator_list} & {"staticmethod", "classmethod"}
        ]

    def derived(self, node: ast.ClassDef) -> list[ast.ClassDef]:
        """The class and all that derive from it, in the order of the source."""
        return [each for each, order in self._orders.items() if node in order]

    def fields(self, node: ast.ClassDef) -> list[str]:
        """The annotated names of a data class or a named tuple, in the order of its parameters."""
        found: dict[str, None] = {}
        for each in reversed(self._orders[node]):
            for statement in each.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    found[statement.target.id] = None
        return list(found)


def is_reader(method: FunctionNode) -> bool:
    """Whether reading the method's name as an attribute calls it."""
    return any(decorator_name(d) in _READERS for d in method.decorator_list)


def decorator_name(node: ast.expr) -> str:
    """The last name in a decorator: `wraps` for `@functools.wraps(f)`."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a class body, those inside its `if`s and `try`s too."""
    found: list[ast.stmt] = []
    for statement in body:
        found.append(statement)
        if isinstance(statement, ast.If | ast.Try | ast.With):
            inner = [s for s in children(statement) if isinstance(s, ast.stmt)]
            found += _statements(inner)
    return found
