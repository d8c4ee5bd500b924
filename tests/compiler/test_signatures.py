"""Calls of tools are bound as Python binds them, and literals meet the schema before anything runs."""

from __future__ import annotations

import ast

import pytest
from weft_compiler.diagnostics import Diagnostic, Reporter
from weft_compiler.signatures import bind_call, signature_of
from weft_compiler.tool_spec import Parameter, ToolSpec

FETCH = ToolSpec(
    name="fetch",
    parameters=(
        Parameter(name="key", kind="positional_only"),
        Parameter(name="limit", required=False),
        Parameter(name="level", kind="keyword_only"),
        Parameter(name="tags", kind="keyword_only", required=False),
    ),
    input_schema={
        "type": "object",
        "properties": {
            "key": {"type": "string"},
            "limit": {"type": "integer", "minimum": 1, "default": 10},
            "level": {"$ref": "#/$defs/Level"},
            "tags": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None},
        },
        "$defs": {"Level": {"enum": ["low", "high"], "type": "string"}},
    },
)
ANY = ToolSpec(
    name="any_of",
    parameters=(
        Parameter(name="first"),
        Parameter(name="rest", kind="var_positional", required=False),
        Parameter(name="options", kind="var_keyword", required=False),
    ),
)


def bind(spec: ToolSpec, text: str) -> tuple[Diagnostic, ...]:
    reporter = Reporter(text, "plan.py")
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert bind_call(spec, call, reporter) == (not reporter.failed)
    return reporter.diagnostics


def test_signatures() -> None:
    assert signature_of(FETCH) == "fetch(key: str, /, limit: int = 10, *, level, tags: list[str] | None = None)"
    assert signature_of(ANY) == "any_of(first, *rest, **options)"
    assert signature_of(ToolSpec(name="ping")) == "ping()"


@pytest.mark.parametrize(
    "text",
    [
        "fetch('a', level='low')",
        "fetch('a', 5, level='high', tags=['x'])",
        "fetch(x, limit=y, level=z)",
        "fetch(*args, **options)",
        "fetch('a', **options)",
        "fetch(*args, level='low')",
        "fetch('a', level='low', tags=None)",
        "fetch('a', level='low', tags=('x', 'y'))",
        "fetch('a', level='low', tags=[x, 1])",
        "fetch(f'{x}', level='low')",
    ],
)
def test_fitting_calls(text: str) -> None:
    assert bind(FETCH, text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fetch()", [(0, "missing-argument", "`fetch` needs a value for `key` and `level`")]),
        ("fetch(key='a', level='low')", [
            (0, "missing-argument", "`fetch` needs a value for `key`"),
            (6, "wrong-argument", "`fetch` has no parameter `key`"),
        ]),
        ("fetch('a', 1, 2, 3, level='low')", [
            (14, "too-many-arguments", "`fetch` takes 2 positional arguments but 4 are given"),
        ]),
        ("fetch('a', 1, limit=2, level='low')", [(14, "repeated-argument", "`fetch` gets two values for `limit`")]),
        ("fetch('a', levl='low', **more)", [(11, "wrong-argument", "`fetch` has no parameter `levl`")]),
        ("fetch(1, level='low')", [
            (6, "bad-literal", "this value does not fit `key` of `fetch`: 1 is not of type 'string'"),
        ]),
        ("fetch('a', -1, level='mid')", [
            (11, "bad-literal", "this value does not fit `limit` of `fetch`: -1 is less than the minimum of 1"),
            (21, "bad-literal", "this value does not fit `level` of `fetch`: 'mid' is not one of ['low', 'high']"),
        ]),
        ("fetch('a', level='low', tags=['x', 1])", [
            (29, "bad-literal", "this value does not fit `tags` of `fetch`: [1]: 1 is not of type 'string'"),
        ]),
    ],
)  # fmt: skip
def test_calls_that_cannot_work(text: str, expected: list[tuple[int, str, str]]) -> None:
    assert [(one.span.col, one.code, one.message) for one in bind(FETCH, text)] == expected


def test_open_signatures_take_all() -> None:
    assert bind(ANY, "any_of(1, 2, 3, a=4, rest=5)") == ()
    assert [one.code for one in bind(ANY, "any_of(a=4)")] == ["missing-argument"]


def test_large_values_are_not_quoted_whole() -> None:
    (one,) = bind(FETCH, f"fetch({list(range(1_000))!r}, level='low')")
    assert len(one.message) < 250


def test_a_misspelt_keyword_is_put_right() -> None:
    (one,) = bind(FETCH, "fetch('é', lvel='low', limit=3, **more)")
    assert one.help == "did you mean `level`?"
    assert one.fix == "fetch('é', level='low', limit=3, **more)"


def test_parameters_that_are_given_are_not_proposed() -> None:
    (one,) = bind(FETCH, "fetch('a', level='low', levels='high')")
    assert (one.help, one.fix) == ("leave it out", None)
