"""Lowers a module: its own code and every function that the machine runs, each to a `graph.Function`."""

from __future__ import annotations

import ast
import builtins

from weft_compiler import graph
from weft_compiler.diagnostics import span_of
from weft_compiler.lower.builder import FIRST, Builder, Unit
from weft_compiler.lower.class_cells import name_classes
from weft_compiler.lower.comprehensions import lower_generator_expression
from weft_compiler.lower.statements import lower_body
from weft_compiler.module_members import makes_manager
from weft_compiler.resolve import FunctionNode, RunnableNode, is_generator, parameters

MODULE = "<module>"


def lower_module(unit: Unit, tree: ast.Module) -> dict[str, graph.Function]:
    """All functions of the graph by key; the module's own code is `<module>`."""
    _note_taken_names(unit)
    name_classes(unit, tree)
    functions = sorted(unit.effects.graph_functions, key=lambda f: (f.lineno, f.col_offset))
    for function in functions:
        unit.key_of(function)
    lowered = {MODULE: _lower_top_level(unit, tree)}
    for function in functions:
        lowered[unit.key_of(function)] = _lower_runnable(unit, function)
    return lowered


def _note_taken_names(unit: Unit) -> None:
    unit.taken = set(dir(builtins)) | set(unit.tools)
    for scope in unit.names.scopes.values():
        if scope.kind not in ("comprehension", "generator"):
            unit.taken |= set(scope.bindings) | set(scope.uses)


def _lower_top_level(unit: Unit, tree: ast.Module) -> graph.Function:
    b = Builder(unit, unit.names.module)
    with b.block() as nodes:
        lower_body(b, tree.body[1:] if ast.get_docstring(tree) is not None else tree.body)
    lines = unit.source.lines
    end = graph.Span(line=1, col=0, end_line=max(1, len(lines)), end_col=len(lines[-1]) if lines else 0)
    return graph.Function(
        name=MODULE,
        qualname=MODULE,
        is_async=True,
        locals=tuple(sorted(b.locals)),
        cells=tuple(sorted(b.cells)),
        span=end,
        doc=ast.get_docstring(tree),
        body=graph.Block(nodes=tuple(nodes)),
    )


def _lower_runnable(unit: Unit, node: RunnableNode) -> graph.Function:
    if isinstance(node, ast.GeneratorExp):
        return _lower_generator_expression(unit, node)
    return _lower_function(unit, node)


def _lower_function(unit: Unit, node: FunctionNode | ast.Lambda) -> graph.Function:
    scope = unit.names.scopes[node]
    b = Builder(unit, scope)
    doc = None
    if isinstance(node, ast.Lambda):
        body: list[ast.stmt] = [ast.copy_location(ast.Return(node.body), node.body)]
    else:
        _check_function(unit, node)
        doc = ast.get_docstring(node)
        body = node.body[1:] if doc is not None else node.body
    with b.block() as nodes:
        lower_body(b, body)
    return graph.Function(
        name=unit.key_of(node),
        qualname=scope.qualname,
        signature=ast.unparse(node.args),
        parameters=tuple(p.arg for p in parameters(node.args)),
        is_async=isinstance(node, ast.AsyncFunctionDef),
        uses_class=node in unit.class_users,
        is_generator=node in unit.effects.generators,
        waits=node in unit.effects.stepped,
        locals=tuple(sorted(b.locals)),
        cells=tuple(sorted(b.cells)),
        frees=tuple(sorted(scope.frees | (scope.declared_nonlocal & set(scope.bindings)))),
        doc=doc,
        span=span_of(node, unit.source),
        body=graph.Block(nodes=tuple(nodes)),
    )


def _lower_generator_expression(unit: Unit, node: ast.GeneratorExp) -> graph.Function:
    scope = unit.names.scopes[node]
    b = Builder(unit, scope)
    with b.block() as nodes:
        lower_generator_expression(b, node)
    return graph.Function(
        name=unit.key_of(node),
        qualname=scope.qualname,
        signature=FIRST,
        parameters=(FIRST,),
        is_async=node in unit.effects.asynchronous,
        is_generator=True,
        waits=node in unit.effects.stepped,
        locals=tuple(sorted(b.locals)),
        cells=tuple(sorted(b.cells)),
        frees=tuple(sorted(scope.frees)),
        span=span_of(node, unit.source),
        body=graph.Block(nodes=tuple(nodes)),
    )


def _check_function(unit: Unit, node: FunctionNode) -> None:
    """Refuses what the machine cannot run: decorators of generators that hold steps, unless they make managers."""
    if not node.decorator_list or not is_generator(node) or node not in unit.effects.stepped:
        return
    if not makes_manager(node, unit.names, unit.tools):
        unit.reporter.report("effectful-decorator", node, name=ast.unparse(node.decorator_list[0]))
