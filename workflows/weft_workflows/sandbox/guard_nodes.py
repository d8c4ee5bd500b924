"""What the guard's parts share: the table of allowed nodes, checks of identifiers, and small pieces of tree."""

from __future__ import annotations

import ast
import re
from typing import Any

from weft_workflows.sandbox.attribute_table import CLASS_BODY_SPECIALS


class Refused(Exception):
    """A construct that is not allowed. `node` is where, or None where no place can be named."""

    def __init__(self, message: str, node: ast.AST | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.node = node


_NAMES = """
Module Expression Interactive FunctionDef AsyncFunctionDef ClassDef Return Delete Assign AugAssign AnnAssign For AsyncFor While If With
AsyncWith Match Raise Try TryStar Assert Import ImportFrom Global Nonlocal Expr Pass Break Continue TypeAlias
BoolOp NamedExpr BinOp UnaryOp Lambda IfExp Dict Set ListComp SetComp DictComp GeneratorExp Await Yield YieldFrom Compare Call
FormattedValue JoinedStr Constant Attribute Subscript Starred Name List Tuple Slice
Load Store Del And Or Add Sub Mult MatMult Div Mod Pow LShift RShift BitOr BitXor BitAnd FloorDiv Invert Not UAdd USub
Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn comprehension ExceptHandler arguments arg keyword alias withitem match_case
MatchValue MatchSingleton MatchSequence MatchMapping MatchClass MatchStar MatchAs MatchOr TypeVar ParamSpec TypeVarTuple
"""
#: Every node kind that passes. A kind that a newer Python adds is refused until it is put here.
ALLOWED_NODES: frozenset[type] = frozenset(getattr(ast, name) for name in _NAMES.split() if hasattr(ast, name))

#: What the machine supplies to code that it wrapped: makers of its functions and frames, and errors by names of its own.
MACHINE_NAMES = frozenset(
    (
        "__weft_function__",
        "__weft_generator__",
        "__weft_invoke__",
        "__weft_operate__",
        "__weft_missing__",
        "__weft_unbound__",
    )
)
#: The compiler's temporaries. No guard has a number in its name.
_TEMPORARY = re.compile(r"__weft_[tv][0-9]+__")
_READABLE = frozenset(("__name__", "__doc__", "__debug__", "__class__"))


def check_identifier(name: str, node: ast.AST, *, binding: bool = False, in_class: bool = False) -> None:
    """Refuses names that are the guard's own or special to Python. The machine's own names begin with `__weft_` and pass."""
    if not name.startswith("__") or (name in MACHINE_NAMES and not binding) or _TEMPORARY.fullmatch(name):
        return
    if name.startswith("__weft_") and name.endswith("__"):
        raise Refused(f"the name {name!r} is reserved", node)
    if not name.endswith("__") or (not binding and name in _READABLE) or (in_class and name in CLASS_BODY_SPECIALS):
        return
    raise Refused(f"the name {name!r} is not available in an orchestration", node)


def mangled(name: str, class_name: str | None) -> str:
    """The name as CPython's compiler spells it in the body of that class."""
    stripped = (class_name or "").lstrip("_")
    if not stripped or not name.startswith("__") or name.endswith("__"):
        return name
    return f"_{stripped}{name}"


def load(name: str) -> ast.Name:
    return ast.Name(id=name, ctx=ast.Load())


def own(name: str) -> ast.Name:
    """The guard of that name, as a global of the run's namespace; marked, so that the guard knows its own work."""
    name_node = load(f"__weft_{name}__")
    name_node.weft_own = True  # type: ignore[attr-defined]
    return name_node


def tick() -> list[ast.stmt]:
    """Counts one unit of fuel without a call."""
    fuel = "__weft_fuel__"
    return [
        ast.AugAssign(target=ast.Name(id=fuel, ctx=ast.Store()), op=ast.Sub(), value=ast.Constant(value=1)),
        ast.If(
            test=ast.Compare(left=load(fuel), ops=[ast.Lt()], comparators=[ast.Constant(value=0)]),
            body=[ast.Expr(value=ast.Call(func=own("out"), args=[], keywords=[]))],
            orelse=[],
        ),
    ]


def is_simple(node: ast.expr) -> bool:
    """Whether an expression may be evaluated in one of two places: it has no effect and no scope of its own."""
    match node:
        case ast.Name(ctx=ast.Load()) | ast.Constant():
            return True
        case ast.Tuple(elts=elements, ctx=ast.Load()):
            return all(map(is_simple, elements))
        case _:
            return False


def is_short(node: ast.expr) -> bool:
    """Whether an expression is a constant or a display that cannot be long."""
    match node:
        case ast.Constant(value=str(value)) | ast.Constant(value=bytes(value)):
            return len(value) <= 1000
        case ast.Constant():
            return True
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return len(elements) <= 100 and not any(isinstance(each, ast.Starred) for each in elements)
        case _:
            return False


def bound_names(tree: ast.AST) -> frozenset[str]:
    """Every name that the tree binds anywhere: such a name may not be the builtin of that name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
            case ast.MatchMapping(rest=str(name)):
                found.add(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found.update(names)
            case ast.alias(name=name, asname=asname):
                found.add((asname or name).partition(".")[0])
            case _:
                pass
    return frozenset(found)


def call_of(name: str, *args: Any, at: ast.AST) -> Any:
    """A call of the guard of that name, placed where `at` is."""
    return ast.copy_location(ast.Call(func=own(name), args=list(args), keywords=[]), at)
