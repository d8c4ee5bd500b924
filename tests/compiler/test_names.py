"""Members of modules and unknown names are told before anything runs, with what to write instead."""

from __future__ import annotations

import pytest
from weft_compiler.compile import compile_source
from weft_compiler.diagnostics import CompileFailed, Diagnostic
from weft_compiler.tool_spec import ToolSpec

TOOLS = (ToolSpec(name="get_rate"),)


def told(text: str, tools: tuple[ToolSpec, ...] = TOOLS, inputs: tuple[str, ...] = ()) -> tuple[Diagnostic, ...]:
    try:
        compile_source(text, tools, inputs=inputs)
    except CompileFailed as failed:
        return failed.diagnostics
    return ()


@pytest.mark.parametrize(
    ("text", "message", "help_text"),
    [
        ("b = asyncio.Barrier(2)", "`Barrier` of the module `asyncio`", "`asyncio.Condition`"),
        (
            "import asyncio as a\nd = a.new_event_loop()",
            "`new_event_loop` of the module `asyncio`",
            "`asyncio.run(main())`",
        ),
        ("asyncio.subprocess", "`subprocess` of the module `asyncio`", "`create_task`"),
        ("from asyncio import open_connection", "`open_connection` of the module `asyncio`", "let a tool"),
        ("import math\nmath.sqroot(4)", "`sqroot` of the module `math`", "did you mean `sqrt`?"),
        (
            "def f():\n    import json\n    return json.lodas\nf()",
            "`lodas` of the module `json`",
            "did you mean `loads`?",
        ),
    ],
)
def test_a_member_that_a_module_lacks(text: str, message: str, help_text: str) -> None:
    (one,) = told(text)
    assert one.code == "refused-import-name"
    assert message in one.message
    assert help_text in (one.help or "")


@pytest.mark.parametrize(
    "text",
    [
        "collections.abc.Mapping, datetime.datetime.now(), json.__name__",
        "math = {}\nmath.get('a')",
        "def f(time):\n    return time.anything\nf(None)",
        "import json\njson = None\njson.anything",
        "import urllib.parse\nurllib.parse.quote('a')",
    ],
)
def test_what_is_no_missing_member(text: str) -> None:
    assert told(text) == ()


def test_an_input_may_be_named_like_a_module() -> None:
    assert told("time.anything", inputs=("time",)) == ()


@pytest.mark.parametrize(
    ("text", "tools", "help_text"),
    [
        ("await get_rates()", TOOLS, "did you mean `get_rate`?"),
        ("primt(1)", TOOLS, "did you mean `print`?"),
        ("await charge()", TOOLS, "define it here, or make it a tool"),
        ("await one()", (), "no tools were given: name their file, or define it here"),
    ],
)
def test_what_an_unknown_function_may_have_meant(text: str, tools: tuple[ToolSpec, ...], help_text: str) -> None:
    (one,) = told(text, tools)
    assert (one.code, one.help) == ("unknown-tool", help_text)
