"""The pages of `docs/` against the code: they name what exists, and leave out nothing of what they promise to list."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from weft_activities.tool import tool
from weft_compiler import graph
from weft_compiler.code_table import TABLE
from weft_compiler.compile import compile_source
from weft_compiler.plan import Limits
from weft_compiler.printer import render_graph
from weft_worker.cli.main import app
from weft_workflows.machine.aio import AsyncioModule

from tests.docs.blocks import read_blocks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: The pages about codes have tests of their own.
PAGES = [
    ROOT / "README.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((DOCS / "adr").glob("*.md")),
    ROOT / "deploy/README.md",
]
#: What readers are told to make.
TO_BE_MADE = {"docs/codes/my-code.md", "deploy/.env"}

_LINK = re.compile(r"\]\(([^)#:]+)\)")
_PATH = re.compile(r"`((?:\.ci|benchmarks|compiler|workflows|activities|worker|tests|docs|deploy|examples)/[\w./-]+)`")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_and_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = set(_PATH.findall(text)) - TO_BE_MADE
    missing = [each for each in sorted(named) if not (ROOT / each).exists()]
    missing += [link for link in _LINK.findall(text) if not (path.parent / link).exists()]
    assert not missing


def test_the_architecture_has_a_picture_of_each_node_kind() -> None:
    kinds = [get_args(each.model_fields["kind"].annotation)[0] for each in get_args(get_args(graph.Node)[0])]
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.+) \|$", page("docs/architecture.md"), re.MULTILINE))
    assert list(kinds)
    assert sorted(rows) == sorted(kinds)
    assert all(rows.values())


def test_each_command_is_in_the_architecture_and_in_the_readme() -> None:
    architecture, readme = page("docs/architecture.md"), page("README.md")
    for name in _commands(typer.main.get_command(app)):
        assert f"`weft {name}`" in architecture, f"docs/architecture.md does not say where `weft {name}` is"
        assert f"weft {name}" in readme, f"README.md does not mention `weft {name}`"


def test_the_architectures_nodes_are_printed_as_shown() -> None:
    source = textwrap.dedent(
        """
        async def helper(n):
            return await get(n)

        def plain(n):
            return get(n)

        rows = ["a", "b"]
        total = len(rows)
        x = await get("a")
        y = await helper("b")
        z = plain("c")
        a, b = await asyncio.gather(get("a"), helper("b"))
        many = await asyncio.gather(*[get(n) for n in rows])
        task = asyncio.create_task(get("d"))
        await task
        w = await asyncio.wait_for(get("e"), 5)
        """
    )
    plan = compile_source(source, [_tool_get()])
    sample = next(block.text for block in read_blocks(DOCS / "architecture.md") if "L13 parallel" in block.text)
    assert sample in render_graph(plan.graph, "tree", tools=plan.tools)


def test_codes_that_the_limitations_name_exist() -> None:
    table = page("docs/limitations.md").partition("## Refused when compiling")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[1] for line in table.splitlines() if line.startswith("| ") and "`" in line]
    named = {code for cell in rows for code in re.findall(r"`([a-z*-]+)`", cell)}
    assert len(named) > 10
    assert named <= TABLE.keys()


def test_names_that_the_limitations_miss_are_missing() -> None:
    section = page("docs/limitations.md").partition("## Known by name, not there yet")[2].partition("\n## ")[0]
    missing, _, there = section.partition("What is there:")
    absent = {name.removeprefix("asyncio.") for name in re.findall(r"`([\w.]+)`", missing)} - {"AttributeError"}
    present = set(re.findall(r"`(\w+)`", there)) - {"cancel"}
    assert not absent & AsyncioModule.__weft_names__
    assert present <= AsyncioModule.__weft_names__


def test_limits_are_those_of_a_plan() -> None:
    limits, text = Limits(), page("docs/limitations.md")
    assert f"{limits.fuel:,} units of fuel" in text
    assert f"{limits.value_bytes // 1024**2} MiB" in text
    assert f"{limits.output_chars:,} characters" in text
    assert f"{limits.call_depth} calls" in text


def test_each_folder_of_tests_is_explained() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if (path / "__init__.py").exists()}
    explained = set(re.findall(r"`tests/(\w+)`", page("docs/contributing.md")))
    assert folders <= explained


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name.partition("-")[0] for path in sorted((DOCS / "adr").glob("*.md"))]
    assert [int(number) for number in numbers] == list(range(1, len(numbers) + 1))
    assert all(len(number) == 3 and number.isdigit() for number in numbers)


def _commands(command: Any, prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, each in command.commands.items():
        found += _commands(each, f"{name} ") if hasattr(each, "commands") else [f"{prefix}{name}"]
    return found


def _tool_get() -> Any:
    from weft_activities.tool import tool_of

    @tool(effect="read")
    def get(name: str) -> str:
        """Gets."""
        return name

    made = tool_of(get)
    assert made is not None
    return made.spec
