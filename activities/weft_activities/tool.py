"""`@tool`: makes a tool of a Python function.

The function stays what it was and can be called directly; the `Tool` made from it is attached to it and found
by `tool_of`. Always holds: a `Tool` that exists has a valid name, valid options and schemas for all its
parameters; everything that is wrong with it is said when it is defined. Nothing here runs a tool or knows
Temporal.
"""

from __future__ import annotations

import difflib
import inspect
import keyword
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

from pydantic import ValidationError
from weft_compiler.tool_spec import Effect, RetrySpec, ToolSpec

from weft_activities.docstring import parse_docstring
from weft_activities.schema import (
    BadSignature,
    Inputs,
    Outputs,
    complaints,
    make_inputs,
    make_outputs,
    read_hints,
)

_ATTRIBUTE = "__weft_tool__"
#: Fields of ToolSpec that come from the signature.
_DERIVED = frozenset({"parameters", "input_schema", "output_schema"})

F = TypeVar("F", bound=Callable[..., Any])


class ToolDefinitionError(Exception):
    """A function that cannot be a tool. The message begins with its file, line and name, and ends with the
    remedy.
    """


class ToolOptions(TypedDict, total=False):
    """The options of `@tool`. What each means stands at the field of the same name in `ToolSpec`."""

    name: str
    description: str
    effect: Effect | Literal["read", "idempotent", "write"]
    resources: Sequence[str]
    risk: int
    timeout: float
    total_timeout: float
    retry: RetrySpec | Mapping[str, Any] | int
    max_concurrent: int
    rate_per_second: float
    task_queue: str
    placement: Literal["worker", "local"]
    approval: bool
    redact: Sequence[str]
    allowed_callers: Sequence[Literal["code", "direct"]]
    defer_loading: bool
    input_examples: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Tool:
    """A function with its spec. `file` and `line` say where it is defined."""

    spec: ToolSpec
    function: Callable[..., Any]
    inputs: Inputs
    outputs: Outputs
    file: str
    line: int

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(**options: Unpack[ToolOptions]) -> Callable[[F], F]: ...
def tool(function: Any = None, /, **options: Any) -> Any:
    """Makes a tool of a sync or async function: `@tool`, or `@tool(effect="read", timeout=30)`.

    Without `effect` a tool is a `write`. The name is the function's, the description its docstring; hints
    make the schemas, and a parameter without a hint takes anything. `retry` may be a number of attempts.
    Raises ToolDefinitionError.
    """
    local_names = sys._getframe(1).f_locals
    if function is None:
        return lambda f: _attach(f, options, local_names)
    if isinstance(function, str):
        raise ToolDefinitionError(f"@tool takes options by name only: write @tool(name={function!r})")
    return _attach(function, options, local_names)


def tool_of(value: Any) -> Tool | None:
    """The tool that was made of a function, None where the value is something else."""
    if isinstance(value, Tool):
        return value
    attached = getattr(value, "__dict__", {}).get(_ATTRIBUTE)
    return attached if isinstance(attached, Tool) else None


def _attach(function: Any, options: Mapping[str, Any], local_names: Mapping[str, Any]) -> Any:
    setattr(_checked(function), _ATTRIBUTE, make_tool(function, options, local_names))
    return function


def make_tool(
    function: Callable[..., Any],
    options: Mapping[str, Any] | None = None,
    local_names: Mapping[str, Any] | None = None,
) -> Tool:
    """The tool of a function, without attaching it. Raises ToolDefinitionError."""
    code = inspect.unwrap(_checked(function)).__code__
    file, line = code.co_filename, code.co_firstlineno
    try:
        return _build(function, dict(options or {}), local_names or {}, file, line)
    except BadSignature as error:
        raise ToolDefinitionError(f"{_shorten(file)}:{line}: tool {function.__name__!r}: {error}") from error.__cause__


def _build(
    function: Callable[..., Any],
    options: dict[str, Any],
    local_names: Mapping[str, Any],
    file: str,
    line: int,
) -> Tool:
    name = _check_name(options.get("name", function.__name__))
    _check_option_names(options)
    signature = inspect.signature(function)
    _check_not_method(function, signature)
    hints = read_hints(function, local_names)
    documentation = parse_docstring(function.__doc__)
    inputs = make_inputs(name, signature, hints, documentation.parameters)
    outputs = make_outputs(hints)
    if isinstance(options.get("retry"), int):
        options["retry"] = {"max_attempts": options["retry"]}
    given = {"name": name, "description": documentation.description, **options}
    spec = _make_spec(given, inputs, outputs)
    _check_against_signature(spec, inputs)
    return Tool(spec, function, inputs, outputs, file, line)


def _make_spec(given: dict[str, Any], inputs: Inputs, outputs: Outputs) -> ToolSpec:
    derived: dict[str, Any] = {
        "parameters": inputs.parameters,
        "input_schema": inputs.json_schema,
        "output_schema": outputs.json_schema,
    }
    try:
        return ToolSpec(**given, **derived)
    except ValidationError as error:
        said = "; ".join(f"option {path!r} {sentence}" for path, _, sentence in complaints(error))
        raise BadSignature(f"{said}. Correct the options of @tool") from error


def _checked(function: Any) -> Any:
    """The function, if it is one that can be a tool."""
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        code = function.__code__
        raise ToolDefinitionError(
            f"{_shorten(code.co_filename)}:{code.co_firstlineno}: tool {function.__name__!r} is a "
            f"generator, but a tool "
            "gives one result: collect the items and return a list"
        )
    if not isinstance(inspect.unwrap(function) if callable(function) else None, FunctionType):
        kind = type(function).__name__
        raise ToolDefinitionError(
            f"@tool stands on {function!r}, a {kind}, but takes functions only: write a `def` or `async "
            f"def` that does "
            "the work and decorate that (below @staticmethod, if there is one)"
        )
    return function


def _check_name(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
        raise BadSignature(
            f"{name!r} cannot be a tool's name, because orchestrations call it as a function: give it an "
            f"identifier with "
            "@tool(name=...)"
        )
    return name


def _check_option_names(options: Mapping[str, Any]) -> None:
    known = [field for field in ToolSpec.model_fields if field not in _DERIVED]
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(option, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the options are {', '.join(known)}"
            raise BadSignature(f"@tool has no option {option!r}: {hint}")


def _check_not_method(function: Callable[..., Any], signature: inspect.Signature) -> None:
    first = next(iter(signature.parameters), "")
    if first in ("self", "cls") and "." in function.__qualname__.rpartition("<locals>.")[2]:
        raise BadSignature(
            f"it is a method (its first parameter is {first!r}), and a step has no object to call it on: "
            f"write a function "
            "that makes or finds the object and calls the method"
        )


def _check_against_signature(spec: ToolSpec, inputs: Inputs) -> None:
    """Options that speak of parameters must fit them."""
    for name in spec.redact:
        if name not in spec.parameter_names():
            raise BadSignature(f"option 'redact' names {name!r}, but the parameters are {spec.parameter_names()}")
    if spec.placement == "local" and spec.effect is not Effect.READ:
        raise BadSignature("placement='local' is for reads only: add effect='read' or leave the placement out")
    for index, example in enumerate(spec.input_examples):
        try:
            inputs.bind(example)
        except ValidationError as error:
            said = "; ".join(f"{path} {sentence}" for path, _, sentence in complaints(error))
            raise BadSignature(f"input_examples[{index}] does not fit the parameters: {said}") from error
        except TypeError as error:
            raise BadSignature(f"input_examples[{index}] is not JSON: {error}") from error


def _shorten(file: str) -> str:
    """The path as a person would type it: relative where it lies below the working directory."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
