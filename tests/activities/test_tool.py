"""`@tool`: specs from signatures, hints and docstrings, and what is refused at the definition."""

from __future__ import annotations

import datetime as dt
import enum
import sys
import typing
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict
from weft_activities.tool import Tool, ToolDefinitionError, make_tool, tool, tool_of
from weft_compiler.tool_spec import Effect, RetrySpec


class Level(enum.Enum):
    JUNIOR = "junior"
    SENIOR = "senior"


class Address(BaseModel):
    city: str
    zip_code: str | None = None


@dataclass
class Point:
    x: float
    y: float = 0.0


class Row(TypedDict):
    id: str


class OldRow(typing.TypedDict):
    id: str


def spec_of(function: Any) -> Any:
    found = tool_of(function)
    assert found is not None
    return found.spec


def test_the_function_stays_callable_and_carries_its_tool() -> None:
    @tool
    def add(a: int, b: int = 2) -> int:
        """Adds."""
        return a + b

    assert add(1) == 3
    found = tool_of(add)
    assert isinstance(found, Tool)
    assert found.function is add
    assert found.place.startswith(__file__)
    assert (found.spec.name, found.spec.description, found.spec.effect) == ("add", "Adds.", Effect.WRITE)


def test_options_become_fields_of_the_spec() -> None:
    @tool(name="look_up", effect="read", resources=["db"], retry=3, timeout=7, max_concurrent=2, redact=["key"])
    async def lookup(key: str) -> None: ...

    spec = spec_of(lookup)
    assert spec.name == "look_up"
    assert spec.effect is Effect.READ
    assert spec.resources == ("db",)
    assert spec.retry == RetrySpec(max_attempts=3)
    assert (spec.timeout, spec.max_concurrent, spec.redact) == (7.0, 2, ("key",))


def test_parameters_keep_their_kinds_and_order() -> None:
    @tool
    def f(a: int, /, b: int, c: int = 1, *rest: str, d: bool, **more: float) -> None: ...

    assert [(p.name, p.kind, p.required) for p in spec_of(f).parameters] == [
        ("a", "positional_only", True),
        ("b", "positional_or_keyword", True),
        ("c", "positional_or_keyword", False),
        ("rest", "var_positional", False),
        ("d", "keyword_only", True),
        ("more", "var_keyword", False),
    ]
    schema = spec_of(f).input_schema
    assert schema["required"] == ["a", "b", "d"]
    assert schema["additionalProperties"] == {"type": "number"}
    assert schema["properties"]["rest"] == {"type": "array", "items": {"type": "string"}, "default": []}


def test_the_input_schema_follows_hints_and_docstring() -> None:
    @tool
    def hire(
        name: str,
        level: Level,
        kind: Literal["full", "part"] = "full",
        start: dt.date | None = None,
        pay: Annotated[int, Field(ge=0, description="euros")] = 0,
        home: Address = None,  # type: ignore[assignment]
        anything=None,
    ) -> None:
        """Hires a person.

        Args:
            name: First and
                last name.
            pay: overruled by the hint's own text
        """

    spec = spec_of(hire)
    assert spec.description == "Hires a person."
    assert spec.input_schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "level"],
        "properties": {
            "name": {"type": "string", "description": "First and last name."},
            "level": {"$ref": "#/$defs/Level"},
            "kind": {"enum": ["full", "part"], "type": "string", "default": "full"},
            "start": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None},
            "pay": {"type": "integer", "minimum": 0, "description": "euros", "default": 0},
            "home": {"anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}], "default": None},
            "anything": {"default": None},
        },
        "$defs": {
            "Level": {"enum": ["junior", "senior"], "title": "Level", "type": "string"},
            "Address": {
                "type": "object",
                "title": "Address",
                "required": ["city"],
                "properties": {
                    "city": {"type": "string"},
                    "zip_code": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
                },
            },
        },
    }


def test_parameters_may_bear_any_name() -> None:
    @tool
    def f(schema: str, copy: int, model_config: str, _hidden: int = 0, class_: str = "") -> None: ...

    assert list(spec_of(f).input_schema["properties"]) == ["schema", "copy", "model_config", "_hidden", "class_"]


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (int, {"type": "integer"}),
        (None, {"type": "null"}),
        (list[Row], {"type": "array", "items": {"$ref": "#/$defs/Row"}}),
        (Point, {"type": "object", "title": "Point", "required": ["x"]}),
        (Decimal, {"type": "string"}),
        (dt.datetime, {"type": "string", "format": "date-time"}),
        (Any, None),
    ],
)
def test_the_return_hint_makes_the_output_schema(hint: Any, schema: dict[str, Any] | None) -> None:
    def f() -> Any: ...

    f.__annotations__["return"] = hint
    made = make_tool(f).spec.output_schema
    assert made == schema if schema is None or made is None else schema == {key: made[key] for key in schema}


def test_no_return_hint_means_no_output_schema() -> None:
    def f(a): ...

    assert make_tool(f).spec.output_schema is None


def broken_hint() -> Any:
    @tool
    def f(a: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    return f


def foreign_type() -> Any:
    class Connection: ...

    @tool
    def f(db: Connection) -> None: ...

    return f


def foreign_result() -> Any:
    class Frame: ...

    @tool
    def f() -> Frame: ...  # type: ignore[empty-body]

    return f


def unknown_option() -> Any:
    @tool(efect="read")  # type: ignore[call-overload]
    def f() -> None: ...

    return f


def bad_effect() -> Any:
    @tool(effect="readonly")  # type: ignore[call-overload]
    def f() -> None: ...

    return f


def one_string_as_list() -> Any:
    @tool(resources="db")
    def f() -> None: ...

    return f


def redacts_nothing() -> Any:
    @tool(redact=["token"])
    def f(key: str) -> None: ...

    return f


def local_write() -> Any:
    @tool(placement="local")
    def f() -> None: ...

    return f


def bad_example() -> Any:
    @tool(input_examples=[{"a": "x"}])
    def f(a: int) -> None: ...

    return f


def example_not_json() -> Any:
    @tool(input_examples=[{"a": object()}])
    def f(a: Any) -> None: ...

    return f


def generator() -> Any:
    @tool
    def f() -> Any:
        yield 1

    return f


def method() -> Any:
    class Shop:
        @tool
        def f(self, a: int) -> None: ...

    return Shop


def a_class() -> Any:
    return tool(Point)


def a_lambda() -> Any:
    return tool(lambda a: a)


def name_as_argument() -> Any:
    return tool("search")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("define", "said"),
    [
        (broken_hint, r"tool 'f': a type hint names 'Missing'.*Import it"),
        (foreign_type, r"tool 'f': parameter 'db' is hinted Connection, which has no JSON form: use"),
        (foreign_result, r"tool 'f': the result is hinted Frame"),
        (unknown_option, r"no option 'efect': did you mean 'effect'\?"),
        (bad_effect, r"option 'effect' input should be 'read', 'idempotent' or 'write' \(got 'readonly'\)"),
        (one_string_as_list, r"option 'resources' input should be a valid tuple"),
        (redacts_nothing, r"'redact' names 'token', but the parameters are \('key',\)"),
        (local_write, r"placement='local' is for reads only"),
        (bad_example, r"input_examples\[0\] does not fit the parameters: a input should be a valid integer"),
        (example_not_json, r"input_examples\[0\] is not JSON"),
        (generator, r"is a generator.*return a list"),
        (method, r"it is a method"),
        (a_class, r"a type, but takes functions only"),
        (a_lambda, r"'<lambda>' cannot be a tool's name"),
        (name_as_argument, r"write @tool\(name='search'\)"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_a_tool_is_refused_at_its_definition(define: Any, said: str) -> None:
    with pytest.raises(ToolDefinitionError, match=said):
        define()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic takes both kinds from Python 3.12 on")
def test_a_typed_dict_of_typing_gets_its_remedy() -> None:
    def f(row: list[OldRow]) -> None: ...

    with pytest.raises(ToolDefinitionError, match="import TypedDict from typing_extensions"):
        make_tool(f)


def test_a_refusal_names_file_and_line() -> None:
    with pytest.raises(ToolDefinitionError) as caught:
        foreign_type()
    file, line, _ = str(caught.value).split(":", 2)
    assert file.endswith("test_tool.py")
    assert int(line) == foreign_type.__code__.co_firstlineno + 3
