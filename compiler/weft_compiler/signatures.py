"""Checks a call of a tool against what the plan knows of the tool, as far as the source alone tells.

Binding follows Python's own rules for the parameters in the `ToolSpec`; literal arguments are validated against the
tool's JSON schema. What only a run knows (variables, `*args`, `**kwargs`) is left to the validation before the step.
"""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weft_compiler.diagnostics import Reporter, span_of
from weft_compiler.tool_spec import Parameter, ToolSpec

_POSITIONAL = ("positional_only", "positional_or_keyword")
_LITERAL = (ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.UnaryOp)
_SHOWN = 160


def bind_call(spec: ToolSpec, call: ast.Call, reporter: Reporter) -> bool:
    """Reports what is wrong with the call's arguments; says whether there was nothing."""
    binding = _Binding(spec, call, reporter)
    binding.bind_positional()
    binding.bind_keywords()
    binding.check_missing()
    binding.check_literals()
    return binding.fits


def signature_of(spec: ToolSpec) -> str:
    """The tool's signature as Python would write it, with types from the schema: `f(id: str, *, limit: int = …)`."""
    properties: Mapping[str, Any] = spec.input_schema.get("properties", {})
    parts: list[str] = []
    for index, parameter in enumerate(spec.parameters):
        if parameter.kind == "keyword_only" and not _is_marked(spec.parameters[:index]):
            parts.append("*")
        parts.append(_parameter_text(parameter, properties.get(parameter.name)))
        following = spec.parameters[index + 1 : index + 2]
        if parameter.kind == "positional_only" and not any(p.kind == "positional_only" for p in following):
            parts.append("/")
    return f"{spec.name}({', '.join(parts)})"


@dataclass
class _Binding:
    spec: ToolSpec
    call: ast.Call
    reporter: Reporter
    bound: dict[str, ast.expr] = field(default_factory=dict)
    fits: bool = True
    #: Parameters that an argument of another name seems to be meant for.
    misnamed: set[str] = field(default_factory=set)

    def bind_positional(self) -> None:
        places = [parameter.name for parameter in self.spec.parameters if parameter.kind in _POSITIONAL]
        takes_more = any(parameter.kind == "var_positional" for parameter in self.spec.parameters)
        arguments = self._before_star()
        self.bound.update(zip(places, arguments, strict=False))
        if len(arguments) > len(places) and not takes_more:
            first_extra = arguments[len(places)]
            self._report("too-many-arguments", first_extra, most=len(places), given=len(arguments))

    def bind_keywords(self) -> None:
        unknown: list[ast.keyword] = []
        by_name = {p.name for p in self.spec.parameters if p.kind in ("positional_or_keyword", "keyword_only")}
        takes_more = any(parameter.kind == "var_keyword" for parameter in self.spec.parameters)
        for keyword in self.call.keywords:
            name = keyword.arg
            if name is None:
                continue
            if name in self.bound and name in by_name:
                self._report("repeated-argument", keyword, name=name)
            elif name in by_name:
                self.bound[name] = keyword.value
            elif not takes_more:
                unknown.append(keyword)
        self._report_unknown(unknown, sorted(by_name - set(self.bound)))

    def check_missing(self) -> None:
        if self._is_open():
            return
        required = [name for name in self._missing() if name not in self.misnamed]
        if required:
            self._report("missing-argument", self.call, names=" and ".join(f"`{name}`" for name in required))

    def _missing(self) -> list[str]:
        return [
            parameter.name
            for parameter in self.spec.parameters
            if parameter.required and not parameter.kind.startswith("var_") and parameter.name not in self.bound
        ]

    def check_literals(self) -> None:
        properties: Mapping[str, Any] = self.spec.input_schema.get("properties", {})
        for name, argument in self.bound.items():
            if name not in properties or not isinstance(argument, _LITERAL):
                continue
            try:
                value = _as_json(ast.literal_eval(argument))
            except (ValueError, TypeError):
                continue
            problem = _misfit(value, properties[name], self.spec.input_schema)
            if problem is not None:
                schema = _short(properties[name])
                self._report("bad-literal", argument, name=name, problem=problem, schema=schema)

    def _before_star(self) -> list[ast.expr]:
        """The positional arguments whose places are known."""
        known: list[ast.expr] = []
        for argument in self.call.args:
            if isinstance(argument, ast.Starred):
                break
            known.append(argument)
        return known

    def _is_open(self) -> bool:
        """Whether only the run knows which arguments are given."""
        starred = any(isinstance(argument, ast.Starred) for argument in self.call.args)
        return starred or any(keyword.arg is None for keyword in self.call.keywords)

    def _report_unknown(self, unknown: list[ast.keyword], free: list[str]) -> None:
        """Arguments of names that the tool lacks. One alone is meant for the parameter that alone has no value."""
        missing = [name for name in self._missing() if name in free]
        for keyword in unknown:
            name = keyword.arg or ""
            near = difflib.get_close_matches(name, [f for f in free if f not in self.misnamed], n=1, cutoff=0.5)
            if near:
                proposal = f"did you mean `{near[0]}`?"
            elif len(unknown) == len(missing) == 1:
                near = missing
                proposal = f"pass it as `{near[0]}`, which has no value yet"
            else:
                self._report("wrong-argument", keyword, name=name, proposal="leave it out")
                continue
            self.misnamed.add(near[0])
            span = span_of(keyword, self.reporter)
            line = self.reporter.lines[span.line - 1]
            fix = f"{line[: span.col]}{near[0]}{line[span.col + len(name) :]}".strip()
            self._report("wrong-argument", keyword, name=name, proposal=proposal, fix=fix)

    def _report(self, code: str, where: ast.AST, **values: Any) -> None:
        self.fits = False
        self.reporter.report(code, where, tool=self.spec.name, signature=signature_of(self.spec), **values)


def _is_marked(before: tuple[Parameter, ...]) -> bool:
    return any(parameter.kind in ("var_positional", "keyword_only") for parameter in before)


def _parameter_text(parameter: Parameter, schema: object) -> str:
    stars = {"var_positional": "*", "var_keyword": "**"}.get(parameter.kind, "")
    kind = _type_name(schema)
    text = f"{stars}{parameter.name}{f': {kind}' if kind else ''}"
    if parameter.required or stars:
        return text
    default = _literal(schema["default"]) if isinstance(schema, dict) and "default" in schema else "…"
    return f"{text} = {default}" if kind else f"{text}={default}"


def _type_name(schema: object) -> str:
    """The Python name of a schema's type, empty where the schema does not say it simply."""
    if not isinstance(schema, dict):
        return ""
    kinds = schema.get("type")
    if kinds is None and "anyOf" in schema:
        named = [_type_name(choice) for choice in schema["anyOf"]]
        return " | ".join(named) if all(named) else ""
    names = [_PYTHON_TYPES.get(str(kind), "") for kind in (kinds if isinstance(kinds, list) else [kinds])]
    if names == ["list"] and (inner := _type_name(schema.get("items"))):
        return f"list[{inner}]"
    return " | ".join(names) if all(names) else ""


_PYTHON_TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
    "null": "None",
}


def _literal(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN // 4 else "…"


def _as_json(value: object) -> Any:
    """The literal as a step receives it. Raises TypeError for what JSON cannot say by itself, such as bytes."""
    if isinstance(value, dict):
        return {_as_key(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _as_key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError("only the run converts keys that are no strings")
    return key


def _misfit(value: object, schema: Any, root: Mapping[str, Any]) -> str | None:
    """What is most wrong with the value by the parameter's schema, whose `$ref`s lead into the root's `$defs`."""
    from jsonschema import Draft202012Validator  # takes a tenth of a second to import
    from jsonschema.exceptions import best_match

    whole = {"$defs": root.get("$defs", {}), "allOf": [schema]}
    error = best_match(Draft202012Validator(whole).iter_errors(value))
    if error is None:
        return None
    where = "".join(f"[{part!r}]" for part in error.absolute_path)
    return _cut(f"{where}: {error.message}" if where else str(error.message))


def _short(schema: object) -> str:
    return _cut(json.dumps(schema, ensure_ascii=False))


def _cut(text: str) -> str:
    """The text in one line of a bearable length: it may quote the whole value."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
