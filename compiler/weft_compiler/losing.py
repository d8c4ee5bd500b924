"""Which `try` statements must be regions of the graph though nothing in them waits.

To native code a variable that inner functions share is one from outside, so that reading it without a value is a `NameError`
there and an `UnboundLocalError` in Python. The machine corrects that where native code ends; so whatever can catch the
error must stand around native code, not in it. Only variables that can lose their value count: by `del`, or as the
name of an exception.
"""

from __future__ import annotations

import ast

from weft_compiler.ownership import Owners
from weft_compiler.resolve import Names, RunnableNode, Scope, walk_scoped


def catching_lost_variables(
    tree: ast.Module, names: Names, owners: Owners, functions: set[RunnableNode]
) -> set[ast.AST]:
    """The `try` statements in `functions` that read a shared variable which may have lost its value."""
    losing: dict[Scope, set[str]] = {}
    found: set[ast.AST] = set()
    for node, scope in walk_scoped(names, tree, names.module):
        if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Store) or scope.node not in functions:
            continue
        if scope not in losing:
            losing[scope] = {n for n in scope.cells if any(map(unbinds, names.bindings(scope, n)))}
        if node.id in losing[scope]:
            found |= _tries_around(node, owners)
    return found


def unbinds(binding: ast.AST) -> bool:
    """`del x`, or the end of `except … as x`."""
    return isinstance(binding, ast.ExceptHandler) or (
        isinstance(binding, ast.Name) and isinstance(binding.ctx, ast.Del)
    )


def _tries_around(node: ast.AST, owners: Owners) -> set[ast.AST]:
    runner = owners.runner(node)
    found: set[ast.AST] = set()
    while (parent := owners.parents.get(node)) is not None and parent is not runner:
        if isinstance(parent, (ast.Try, ast.TryStar)) and node in parent.body:
            found.add(parent)
        node = parent
    return found
