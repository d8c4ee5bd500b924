"""Which member of a module an expression means, through imports and aliases, and what to say where it is not available."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection

from weft_compiler.allowed_names import ALLOWED_MODULES
from weft_compiler.diagnostics import Reporter
from weft_compiler.resolve import FunctionNode, Names, Scope

#: What to write instead of names that orchestrations do not have.
_REMEDIES = {
    ("time", "sleep"): "write `await asyncio.sleep(…)`, which is a durable timer",
    ("sys", "stdin"): "make it an input of the run: a parameter of the entry function",
    ("json", "JSONEncoder"): "pass `default=` to `json.dumps`",
}
_ASYNCIO_REMEDIES = {
    "Barrier": "use `asyncio.gather`, or an `asyncio.Condition` with a counter",
    "new_event_loop": "use `await`, or `asyncio.run(main())` at the top level",
    "open_connection": "let a tool talk to the network",
}


def check_member(node: ast.Attribute, names: Names, scope: Scope, known: Collection[str], reporter: Reporter) -> None:
    """Reports `module.name` where the module lacks the name. `known` are the names that are not implicit modules."""
    module = _module_meant(node.value, names, scope, known)
    if module in ALLOWED_MODULES and not node.attr.startswith("_"):
        check_available(node, module, node.attr, reporter)


def check_available(node: ast.AST, module: str, name: str, reporter: Reporter) -> None:
    """Reports a name that an allowed module does not have here."""
    available = ALLOWED_MODULES[module]
    if name in available or f"{module}.{name}" in ALLOWED_MODULES:
        return
    remedy = _ASYNCIO_REMEDIES.get(name) if module == "asyncio" else _REMEDIES.get((module, name))
    near = difflib.get_close_matches(name, available, n=1, cutoff=0.75)
    if remedy is None and near:
        remedy = f"did you mean `{near[0]}`?"
    elif remedy is None and module == "asyncio":
        remedy = "use `asyncio.gather`, `create_task`, `wait_for` or `sleep`"
    listed = ", ".join(available)
    reporter.report("refused-import-name", node, help_text=remedy, name=name, module=module, available=listed)


def _module_meant(node: ast.expr, names: Names, scope: Scope, known: Collection[str]) -> str | None:
    if not isinstance(node, ast.Name):
        return None
    bindings = names.bindings(scope, node.id)
    if not bindings:
        return None if node.id in known else node.id
    found = {_imported_module(binding, node.id) for binding in bindings}
    return found.pop() if len(found) == 1 else None


def _imported_module(binding: ast.AST, name: str) -> str | None:
    aliases = binding.names if isinstance(binding, ast.Import) else []
    return next((alias.name for alias in aliases if (alias.asname or alias.name) == name), None)


def asyncio_name(node: ast.expr, names: Names, scope: Scope) -> str | None:
    """`gather` for `asyncio.gather`, `aio.gather` after `import asyncio as aio`, or `gather` after a from-import."""
    return module_member(node, names, scope, "asyncio")


def library_member(node: ast.expr, names: Names, scope: Scope, tools: Collection[str]) -> str | None:
    """`statistics.mean` for what an expression means of an available module, however it was imported; else None."""
    if isinstance(node, ast.Attribute):
        module = _module_meant(node.value, names, scope, tools)
        return f"{module}.{node.attr}" if module in ALLOWED_MODULES else None
    if isinstance(node, ast.Name):
        found = {_imported_from(binding, node.id) for binding in names.bindings(scope, node.id)}
        return found.pop() if len(found) == 1 else None
    return None


def makes_manager(function: FunctionNode, names: Names, tools: Collection[str]) -> bool:
    """Whether the function is a generator that `contextmanager` makes a manager of, and nothing else calls."""
    around = names.scopes[function].parent or names.module
    found = {library_member(each, names, around, tools) or ast.unparse(each) for each in function.decorator_list}
    return "contextlib.contextmanager" in found and found <= _MANAGING


#: Decorators through which a manager of a generator passes unchanged.
_MANAGING = frozenset({"contextlib.contextmanager", "staticmethod", "classmethod"})


def _imported_from(binding: ast.AST, name: str) -> str | None:
    if not isinstance(binding, ast.ImportFrom) or binding.module is None:
        return None
    member = _imported_member(binding, name, binding.module)
    return member and f"{binding.module}.{member}"


def module_member(node: ast.expr, names: Names, scope: Scope, module: str) -> str | None:
    """The name of the module's member that an expression means, or None."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        bindings = names.bindings(scope, node.value.id)
        if not bindings:
            return node.attr if node.value.id == module else None
        if all(_imported_module(b, node.value.id) == module for b in bindings):
            return node.attr
    if isinstance(node, ast.Name):
        bindings = names.bindings(scope, node.id)
        found = {_imported_member(b, node.id, module) for b in bindings}
        if len(found) == 1:
            return found.pop()
    return None


def _imported_member(binding: ast.AST, name: str, module: str) -> str | None:
    if isinstance(binding, ast.ImportFrom) and binding.module == module:
        for alias in binding.names:
            if (alias.asname or alias.name) == name:
                return alias.name
    return None
