"""Compiles the pure code of a graph to native functions.

Each piece of code becomes a function `(locals, temporaries) -> signal` of two dictionaries, closed over the cells of the
variables that inner functions capture. Locals are fast locals inside it: loaded at the start where they are bound,
written back at the end even when the code raises. A signal is None, `("return", value)`, `"break"` or `"continue"`.

Names of our own begin with `__weft_`; the sandbox leaves them alone and the compiler refuses them in orchestrations.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from weft_compiler.code import FORMATTERS, parse_code
from weft_compiler.graph import Code, Function
from weft_compiler.resolve import resolve

from weft_workflows.sandbox.guard import guard

_LOCALS = "__weft_f"
_TEMPORARIES = "__weft_t"
_FACTORY = "__weft_factory"
_BLOCK = "__weft_block"
#: Names that the machine supplies to native code; they end as they begin, so that class bodies do not mangle them.
MAKE_FUNCTION = "__weft_function__"
MAKE_GENERATOR = "__weft_generator__"
INVOKE = "__weft_invoke__"
OPERATE = "__weft_operate__"
MISSING = "__weft_missing__"
UNBOUND = "__weft_unbound__"

Form = Literal["statements", "value", "test", "invoke", "raise"]


@dataclass(frozen=True, slots=True, eq=False)
class NativeCode:
    """A compiled block. `code.co_freevars` names the cells that it needs."""

    code: types.CodeType

    def bind(self, namespace: dict[str, Any], cells: dict[str, types.CellType]) -> types.FunctionType:
        closure = tuple(cells[name] for name in self.code.co_freevars)
        return types.FunctionType(self.code, namespace, self.code.co_name, None, closure)


def compile_native(code: Code | tuple[Code, ...], form: Form, function: Function, unit: UnitNames) -> NativeCode:
    """The native form of a node's code.

    `statements` runs them; `value` returns the expression's value; `test` its truth; `invoke` makes the frame of the call
    that the expression is; `raise` raises the first code's value, from the second's if there are two.
    """
    body = _body(code, form, unit)
    return NativeCode(_compile(_block(body, function), function, unit.file))


@dataclass(frozen=True)
class UnitNames:
    """What compiling needs to know of the whole graph."""

    file: str
    functions: dict[str, Function]


# -- from code to statements -------------------------------------------------------------------------------------------


def _body(code: Code | tuple[Code, ...], form: Form, unit: UnitNames) -> list[ast.stmt]:
    if form == "raise":
        assert isinstance(code, tuple)
        return [_raise([_expression(c, unit) for c in code])]
    assert isinstance(code, Code)
    if form == "statements":
        tree = parse_code(code)
        assert isinstance(tree, ast.Module)
        _fill_stubs(tree, code.functions, unit)
        return [_Exits().visit(statement) for statement in tree.body]
    value = _expression(code, unit)
    if form == "test":
        value = _at(ast.IfExp(value, ast.Constant(True), ast.Constant(False)), value)
    elif form == "invoke":
        value = _at(_invoking(value), value)
    return [_at(ast.Return(value), value)]


def _expression(code: Code, unit: UnitNames) -> ast.expr:
    tree = parse_code(code, "eval")
    assert isinstance(tree, ast.Expression)
    _fill_stubs(tree, code.functions, unit)
    return tree.body


def _invoking(value: ast.expr) -> ast.expr:
    """The call of the machine that makes a call, or does what else the expression is over names and constants."""
    match value:
        case ast.Call():
            return ast.Call(ast.Name(INVOKE, ast.Load()), [value.func, *value.args], value.keywords)
        case ast.Attribute():
            operation, operands = "get", [value.value, ast.Constant(value.attr)]
        case ast.Subscript():
            operation, operands = "__getitem__", [value.value, _subscripted(value.slice)]
        case ast.Compare():
            operation, operands = "__contains__", [value.comparators[0], value.left]
        case _:
            raise AssertionError(f"{type(value).__name__} calls nothing")
    natively = ast.Lambda(_parameters([]), value)
    return ast.Call(ast.Name(OPERATE, ast.Load()), [ast.Constant(operation), natively, *operands], [])


def _subscripted(place: ast.expr) -> ast.expr:
    """What stands in a subscript as an expression that can stand anywhere."""
    if isinstance(place, ast.Tuple):
        return ast.Tuple([_subscripted(element) for element in place.elts], ast.Load())
    if isinstance(place, ast.Slice):
        bounds = [part or ast.Constant(None) for part in (place.lower, place.upper, place.step)]
        return ast.Call(ast.Name("slice", ast.Load()), bounds, [])
    return place


def _raise(values: list[ast.expr]) -> ast.stmt:
    if not values:
        return _at(ast.Raise(None, None), None)
    return _at(ast.Raise(values[0], values[1] if len(values) > 1 else None), values[0])


class _Exits(ast.NodeTransformer):
    """Turns the ways out of the block into signals."""

    def __init__(self) -> None:
        self._loops = 0

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        value = node.value if node.value is not None else _at(ast.Constant(None), node)
        return _at(ast.Return(ast.Tuple([ast.Constant("return"), value], ast.Load())), node)

    def visit_Break(self, node: ast.Break) -> ast.stmt:
        return node if self._loops else _at(ast.Return(ast.Constant("break")), node)

    def visit_Continue(self, node: ast.Continue) -> ast.stmt:
        return node if self._loops else _at(ast.Return(ast.Constant("continue")), node)

    def _visit_loop(self, node: Any) -> Any:
        self._loops += 1
        node.body = [self.visit(s) for s in node.body]
        self._loops -= 1
        node.orelse = [self.visit(s) for s in node.orelse]
        return node

    visit_For = visit_While = visit_AsyncFor = _visit_loop

    def _leave(self, node: Any) -> Any:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = _leave


# -- functions that the machine runs -----------------------------------------------------------------------------------


def _fill_stubs(tree: ast.AST, functions: tuple[str, ...], unit: UnitNames) -> None:
    """Gives each `def f(…): ...` of a machine function the body of its binder, and makes each `(... for t in xs)` a call.

    A binder returns its bound arguments by name; it mentions the captured variables, so that its closure holds them.
    """
    _Binders(iter(functions), unit).visit(tree)


class _Binders(ast.NodeTransformer):
    """Visits the stubs in the order of their keys."""

    def __init__(self, keys: Iterator[str], unit: UnitNames) -> None:
        self._keys = keys
        self._unit = unit

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        if not _is_stub(node):
            return self.generic_visit(node)
        key = next(self._keys)
        node.args = self.visit(node.args)
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        return _as_binder(node, self._unit.functions[key])

    visit_FunctionDef = visit_AsyncFunctionDef = _visit_function

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        if not (isinstance(node.body, ast.Constant) and node.body.value is ...):
            return self.generic_visit(node)
        function = self._unit.functions[next(self._keys)]
        node.args = self.visit(node.args)
        return _as_lambda(node, function)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        if not (isinstance(node.elt, ast.Constant) and node.elt.value is ...):
            return self.generic_visit(node)
        function = self._unit.functions[next(self._keys)]
        return _as_generator(node, self.visit(node.generators[0].iter), function)


def _is_stub(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    if len(node.body) != 1:
        return False
    only = node.body[0]
    return isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant) and only.value.value is ...


def _as_binder(node: ast.FunctionDef | ast.AsyncFunctionDef, function: Function) -> ast.stmt:
    bound = ast.Return(_bound(function))
    captured = ast.Expr(_captured(function))
    binder = _function(node.name, node.args, [bound, captured])
    binder.decorator_list = [*node.decorator_list, _making(function)]
    return _at(binder, node)


def _as_lambda(node: ast.Lambda, function: Function) -> ast.expr:
    both = ast.Tuple([_bound(function), ast.Lambda(_parameters([]), _captured(function))], ast.Load())
    binder = ast.Lambda(node.args, ast.Subscript(both, ast.Constant(0), ast.Load()))
    return _at(ast.Call(_making(function), [binder], []), node)


def _making(function: Function) -> ast.expr:
    return ast.Call(ast.Name(MAKE_FUNCTION, ast.Load()), [ast.Constant(function.name)], [])


def _bound(function: Function) -> ast.expr:
    """The arguments by name, and the class that a method speaks of."""
    names: list[ast.expr | None] = [ast.Constant(name) for name in function.parameters]
    values: list[ast.expr] = [ast.Name(name, ast.Load()) for name in function.parameters]
    if function.uses_class:
        names.append(ast.Constant("__weft_class"))
        values.append(ast.Name("__class__", ast.Load()))
    return ast.Dict(names, values)


def _captured(function: Function) -> ast.expr:
    return ast.Tuple([ast.Name(name, ast.Load()) for name in function.frees], ast.Load())


def _as_generator(node: ast.GeneratorExp, first: ast.expr, function: Function) -> ast.expr:
    """`make(key, lambda first: {"first": first} or (a, b), first iterable)`: the lambda's closure holds the captured variables."""
    (name,) = function.parameters
    bound: ast.expr = ast.Dict([ast.Constant(name)], [ast.Name(name, ast.Load())])
    if function.frees:
        captured = ast.Tuple([ast.Name(free, ast.Load()) for free in function.frees], ast.Load())
        bound = ast.BoolOp(ast.Or(), [bound, captured])
    arguments: list[ast.expr] = [ast.Constant(function.name), ast.Lambda(_parameters([name]), bound), first]
    return _at(ast.Call(ast.Name(MAKE_GENERATOR, ast.Load()), arguments, []), node)


# -- the block around ----------------------------------------------------------------------------------------------------


def _block(body: list[ast.stmt], function: Function) -> ast.Module:
    """`def factory(cells): def block(locals, temporaries): …` around the code."""
    loads, stores = _names(body)
    unbinds = _unbound_by(body)
    # What may lose its value is loaded first, so that its absence at the end means that the code took it away.
    loads |= unbinds
    captured = sorted((set(function.cells) | set(function.frees)) & (loads | stores))
    local = set(function.locals)
    own = {name for name in loads | stores if name.startswith("__weft_") and name not in _SUPPLIED}
    own -= set(captured)
    declared = _declarations(stores, captured, local | own)
    loading = [*_loads(_LOCALS, sorted(loads & local)), *_load_temporaries(sorted(loads & own))]
    storing = [
        *_stores(_LOCALS, sorted(stores & local), unbinds),
        *_stores(_TEMPORARIES, sorted(stores & own), unbinds),
    ]
    if storing:
        body = [ast.Try(body=body, handlers=[], orelse=[], finalbody=storing)]
    block = _function(_BLOCK, _parameters([_LOCALS, _TEMPORARIES]), [*declared, *loading, *body])
    factory = _function(_FACTORY, _parameters(captured), [block, ast.Return(ast.Name(_BLOCK, ast.Load()))])
    module = ast.Module([factory], [])
    _locate(module, body)
    return module


_SUPPLIED = FORMATTERS | {MAKE_FUNCTION, MAKE_GENERATOR, INVOKE, OPERATE, MISSING, UNBOUND}


def _names(body: list[ast.stmt]) -> tuple[set[str], set[str]]:
    """The names that the code takes from around it, and those that it binds there."""
    found = resolve(ast.Module(body, []))
    loads = {name for scope in found.scopes.values() for name in scope.uses if found.owner(scope, name) is None}
    loads |= {name for scope in found.scopes.values() for name in scope.declared_nonlocal}
    return loads, set(found.module.bindings)


def _declarations(stores: set[str], captured: list[str], own: set[str]) -> list[ast.stmt]:
    nonlocals = [name for name in captured if name in stores]
    globals_ = sorted(stores - own - set(captured))
    found: list[ast.stmt] = []
    if nonlocals:
        found.append(ast.Nonlocal(nonlocals))
    if globals_:
        found.append(ast.Global(globals_))
    return found


def _loads(source: str, names: list[str]) -> list[ast.stmt]:
    """`try: x = locals["x"]` — a variable that is not bound yet stays unbound."""
    return [
        ast.Try(
            body=[ast.Assign([ast.Name(name, ast.Store())], _item(source, name, ast.Load()))],
            handlers=[ast.ExceptHandler(ast.Name(MISSING, ast.Load()), None, [ast.Pass()])],
            orelse=[],
            finalbody=[],
        )
        for name in names
    ]


def _load_temporaries(names: list[str]) -> list[ast.stmt]:
    """A temporary that is read once leaves its dictionary with that."""
    found: list[ast.stmt] = []
    for name in names:
        value: ast.expr = _item(_TEMPORARIES, name, ast.Load())
        if name.startswith("__weft_t"):
            pop = ast.Attribute(ast.Name(_TEMPORARIES, ast.Load()), "pop", ast.Load())
            value = ast.Call(pop, [ast.Constant(name)], [])
        assign = ast.Assign([ast.Name(name, ast.Store())], value)
        missing = ast.ExceptHandler(ast.Name(MISSING, ast.Load()), None, [ast.Pass()])
        found.append(ast.Try(body=[assign], handlers=[missing], orelse=[], finalbody=[]))
    return found


def _stores(target: str, names: list[str], unbinds: set[str]) -> list[ast.stmt]:
    """`locals["x"] = x` where the code bound `x`, and its removal where the code can have taken its value away."""
    found: list[ast.stmt] = []
    for name in names:
        absent: ast.stmt = ast.Pass()
        if name in unbinds:
            pop = ast.Attribute(ast.Name(target, ast.Load()), "pop", ast.Load())
            absent = ast.Expr(ast.Call(pop, [ast.Constant(name), ast.Constant(None)], []))
        assign = ast.Assign([_item(target, name, ast.Store())], ast.Name(name, ast.Load()))
        handler = ast.ExceptHandler(ast.Name(UNBOUND, ast.Load()), None, [absent])
        found.append(ast.Try(body=[assign], handlers=[handler], orelse=[], finalbody=[]))
    return found


def _unbound_by(body: list[ast.stmt]) -> set[str]:
    """The names that the code can leave without a value: by `del`, or at the end of `except … as x`."""
    found: set[str] = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
                found.add(node.id)
            elif isinstance(node, ast.ExceptHandler) and node.name is not None:
                found.add(node.name)
    return found


def _item(source: str, name: str, context: ast.expr_context) -> ast.Subscript:
    return ast.Subscript(ast.Name(source, ast.Load()), ast.Constant(name), context)


def _parameters(names: list[str]) -> ast.arguments:
    return ast.arguments(posonlyargs=[], args=[ast.arg(n) for n in names], kwonlyargs=[], kw_defaults=[], defaults=[])


def _function(name: str, arguments: ast.arguments, body: list[ast.stmt]) -> ast.FunctionDef:
    function = ast.FunctionDef(name, arguments, body, [], None, None)
    if "type_params" in ast.FunctionDef._fields:
        function.type_params = []  # type: ignore[attr-defined, unused-ignore]
    return function


_N = TypeVar("_N", bound=ast.AST)


def _at(node: _N, where: ast.AST | None) -> _N:
    """The new tree on the line of `where`, wherever it has no line of its own."""
    line = getattr(where, "lineno", 1)
    place = ast.Pass(lineno=line, end_lineno=line, col_offset=0, end_col_offset=0)
    for inner in ast.walk(node):
        if "lineno" in inner._attributes and not hasattr(inner, "lineno"):
            ast.copy_location(inner, place)
    return node


def _locate(module: ast.Module, body: list[ast.stmt]) -> None:
    line = next((n.lineno for s in body for n in ast.walk(s) if hasattr(n, "lineno")), 1)
    _at(module, ast.Pass(lineno=line, col_offset=0))


def _compile(module: ast.Module, function: Function, file: str) -> types.CodeType:
    code = compile(guard(module), file, "exec", dont_inherit=True)
    block = _constant(_constant(code, _FACTORY), _BLOCK)
    around = "" if function.name == "<module>" else f"{function.qualname}.<locals>."
    named = _renamed(block, f"{block.co_qualname}.<locals>.", around)
    return named.replace(co_name=function.qualname.rpartition(".")[2], co_qualname=function.qualname)


def _renamed(code: types.CodeType, ours: str, around: str) -> types.CodeType:
    """The code with the qualified names of what it defines as they are without our functions around it."""
    constants = tuple(_renamed_constant(constant, ours, around) for constant in code.co_consts)
    return code.replace(co_consts=constants, co_qualname=_without(code.co_qualname, ours, around))


def _renamed_constant(constant: Any, ours: str, around: str) -> Any:
    if isinstance(constant, types.CodeType):
        return _renamed(constant, ours, around)
    return _without(constant, ours, around) if type(constant) is str else constant


def _without(name: str, ours: str, around: str) -> str:
    return around + name.removeprefix(ours) if name.startswith(ours) else name


def is_block(code: types.CodeType) -> bool:
    """Whether it is the code of a block, not of a function inside one."""
    return code.co_varnames[:2] == (_LOCALS, _TEMPORARIES)


def _constant(code: types.CodeType, name: str) -> types.CodeType:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and constant.co_name == name:
            return constant
    raise AssertionError(f"no {name} in the compiled code")
