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
from weft_compiler.subset_names import module_remedy
from weft_compiler.tool_spec import ToolSpec

#: Names that every module has; the class of tools' errors is one of them.
_MODULE_NAMES = frozenset({"__name__", "__file__", "__doc__", "__class__", "ToolError"})
_LISTED = 12
_NEARLY_SPELT = 0.8
#: How other languages say it.
_OTHER_WORDS = {
    "true": "True",
    "false": "False",
    "null": "None",
    "none": "None",
    "nil": "None",
    "undefined": "None",
    "NaN": "math.nan",
    "Infinity": "math.inf",
}
#: Builtins that nobody calls.
_CONSTANTS = {"Ellipsis", "False", "None", "NotImplemented", "True", "__debug__"}


def check_names(
    source: Source, names: Names, tools: dict[str, ToolSpec], inputs: set[str], reporter: Reporter
) -> tuple[str, ...]:
    """Reports unknown names and wrong calls of tools; the result is the modules used without an import, sorted."""
    known = names.module_names | set(tools) | set(ALLOWED_BUILTINS) | _MODULE_NAMES | inputs
    modules: set[str] = set()
    counted: list[tuple[ast.AugAssign, Scope]] = []
    called: dict[ast.Name, ast.Call] = {}
    member_of: dict[ast.Name, str] = {}
    for node, scope in walk_scoped(names, source.tree, names.module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called[node.func] = node
        if isinstance(node, ast.AugAssign):
            counted.append((node, scope))
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name):
                member_of[node.value] = node.attr
            check_member(node, names, scope, known, reporter)
        if not isinstance(node, ast.Name) or not names.is_global(scope, node.id):
            continue
        if isinstance(node.ctx, ast.Load) and node.id not in known:
            if node.id in ALLOWED_MODULES:
                modules.add(node.id)
            else:
                meant = _meant(node, member_of.get(node), tools)
                _report_unknown(node, node in called, scope, names, tools, reporter, meant)
        elif node in called and node.id in tools and not names.bindings(scope, node.id):
            _check_tool(tools[node.id], called[node], reporter)
    _check_counted(counted, names, inputs, reporter)
    for name in sorted(names.module_names & set(tools)):
        binding = names.bindings(names.module, name)[0]
        # An import that is refused hides nothing: its line is to go.
        if not isinstance(binding, ast.ImportFrom) or binding.module in ALLOWED_MODULES:
            reporter.report("name-shadows-tool", binding, name=name)
    return tuple(sorted(modules))


def _check_tool(spec: ToolSpec, call: ast.Call, reporter: Reporter) -> None:
    if "code" not in spec.allowed_callers:
        reporter.report("tool-not-for-code", call, name=spec.name)
    else:
        bind_call(spec, call, reporter)


def _report_unknown(
    node: ast.Name,
    is_called: bool,
    scope: Scope,
    names: Names,
    tools: dict[str, ToolSpec],
    reporter: Reporter,
    meant: str | None,
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
        proposal=meant or _proposal(close, is_called, bool(tools)),
    )


def _meant(node: ast.Name, member: str | None, tools: dict[str, ToolSpec]) -> str | None:
    """What an unknown name is in other languages or on other platforms, and how to say it here."""
    if member in tools:
        return f"call the tool by its name alone: `{member}(…)`"
    if node.id in _OTHER_WORDS:
        return f"write `{_OTHER_WORDS[node.id]}`"
    if node.id in ("self", "this", "cls"):
        return "only methods have it, as their first parameter: call functions and tools by their names"
    return module_remedy(node.id) if member is not None else None


def _check_counted(
    counted: list[tuple[ast.AugAssign, Scope]], names: Names, inputs: set[str], reporter: Reporter
) -> None:
    """`name += 1` where nothing else gives the name a value: it fails whenever it runs, as it does in Python."""
    targets: set[ast.AST] = {node.target for node, _ in counted}
    for node, scope in counted:
        target = node.target
        if not isinstance(target, ast.Name) or scope.kind == "class" or target.id in inputs:
            continue
        owner = names.owner(scope, target.id)
        if (owner is not None and target.id in owner.params) or not targets.issuperset(
            names.bindings(scope, target.id)
        ):
            continue
        elsewhere = owner is not None and bool(names.module.bindings.get(target.id))
        proposal = f"write `global {target.id}` first in the function" if elsewhere else "assign it before this line"
        reporter.report("unbound-counter", target, name=target.id, proposal=proposal)


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
