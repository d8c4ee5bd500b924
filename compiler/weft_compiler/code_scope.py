"""Which variables pure code touches: what it surely reads and writes, and all names that it mentions.

"Surely" is about the code's own scope: bodies of functions, lambdas, classes and comprehensions count only as
mentioned, since they may bind the same names anew or run later.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from weft_compiler.phrases import show
from weft_compiler.tree import children, walk

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Names:
    """`loads` and `stores` are sure; `mentioned` are all names in the code. Temporaries are spelt `.t1`."""

    loads: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)
    mentioned: set[str] = field(default_factory=set)


def names_in(tree: ast.AST) -> Names:
    """The names of one piece of code."""
    names = Names()
    _collect_sure(tree, names)
    names.mentioned |= {show(name) for node in walk(tree) for name in _names_of(node)}
    return names


def _collect_sure(tree: ast.AST, names: Names) -> None:
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name):
            (names.loads if isinstance(node.ctx, ast.Load) else names.stores).add(show(node.id))
        elif isinstance(node, _DEFINITIONS):
            names.stores.add(show(node.name))
            pending += node.decorator_list
        elif isinstance(node, _COMPREHENSIONS):
            pending.append(node.generators[0].iter)
        elif not isinstance(node, ast.Lambda):
            names.stores |= {show(name) for name in _bound_by(node)}
            pending += children(node)


def _bound_by(node: ast.AST) -> list[str]:
    match node:
        case ast.Import() | ast.ImportFrom():
            return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
        case _:
            return []


def _names_of(node: ast.AST) -> list[str]:
    match node:
        case ast.Name():
            return [node.id]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Global() | ast.Nonlocal():
            return node.names
        case _:
            return _bound_by(node)
