"""Reads the pages of `docs/codes`, and the tools that their examples use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from weft_compiler.tool_spec import Effect, Parameter, ToolSpec

FOLDER = Path(__file__).parents[2] / "docs" / "codes"
_FENCE = re.compile(r"^```python (bad|good)(?: (3\.\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXPECTED = re.compile(r"#\s*(error|warning): ([a-z-]+)\s*$")


@dataclass(frozen=True)
class Example:
    """One fenced example. `python` is the first minor version that can parse it."""

    slug: str
    kind: str
    text: str
    python: tuple[int, int]

    def expected(self) -> list[tuple[int, str, str]]:
        """Line, severity and code of each diagnostic that the comments announce."""
        lines = enumerate(self.text.split("\n"), start=1)
        return [(number, found[1], found[2]) for number, line in lines if (found := _EXPECTED.search(line))]


def read_examples() -> list[Example]:
    """All examples, by page and in the order of the page."""
    return [
        Example(page.stem, kind, text, _version(version))
        for page in sorted(FOLDER.glob("*.md"))
        for kind, version, text in _FENCE.findall(page.read_text(encoding="utf-8"))
    ]


def _version(text: str) -> tuple[int, int]:
    major, minor = (text or "3.11").split(".")
    return int(major), int(minor)


def spec(name: str, *parameters: tuple[str, str, bool], effect: Effect = Effect.READ, code: bool = True) -> ToolSpec:
    """A tool whose parameters are (name, JSON type, required)."""
    return ToolSpec(
        name=name,
        parameters=tuple(Parameter(name=one, required=required) for one, _, required in parameters),
        input_schema={
            "type": "object",
            "properties": {one: {"type": kind} for one, kind, _ in parameters},
            "required": [one for one, _, required in parameters if required],
        },
        effect=effect,
        allowed_callers=("code",) if code else ("direct",),
    )


#: As `docs/codes/README.md` says.
TOOLS = (
    spec("get_user", ("user_id", "string", True)),
    spec("list_orders", ("user_id", "string", True), ("limit", "integer", False)),
    spec("get_price", ("ticker", "string", True)),
    spec("send_email", ("to", "string", True), ("text", "string", True), effect=Effect.WRITE),
    spec("delete_user", ("user_id", "string", True), effect=Effect.WRITE, code=False),
)
