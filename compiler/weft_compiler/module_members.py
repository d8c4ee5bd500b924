"""Which member of a module an expression means, through imports and aliases."""

from __future__ import annotations

import ast

from weft_compiler.resolve import Names, Scope


def asyncio_name(node: ast.expr, names: Names, scope: Scope) -> str | None:
    """`gather` for `asyncio.gather`, `aio.gather` after `import asyncio as aio`, or `gather` after a from-import."""
    return module_member(node, names, scope, "asyncio")


def module_member(node: ast.expr, names: Names, scope: Scope, module: str) -> str | None:
    """The name of the module's member that an expression means, or None."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        bindings = names.bindings(scope, node.value.id)
        if not bindings:
            return node.attr if node.value.id == module else None
        if all(_imports_module(b, node.value.id, module) for b in bindings):
            return node.attr
    if isinstance(node, ast.Name):
        bindings = names.bindings(scope, node.id)
        found = {_imported_member(b, node.id, module) for b in bindings}
        if len(found) == 1:
            return found.pop()
    return None


def _imports_module(binding: ast.AST, name: str, module: str) -> bool:
    return isinstance(binding, ast.Import) and any(
        (a.asname or a.name) == name and a.name == module for a in binding.names
    )


def _imported_member(binding: ast.AST, name: str, module: str) -> str | None:
    if isinstance(binding, ast.ImportFrom) and binding.module == module:
        for alias in binding.names:
            if (alias.asname or alias.name) == name:
                return alias.name
    return None
