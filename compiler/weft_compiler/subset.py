"""The second phase: which constructs an orchestration may use.

One table says for every concrete class of `ast`, on every supported minor version of Python, whether the compiler
lowers it to the graph, passes it on as pure code, or refuses it. Whether a construct that is pure here holds a step,
and whether that can be lowered, is decided by the phases after this one. Names and imports have a file of their own.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from weft_compiler.diagnostics import Reporter
from weft_compiler.source import Source
from weft_compiler.subset_names import check_names
from weft_compiler.tree import walk


@dataclass(frozen=True)
class Refused:
    """Refused with this code wherever it stands."""

    code: str


#: `lowered`: becomes nodes of the graph where it holds a step. `pure`: only ever part of pure code, or of the
#: construct around it.
Verdict = Literal["lowered", "pure"] | Refused

#: By the class's name, since each minor version of Python has classes that others lack.
VERDICTS: Final[dict[str, Verdict]] = {
    # Statements.
    "FunctionDef": "lowered",
    "AsyncFunctionDef": "lowered",
    "ClassDef": "pure",
    "Return": "lowered",
    "Delete": "pure",
    "Assign": "lowered",
    "TypeAlias": Refused("type-alias"),
    "AugAssign": "lowered",
    "AnnAssign": "lowered",
    "For": "lowered",
    "AsyncFor": "lowered",
    "While": "lowered",
    "If": "lowered",
    "With": "lowered",
    "AsyncWith": "lowered",
    "Match": "lowered",
    "Raise": "lowered",
    "Try": "lowered",
    "TryStar": "pure",
    "Assert": "lowered",
    "Import": "pure",
    "ImportFrom": "pure",
    "Global": "pure",
    "Nonlocal": "pure",
    "Expr": "lowered",
    "Pass": "pure",
    "Break": "lowered",
    "Continue": "lowered",
    # Expressions.
    "BoolOp": "lowered",
    "NamedExpr": "lowered",
    "BinOp": "lowered",
    "UnaryOp": "lowered",
    "Lambda": "pure",
    "IfExp": "lowered",
    "Dict": "lowered",
    "Set": "lowered",
    "ListComp": "lowered",
    "SetComp": "lowered",
    "DictComp": "lowered",
    "GeneratorExp": "pure",
    "Await": "lowered",
    "Yield": "pure",
    "YieldFrom": "pure",
    "Compare": "lowered",
    "Call": "lowered",
    "FormattedValue": "lowered",
    "Interpolation": Refused("template-string"),
    "JoinedStr": "lowered",
    "TemplateStr": Refused("template-string"),
    "Constant": "pure",
    "Attribute": "lowered",
    "Subscript": "lowered",
    "Starred": "lowered",
    "Name": "pure",
    "List": "lowered",
    "Tuple": "lowered",
    "Slice": "lowered",
    # Patterns.
    "MatchValue": "pure",
    "MatchSingleton": "pure",
    "MatchSequence": "pure",
    "MatchMapping": "pure",
    "MatchClass": "pure",
    "MatchStar": "pure",
    "MatchAs": "pure",
    "MatchOr": "pure",
    # Parts of statements and expressions.
    "comprehension": "lowered",
    "ExceptHandler": "lowered",
    "arguments": "pure",
    "arg": "pure",
    "keyword": "lowered",
    "alias": "pure",
    "withitem": "pure",
    "match_case": "pure",
    # Type parameters.
    "TypeVar": Refused("type-parameters"),
    "ParamSpec": Refused("type-parameters"),
    "TypeVarTuple": Refused("type-parameters"),
}

#: What the table speaks of; operators, contexts and module roots carry no decision of their own.
JUDGED: Final = (
    ast.stmt,
    ast.expr,
    ast.pattern,
    ast.excepthandler,
    ast.comprehension,
    ast.arguments,
    ast.arg,
    ast.keyword,
    ast.alias,
    ast.withitem,
    ast.match_case,
    *((ast.type_param,) if hasattr(ast, "type_param") else ()),
)


def check_subset(source: Source, reporter: Reporter, *, tools: Collection[str] = ()) -> None:
    """Reports every construct, name and import that no orchestration may use.

    `tools` are names that may hide builtins, and that need no import.
    """
    for node in walk(source.tree):
        if isinstance(node, JUDGED):
            _check_construct(node, reporter)
    check_names(source.tree, reporter, tools)


def _check_construct(node: ast.AST, reporter: Reporter) -> None:
    verdict = VERDICTS[type(node).__name__]
    if isinstance(verdict, Refused):
        reporter.report(verdict.code, node, name=_alias_name(node))
    elif isinstance(node, ast.ClassDef):
        _check_class(node, reporter)


def _alias_name(node: ast.AST) -> str:
    """The name that a `type` statement gives; empty for all other nodes."""
    name = getattr(node, "name", None)
    return name.id if isinstance(name, ast.Name) else ""


def _check_class(node: ast.ClassDef, reporter: Reporter) -> None:
    # `total` is `TypedDict`'s; any other keyword goes to a metaclass or to `__init_subclass__`.
    for keyword in node.keywords:
        if keyword.arg != "total":
            reporter.report("metaclass", keyword)
