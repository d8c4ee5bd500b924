"""What a run starts with and what its result is.

The entry is found as a person would: top-level code if it does work; else the only function that waits and that nobody
calls, whose parameters are the run's inputs. The result is the value of a top-level `return`; else of a final bare
expression; else what the last top-level statement that ran assigned, inside `if`, `try`, `for` or `with` too.

`prepare_entry` rewrites the module so that this is plain Python: the result is what the module returns.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from weft_compiler.diagnostics import Reporter
from weft_compiler.lower.builder import located
from weft_compiler.resolve import FunctionNode, parameters
from weft_compiler.tree import walk

RESULT = "__weft_result"
#: Holds what is being assigned, until it has been.
_VALUE = "__weft_value"
INPUTS = "__weft_inputs"
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass)


@dataclass(frozen=True)
class Entry:
    """`inputs` maps each input's name to whether it is required; `function` is None for top-level code."""

    function: str | None = None
    inputs: dict[str, bool] = field(default_factory=dict)


def prepare_entry(tree: ast.Module, tools: set[str], reporter: Reporter) -> Entry:
    """Finds the entry, and appends to the module what makes its result the module's `return` value."""
    if not tree.body or does_work(tree, tools):
        _return_result(tree)
        return Entry()
    candidates = _uncalled(tree, tools)
    if not candidates:
        functions = [n.name for n in tree.body if isinstance(n, FunctionNode)]
        if functions:
            reporter.report("no-entry", tree.body[0], name=functions[-1])
        _return_result(tree)
        return Entry()
    if len(candidates) > 1:
        names = ", ".join(f"`{c.name}`" for c in candidates)
        reporter.report("several-entries", candidates[0], names=names, name=candidates[-1].name)
        return Entry()
    return _call_entry(tree, candidates[0])


def does_work(tree: ast.Module, tools: set[str]) -> bool:
    """Whether top-level code does more than define and name things. Constants may be made by calls of builtins."""
    callables = tools | {n.name for n in tree.body if isinstance(n, FunctionNode)}
    return any(_works(statement, callables) for statement in tree.body)


def _works(node: ast.stmt, callables: set[str]) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom() | ast.Pass():
            return False
        case ast.Expr():
            return not isinstance(node.value, ast.Constant)
        case ast.Assign() | ast.AnnAssign():
            return any(isinstance(n, ast.Await) or _runs(n, callables) for n in walk(node))
        case _:
            return True


def _runs(node: ast.AST, callables: set[str]) -> bool:
    """A call of a tool, of a function defined here, or of `asyncio.run`."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in callables
        case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr="run")):
            return True
        case _:
            return False


def _uncalled(tree: ast.Module, tools: set[str]) -> list[FunctionNode]:
    """Functions at module level that may wait and that nothing refers to, save their own recursion."""
    functions = [n for n in tree.body if isinstance(n, FunctionNode)]
    used: set[str] = set()
    for statement in tree.body:
        own = statement.name if isinstance(statement, FunctionNode) else ""
        used |= {n.id for n in walk(statement) if isinstance(n, ast.Name) and n.id != own}
    free = [f for f in functions if f.name not in used]
    waiting: list[FunctionNode] = [f for f in free if isinstance(f, ast.AsyncFunctionDef)]
    return waiting or [f for f in free if _mentions(f, tools)] or free


def _mentions(function: FunctionNode, names: set[str]) -> bool:
    return any(isinstance(n, ast.Name) and n.id in names for n in walk(function))


def _call_entry(tree: ast.Module, function: FunctionNode) -> Entry:
    arguments = parameters(function.args)
    optional = _names_with_defaults(function.args) | {
        a.arg for a in (function.args.vararg, function.args.kwarg) if a is not None
    }
    spread = ast.keyword(None, ast.Name(INPUTS, ast.Load()))
    call: ast.expr = ast.Call(ast.Name(function.name, ast.Load()), [], [spread])
    if isinstance(function, ast.AsyncFunctionDef):
        call = ast.Await(call)
    tree.body.append(located(ast.Return(call), function))
    return Entry(function.name, {a.arg: a.arg not in optional for a in arguments})


def _names_with_defaults(args: ast.arguments) -> set[str]:
    positional = [*args.posonlyargs, *args.args]
    named = positional[len(positional) - len(args.defaults) :] if args.defaults else []
    keyword_only = [a for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None]
    return {a.arg for a in [*named, *keyword_only]}


# -- the result --------------------------------------------------------------------------------------------------------


def _return_result(tree: ast.Module) -> None:
    if not tree.body:
        return
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body[-1] = ast.copy_location(ast.Return(last.value), last)
        return
    if isinstance(last, (ast.Return, ast.Raise, *_DEFINITIONS)):
        return
    if isinstance(last, ast.Assign) and (value := _as_value(last.targets[-1])) is not None:
        tree.body.append(located(ast.Return(value), last))
        return
    if isinstance(last, ast.Assign):
        tree.body[-1:] = [*_assigning_result(last), located(ast.Return(ast.Name(RESULT, ast.Load())), last)]
        return
    start = located(ast.Assign([ast.Name(RESULT, ast.Store())], ast.Constant(None)), last)
    recorded = _recording(last)
    tree.body[-1:] = [start, *recorded, located(ast.Return(ast.Name(RESULT, ast.Load())), last)]


def _recording(node: ast.stmt) -> list[ast.stmt]:
    """The statement, and what keeps its value as the result so far."""
    match node:
        case ast.Expr():
            return [located(ast.Assign([ast.Name(RESULT, ast.Store())], node.value), node)]
        case ast.Assign() if (value := _as_value(node.targets[-1])) is not None:
            return [node, *_record(value, node)]
        case ast.Assign():
            return _assigning_result(node)
        case ast.AugAssign():
            return [node, *_record(_as_value(node.target), node)]
        case ast.AnnAssign() if node.value is not None:
            return [node, *_record(_as_value(node.target), node)]
        case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
            node.body = _recording_last(node.body)
            node.orelse = _recording_last(node.orelse)
        case ast.Try() | ast.TryStar():
            node.body = _recording_last(node.body)
            for handler in node.handlers:
                handler.body = _recording_last(handler.body)
            node.orelse = _recording_last(node.orelse)
        case ast.With() | ast.AsyncWith():
            node.body = _recording_last(node.body)
        case ast.Match():
            for case in node.cases:
                case.body = _recording_last(case.body)
        case _:
            pass
    return [node]


def _assigning_result(node: ast.Assign) -> list[ast.stmt]:
    """`x[k] = value` in steps, so that the value is kept as the result once it has been stored."""
    value = located(ast.Assign([ast.Name(_VALUE, ast.Store())], node.value), node)
    stored = located(ast.Assign(node.targets, ast.Name(_VALUE, ast.Load())), node)
    kept = located(ast.Assign([ast.Name(RESULT, ast.Store())], ast.Name(_VALUE, ast.Load())), node)
    return [value, stored, kept]


def _recording_last(body: list[ast.stmt]) -> list[ast.stmt]:
    return [*body[:-1], *_recording(body[-1])] if body else []


def _record(value: ast.expr | None, at: ast.AST) -> list[ast.stmt]:
    if value is None:
        return []
    return [located(ast.Assign([ast.Name(RESULT, ast.Store())], value), at)]


def _as_value(target: ast.expr) -> ast.expr | None:
    """The target read back as an expression; None where reading it could do more than read."""
    match target:
        case ast.Name():
            return ast.Name(target.id, ast.Load())
        case ast.Tuple() | ast.List():
            parts = [_as_value(e) for e in target.elts]
            if all(p is not None for p in parts):
                return ast.Tuple([p for p in parts if p is not None], ast.Load())
            return None
        case ast.Starred():
            inner = _as_value(target.value)
            return None if inner is None else ast.Starred(inner, ast.Load())
        case _:
            return None
