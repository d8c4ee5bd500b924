"""Checks that every name means something, and that calls of tools fit their signatures."""

from __future__ import annotations

import ast
import difflib

from weft_compiler.allowed_names import ALLOWED_BUILTINS, ALLOWED_MODULES
from weft_compiler.diagnostics import Reporter
from weft_compiler.resolve import Names, Scope, walk_scoped
from weft_compiler.signatures import bind_call
from weft_compiler.source import Source
from weft_compiler.tool_spec import ToolSpec

#: Names that every module has; the class of tools' errors is one of them.
_MODULE_NAMES = frozenset({"__name__", "__file__", "__doc__", "ToolError"})
_LISTED = 12


def check_names(
    source: Source, names: Names, tools: dict[str, ToolSpec], inputs: set[str], reporter: Reporter
) -> tuple[str, ...]:
    """Reports unknown names and wrong calls of tools; the result is the modules used without an import, sorted."""
    known = names.module_names | set(tools) | set(ALLOWED_BUILTINS) | _MODULE_NAMES | inputs
    modules: set[str] = set()
    called: dict[ast.Name, ast.Call] = {}
    for node, scope in walk_scoped(names, source.tree, names.module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called[node.func] = node
        if not isinstance(node, ast.Name) or not names.is_global(scope, node.id):
            continue
        if isinstance(node.ctx, ast.Load) and node.id not in known:
            if node.id in ALLOWED_MODULES:
                modules.add(node.id)
            else:
                _report_unknown(node, node in called, scope, names, tools, reporter)
        elif node in called and node.id in tools and not names.bindings(scope, node.id):
            _check_tool(tools[node.id], called[node], reporter)
    for name in sorted(names.module_names & set(tools)):
        reporter.report("name-shadows-tool", names.bindings(names.module, name)[0], name=name)
    return tuple(sorted(modules))


def _check_tool(spec: ToolSpec, call: ast.Call, reporter: Reporter) -> None:
    if "code" not in spec.allowed_callers:
        reporter.report("tool-not-for-code", call, name=spec.name)
    else:
        bind_call(spec, call, reporter)


def _report_unknown(
    node: ast.Name, is_called: bool, scope: Scope, names: Names, tools: dict[str, ToolSpec], reporter: Reporter
) -> None:
    own = _visible(scope, names)
    functions = [n for n in own if names.known_function(scope, n) is not None]
    available = sorted({*tools, *functions}) if is_called else sorted({*own, *tools})
    close = difflib.get_close_matches(node.id, [*available, *sorted(ALLOWED_BUILTINS)], n=3)
    listed = ", ".join(f"`{n}`" for n in available[:_LISTED]) or "none"
    if len(available) > _LISTED:
        listed += f" and {len(available) - _LISTED} more"
    reporter.report(
        "unknown-tool" if is_called else "unknown-name",
        node,
        name=node.id,
        available=listed,
        proposal=_proposal(close, is_called),
    )


def _visible(scope: Scope, names: Names) -> list[str]:
    found: set[str] = set(names.module_names)
    current: Scope | None = scope
    while current is not None:
        found |= set(current.bindings)
        current = current.parent
    return sorted(n for n in found if not n.startswith("__weft"))


def _proposal(close: list[str], is_called: bool) -> str:
    if close:
        return "did you mean " + " or ".join(f"`{n}`" for n in close) + "?"
    return "define it here, or make it a tool" if is_called else "assign it before this line"
