"""Runs a program guarded, in this process, and the same program under plain CPython, for comparison."""

from __future__ import annotations

import ast
import contextlib
import io
import random
from dataclasses import dataclass, field
from typing import Any

from weft_compiler.plan import RULES_VERSION, Limits
from weft_workflows.sandbox.environment import new_globals
from weft_workflows.sandbox.guard import guard
from weft_workflows.sandbox.meter import Meter

#: The run's clock in tests: 2023-11-14 22:13:20 UTC.
NOW = 1_700_000_000.0


class Services:
    """A machine's services with a fixed clock and a seeded generator."""

    def __init__(self, **limits: int) -> None:
        self.meter = Meter(Limits(**{"fuel": 5_000_000} | limits))
        self.rules = RULES_VERSION
        self.random = random.Random(1)
        self.output: list[str] = []

    def now(self) -> float:
        return NOW

    def write(self, text: str) -> None:
        self.output.append(text)

    def module(self, name: str) -> Any | None:
        return None


@dataclass
class Outcome:
    """What a program printed, and the type and message of the exception that ended it."""

    output: str
    error: str | None = None
    namespace: dict[str, Any] = field(default_factory=dict, compare=False)


def run_guarded(source: str, **limits: int) -> Outcome:
    services = Services(**limits)
    namespace = new_globals(services)
    error = None
    try:
        exec(compile(guard(ast.parse(source)), "orchestration.py", "exec"), namespace)
    except BaseException as raised:  # noqa: BLE001 - whatever ended it is the outcome
        error = f"{type(raised).__name__}: {raised}"
    return Outcome("".join(services.output), error, namespace)


def run_plain(source: str) -> Outcome:
    output = io.StringIO()
    namespace: dict[str, Any] = {"__name__": "__main__"}
    error = None
    with contextlib.redirect_stdout(output):
        try:
            exec(compile(source, "orchestration.py", "exec"), namespace)
        except BaseException as raised:  # noqa: BLE001 - whatever ended it is the outcome
            error = f"{type(raised).__name__}: {raised}"
    return Outcome(output.getvalue(), error)
