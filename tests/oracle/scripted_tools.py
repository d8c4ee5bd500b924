"""Fake tools written as YAML, for cases.

    fetch:
      parameters: name, limit=10      # as in a Python signature
      effect: read                    # read, idempotent, write; write unless said otherwise
      delay: 2                        # seconds, or an expression
      does: state.update(last=name)   # an expression, for what it changes
      raises: ValueError(name) if name == 'x' else None
      returns: "{'name': name}"       # an expression; anything in YAML that is no string is a value

Expressions see the arguments, `state` (shared by the tools of a run) and, unless an argument has that name, `n` (how
often this tool has been called).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from weft_compiler.tool_spec import Parameter, ParameterKind, ToolSpec

from tests.oracle.fakes import Arguments, Behaviour, FakeTool, State

_FIELDS = {"parameters", "effect", "delay", "does", "raises", "returns"}


def read_tools(text: str) -> dict[str, FakeTool]:
    """Raises ValueError for fields that do not exist, SyntaxError for bad expressions and signatures."""
    return {name: _fake(name, fields or {}) for name, fields in (yaml.safe_load(text) or {}).items()}


def _fake(name: str, fields: Mapping[str, Any]) -> FakeTool:
    if unknown := sorted(set(fields) - _FIELDS):
        raise ValueError(f"the tool {name} has unknown fields: {', '.join(unknown)}")
    signature = _signature(str(fields.get("parameters", "")))
    spec = {"name": name, "parameters": tuple(_parameters(signature)), "effect": fields.get("effect", "write")}
    return FakeTool(ToolSpec.model_validate(spec), _behaviour(fields, _defaults(signature)))


def _behaviour(fields: Mapping[str, Any], defaults: Arguments) -> Behaviour:
    values = {name: _Value(fields.get(name)) for name in ("does", "raises", "returns")}
    pause = _Value(fields.get("delay", 1))

    def answer(arguments: Arguments, state: State, count: int) -> Any:
        names = {"state": state, "n": count, **defaults, **arguments}
        values["does"].of(names)
        if isinstance(failure := values["raises"].of(names), BaseException):
            raise failure
        return values["returns"].of(names)

    def delay(arguments: Arguments, state: State, count: int) -> float:
        return float(pause.of({"state": state, "n": count, **defaults, **arguments}))

    return Behaviour(answer, delay)


class _Value:
    """A value, or where it is a string an expression for one."""

    def __init__(self, given: Any) -> None:
        self._given = given
        self._code = compile(given, "<tool>", "eval") if isinstance(given, str) else None

    def of(self, names: dict[str, Any]) -> Any:
        return self._given if self._code is None else eval(self._code, names)


def _signature(text: str) -> ast.arguments:
    function = ast.parse(f"def f({text}): ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    return function.args


def _parameters(signature: ast.arguments) -> Iterator[Parameter]:
    positional = [*signature.posonlyargs, *signature.args]
    needed = len(positional) - len(signature.defaults)
    for index, argument in enumerate(positional):
        only = index < len(signature.posonlyargs)
        kind: ParameterKind = "positional_only" if only else "positional_or_keyword"
        yield Parameter(name=argument.arg, kind=kind, required=index < needed)
    if signature.vararg is not None:
        yield Parameter(name=signature.vararg.arg, kind="var_positional", required=False)
    for argument, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True):
        yield Parameter(name=argument.arg, kind="keyword_only", required=default is None)
    if signature.kwarg is not None:
        yield Parameter(name=signature.kwarg.arg, kind="var_keyword", required=False)


def _defaults(signature: ast.arguments) -> Arguments:
    positional = [*signature.posonlyargs, *signature.args]
    pairs = list(zip(reversed(positional), reversed(signature.defaults), strict=False))
    pairs += [(a, d) for a, d in zip(signature.kwonlyargs, signature.kw_defaults, strict=True) if d is not None]
    defaults = {argument.arg: ast.literal_eval(default) for argument, default in pairs}
    if signature.vararg is not None:
        defaults[signature.vararg.arg] = []
    return defaults
