"""Scopes: which variable each name of an orchestration means, as CPython decides it.

`resolve(tree)` gives a `Names` that answers for every function, lambda, class and comprehension: what it binds, which of
its variables inner functions capture (`cells`), which it takes from outside (`frees`), and which scope owns a name. A
test compares the answers with CPython's own `symtable`.

One deliberate difference: a list, set or dict comprehension does not capture. It ends within the expression that holds
it, so its uses of an outer variable need no cell; a lambda inside it does capture.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from weft_compiler.tree import children, walk

ScopeKind = Literal["module", "function", "lambda", "class", "comprehension", "generator"]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
ComprehensionNode = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
#: What can run as a frame of its own.
RunnableNode = FunctionNode | ast.GeneratorExp | ast.Lambda

#: Scopes whose code can outlive the expression that made them.
_CAPTURING: frozenset[ScopeKind] = frozenset({"function", "lambda", "class", "generator"})
#: Scopes that can own variables which inner scopes see.
_OWNING: frozenset[ScopeKind] = frozenset({"function", "lambda", "comprehension", "generator"})


@dataclass(eq=False)
class Scope:
    """One scope and what became of its names."""

    node: ast.AST
    kind: ScopeKind
    parent: Scope | None
    qualname: str
    params: list[str] = field(default_factory=list)
    bindings: dict[str, list[ast.AST]] = field(default_factory=dict)
    declared_global: set[str] = field(default_factory=set)
    declared_nonlocal: set[str] = field(default_factory=set)
    uses: dict[str, ast.AST] = field(default_factory=dict)
    cells: set[str] = field(default_factory=set)
    frees: set[str] = field(default_factory=set)

    def bind(self, name: str, node: ast.AST) -> None:
        if self.kind in ("comprehension", "generator") and not isinstance(node, ast.comprehension):
            assert self.parent is not None
            self.parent.bind(name, node)
        else:
            self.bindings.setdefault(name, []).append(node)

    def owns(self, name: str) -> bool:
        return name in self.bindings and name not in self.declared_global and name not in self.declared_nonlocal

    def function(self) -> Scope:
        """The nearest scope that runs as a frame: a function, a lambda, a class body or the module."""
        scope = self
        while scope.kind in ("comprehension", "generator"):
            assert scope.parent is not None
            scope = scope.parent
        return scope


class Names:
    """The scopes of one module, by the node that opens each."""

    def __init__(self, module: Scope, scopes: dict[ast.AST, Scope]) -> None:
        self.module = module
        self.scopes = scopes
        #: Names assigned at module level, or by `global` inside functions.
        self.module_names: set[str] = set(module.bindings)
        for scope in scopes.values():
            self.module_names |= {n for n in scope.declared_global if n in scope.bindings}
        #: Module-level names that some function rebinds.
        self.rebound_globals = {
            n for s in scopes.values() for n in s.declared_global if n in s.bindings and s is not module
        }

    def owner(self, scope: Scope, name: str) -> Scope | None:
        """The scope whose variable `name` is when used in `scope`; None for a global or builtin."""
        for candidate, captured in _outward(scope):
            del captured
            if name in candidate.declared_global:
                return None
            if candidate.kind == "module":
                return None
            if candidate.owns(name) and (candidate.kind in _OWNING or candidate is scope.function()):
                return candidate
        return None

    def is_global(self, scope: Scope, name: str) -> bool:
        return self.owner(scope, name) is None

    def bindings(self, scope: Scope, name: str) -> list[ast.AST]:
        """Every node that binds the variable that `name` means in `scope` (none for a builtin or a tool)."""
        owner = self.owner(scope, name)
        if owner is None:
            found = list(self.module.bindings.get(name, []))
            for other in self.scopes.values():
                if other is not self.module and name in other.declared_global:
                    found += other.bindings.get(name, [])
            return found
        found = list(owner.bindings.get(name, []))
        for other in self.scopes.values():
            if name in other.declared_nonlocal and self.owner(other, name) is owner:
                found += other.bindings.get(name, [])
        return found

    def known_function(self, scope: Scope, name: str) -> FunctionNode | None:
        """The one `def` that `name` can mean in `scope`, or None where it can mean anything else."""
        bindings = self.bindings(scope, name)
        if len(bindings) == 1 and isinstance(bindings[0], FunctionNode):
            return bindings[0]
        return None


def resolve(tree: ast.Module) -> Names:
    """The scopes of a module."""
    builder = _Builder(tree)
    names = Names(builder.module, builder.scopes)
    for scope in builder.scopes.values():
        for name in scope.uses | scope.bindings:
            _capture(scope, name)
    return names


def _outward(scope: Scope) -> Iterator[tuple[Scope, bool]]:
    """The scopes in which a name is looked up, nearest first, and whether a capturing scope lies between."""
    captured = False
    current: Scope | None = scope
    while current is not None:
        if current is scope or current.kind != "class":
            yield current, captured
        captured = captured or current.kind in _CAPTURING
        current = current.parent


def _capture(scope: Scope, name: str) -> None:
    """Marks the variable as a cell of its owner and as free in the scopes between, if it is captured."""
    passed: list[Scope] = []
    for candidate, captured in _outward(scope):
        if name in candidate.declared_global or candidate.kind == "module":
            return
        if candidate.owns(name) and (candidate.kind in _OWNING or candidate is scope):
            if captured:
                candidate.cells.add(name)
                for between in passed:
                    between.frees.add(name)
            return
        passed.append(candidate)


class _Builder(ast.NodeVisitor):
    """Walks the module once and fills the scopes."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(tree, "module", None, "<module>")
        self.scopes: dict[ast.AST, Scope] = {tree: self.module}
        self.scope = self.module
        for statement in tree.body:
            self.visit(statement)

    # -- scopes ----------------------------------------------------------------------------------------------------

    def _enter(self, node: ast.AST, kind: ScopeKind, name: str) -> Scope:
        parent = self.scope
        if parent.kind == "module":
            qualname = name
        elif parent.kind in ("function", "lambda", "generator"):
            qualname = f"{parent.qualname}.<locals>.{name}"
        else:
            qualname = f"{parent.qualname}.{name}"
        self.scope = self.scopes[node] = Scope(node, kind, parent, qualname)
        return self.scope

    def _leave(self) -> None:
        assert self.scope.parent is not None
        self.scope = self.scope.parent

    def _visit_function(self, node: FunctionNode) -> None:
        self.scope.bind(node.name, node)
        for expression in [*node.decorator_list, *node.args.defaults, *_present(node.args.kw_defaults)]:
            self.visit(expression)
        for annotation in _annotations(node):
            self.visit(annotation)
        self._enter(node, "function", node.name)
        self._parameters(node.args)
        for statement in node.body:
            self.visit(statement)
        self._leave()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for expression in [*node.args.defaults, *_present(node.args.kw_defaults)]:
            self.visit(expression)
        self._enter(node, "lambda", "<lambda>")
        self._parameters(node.args)
        self.visit(node.body)
        self._leave()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scope.bind(node.name, node)
        for expression in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(expression)
        self._enter(node, "class", node.name)
        for statement in node.body:
            self.visit(statement)
        self._leave()

    def _visit_comprehension(self, node: ComprehensionNode) -> None:
        self.visit(node.generators[0].iter)
        kind: ScopeKind = "generator" if isinstance(node, ast.GeneratorExp) else "comprehension"
        self._enter(node, kind, "<genexpr>" if kind == "generator" else "<comp>")
        for generator in node.generators:
            for name in stored_names(generator.target):
                self.scope.bind(name, generator)
        for index, generator in enumerate(node.generators):
            self.visit(generator.target)
            if index:
                self.visit(generator.iter)
            for condition in generator.ifs:
                self.visit(condition)
        for element in elements(node):
            self.visit(element)
        self._leave()

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._visit_comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._visit_comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._visit_comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._visit_comprehension(node)

    def _parameters(self, args: ast.arguments) -> None:
        for argument in parameters(args):
            self.scope.params.append(argument.arg)
            self.scope.bind(argument.arg, argument)

    # -- names -----------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Store):
            self.scope.uses.setdefault(node.id, node)
        if isinstance(node.ctx, ast.Load):
            return
        if node.id not in self.scope.bindings or self.scope.kind not in ("comprehension", "generator"):
            self.scope.bind(node.id, node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.scope.function().bind(node.target.id, node)
        if self.scope.kind in ("comprehension", "generator"):
            # It binds a variable from outside, which a generator expression captures for that.
            self.scope.uses.setdefault(node.target.id, node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.scope.uses.setdefault(node.target.id, node.target)
        self.visit(node.value)
        self.visit(node.target)

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.declared_global |= set(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.scope.declared_nonlocal |= set(node.names)

    def _visit_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self.scope.bind(alias.asname or alias.name.partition(".")[0], node)

    def visit_Import(self, node: ast.Import) -> None:
        self._visit_import(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._visit_import(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.scope.bind(node.name, node)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name:
            self.scope.bind(node.name, node)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.scope.bind(node.name, node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.scope.bind(node.rest, node)
        self.generic_visit(node)


def is_generator(function: FunctionNode) -> bool:
    """Whether a `yield` of its own makes the function a generator."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            pending += children(node)
    return False


def walk_scoped(names: Names, node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
    """All nodes of a tree with the scope that evaluates each, parents first. `scope` is the one around `node`."""
    stack: list[tuple[ast.AST, Scope]] = [(node, scope)]
    while stack:
        current, around = stack.pop()
        yield current, around
        inner = names.scopes.get(current, around)
        first = current.generators[0] if isinstance(current, ComprehensionNode) else None
        for child in reversed(children(current)):
            if child is first:
                parts = [part for part in children(first) if part is not first.iter]
                stack += [(part, inner) for part in reversed(parts)]
                stack.append((first.iter, around))
            else:
                stack.append((child, around if evaluated_outside(current, child) else inner))


def evaluated_outside(parent: ast.AST, child: ast.AST) -> bool:
    """Whether the child of a scope's node is evaluated by the scope around it (decorators, defaults, bases)."""
    match parent:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return not isinstance(child, ast.stmt)
        case ast.Lambda():
            return child is not parent.body
        case _:
            return False


def parameters(args: ast.arguments) -> list[ast.arg]:
    """All parameters in the order of the signature."""
    listed = [*args.posonlyargs, *args.args]
    if args.vararg:
        listed.append(args.vararg)
    listed += args.kwonlyargs
    if args.kwarg:
        listed.append(args.kwarg)
    return listed


def elements(node: ComprehensionNode) -> list[ast.expr]:
    """What a comprehension evaluates for each item, in Python's order."""
    return [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]


def stored_names(target: ast.AST) -> list[str]:
    """The names that an assignment target binds, in order."""
    return [n.id for n in walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def _present(defaults: list[ast.expr | None]) -> list[ast.expr]:
    return [d for d in defaults if d is not None]


def _annotations(node: FunctionNode) -> list[ast.expr]:
    found = [a.annotation for a in parameters(node.args) if a.annotation is not None]
    if node.returns is not None:
        found.append(node.returns)
    return found
