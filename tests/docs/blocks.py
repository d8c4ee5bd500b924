"""The fenced blocks of a Markdown page, as data.

An info string is a language and then words: `sh exits=3`, `python title=shop/plan.py`, `sh background`. Nothing here
runs a block.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class FencedBlock:
    """One fenced block. `line` is that of its opening fence; `options` has `""` as the value of a bare word."""

    language: str
    line: int
    text: str
    options: dict[str, str] = field(default_factory=dict)


def read_blocks(page: Path) -> list[FencedBlock]:
    """The page's fenced blocks in order. Fences are three backticks and are not nested."""
    blocks: list[FencedBlock] = []
    opened: tuple[int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif opened is None:
            opened, lines = (number, line[3:]), []
        else:
            blocks.append(_block(*opened, lines))
            opened = None
    assert opened is None, f"{page.name}:{opened[0] if opened else 0}: the fence is not closed"
    return blocks


def _block(line: int, info: str, lines: list[str]) -> FencedBlock:
    language, *words = info.split() or [""]
    options = {name: value for name, _, value in (word.partition("=") for word in words)}
    return FencedBlock(language, line, "\n".join(lines) + "\n", options)
