"""The limits of a run as the command line (`--limit NAME=NUMBER`) and the environment (`WEFT_LIMITS`) say them.

What always holds: a limit is a positive whole number, and nobody sets one that does not exist. Which limits
there are, and their defaults, only the plan knows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches

from weft_compiler.plan import Limits

#: Several stand in it with commas between them; what the command line says wins.
VARIABLE = "WEFT_LIMITS"


class LimitsError(Exception):
    """Limits that cannot be taken. `problems` has one message for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def read_limits(given: Sequence[str]) -> Limits:
    """The limits of texts like `fuel=20000000`, of the environment, and the defaults for the others. Raises
    LimitsError.
    """
    environment = [each.strip() for each in os.environ.get(VARIABLE, "").split(",") if each.strip()]
    numbers: dict[str, int] = {}
    problems = []
    for where, text in [*((VARIABLE, each) for each in environment), *(("--limit", each) for each in given)]:
        name, _, number = (part.strip() for part in text.partition("="))
        if problem := _problem(name, number):
            problems.append(f"{where} {text}: {problem}")
        else:
            numbers[name] = int(number)
    if problems:
        raise LimitsError(problems)
    return Limits(**numbers)


def _problem(name: str, number: str) -> str:
    """What is wrong with one limit, empty where nothing is."""
    known = list(Limits.model_fields)
    if name not in known:
        close = get_close_matches(name, known, 1)
        meant = f", did you mean {close[0]}?" if close else "."
        return f"there is no limit {name!r}{meant} Write NAME=NUMBER with one of {', '.join(known)}"
    try:
        positive = int(number) > 0
    except ValueError:
        positive = False
    example = Limits.model_fields[name].default
    return "" if positive else f"not a positive whole number: write for example {name}={example}"
