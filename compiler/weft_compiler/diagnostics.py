"""Diagnostics: what the compiler tells people, and Claude, about an orchestration that it does not accept.

One object, three renderings (see `rendering`). What always holds: a diagnostic's code is in the table of
`codes`, its span lies in the source, and diagnostics are shown in the order of the source, each once.

Nothing here knows what the phases look for; they call `Reporter.report` and carry on with the next statement.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

from weft_compiler.codes import code_of
from weft_compiler.graph import Span
from weft_compiler.rendering import Style, render
from weft_compiler.tree import children, walk

__all__ = [
    "CompileFailed",
    "Diagnostic",
    "Label",
    "Reporter",
    "Severity",
    "Style",
    "header_of",
    "render",
    "span_of",
    "split_lines",
]

Severity = Literal["error", "warning"]
_NEWLINE = re.compile(r"\r\n|\r|\n")
_DEFINITION = re.compile(r"(?:async\s+)?(?:def|class)\s+\w+")


@dataclass(frozen=True)
class Label:
    """A second place in the source that a diagnostic speaks of."""

    span: Span
    message: str


@dataclass(frozen=True)
class Diagnostic:
    """One finding.

    `message` stands alone: lower case, no full stop. `notes` state the constraint, only `help` proposes, and
    `fix` is the code that `help` speaks of: it compiles.
    """

    code: str
    message: str
    span: Span
    notes: tuple[str, ...] = ()
    help: str | None = None
    fix: str | None = None
    related: tuple[Label, ...] = ()
    severity: Severity = "error"


class CompileFailed(Exception):
    """The orchestration has errors. `diagnostics` (warnings too) are in the order of the source."""

    def __init__(self, diagnostics: Sequence[Diagnostic], source: str, file: str) -> None:
        super().__init__(diagnostics, source, file)
        self.diagnostics = tuple(sorted(diagnostics, key=_place))
        self.source = source
        self.file = file

    def __str__(self) -> str:
        return render(self.diagnostics, self.source, "concise", file=self.file)


class HasLines(Protocol):
    """A `Source`, or anything else that has the source's lines without their line ends."""

    @property
    def lines(self) -> Sequence[str]: ...


class Reporter:
    """Collects the diagnostics of one orchestration."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.lines: Sequence[str] = split_lines(text)
        self._found: dict[tuple[str, str, Span], Diagnostic] = {}
        self._refused_names: dict[Span, Diagnostic] = {}

    def report(
        self,
        code: str,
        where: ast.AST | Span,
        message: str | None = None,
        *,
        notes: Iterable[str] | None = None,
        help_text: str | None = None,
        fix: str | None = None,
        related: Iterable[Label] = (),
        **values: object,
    ) -> Diagnostic:
        """Adds a finding; `values` fill the placeholders of the code's texts (`codes.CODES`).

        `message`, `notes` and `help_text` replace the code's own. A compound statement is pointed at by its
        header. Of two errors about the very same name the first one stands: it knows why.
        Raises UnknownCode for an unknown code, TypeError where a placeholder has no value.
        """
        entry = code_of(code)
        texts = entry.texts(values, message=message, notes=notes, help_text=help_text)
        span = where if isinstance(where, Span) else header_of(where, self)
        found = Diagnostic(
            code, texts.message, span, texts.notes, texts.help, fix, tuple(related), severity=entry.severity
        )
        if isinstance(where, ast.Name) and span in self._refused_names:
            return self._refused_names[span]
        if isinstance(where, ast.Name) and found.severity == "error":
            self._refused_names[span] = found
        return self._found.setdefault((code, found.message, span), found)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All findings so far, in the order of the source."""
        return tuple(sorted(self._found.values(), key=_place))

    @property
    def failed(self) -> bool:
        return any(found.severity == "error" for found in self._found.values())

    def raise_if_errors(self) -> None:
        """Raises CompileFailed if there is any error; warnings alone pass."""
        if self.failed:
            self._fail()

    def _fail(self) -> NoReturn:
        raise CompileFailed(self.diagnostics, self.text, self.file)


def split_lines(text: str) -> list[str]:
    """The lines as CPython's parser counts them, without their ends (`str.splitlines` knows more ends)."""
    return _NEWLINE.split(text)


def span_of(node: ast.AST, source: HasLines) -> Span:
    """The node's range in characters (`ast` counts UTF-8 bytes); without a position, that of its children."""
    if hasattr(node, "lineno"):
        return _located(node, source)
    children = [_located(child, source) for child in walk(node) if hasattr(child, "lineno")]
    if not children:
        return Span(line=1, col=0, end_line=1, end_col=0)
    first = min(children, key=lambda span: (span.line, span.col))
    last = max(children, key=lambda span: (span.end_line, span.end_col))
    return Span(line=first.line, col=first.col, end_line=last.end_line, end_col=last.end_col)


def header_of(node: ast.AST, source: HasLines) -> Span:
    """The node's range without its body: `async def f`, `class C`, `for x in xs`, `try`; else all of it."""
    span = span_of(node, source)
    if not isinstance(node, (ast.stmt, ast.excepthandler)) or not (
        hasattr(node, "body") or isinstance(node, ast.Match)
    ):
        return span
    line = source.lines[span.line - 1]
    if named := _DEFINITION.match(line, span.col):
        return Span(line=span.line, col=span.col, end_line=span.line, end_col=named.end())
    heads = (ast.expr, ast.withitem)
    parts = [span_of(child, source) for child in children(node) if isinstance(child, heads)]
    if parts:
        last = max(parts, key=lambda part: (part.end_line, part.end_col))
        return Span(line=span.line, col=span.col, end_line=last.end_line, end_col=last.end_col)
    colon = line.find(":", span.col)
    return Span(line=span.line, col=span.col, end_line=span.line, end_col=colon if colon > 0 else len(line))


def _located(node: ast.AST, source: HasLines) -> Span:
    line, end_line = node.lineno, node.end_lineno or node.lineno  # type: ignore[attr-defined]
    col, end_col = node.col_offset, node.end_col_offset  # type: ignore[attr-defined]
    return Span(
        line=line,
        col=characters(source.lines[line - 1], col),
        end_line=end_line,
        end_col=characters(source.lines[end_line - 1], end_col),
    )


def characters(line: str, utf8_bytes: int) -> int:
    """How many characters of the line its first so many bytes of UTF-8 are."""
    if line.isascii():
        return min(utf8_bytes, len(line))
    return len(line.encode("utf-8", "surrogatepass")[:utf8_bytes].decode("utf-8", "ignore"))


def _place(found: Diagnostic) -> tuple[int, int, int, int, str, str]:
    span = found.span
    return (span.line, span.col, span.end_line, span.end_col, found.code, found.message)
