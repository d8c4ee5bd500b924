"""Turns pure orchestration Python into code that the sandbox can run: the second wall.

`guard` lets only the node kinds of one table pass and replaces what could be dangerous by calls of `__weft_…__` functions, which the
run's namespace supplies (`environment.new_globals`). What always holds:

- Scopes, closures, defaults, decorators and docstrings of the orchestration's functions stay as they were.
- The result depends on the tree alone.
- What stays native is provably harmless: attributes of the orchestration's own classes, arithmetic on proven numbers, loops that
  count fuel.

The names of guards end in two underscores as well, since a class body mangles names that only begin with them.
"""

# ruff: noqa: N802 - visitors are named after node classes

from __future__ import annotations

import ast
from typing import Any, TypeGuard

from weft_workflows.sandbox.attribute_table import LARGE
from weft_workflows.sandbox.guard_nodes import (
    ALLOWED_NODES,
    Refused,
    bound_names,
    check_identifier,
    is_short,
    is_simple,
    load,
    mangled,
    own,
    tick,
)
from weft_workflows.sandbox.guard_operators import OperatorGuard
from weft_workflows.sandbox.guard_patterns import is_plain_pattern, lower_match
from weft_workflows.sandbox.numbers_of import NumberTypes

__all__ = ["Refused", "guard"]

#: Methods that one builtin type alone is likely to have, and that are harmless there: called natively after a check of the type.
_LIKELY = {
    "append": "list",
    "get": "dict",
    "items": "dict",
    "keys": "dict",
    "values": "dict",
    "strip": "str",
    "lower": "str",
    "upper": "str",
    "startswith": "str",
    "endswith": "str",
    "add": "set",
}
#: Those of them that walk all of a text, and stay native for short ones.
_LINEAR = frozenset(("strip", "lower", "upper"))
#: Builtin types whose constructor walks its argument in C.
_WALKING = frozenset(("list", "tuple", "dict", "set", "frozenset", "bytes", "bytearray"))


def guard(tree: ast.Module) -> ast.Module:
    """The guarded form of a module's tree (which is used up). Raises Refused for constructs that are not allowed."""
    try:
        transformed: ast.Module = _Guard(bound_names(tree)).visit(tree)
    except RecursionError:
        raise Refused("the code is nested too deeply", None) from None
    return ast.fix_missing_locations(transformed)


class _Guard(OperatorGuard):
    """Statements, scopes, attributes and calls; the operators are inherited."""

    def visit(self, node: ast.AST) -> Any:
        if type(node) not in ALLOWED_NODES:
            raise Refused(f"{type(node).__name__} is not allowed", node)
        return super().visit(node)

    # Scopes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
        check_identifier(node.name, node, binding=True, in_class=self.scope == "class")
        types = NumberTypes(node, self.shadowed)
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.args = self.visit(node.args)
        if node.returns is not None:
            node.returns = self.visit(node.returns)
        self._visit_type_parameters(node)
        outer = self.types, self.scope
        self.types, self.scope = types, "function"
        body = self.visit_body(node.body)
        self.types, self.scope = outer
        keep = 1 if ast.get_docstring(node, clean=False) is not None else 0
        start = [ast.Global(names=["__weft_fuel__"]), *tick()]
        node.body = body[:keep] + [ast.copy_location(each, node) for each in start] + body[keep:]
        return node

    def _visit_type_parameters(self, node: Any) -> None:
        if getattr(node, "type_params", None):
            node.type_params = [self.visit(each) for each in node.type_params]

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        node.args = self.visit(node.args)
        outer = self.types, self.scope
        self.types, self.scope = NumberTypes(node, self.shadowed), "function"
        body = self.visit(node.body)
        self.types, self.scope = outer
        node.body = ast.BoolOp(op=ast.Or(), values=[self.call("tick", at=node), body])
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        check_identifier(node.name, node, binding=True)
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.bases = [self.visit(each) for each in node.bases]
        node.keywords = [self.visit(each) for each in node.keywords]
        self._visit_type_parameters(node)
        outer = self.types, self.scope, self.class_name
        self.types, self.scope, self.class_name = NumberTypes(None, self.shadowed), "class", node.name
        node.body = self.visit_body(node.body)
        self.types, self.scope, self.class_name = outer
        if _has_loop(node):
            node.body.insert(1 if ast.get_docstring(node, clean=False) is not None else 0, _fuel_is_global(node))
        return node

    def visit_body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        result: list[ast.stmt] = []
        for statement in body:
            visited = self.visit(statement)
            result.extend(visited if isinstance(visited, list) else [visited])
        return result

    def visit_Module(self, node: ast.Module) -> Any:
        node.body = self.visit_body(node.body)
        return node

    # Names

    def visit_Name(self, node: ast.Name) -> Any:
        if getattr(node, "weft_own", False):
            return node
        check_identifier(node.id, node, binding=not isinstance(node.ctx, ast.Load), in_class=self.scope == "class")
        return node

    def visit_arg(self, node: ast.arg) -> Any:
        check_identifier(node.arg, node, binding=True)
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> Any:
        for name in node.names:
            check_identifier(name, node, binding=True)
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> Any:
        for name in node.names:
            check_identifier(name, node, binding=True)
        return node

    def visit_Import(self, node: ast.Import) -> Any:
        for alias in node.names:
            check_identifier(alias.asname or alias.name.partition(".")[0], node, binding=alias.name != "__future__")
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        if node.module == "__future__":
            return ast.copy_location(ast.Pass(), node)
        for alias in node.names:
            if alias.name == "*":
                raise Refused("`from … import *` is not allowed; name what you import", node)
            check_identifier(alias.name, node, binding=True)
            check_identifier(alias.asname or alias.name, node, binding=True)
        return node

    # Loops

    def visit_For(self, node: ast.For) -> Any:
        over_range = self.is_range(node.iter)
        iterable = self.visit(node.iter)
        node.iter = self.call("span", iterable, at=node.iter) if over_range else iterable
        node.target = self.visit(node.target)
        body = self.visit_body(node.body)
        node.body = body if over_range else [*self._tick(node), *body]
        node.orelse = self.visit_body(node.orelse)
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> Any:
        self.generic_visit(node)
        node.body = [*self._tick(node), *node.body]
        return node

    def visit_While(self, node: ast.While) -> Any:
        node.test = self.visit(node.test)
        node.body = [*self._tick(node), *self.visit_body(node.body)]
        node.orelse = self.visit_body(node.orelse)
        return node

    def _tick(self, node: ast.stmt) -> list[ast.stmt]:
        return [ast.copy_location(each, node) for each in tick()]

    def visit_ListComp(self, node: ast.ListComp) -> Any:
        outer = self.enter_comprehension(node)
        node.elt = self.visit(node.elt)
        self.types = outer
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> Any:
        outer = self.enter_comprehension(node)
        node.elt = self.visit(node.elt)
        self.types = outer
        return node

    def visit_SetComp(self, node: ast.SetComp) -> Any:
        as_list = ast.copy_location(ast.ListComp(elt=node.elt, generators=node.generators), node)
        return self.call("set", self.visit(as_list), at=node)

    def visit_DictComp(self, node: ast.DictComp) -> Any:
        outer = self.enter_comprehension(node)
        node.key, node.value = self.visit(node.key), self.visit(node.value)
        self.types = outer
        return node

    def enter_comprehension(self, node: Any) -> NumberTypes:
        """Guards the `for` and `if` parts, leaves `types` as they are for the element, and hands back the outer ones."""
        outer = self.types
        calls = any(isinstance(each, (ast.Call, ast.Await)) for each in ast.walk(node))
        inner = NumberTypes(None, self.shadowed)
        inner.variables = dict(outer.variables)
        bound = [each.id for part in node.generators for each in ast.walk(part.target) if isinstance(each, ast.Name)]
        for part in node.generators:
            inner.bind_target(part.target, over_range=False)
        for part in node.generators:
            over_range = self.is_range(part.iter)
            source = self.visit(part.iter)
            if not part.is_async:
                part.iter = self.call(
                    "span" if over_range else "each_calling" if calls else "each", source, at=part.iter
                )
            once = isinstance(part.target, ast.Name) and bound.count(part.target.id) == 1
            inner.bind_target(part.target, over_range=over_range and once)
            self.types = inner
            part.target = self.visit(part.target)
            part.ifs = [self.visit(each) for each in part.ifs]
        return outer

    # Exceptions

    def visit_Try(self, node: ast.Try) -> Any:
        return self._try(node)

    def visit_TryStar(self, node: Any) -> Any:
        return self._try(node)

    def _try(self, node: Any) -> Any:
        node.body = self.visit_body(node.body)
        node.handlers = [self.visit(each) for each in node.handlers]
        node.orelse = self.visit_body(node.orelse)
        if node.finalbody:
            node.finalbody = [self._check(node), *self.visit_body(node.finalbody)]
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        if node.name is not None:
            check_identifier(node.name, node, binding=True, in_class=self.scope == "class")
        if node.type is not None:
            node.type = self.visit(node.type)
        node.body = [self._check(node), *self.visit_body(node.body)]
        return node

    def _check(self, node: Any) -> ast.stmt:
        """Raises a limit's error again, before a handler or a `finally` can do anything with it."""
        return ast.copy_location(ast.Expr(value=self.call("check", at=node)), node)

    # Attributes and calls

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        name = node.attr
        if name.startswith("__weft"):
            raise Refused(f"the name {name!r} is reserved", node)
        special = name.startswith("__") and name.endswith("__")
        if not isinstance(node.ctx, ast.Load):
            node.value = self.call("proxy" if special else "target", self.visit(node.value), at=node)
            return node
        return self._attribute("get", node, special)

    def _attribute(self, guard_name: str, node: ast.Attribute, special: bool) -> Any:
        value = self.visit(node.value)
        guarded = self.call(guard_name, value, ast.Constant(value=mangled(node.attr, self.class_name)), at=node)
        if special or not isinstance(value, ast.Name):
            return guarded
        node.value = value
        return ast.copy_location(ast.IfExp(test=self.type_in(value.id, "open"), body=node, orelse=guarded), node)

    def visit_Call(self, node: ast.Call) -> Any:
        function = node.func
        node.args = [self.visit(each) for each in node.args]
        node.keywords = [self.visit(each) for each in node.keywords]
        if isinstance(function, ast.Attribute):
            return self._method_call(node, function)
        node.func = self.visit(function)
        if isinstance(function, ast.Name) and function.id not in self.shadowed and len(node.args) == 1:
            self._measure_argument(node, function.id)
        return node

    def _measure_argument(self, node: ast.Call, name: str) -> None:
        argument = node.args[0]
        if isinstance(argument, ast.Starred):
            return
        if name in _WALKING and not isinstance(argument, (ast.GeneratorExp, ast.ListComp)):
            node.args = [self.call("bulk", argument, at=argument)]
        elif name == "str" and self.types.bits(argument) is None:
            node.args = [self.call("plain", argument, at=argument)]
        elif name == "int" and not isinstance(argument, ast.Constant):
            node.args = [self.call("integral", argument, at=argument)]

    def _method_call(self, node: ast.Call, function: ast.Attribute) -> Any:
        """`x.m(…)`. Where the type of `x` is likely and the arguments may stand twice, the native call is tried first."""
        name = function.attr
        if name.startswith("__weft"):
            raise Refused(f"the name {name!r} is reserved", function)
        special = name.startswith("__") and name.endswith("__")
        likely = _LIKELY.get(name)
        receiver = function.value
        if likely is None or not isinstance(receiver, ast.Name) or node.keywords or not all(map(is_simple, node.args)):
            node.func = self._attribute("method", function, special)
            return node
        self.visit(receiver)
        native = ast.Call(
            func=ast.Attribute(value=load(receiver.id), attr=name, ctx=ast.Load()), args=list(node.args), keywords=[]
        )
        node.func = self._attribute("method", function, special)
        test = self.type_is(receiver.id, likely)
        if name in _LINEAR:
            short = ast.Compare(
                left=ast.Call(func=own("len"), args=[load(receiver.id)], keywords=[]),
                ops=[ast.Lt()],
                comparators=[ast.Constant(value=LARGE)],
            )
            test = ast.BoolOp(op=ast.And(), values=[test, short])
        return ast.copy_location(ast.IfExp(test=test, body=native, orelse=node), node)

    def visit_Starred(self, node: ast.Starred) -> Any:
        node.value = self.visit(node.value)
        if isinstance(node.ctx, ast.Load):
            node.value = self.call("star", node.value, at=node)
        return node

    def visit_Set(self, node: ast.Set) -> Any:
        elements = ast.Tuple(elts=[self.visit(each) for each in node.elts], ctx=ast.Load())
        return self.call("set", elements, at=node)

    def visit_Assign(self, node: ast.Assign) -> Any:
        sliced = any(_stores_slice(target) for target in node.targets)
        node.value = self.visit(node.value)
        if sliced and not is_short(node.value):
            node.value = self.call("addend", node.value, at=node)
        moved = [each.value.id for each in node.targets if sliced and _is_element_of_name(each)]
        node.targets = [self.visit(each) for each in node.targets]
        return [*(self._shifts(name, node) for name in moved), node] if moved else node

    def visit_Delete(self, node: ast.Delete) -> Any:
        moved = [target.value.id for target in node.targets if _is_element_of_name(target)]
        node.targets = [self.visit(target) for target in node.targets]
        return [*(self._shifts(name, node) for name in moved), node]

    def _shifts(self, name: str, node: ast.stmt) -> ast.stmt:
        """Charges for what moves up when an element is taken out of a list, or put in."""
        return ast.copy_location(ast.Expr(value=self.call("shifts", load(name), at=node)), node)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        is_slice = isinstance(node.slice, ast.Slice)
        self.generic_visit(node)
        if is_slice and isinstance(node.ctx, ast.Load):
            return self.call("sliced", node, at=node)
        return node

    # Matching

    def visit_Match(self, node: ast.Match) -> Any:
        if all(is_plain_pattern(case.pattern) for case in node.cases):
            node.subject = self.visit(node.subject)
            for case in node.cases:
                self._check_captures(case.pattern)
                case.guard = None if case.guard is None else self.visit(case.guard)
                case.body = self.visit_body(case.body)
            return node
        for case in node.cases:
            self._check_captures(case.pattern)
        self.matches += 1
        return self.visit_body(lower_match(node, self.matches))

    def _check_captures(self, pattern: ast.pattern) -> None:
        for inner in ast.walk(pattern):
            for name in (getattr(inner, "name", None), getattr(inner, "rest", None)):
                if isinstance(name, str):
                    check_identifier(name, inner, binding=True, in_class=self.scope == "class")


def _stores_slice(target: ast.expr) -> bool:
    return any(
        isinstance(each, ast.Subscript) and isinstance(each.slice, ast.Slice) and isinstance(each.ctx, ast.Store)
        for each in ast.walk(target)
    )


def _is_element_of_name(target: ast.expr) -> TypeGuard[Any]:
    return isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)


def _has_loop(node: ast.ClassDef) -> bool:
    return any(isinstance(each, (ast.For, ast.While)) for statement in node.body for each in ast.walk(statement))


def _fuel_is_global(node: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Global(names=["__weft_fuel__"]), node)
