"""Lowers `match`: patterns are tried natively; which case it was decides what runs.

A case whose guard holds steps ends a group: its pattern is tried with those before it, then its guard runs; the cases after it
are another group, which is tried unless a body has been chosen.
"""

from __future__ import annotations

import ast

from weft_compiler.lower import expressions, statements
from weft_compiler.lower.builder import Builder, exits_of, located


def lower_match(b: Builder, node: ast.Match) -> None:
    subject = expressions.lower_expression(b, node.subject)
    if not any(_is_effectful(b, case) for case in node.cases):
        b.pend(ast.copy_location(ast.Match(subject, node.cases), node))
        return
    groups = _groups(b, node.cases)
    if len(groups) > 1:
        name = b.temporary("v")
        b.pend(b.assign(name, subject))
        subject = b.load(name, subject)
    _emit_groups(b, node, subject, groups)


def _is_effectful(b: Builder, case: ast.match_case) -> bool:
    return _guard_waits(b, case) or any(b.unit.effects.suspends(s) or exits_of([s]) for s in case.body)


def _guard_waits(b: Builder, case: ast.match_case) -> bool:
    return case.guard is not None and b.unit.effects.suspends(case.guard)


def _groups(b: Builder, cases: list[ast.match_case]) -> list[list[ast.match_case]]:
    groups: list[list[ast.match_case]] = [[]]
    for case in cases:
        groups[-1].append(case)
        if _guard_waits(b, case):
            groups.append([])
    return [group for group in groups if group]


def _emit_groups(b: Builder, node: ast.Match, subject: ast.expr, groups: list[list[ast.match_case]]) -> None:
    """Tries the first group; the others where it chose nothing."""
    group, *others = groups
    chosen = b.temporary("v")
    b.pend(located(_store(chosen, None), node))
    cases = [
        ast.match_case(
            case.pattern, None if _guard_waits(b, case) else case.guard, [located(_store(chosen, index), case.body[0])]
        )
        for index, case in enumerate(group)
    ]
    b.pend(ast.copy_location(ast.Match(subject, cases), node))
    _emit_cases(b, chosen, group, 0, settled=bool(others))
    if others:
        with b.block() as more:
            _emit_groups(b, node, subject, others)
        test = located(ast.Compare(ast.Name(chosen, ast.Load()), [ast.Is()], [ast.Constant(None)]), node)
        expressions.emit_branch(b, test, node, more, [])


def _emit_cases(b: Builder, chosen: str, cases: list[ast.match_case], index: int, settled: bool) -> None:
    """The bodies, behind tests of which case it was. `settled` where others ask whether a body has run."""
    if index == len(cases):
        return
    case = cases[index]
    compared = ast.Compare(ast.Name(chosen, ast.Load()), [ast.Eq()], [ast.Constant(index)])
    with b.block() as then:
        _emit_body(b, chosen, case, settled)
    with b.block() as orelse:
        _emit_cases(b, chosen, cases, index + 1, settled)
    expressions.emit_branch(b, located(compared, case.body[0]), case.body[0], then, orelse)


def _emit_body(b: Builder, chosen: str, case: ast.match_case, settled: bool) -> None:
    if case.guard is None or not _guard_waits(b, case):
        statements.lower_body(b, case.body)
        return
    test = expressions.lower_expression(b, case.guard)
    with b.block() as passed:
        statements.lower_body(b, case.body)
    with b.block() as failed:
        if settled:
            b.pend(located(_store(chosen, None), case.guard))
    expressions.emit_branch(b, test, case.guard, passed, failed)


def _store(name: str, index: int | None) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], ast.Constant(index))
