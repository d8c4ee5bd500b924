"""Which inputs an orchestration reads where its entry is top-level code.

Such code takes whatever names it is given, so that the compiler finds nothing wrong with one that nobody
reads, most likely a misspelt one. What the entry is and what a name means is the compiler's to say.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from weft_compiler.depth import run_deep
from weft_compiler.diagnostics import Reporter
from weft_compiler.entry import prepare_entry
from weft_compiler.normalise import normalise
from weft_compiler.plan import Plan
from weft_compiler.resolve import resolve, walk_scoped
from weft_compiler.source import parse_source


def unread_inputs(plan: Plan, given: Sequence[str]) -> list[str]:
    """Those of the given names that top-level code never reads, in their order; none where the entry is a
    function, whose parameters are its inputs.
    """
    read = run_deep(lambda: _globals_read(plan))
    return [] if read is None else [name for name in given if name not in read]


def _globals_read(plan: Plan) -> set[str] | None:
    """The module's names that a plan's source reads; None where its entry is a function."""
    reporter = Reporter(plan.source, plan.file)
    source = parse_source(plan.source, plan.file, reporter)
    assert source is not None, "a plan has a source that was compiled"
    normalise(source.tree)
    if prepare_entry(source.tree, {tool.name for tool in plan.tools}, reporter).function is not None:
        return None
    names = resolve(source.tree)
    return {
        name.id
        for node, scope in walk_scoped(names, source.tree, names.module)
        if (name := _read_name(node)) is not None and names.is_global(scope, name.id)
    }


def _read_name(node: ast.AST) -> ast.Name | None:
    """The name whose value a node reads, if it reads one."""
    match node:
        case ast.Name(ctx=ast.Load() | ast.Del()):
            return node
        case ast.AugAssign(target=ast.Name() as name):
            return name
        case _:
            return None
