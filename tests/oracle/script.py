"""Makes of an orchestration's source the function that CPython runs as its oracle.

The module's top-level code becomes the body of one function whose names are all declared global, so that
`await` and `return` at the top work and everything else means what it means in a module. What is added
records only what the last top-level statement assigned, calls the entry function if the top-level code does
no work itself, and makes `asyncio.run` at the top work beside a top-level `await`. It knows nothing of
tools but their names.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

#: The name of the function that the top-level code becomes.
FUNCTION = "__oracle_module"
_LAST = "__oracle_last"
_INPUTS = "__oracle_inputs"

_Scope = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Script:
    """`code` defines a function `name`, a coroutine function if `is_async`. `entry` is the function that it
    ends with.
    """

    code: CodeType
    name: str
    is_async: bool
    entry: str | None
    inputs_name: str


def prepare(source: str, tools: Collection[str], file: str = "plan.py") -> Script:
    """Raises SyntaxError where CPython would, apart from `await` and `return` at the top."""
    tree = ast.parse(source, file)
    names = _module_names(source, tree, file)
    entry = _entry(tree, tools)
    is_async = entry is not None or any(map(_suspends, _module_level(tree.body)))
    futures = [s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
    body = [_Global().visit(part) for part in tree.body if part not in futures]
    if is_async:
        body = [_AwaitedRun().visit(statement) for statement in body]
    body = _with_result(body, entry)
    function = _function(names, body, is_async)
    module = ast.fix_missing_locations(ast.Module([*futures, function], type_ignores=[]))
    code = _module_qualnames(compile(module, file, "exec", dont_inherit=True))
    return Script(code, FUNCTION, is_async, entry, _INPUTS)


def _module_level(nodes: Collection[ast.AST]) -> Iterator[ast.AST]:
    """The nodes that run in the module's own scope; comprehensions belong to it, bodies of functions do
    not.
    """
    for node in nodes:
        yield node
        if isinstance(node, _Scope):
            defaults = [d for d in [*node.args.defaults, *node.args.kw_defaults] if d is not None]
            yield from _module_level([*defaults, *getattr(node, "decorator_list", [])])
        else:
            yield from _module_level(list(ast.iter_child_nodes(node)))


def _suspends(node: ast.AST) -> bool:
    if isinstance(node, ast.comprehension):
        return bool(node.is_async)
    return isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)


def _module_names(source: str, tree: ast.Module, file: str) -> list[str]:
    symbols = symtable.symtable(source, file, "exec").get_symbols()
    bound = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}
    bound |= {n.target.id for n in _module_level(tree.body) if isinstance(n, ast.NamedExpr)}
    return sorted(bound)


def _entry(tree: ast.Module, tools: Collection[str]) -> str | None:
    """The function to call after the top-level code: the one async one that nobody names, if that code does nothing."""
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    workers = {*tools, *(f.name for f in functions)}
    if any(_works(statement, workers) for statement in tree.body):
        return None
    candidates = [f.name for f in functions if isinstance(f, ast.AsyncFunctionDef) and not _is_named(tree, f)]
    return candidates[0] if len(candidates) == 1 else None


def _works(statement: ast.stmt, workers: Collection[str]) -> bool:
    """Definitions do no work, decorated or not, nor do constants, however they are made; any other statement does."""
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
            return False
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return False
        case ast.Assign() | ast.AnnAssign():
            return any(_suspends(n) or _calls(n, workers) for n in _module_level([statement]))
    return True


def _calls(node: ast.AST, workers: Collection[str]) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in workers
        case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr="run")):
            return True
    return False


def _is_named(tree: ast.Module, function: ast.AsyncFunctionDef) -> bool:
    inside = set(map(id, ast.walk(function)))
    loads = (n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return any(n.id == function.name and id(n) not in inside for n in loads)


class _Global(ast.NodeTransformer):
    """Drops what a function does not allow for global names, and what says nothing at module level."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        return ast.copy_location(ast.Pass(), node)

    def _skip(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _skip  # noqa: N815


def _recorded(statement: ast.stmt) -> list[ast.stmt]:
    """The statement with a record of what it gives: what it assigns, or the value of an expression, at its end."""
    match statement:
        case ast.Expr(value=value):
            return [ast.copy_location(ast.Assign([ast.Name(_LAST, ast.Store())], value), statement)]
        case ast.Assign():
            statement.targets.append(ast.Name(_LAST, ast.Store()))
        case ast.AugAssign(target=ast.Name(id=name)):
            record = ast.Assign([ast.Name(_LAST, ast.Store())], ast.Name(name, ast.Load()))
            return [statement, ast.copy_location(record, statement)]
        case (
            ast.If()
            | ast.For()
            | ast.While()
            | ast.Try()
            | ast.TryStar()
            | ast.With()
            | ast.Match()
            | ast.AsyncFor()
            | ast.AsyncWith()
        ):
            _record_ends(statement)
    return [statement]


def _record_ends(node: ast.AST) -> None:
    """Records at the end of each block of the statement but `finally`, which only cleans up."""
    for field in ("body", "orelse"):
        if block := getattr(node, field, None):
            setattr(node, field, [*block[:-1], *_recorded(block[-1])])
    for part in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
        _record_ends(part)


class _AwaitedRun(ast.NodeTransformer):
    """Turns `asyncio.run(x)` at the top into `await x`: CPython allows no loop inside a running one."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr="run"), args=[awaitable]):
                return ast.copy_location(ast.Await(awaitable), node)
        return node

    def _skip(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _skip  # noqa: N815
    visit_Lambda = visit_ClassDef = _skip  # noqa: N815


def _with_result(body: list[ast.stmt], entry: str | None) -> list[ast.stmt]:
    start = ast.Assign([ast.Name(_LAST, ast.Store())], ast.Constant(None))
    result: ast.expr = ast.Name(_LAST, ast.Load())
    if entry is not None:
        inputs = ast.keyword(None, ast.Name(_INPUTS, ast.Load()))
        result = ast.Await(ast.Call(ast.Name(entry, ast.Load()), [], [inputs]))
    elif body:
        body = [*body[:-1], *_recorded(body[-1])]
    return [start, *body, ast.Return(result)]


def _function(names: list[str], body: list[ast.stmt], is_async: bool) -> ast.stmt:
    declared: list[ast.stmt] = [ast.Global(names)] if names else []
    kind: Any = ast.AsyncFunctionDef if is_async else ast.FunctionDef
    arguments = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    function: ast.stmt = kind(name=FUNCTION, args=arguments, body=[*declared, *body], decorator_list=[], type_params=[])
    return function


def _module_qualnames(code: CodeType) -> CodeType:
    """The same code, with the names that its functions would have in a module: they stand in messages."""
    prefix = f"{FUNCTION}.<locals>."
    constants = tuple(_module_qualnames(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=constants, co_qualname=code.co_qualname.removeprefix(prefix))
