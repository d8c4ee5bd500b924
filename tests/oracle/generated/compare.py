"""One program in CPython and in the machine: how they differ, if they do.

The outcome under CPython is right by definition. What the design leaves open is left out: the text of a deadlock, and
how CPython before 3.12 speaks of comprehensions, which were functions then.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Any

from weft_compiler.allowed_names import ALLOWED_MODULES
from weft_compiler.diagnostics import CompileFailed
from weft_compiler.plan import Plan

from tests.oracle.generated.fakes import fake_tools
from tests.oracle.generated.programs import Program
from tests.oracle.machine import compile_for, run_compiled
from tests.oracle.run import Outcome, run_cpython

_MODULES: dict[str, Any] = {
    name: importlib.import_module(name) for name in ALLOWED_MODULES if "." not in name and name != "__future__"
}
_FREE_IN_COMPREHENSION = re.compile(r"NameError(: |\(.)cannot access free variable ('\w+') where it is not")


@dataclass(frozen=True)
class Difference:
    """`kind` says shortly what is wrong, so that a smaller program can be asked whether it is the same."""

    kind: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.kind}\n--- CPython ---\n{self.expected}--- machine ---\n{self.found}"


def difference(program: Program, *, other_orders: int = 0) -> Difference | None:
    """None where the machine ends as CPython does, as it is and rebuilt from a checkpoint before each event; and, straight
    only, under so many other tempi, where the steps end in other orders.
    """
    expected = _in_cpython(program, program.tempo)
    try:
        plan = compile_for(program.source, fake_tools(program.tempo))
    except CompileFailed as failed:
        codes = ", ".join(sorted({d.code for d in failed.diagnostics}))
        return Difference(
            f"refused: {codes}", expected, "".join(f"{d.span.line}: {d.code}: {d.help}\n" for d in failed.diagnostics)
        )
    except Exception as error:  # noqa: BLE001  (whatever the compiler raises is a finding)
        return Difference(f"compiler: {type(error).__name__}: {str(error)[:60]}", expected, f"{error}\n")
    for tempo in range(program.tempo, program.tempo + other_orders + 1):
        expected = expected if tempo == program.tempo else _in_cpython(program, tempo)
        for restored in (False, True) if tempo == program.tempo else (False,):
            kind, found = _in_the_machine(plan, tempo, restored)
            if found != expected:
                how = f"tempo {tempo} " if tempo != program.tempo else "restored " if restored else ""
                return Difference(how + (kind or _what_differs(expected, found)), expected, found)
    return None


def _in_cpython(program: Program, tempo: int) -> str:
    return _compared(run_cpython(program.explicit, fake_tools(tempo), modules=_MODULES))


def _in_the_machine(plan: Plan, tempo: int, restored: bool) -> tuple[str, str]:
    """What is wrong before any comparison, and the outcome."""
    try:
        return "", _compared(run_compiled(plan, fake_tools(tempo), restored=restored))
    except Exception as error:  # noqa: BLE001  (whatever the machine raises is a finding)
        return f"raised: {type(error).__name__}: {str(error)[:60]}", f"{type(error).__name__}: {error}\n"


def _compared(outcome: Outcome) -> str:
    text = str(outcome)
    if outcome.error is not None and outcome.error[0] == "Deadlock":
        text = text.replace(outcome.error[1], "")
    text = _FREE_IN_COMPREHENSION.sub(r"UnboundLocalError\1cannot access local variable \2 where it is not", text)
    return text.replace(" associated with a value in enclosing scope", " associated with a value")


def _what_differs(expected: str, found: str) -> str:
    """The first line that differs, without its numbers."""
    for left, right in zip(expected.split("\n"), found.split("\n"), strict=False):
        if left != right:
            return f"{_shape(left)} | {_shape(right)}"
    return "length"


def _shape(line: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "0", re.sub(r"result: .*", "result", line))[:70]
