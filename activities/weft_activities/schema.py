"""The schemas of a tool, made from its signature, its hints and its docstring; and the checks that they
imply.

Always holds: what `input_schema` says is what `Inputs.bind` accepts, since both come from one pydantic model;
the model's own field names are `p0`, `p1`, … and the parameters' names are aliases, so that a parameter may
be called `schema` or `copy`. Arguments come by name: those of `*args` as a list under its name, those of
`**kwargs` beside the others. Nothing here calls a tool.
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, NoReturn, Optional, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from weft_compiler.tool_spec import Parameter

_KINDS: dict[Any, Any] = {
    inspect.Parameter.POSITIONAL_ONLY: "positional_only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional_or_keyword",
    inspect.Parameter.VAR_POSITIONAL: "var_positional",
    inspect.Parameter.KEYWORD_ONLY: "keyword_only",
    inspect.Parameter.VAR_KEYWORD: "var_keyword",
}


class BadSignature(Exception):
    """A signature from which no schema can be made. The message names the parameter and the remedy."""


class _PlainSchema(GenerateJsonSchema):
    """JSON Schema without a title on every field, and silent about defaults that JSON cannot carry."""

    ignored_warning_kinds = frozenset({"skipped-choice", "non-serializable-default"})  # type: ignore[assignment]

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 (pydantic's signature)
        return False


@dataclass(frozen=True)
class Inputs:
    """How a tool takes its arguments."""

    parameters: tuple[Parameter, ...]
    json_schema: dict[str, Any]
    _signature: inspect.Signature
    _model: type[BaseModel]
    #: Parameter name -> field name of the model.
    _fields: Mapping[str, str]

    def bind(self, arguments: Mapping[str, Any]) -> inspect.BoundArguments:
        """The arguments, checked and coerced to the hints.

        Raises pydantic's ValidationError, and ValueError where they are not JSON. Parameters that are not
        given keep the function's own default.
        """
        model = self._validate(arguments)
        bound = inspect.BoundArguments(self._signature, cast("Any", {}))
        for parameter in self.parameters:
            if parameter.kind == "var_keyword":
                bound.arguments[parameter.name] = dict(model.__pydantic_extra__ or {})
            elif self._fields[parameter.name] in model.model_fields_set or self._hidden_default(parameter.name):
                value = getattr(model, self._fields[parameter.name])
                bound.arguments[parameter.name] = tuple(value) if parameter.kind == "var_positional" else value
        if any(p.kind in ("positional_only", "var_positional") for p in self.parameters):
            # A gap before a positional argument has to be filled; by name it may stay open.
            bound.apply_defaults()
        return bound

    def _validate(self, arguments: Mapping[str, Any]) -> BaseModel:
        text = json.dumps(arguments, ensure_ascii=False)
        try:
            # As JSON, since that is what arguments are: strict fields of models take dates as strings only from it.
            return self._model.model_validate_json(text.encode())
        except UnicodeEncodeError:
            # A lone surrogate has no place in JSON's UTF-8, but a tool that takes anything may get it.
            return self._model.model_validate(dict(arguments))

    def _hidden_default(self, name: str) -> bool:
        """Whether the function's default is a pydantic `Field(...)`, which holds the real one."""
        return isinstance(self._signature.parameters[name].default, FieldInfo)


@dataclass(frozen=True)
class Outputs:
    """How a tool's result is checked. `json_schema` is None where the tool does not say what it returns."""

    json_schema: dict[str, Any] | None
    _adapter: TypeAdapter[Any] | None

    def settle(self, returned: Any) -> Any:
        """The value to hand on: what was returned, with models and dataclasses made where the hint names
        them.

        Nothing else is coerced: a program sees the value that the function returned. Raises pydantic's
        ValidationError for a value that does not fit the hint.
        """
        if self._adapter is None:
            return returned
        return _settle(returned, self._adapter.validate_python(returned))


def read_hints(function: Callable[..., Any], local_names: Mapping[str, Any]) -> dict[str, Any]:
    """The function's hints, resolved. `local_names` are those around its definition. Raises BadSignature."""
    try:
        return typing.get_type_hints(function, localns=dict(local_names), include_extras=True)
    except NameError as error:
        raise BadSignature(
            f"a type hint names {error.name!r}, which is not known where the tool is defined. Import it "
            f"(not only under "
            "TYPE_CHECKING) or define it above the tool"
        ) from error
    except (TypeError, SyntaxError, AttributeError) as error:
        raise BadSignature(f"its type hints cannot be read: {error}. Correct the hint") from error


def make_inputs(name: str, signature: inspect.Signature, hints: Mapping[str, Any], texts: Mapping[str, str]) -> Inputs:
    """`texts` are the parameters' descriptions by name. Raises BadSignature."""
    fields: dict[str, Any] = {}
    names: dict[str, str] = {}
    extra_hint: Any = None
    for index, parameter in enumerate(signature.parameters.values()):
        hint = _hint_of(parameter, hints)
        _make_adapter(hint, f"parameter {parameter.name!r}")
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            extra_hint = hint
            continue
        names[parameter.name] = f"p{index}"
        fields[f"p{index}"] = _field_of(parameter, hint, texts.get(parameter.name))
    base = _base_model(extra_hint)
    model = create_model(f"{name}_arguments", __base__=base, **fields)
    schema = model.model_json_schema(by_alias=True, schema_generator=_PlainSchema)
    schema.pop("title", None)
    return Inputs(
        tuple(_describe(parameter) for parameter in signature.parameters.values()),
        schema,
        signature,
        model,
        names,
    )


def make_outputs(hints: Mapping[str, Any]) -> Outputs:
    """From the return hint; no hint, and Any, mean that anything may come back. Raises BadSignature."""
    hint = hints.get("return", Any)
    if hint is Any or hint is object:
        return Outputs(None, None)
    if hint is NoReturn or hint is typing.Never:
        hint = None
    adapter = _make_adapter(hint, "the result")
    try:
        schema = adapter.json_schema(mode="serialization", schema_generator=_PlainSchema)
    except PydanticUserError as error:
        raise BadSignature(f"the result is hinted {_name_of(hint)}, which {_reason(error)}") from error
    return Outputs(schema, adapter)


def _describe(parameter: inspect.Parameter) -> Parameter:
    variadic = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    default = parameter.default
    absent = default.is_required() if isinstance(default, FieldInfo) else default is inspect.Parameter.empty
    return Parameter(name=parameter.name, kind=_KINDS[parameter.kind], required=absent and not variadic)


def _hint_of(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
    """A parameter without a hint takes anything; one whose default is None takes None too."""
    hint = hints.get(parameter.name, Any)
    return Optional[hint] if parameter.default is None and hint is not Any else hint  # noqa: UP045 (also for strings)


def _field_of(parameter: inspect.Parameter, hint: Any, text: str | None) -> tuple[Any, Any]:
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return list[hint], Field(default=[], alias=parameter.name, description=text)
    options: dict[str, Any] = {"alias": parameter.name}
    if isinstance(parameter.default, FieldInfo):
        hint = Annotated[hint, parameter.default]
    elif parameter.default is not inspect.Parameter.empty:
        options["default"] = parameter.default
    described = any(isinstance(m, FieldInfo) and m.description for m in getattr(hint, "__metadata__", ()))
    return hint, Field(**options) if described else Field(description=text, **options)


def _base_model(extra_hint: Any) -> type[BaseModel]:
    """The model that takes no other arguments, or, where the tool has `**kwargs`, others of that hint."""
    if extra_hint is None:
        namespace: dict[str, Any] = {"model_config": ConfigDict(extra="forbid")}
    else:
        namespace = {
            "model_config": ConfigDict(extra="allow"),
            "__annotations__": {"__pydantic_extra__": dict[str, extra_hint]},
        }
    return type("Arguments", (BaseModel,), {"__module__": __name__, **namespace})


def _make_adapter(hint: Any, what: str) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(hint)
    except PydanticUserError as error:
        raise BadSignature(f"{what} is hinted {_name_of(hint)}, which {_reason(error)}") from error


def _reason(error: PydanticUserError) -> str:
    if error.code == "typed-dict-version":
        return "is or holds a TypedDict of typing: before Python 3.12, import TypedDict from typing_extensions"
    return (
        "has no JSON form: "
        "use str, int, float, bool, list, dict, Literal, an enum, a date, a dataclass, a TypedDict or a "
        "pydantic model, "
        "or leave the hint out to take anything"
    )


def _name_of(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _settle(returned: Any, validated: Any) -> Any:
    if isinstance(validated, BaseModel) or is_dataclass(validated):
        return validated
    if isinstance(returned, dict) and isinstance(validated, dict):
        return {key: _settle(value, validated.get(key, value)) for key, value in returned.items()}
    if isinstance(returned, (list, tuple)) and isinstance(validated, (list, tuple)) and len(returned) == len(validated):
        return [_settle(*pair) for pair in zip(returned, validated, strict=True)]
    return returned


def complaints(error: ValidationError, hidden: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """(path, kind, sentence) of each complaint, in pydantic's order; `hidden` fields keep their values hidden."""
    return [
        (_path(e["loc"]), e["type"], "is not valid" if e["loc"] and e["loc"][0] in hidden else _sentence(e))
        for e in error.errors(include_url=False)
    ]


def _path(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _sentence(detail: Any) -> str:
    message: str = detail["msg"][:1].lower() + detail["msg"][1:]
    if detail["type"] == "missing":
        return message
    shown = repr(detail["input"])
    return f"{message} (got {shown if len(shown) <= 80 else shown[:77] + '...'})"
