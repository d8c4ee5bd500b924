"""The page about tools: its examples run, and its tables are complete."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from weft_activities import StepContext
from weft_compiler.tool_spec import RetrySpec, ToolSpec

from tests.docs.blocks import read_blocks
from tests.docs.test_readme import Reader, unprinted

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    session = Reader(tmp_path)
    yield session
    session.kill()


def test_the_examples_do_what_the_page_says(reader: Reader) -> None:
    printed, ran = "", 0
    for block in read_blocks(PAGE):
        where = f"docs/tools.md:{block.line}"
        if title := block.options.get("title"):
            reader.save(title, block.text)
        elif block.language == "text":
            assert not (missing := unprinted(block.text, printed)), f"{where}: {missing!r} is not in\n{printed}"
        else:
            assert block.language == "sh", where
            code, printed = reader.run(block.text)
            ran += 1
            assert code == 0, f"{where}: exit code {code}\n{printed}"
    assert ran == 2


def test_all_that_a_step_tells_is_listed() -> None:
    table = TEXT.partition("## `current_step()`")[2]
    named = set(re.findall(r"`(\w+)[`(]", table.partition("It is the same in memory")[0]))
    fields = {field.name for field in dataclasses.fields(StepContext)} - {"on_heartbeat"}
    assert fields | {"heartbeat"} <= named


def test_limits_and_defaults_are_the_tools() -> None:
    spec, retry = ToolSpec(name="t"), RetrySpec()
    assert f"| {spec.timeout:g} s |" in TEXT
    assert spec.total_timeout is None
    assert (
        f"`retry` has `max_attempts` ({retry.max_attempts}), `initial_interval` ({retry.initial_interval:g} s), "
        f"`backoff` ({retry.backoff:g}) and `max_interval` ({retry.max_interval:g} s)"
    ) in TEXT
