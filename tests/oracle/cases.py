"""Cases in Markdown: one file for each language feature, which documents the feature and tests it.

A file is a title, prose, and a section (`## Title`) for each case. Fenced blocks, by what stands after the fence:

- `python`: the orchestration. A comment `# error: code` or `# warning: code` at the end of a line says that the
  compiler reports that there; such a case is not run.
- `python explicit`: the same with every `await` written out, where the orchestration leaves some to the compiler:
  this is what CPython runs.
- `yaml tools`: fake tools (see `scripted_tools`); before the first section they are for all cases of the file.
- `json inputs`: the run's inputs.
- `graph`: the printed graph.
- `outcome`: how the run ends, as `Outcome` prints it.
- `machine`: how it ends in the machine, in cases of what differs from CPython (`tests/limitations`).

Graph and outcome are written by `pytest FOLDER --update`; the outcome comes from CPython, never from the machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.oracle.fakes import FakeTool
from tests.oracle.scripted_tools import read_tools

_COMMENT = re.compile(r"#\s*(error|warning):\s*([a-z-]+(?:\s*,\s*[a-z-]+)*)\s*$")
_KINDS = {"python", "python explicit", "yaml tools", "json inputs", "graph", "outcome", "machine"}


@dataclass(frozen=True)
class Fence:
    """A fenced block. `start` is the index of its first line of content, `end` that of its closing fence."""

    kind: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Case:
    file: Path
    title: str
    blocks: dict[str, Fence]
    shared_tools: str = ""

    @property
    def id(self) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return f"{self.file.stem}:{words}"

    @property
    def source(self) -> str:
        return self._text("python")

    @property
    def explicit(self) -> str:
        """What CPython runs."""
        return self._text("python explicit") or self.source

    @property
    def tools(self) -> dict[str, FakeTool]:
        return read_tools(self.shared_tools) | read_tools(self._text("yaml tools"))

    @property
    def inputs(self) -> dict[str, Any]:
        inputs: dict[str, Any] = json.loads(self._text("json inputs") or "{}")
        return inputs

    @property
    def outcome(self) -> str:
        return self._text("outcome")

    @property
    def machine(self) -> str:
        """How it ends in the machine where that differs."""
        return self._text("machine")

    @property
    def graph(self) -> str | None:
        """The expected graph, None where the case shows none."""
        return self._text("graph") if "graph" in self.blocks else None

    @property
    def diagnostics(self) -> list[tuple[int, str]]:
        """Lines (from 1) of the orchestration with the codes that are expected there."""
        return [
            (number, code.strip())
            for number, line in enumerate(self.source.splitlines(), start=1)
            if (found := _COMMENT.search(line))
            for code in found.group(2).split(",")
        ]

    def _text(self, kind: str) -> str:
        return self.blocks[kind].text if kind in self.blocks else ""


@dataclass
class _Section:
    title: str
    blocks: dict[str, Fence] = field(default_factory=dict)


def load_cases(folder: Path, files: str = "*.md") -> list[Case]:
    """All cases of a folder, by file name and then in their order. Raises ValueError for a case that cannot be read."""
    cases = [case for file in sorted(folder.glob(files)) for case in _cases_of(file)]
    seen: dict[str, Case] = {}
    for case in cases:
        if seen.setdefault(case.id, case) is not case:
            raise ValueError(f"{case.file.name}: two cases have the title {case.title!r}")
    return cases


def write_block(case: Case, kind: str, text: str) -> None:
    """Writes a block of the case into its file: in place of the old one, else after the last block of the case."""
    fresh = next(c for c in _cases_of(case.file) if c.title == case.title)
    lines = case.file.read_text(encoding="utf-8").split("\n")
    content = text.rstrip("\n").split("\n")
    if kind in fresh.blocks:
        old = fresh.blocks[kind]
        lines[old.start : old.end] = content
    else:
        end = max(block.end for block in fresh.blocks.values()) + 1
        lines[end:end] = ["", f"```{kind}", *content, "```"]
    case.file.write_text("\n".join(lines), encoding="utf-8")


def _cases_of(file: Path) -> Iterator[Case]:
    lines = file.read_text(encoding="utf-8").split("\n")
    preamble, *sections = _sections(file, lines)
    shared = preamble.blocks["yaml tools"].text if "yaml tools" in preamble.blocks else ""
    for section in sections:
        if "python" not in section.blocks:
            raise ValueError(f"{file.name}: the case {section.title!r} has no python block")
        yield Case(file, section.title, section.blocks, shared)


def _sections(file: Path, lines: list[str]) -> list[_Section]:
    sections = [_Section("")]
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.startswith("## "):
            sections.append(_Section(line[3:].strip()))
        elif line.startswith("```"):
            fence = _fence(file, lines, index)
            if fence.kind in sections[-1].blocks:
                raise ValueError(f"{file.name}:{index + 1}: a second block of kind {fence.kind!r}")
            sections[-1].blocks[fence.kind] = fence
            index = fence.end
        index += 1
    return sections


def _fence(file: Path, lines: list[str], index: int) -> Fence:
    kind = lines[index][3:].strip()
    if kind not in _KINDS:
        raise ValueError(f"{file.name}:{index + 1}: unknown kind of block {kind!r}")
    try:
        end = lines.index("```", index + 1)
    except ValueError:
        raise ValueError(f"{file.name}:{index + 1}: this block has no end") from None
    text = "".join(f"{line}\n" for line in lines[index + 1 : end])
    return Fence(kind, index + 1, end, text)
