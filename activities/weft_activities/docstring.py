"""Reads a tool's docstring: what the tool does, and what each parameter means.

Three styles are read: Google (`Args:` and indented `name (type): text`), NumPy (`Parameters` underlined, then
`name : type` and indented text) and Sphinx (`:param name: text`). Sections about parameters are taken out of
the description, since the schema carries them; everything else stays as it is. Nothing here knows signatures:
names that no parameter bears are simply never asked for.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_GOOGLE_SECTION = re.compile(r"(Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters):\s*$")
_GOOGLE_ENTRY = re.compile(r"(\*{0,2}\w+)\s*(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?\s*:\s*(.*)$")
_NUMPY_SECTION = re.compile(r"(Parameters|Other Parameters)\s*$")
_NUMPY_ENTRY = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_UNDERLINE = re.compile(r"-{3,}\s*$")
_SPHINX_PARAMETER = re.compile(r":(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?(\*{0,2}\w+)\s*:\s*(.*)$")
_SPHINX_TYPE = re.compile(r":type\s+\*{0,2}\w+\s*:")


@dataclass(frozen=True)
class Documentation:
    """`description` without its sections on parameters; `parameters` maps names (no stars) to their text."""

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def parse_docstring(text: str | None) -> Documentation:
    """The documentation in a docstring as it stands in the source; empty for None."""
    lines = inspect.cleandoc(text or "").splitlines()
    kept: list[str] = []
    found: dict[str, list[str]] = {}
    at = 0
    while at < len(lines):
        end = _section_end(lines, at, found)
        if end == at:
            kept.append(lines[at])
            end += 1
        at = end
    description = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return Documentation(description, {name: " ".join(words).strip() for name, words in found.items()})


def _section_end(lines: list[str], at: int, found: dict[str, list[str]]) -> int:
    """Reads the section on parameters that begins at a line, if one does; gives the first line after it."""
    line = lines[at]
    if _GOOGLE_SECTION.match(line) and _indent_after(lines, at + 1) > 0:
        return _read_google(lines, at + 1, found)
    if _NUMPY_SECTION.match(line) and at + 1 < len(lines) and _UNDERLINE.match(lines[at + 1]):
        return _read_numpy(lines, at + 2, found)
    if _SPHINX_PARAMETER.match(line) or _SPHINX_TYPE.match(line):
        return _read_sphinx(lines, at, found)
    return at


def _read_google(lines: list[str], at: int, found: dict[str, list[str]]) -> int:
    outer = _indent_after(lines, at)
    words: list[str] = []
    while at < len(lines) and (not lines[at].strip() or _indent(lines[at]) >= outer):
        entry = _GOOGLE_ENTRY.match(lines[at].strip()) if _indent(lines[at]) == outer else None
        if entry:
            words = found.setdefault(entry[1].lstrip("*"), [])
            words.append(entry[2])
        else:
            words.append(lines[at].strip())
        at += 1
    return at


def _read_numpy(lines: list[str], at: int, found: dict[str, list[str]]) -> int:
    names: list[str] = []
    while at < len(lines) and not _begins_numpy_section(lines, at):
        line = lines[at]
        entry = _NUMPY_ENTRY.match(line) if line.strip() and _indent(line) == 0 else None
        if entry:
            names = [name.strip().lstrip("*") for name in entry[1].split(",")]
        elif line.strip() and _indent(line) == 0:
            break
        for name in names:
            found.setdefault(name, []).extend([] if entry else [line.strip()])
        at += 1
    return at


def _read_sphinx(lines: list[str], at: int, found: dict[str, list[str]]) -> int:
    entry = _SPHINX_PARAMETER.match(lines[at])
    words = found.setdefault(entry[1].lstrip("*"), []) if entry else []
    if entry:
        words.append(entry[2])
    at += 1
    while at < len(lines) and lines[at].strip() and _indent(lines[at]) > 0:
        words.append(lines[at].strip())
        at += 1
    return at


def _begins_numpy_section(lines: list[str], at: int) -> bool:
    return at + 1 < len(lines) and bool(lines[at].strip()) and bool(_UNDERLINE.match(lines[at + 1]))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _indent_after(lines: list[str], at: int) -> int:
    """The indent of the first line from `at` on that is not blank, 0 where there is none."""
    return next((_indent(line) for line in lines[at:] if line.strip()), 0)
