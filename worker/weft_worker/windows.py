"""How many steps of a run may be with the server at once, as the command line (`--window N` or `--window TOOL=N`) and the
environment (`WEFT_WINDOW`, several with commas between them) say it.

What always holds: a window is a positive whole number that the server bears; what the command line says wins.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from weft_worker.problems import misused

VARIABLE = "WEFT_WINDOW"
#: The server takes no more than 2,000 pending activities of one workflow.
LARGEST = 1_900
DEFAULT = 1_000


@dataclass(frozen=True)
class Windows:
    """The window of the run, and those of single tools by name."""

    run: int = DEFAULT
    tools: dict[str, int] = field(default_factory=dict)


def read_windows(given: Sequence[str]) -> Windows:
    """The windows of texts like `50` and `search=5`. Raises CommandFailed."""
    environment = [each.strip() for each in os.environ.get(VARIABLE, "").split(",") if each.strip()]
    run, tools = DEFAULT, {}
    for where, text in [*((VARIABLE, each) for each in environment), *(("--window", each) for each in given)]:
        name, _, number = text.rpartition("=")
        if not number.isdecimal() or not 1 <= int(number) <= LARGEST:
            raise misused(
                f"{where} {text}: write a number from 1 to {LARGEST:,} for the run, or TOOL=NUMBER for one of its tools,"
                " for example --window 50 --window search=5"
            )
        if name:
            tools[name.strip()] = int(number)
        else:
            run = int(number)
    return Windows(run, tools)
