"""The second phase: which constructs an orchestration may use.

One table says for every concrete class of `ast`, on every supported minor version of Python, whether the
compiler lowers it to the graph, passes it on as pure code, or refuses it. Whether a construct that is pure
here holds a step, and whether that can be lowered, is decided by the phases after this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from weft_compiler.diagnostics import Reporter
from weft_compiler.source import Source


@dataclass(frozen=True)
class Refused:
    """Refused with this code wherever it stands."""

    code: str


Verdict = Literal["lowered", "pure"] | Refused

VERDICTS: Final[dict[str, Verdict]] = {}


def check_subset(source: Source, reporter: Reporter) -> None:
    """Reports every construct, name and import that no orchestration may use."""
