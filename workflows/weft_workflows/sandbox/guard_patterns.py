"""`match` statements: CPython's own where a pattern looks at no attribute, else `if` and `elif` over a matcher of ours.

Class patterns with sub-patterns and dotted values read attributes inside CPython, where no guard sees them. Such a statement becomes

    subject = …
    if (found := __weft_match__(subject, pattern)) is not None and [x := found["x"]] and guard: …
    elif …

where `pattern` is nested tuples whose classes, values and keys are lambdas, evaluated only when the match gets there.
"""

from __future__ import annotations

import ast

from weft_workflows.sandbox.guard_nodes import load, own


def is_plain_pattern(pattern: ast.pattern) -> bool:
    """Whether CPython can match the pattern without reading an attribute on the orchestration's behalf."""
    match pattern:
        case ast.MatchSingleton() | ast.MatchStar() | ast.MatchAs(pattern=None):
            return True
        case ast.MatchValue(value=value):
            return not any(isinstance(each, ast.Attribute) for each in ast.walk(value))
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return is_plain_pattern(inner)
        case ast.MatchOr(patterns=parts) | ast.MatchSequence(patterns=parts):
            return all(map(is_plain_pattern, parts))
        case ast.MatchMapping(keys=keys, patterns=parts):
            plain_keys = not any(isinstance(each, ast.Attribute) for key in keys for each in ast.walk(key))
            return plain_keys and all(map(is_plain_pattern, parts))
        case ast.MatchClass(cls=ast.Name(), patterns=[], kwd_patterns=[]):
            return True
        case _:
            return False


def lower_match(node: ast.Match, number: int) -> list[ast.stmt]:
    """The statements that do what the `match` does. They are still to be guarded."""
    subject, found = f"__weft_subject_{number}", f"__weft_found_{number}"
    rest: list[ast.stmt] = []
    for case in reversed(node.cases):
        rest = [ast.copy_location(ast.If(test=_test(case, subject, found), body=case.body, orelse=rest), case.pattern)]
    store = ast.Assign(targets=[ast.Name(id=subject, ctx=ast.Store())], value=node.subject)
    statements: list[ast.stmt] = [ast.copy_location(store, node), *rest]
    for statement in statements:
        ast.fix_missing_locations(statement)
    return statements


def _test(case: ast.match_case, subject: str, found: str) -> ast.expr:
    attempt = ast.Call(func=own("match"), args=[load(subject), _pattern(case.pattern)], keywords=[])
    kept = ast.NamedExpr(target=ast.Name(id=found, ctx=ast.Store()), value=attempt)
    parts: list[ast.expr] = [ast.Compare(left=kept, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)])]
    names = _captures(case.pattern)
    if names:
        parts.append(ast.List(elts=[_bound(name, found) for name in names], ctx=ast.Load()))
    if case.guard is not None:
        parts.append(case.guard)
    return parts[0] if len(parts) == 1 else ast.BoolOp(op=ast.And(), values=parts)


def _bound(name: str, found: str) -> ast.expr:
    value = ast.Subscript(value=load(found), slice=ast.Constant(value=name), ctx=ast.Load())
    return ast.NamedExpr(target=ast.Name(id=name, ctx=ast.Store()), value=value)


def _captures(pattern: ast.pattern) -> list[str]:
    names: list[str] = []
    for node in ast.walk(pattern):
        for name in (getattr(node, "name", None), getattr(node, "rest", None)):
            if isinstance(name, str) and name not in names:
                names.append(name)
    return names


def _pattern(pattern: ast.pattern) -> ast.expr:
    match pattern:
        case ast.MatchValue(value=value):
            return _tuple(_text("value"), _later(value))
        case ast.MatchSingleton(value=constant):
            return _tuple(_text("is"), ast.Constant(value=constant))
        case ast.MatchSequence(patterns=parts):
            return _tuple(_text("sequence"), _tuple(*map(_pattern, parts)))
        case ast.MatchStar(name=name):
            return _tuple(_text("star"), ast.Constant(value=name))
        case ast.MatchMapping(keys=keys, patterns=parts, rest=rest):
            return _tuple(
                _text("mapping"), _tuple(*map(_later, keys)), _tuple(*map(_pattern, parts)), ast.Constant(value=rest)
            )
        case ast.MatchClass(cls=cls, patterns=parts, kwd_attrs=names, kwd_patterns=named):
            return _tuple(
                _text("class"),
                _later(cls),
                _tuple(*map(_pattern, parts)),
                _tuple(*map(_text, names)),
                _tuple(*map(_pattern, named)),
            )
        case ast.MatchAs(pattern=inner, name=name):
            return _tuple(
                _text("as"), ast.Constant(value=None) if inner is None else _pattern(inner), ast.Constant(value=name)
            )
        case ast.MatchOr(patterns=parts):
            return _tuple(_text("or"), _tuple(*map(_pattern, parts)))
        case _:
            raise TypeError(f"unknown pattern {type(pattern).__name__}")


def _later(value: ast.expr) -> ast.expr:
    none = ast.arguments(posonlyargs=[], args=[], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[])
    return ast.Lambda(args=none, body=value)


def _tuple(*parts: ast.expr) -> ast.expr:
    return ast.Tuple(elts=list(parts), ctx=ast.Load())


def _text(value: str) -> ast.expr:
    return ast.Constant(value=value)
