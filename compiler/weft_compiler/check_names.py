"""Checks that every name and every member of a module means something, and that calls of tools fit their signatures."""

from __future__ import annotations

import ast
import difflib

from weft_compiler.allowed_names import ALLOWED_BUILTINS, ALLOWED_MODULES
from weft_compiler.diagnostics import Reporter
from weft_compiler.module_members import check_member
from weft_compiler.resolve import Names, Scope, walk_scoped
from weft_compiler.signatures import bind_call
from weft_compiler.source import Source
from weft_compiler.tool_spec import ToolSpec

#: Names that every module has; the class of tools' errors is one of them.
_MODULE_NAMES = frozenset({"__name__", "__file__", "__doc__", "__class__", "ToolError"})
_LISTED = 12
_NEARLY_SPELT = 0.8
#: Builtins that nobody calls.
_CONSTANTS = {"Ellipsis", "False", "None", "NotImplemented", "True", "__debug__"}


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
        if isinstance(node, ast.Attribute):
            check_member(node, names, scope, known, reporter)
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
    # A builtin is meant where it is nearly spelt; what the orchestration has is proposed more freely.
    close = difflib.get_close_matches(node.id, available, n=3)
    builtins = sorted(set(ALLOWED_BUILTINS) - (_CONSTANTS if is_called else set()))
    close += difflib.get_close_matches(node.id, builtins, n=1, cutoff=_NEARLY_SPELT)
    listed = ", ".join(f"`{n}`" for n in available[:_LISTED]) or "none"
    if len(available) > _LISTED:
        listed += f" and {len(available) - _LISTED} more"
    reporter.report(
        "unknown-tool" if is_called else "unknown-name",
        node,
        name=node.id,
        available=listed,
        proposal=_proposal(close, is_called, bool(tools)),
    )


def _visible(scope: Scope, names: Names) -> list[str]:
    found: set[str] = set(names.module_names)
    current: Scope | None = scope
    while current is not None:
        found |= set(current.bindings)
        current = current.parent
    return sorted(n for n in found if not n.startswith("__weft"))


def _proposal(close: list[str], is_called: bool, has_tools: bool) -> str:
    if close:
        return "did you mean " + " or ".join(f"`{n}`" for n in close) + "?"
    if not is_called:
        return "assign it before this line"
    return (
        "define it here, or make it a tool" if has_tools else "no tools were given: name their file, or define it here"
    )
