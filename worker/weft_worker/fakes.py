"""Fakes: answers of tools from a file, so that an orchestration can be tested without doing anything.

A JSON file maps a tool's name to its constant result, or to a list of rules that are tried in order:

    {"get_rate": 1.1,
     "charge": [{"args": {"amount": 0}, "raises": "ValueError: nothing to charge"},
                {"result": {"ok": true}, "delay": 2}]}

A rule applies where each of its `args` equals the call's argument of that name; `delay` is in seconds of the
run's time. A Python file has functions (sync or async) or plain values named like the tools; functions get
the arguments by name.
"""

from __future__ import annotations

import ast
import inspect
import json
import runpy
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft_compiler.tool_spec import Parameter, ToolSpec
from weft_workflows.failures import Failure, is_builtin_exception

if TYPE_CHECKING:
    from weft_workflows.local import StepInfo

_RULE_KEYS = frozenset({"args", "result", "raises", "delay"})

#: Answers one call: the arguments by name, and where the step stands.
Answer = Callable[[dict[str, Any], "StepInfo"], Awaitable[Any]]


class FakesError(Exception):
    """The fakes cannot be used; the message names the file and what to write instead."""


@dataclass(frozen=True)
class _Fake:
    spec: ToolSpec
    answer: Answer


class Fakes:
    """Fakes by the names of the tools that they answer for."""

    def __init__(self, file: str, fakes: Mapping[str, _Fake]) -> None:
        self.file = file
        self._fakes = dict(fakes)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._fakes))

    def specs(self) -> tuple[ToolSpec, ...]:
        """What can be known of the tools from their fakes, for orchestrations that are compiled without the
        tools.
        """
        return tuple(self._fakes[name].spec for name in self.names())

    async def call(self, tool: str, arguments: dict[str, Any], step: StepInfo) -> Any:
        """The fake's answer to one call of a tool. Raises what the fake raises."""
        return await self._fakes[tool].answer(arguments, step)


def load_fakes(file: str) -> Fakes:
    """The fakes of a JSON or Python file. Raises FakesError."""
    path = Path(file)
    if path.suffix == ".py":
        return make_fakes(_run_python(path), file=file)
    try:
        values = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise FakesError(f"the fakes' file {file} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise FakesError(f"the fakes' file {file} is not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise FakesError(f'{file} must hold one object: {{"tool": result, ...}}')
    return make_fakes(values, file=file)


def make_fakes(values: Mapping[str, Any], *, file: str = "the fakes") -> Fakes:
    """Fakes from functions, rules and constant results, by the names of the tools. Raises FakesError."""
    return Fakes(file, {name: _make(name, value, file) for name, value in values.items()})


def _make(name: str, value: Any, file: str) -> _Fake:
    if callable(value):
        return _Fake(_spec_of_function(name, value), _answer_of_function(value))
    if _is_rules(value):
        rules = [_check_rule(name, rule, file) for rule in value]
        return _Fake(_spec_of_rules(name, rules), _answer_of_rules(name, rules))
    return _Fake(_spec_of_rules(name, []), _answer_of_rules(name, [{"result": value}]))


def _is_rules(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and each.keys() & _RULE_KEYS - {"args"} for each in value)
        and all(each.keys() <= _RULE_KEYS for each in value)
    )


def _check_rule(name: str, rule: dict[str, Any], file: str) -> dict[str, Any]:
    if not isinstance(rule.get("args", {}), dict):
        raise FakesError(f'{file}: "args" of a rule of {name} must be an object of arguments by name')
    if not isinstance(rule.get("delay", 0), int | float) or rule.get("delay", 0) < 0:
        raise FakesError(f'{file}: "delay" of a rule of {name} must be a number of seconds')
    if "raises" in rule and (not isinstance(rule["raises"], str) or "result" in rule):
        raise FakesError(f'{file}: write "raises": "ValueError: message" in the rule of {name}, and no "result"')
    return rule


def _answer_of_rules(name: str, rules: list[dict[str, Any]]) -> Answer:
    async def answer(arguments: dict[str, Any], step: StepInfo) -> Any:
        for rule in rules:
            if all(key in arguments and arguments[key] == value for key, value in rule.get("args", {}).items()):
                return await _follow(rule, step)
        said = json.dumps(arguments, ensure_ascii=False, default=str)
        raise Failure("LookupError", f"no rule of the fake {name} fits the arguments {said}")

    return answer


async def _follow(rule: dict[str, Any], step: StepInfo) -> Any:
    if delay := rule.get("delay"):
        await step.sleep(delay)
    if "raises" not in rule:
        return rule.get("result")
    type_name, _, message = rule["raises"].partition(":")
    type_name, message = type_name.strip(), message.strip()
    base = type_name if is_builtin_exception(type_name) else "Exception"
    transient = type_name in ("ConnectionError", "TimeoutError", "OSError")
    raise Failure(type_name, message, base_type=base, transient=transient)


def _answer_of_function(function: Callable[..., Any]) -> Answer:
    async def answer(arguments: dict[str, Any], step: StepInfo) -> Any:  # noqa: ARG001
        positional, named = _bind(function, arguments)
        value = function(*positional, **named)
        return await value if inspect.isawaitable(value) else value

    return answer


def _bind(function: Callable[..., Any], arguments: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Arguments as the function takes them: `*args` travels as a list under its name."""
    positional: list[Any] = []
    named = dict(arguments)
    parameters = inspect.signature(function).parameters.values()
    starred = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    if starred is not None:
        before = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        rest = named.pop(starred, [])
        if rest:
            positional = [named.pop(name) for name in before] + rest
    only = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY and p.name in named]
    return positional or [named.pop(name) for name in only], named


def _spec_of_function(name: str, function: Callable[..., Any]) -> ToolSpec:
    from weft_activities.tool import ToolDefinitionError, make_tool, tool_of

    if (tool := tool_of(function)) is not None:
        return tool.spec.model_copy(update={"name": name})
    try:
        return make_tool(function, {"name": name}).spec
    except ToolDefinitionError as error:
        raise FakesError(str(error)) from None


def _spec_of_rules(name: str, rules: list[dict[str, Any]]) -> ToolSpec:
    """Rules name arguments in the order of the signature as far as they go; any other argument may be given
    too.
    """
    named = tuple(dict.fromkeys(key for rule in rules for key in rule.get("args", {})))
    parameters = [Parameter(name=each, required=False) for each in named]
    parameters.append(Parameter(name="args", kind="var_positional", required=False))
    parameters.append(Parameter(name="kwargs", kind="var_keyword", required=False))
    return ToolSpec.model_validate({"name": name, "parameters": tuple(parameters)})


def _run_python(path: Path) -> dict[str, Any]:
    """The functions and values that a Python file defines itself, without what it imports."""
    try:
        names = _defined_names(ast.parse(path.read_text("utf-8-sig"), str(path)))
        values = runpy.run_path(str(path))
    except OSError as error:
        raise FakesError(f"the fakes' file {path} cannot be read: {error.strerror or error}") from None
    except Exception as error:
        raise FakesError(f"{path}{_line_of(error, path)}: {type(error).__name__}: {error}") from error
    return {name: values[name] for name in names if name in values and not isinstance(values[name], type)}


def _line_of(error: Exception, path: Path) -> str:
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


def _defined_names(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names.append(node.name)
            case ast.Assign():
                names += [target.id for target in node.targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
            case ast.ImportFrom():
                # `from tools import charge` lends the real tool to the run.
                names += [alias.asname or alias.name for alias in node.names]
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]
