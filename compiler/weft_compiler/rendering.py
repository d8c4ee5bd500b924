"""The three renderings of diagnostics: `full` for people, `concise` (one line each) and `json` for programs.

Pure text in, pure text out: no terminal is looked at, and colour is only used where the caller asks for it. The
excerpt keeps its marks under the text they mean: tabs are expanded, and characters that terminals draw two columns
wide count for two.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from weft_compiler.diagnostics import Diagnostic
    from weft_compiler.graph import Span

Style = Literal["full", "concise", "json"]

_TAB = 4
#: Unicode categories of characters that take no column: combining marks and invisible format characters.
_NO_WIDTH = ("Mn", "Me", "Cf")
_NEWLINE = re.compile(r"\r\n|\r|\n")
#: SGR codes: of the severity, of the frame, of the first line, of secondary marks.
_COLORS = {"error": "1;31", "warning": "1;33", "frame": "1;34", "title": "1", "help": "1;36", "note": "1;32"}
#: Characters of a line that are shown, and how many of them before the marks.
_MOST_COLUMNS = 200
_BEFORE_MARKS = 60
#: Lines of a span that are shown before the middle is left out.
_MOST_LINES = 5


def render(diagnostics: Sequence[Diagnostic], source: str, style: Style, *, file: str, color: bool = False) -> str:
    """The diagnostics as text, without a final newline. `json` is one array; elsewhere columns count from 1."""
    match style:
        case "full":
            paint = _Paint(color)
            lines = _NEWLINE.split(source)
            shown = ["\n".join(_full(found, lines, file, paint)) for found in diagnostics]
            return "\n\n".join([*shown, _summary(diagnostics)] if shown else [])
        case "concise":
            return "\n".join(_concise(found, file) for found in diagnostics)
        case "json":
            return json.dumps([_plain(found, file) for found in diagnostics], ensure_ascii=False, indent=2)


class _Paint:
    """Colours text, or leaves it as it is."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{_COLORS[style]}m{text}\x1b[0m" if self._color and text else text


def _full(found: Diagnostic, lines: Sequence[str], file: str, paint: _Paint) -> Iterator[str]:
    head = paint(found.severity, f"{found.severity}[{found.code}]")
    yield f"{head}{paint('title', f': {found.message}')}"
    places = [(found.span, "", "^", str(found.severity))]
    places += [(label.span, label.message, "-", "frame") for label in found.related]
    width = len(str(max(span.end_line for span, *_ in places)))
    gutter = " " * width
    yield f"{gutter}{paint('frame', '-->')} {file}:{found.span.line}:{found.span.col + 1}"
    bar = paint("frame", "|")
    yield f"{gutter} {bar}"
    for index, (span, message, mark, style) in enumerate(places):
        if index:
            yield f"{gutter} {paint('frame', ':')}"
        for number, text, marks in _excerpt(span, lines, mark):
            yield f"{paint('frame', f'{number:>{width}}' if number else '...')} {bar} {text}".rstrip()
            if marks is not None:
                yield f"{gutter} {bar} {paint(style, f'{marks} {message}'.rstrip())}"
    yield from _advice(found, gutter, paint)


def _advice(found: Diagnostic, gutter: str, paint: _Paint) -> Iterator[str]:
    if found.notes or found.help is not None:
        yield f"{gutter} {paint('frame', '|')}"
    for note in found.notes:
        yield from _paragraph(gutter, paint, "note", note)
    if found.help is not None:
        yield from _paragraph(gutter, paint, "help", found.help)
    if found.fix is not None:
        yield f"{gutter} {paint('frame', '|')}"
        for line in found.fix.split("\n"):
            yield f"{gutter} {paint('frame', '+')} {line}".rstrip()


def _paragraph(gutter: str, paint: _Paint, kind: str, text: str) -> Iterator[str]:
    first, *rest = text.split("\n")
    yield f"{gutter} {paint('frame', '=')} {paint(kind, f'{kind}:')} {first}"
    yield from (f"{gutter}         {line}".rstrip() for line in rest)


def _excerpt(span: Span, lines: Sequence[str], mark: str) -> Iterator[tuple[int, str, str | None]]:
    """Line number, text and marks of each line of the span; number 0 stands for lines that are left out."""
    for number in range(span.line, span.end_line + 1):
        left_out = span.end_line - span.line >= _MOST_LINES and span.line + 1 < number < span.end_line - 1
        if left_out:
            if number == span.line + 2:
                yield 0, "", None
            continue
        line = lines[number - 1]
        start = span.col if number == span.line else len(line) - len(line.lstrip())
        end = span.end_col if number == span.end_line else len(line.rstrip())
        yield number, *_marked(line, start, end, mark)


def _marked(line: str, start: int, end: int, mark: str) -> tuple[str, str]:
    """The line as it is printed, and the marks under it; of a very long line, what is around the marks."""
    if len(line) > _MOST_COLUMNS:
        first = max(start - _BEFORE_MARKS, 0)
        cut = line[first : first + _MOST_COLUMNS]
        line = f"…{cut}…"
        start, end = start - first + 1, min(end - first, len(cut)) + 1
    before, under = _width(_drawn(line[:start])), _width(_drawn(line[:end]))
    return _drawn(line), " " * before + mark * max(under - before, 1)


def _drawn(line: str) -> str:
    """The line as it is printed: tabs become spaces, other control characters their pictures."""
    drawn = ""
    for character in line:
        if character == "\t":
            drawn += " " * (_TAB - _width(drawn) % _TAB)
        else:
            drawn += chr(0x2400 + ord(character)) if character < " " else character
    return drawn


def _width(text: str) -> int:
    """How many columns a terminal needs for the text."""
    if text.isascii():
        return len(text)
    shown = (character for character in text if unicodedata.category(character) not in _NO_WIDTH)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in shown)


def _summary(diagnostics: Sequence[Diagnostic]) -> str:
    counts = [(kind, sum(found.severity == kind for found in diagnostics)) for kind in ("error", "warning")]
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts if count)


def _concise(found: Diagnostic, file: str) -> str:
    span = found.span
    return f"{file}:{span.line}:{span.col + 1}: {found.severity}[{found.code}]: {found.message}"


def _plain(found: Diagnostic, file: str) -> dict[str, Any]:
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "file": file,
        "span": found.span.model_dump(),
        "notes": list(found.notes),
        "help": found.help,
        "fix": found.fix,
        "related": [{"span": label.span.model_dump(), "message": label.message} for label in found.related],
    }
