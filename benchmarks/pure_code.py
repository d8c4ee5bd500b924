"""What the sandbox costs: six pure programs under plain CPython and guarded, at module level and within a function.

    python -m benchmarks.pure_code

Prints a table (seconds, and the factor between the two) and the geometric mean; the last one stands in `README.md`.
At module level the guarded form is the one that the machine runs: the statements as the body of a function.
"""

from __future__ import annotations

import ast
import math
import random
import time
from collections.abc import Callable
from typing import Any

from weft_compiler.plan import RULES_VERSION, Limits
from weft_workflows.sandbox.environment import new_globals
from weft_workflows.sandbox.guard import guard
from weft_workflows.sandbox.meter import Meter

PROGRAMS = {
    "integer loop of a million": """
total = 0
for i in range(1_000_000):
    if i % 3 == 0:
        total += i * i % 7
""",
    "sum over a generator of 200,000": """
records = [{"amount": i, "ok": i % 3} for i in range(200_000)]
total = sum(r["amount"] for r in records if r["ok"])
""",
    "filter and build 200,000 dicts": """
out = []
for i in range(200_000):
    r = {"id": i, "amount": i * 0.5}
    if r["amount"] > 100:
        out.append({"id": r["id"], "double": r["amount"] * 2})
""",
    "100,000 formatted strings joined": """
names = ["ann", "bob", "cy"]
text = "\\n".join(f"{i}: {names[i % 3]} {i / 7:.2f}" for i in range(100_000))
""",
    "sort of 200,000 by a key of two parts": """
records = [{"group": i * 7919 % 101, "value": -i} for i in range(200_000)]
ordered = sorted(records, key=lambda r: (r["group"], r["value"]))
""",
    "nested comprehension of 600 by 600": """
table = [[row * column for column in range(600)] for row in range(600)]
total = sum(sum(row) for row in table)
""",
}


class Services:
    """The least that the sandbox needs of a machine."""

    def __init__(self) -> None:
        self.meter = Meter(Limits())
        self.rules = RULES_VERSION
        self.random = random.Random(1)

    def now(self) -> float:
        return 0.0

    def write(self, text: str) -> None:
        print(text, end="")

    def module(self, _name: str) -> Any | None:
        return None


def _indented(source: str) -> str:
    return "def main():\n" + "".join(f"    {line}\n" for line in source.strip().splitlines())


def compared(plain: str, guarded: str, rounds: int = 7) -> tuple[float, float]:
    """Seconds of the one in CPython and of the other guarded, each the best of several rounds taken by turns."""
    before = compile(plain, "<plain>", "exec")
    after = compile(guard(ast.parse(guarded)), "<guarded>", "exec")
    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        globals_ = new_globals(Services())
        times.append((_seconds(lambda: exec(before, {})), _seconds(lambda g=globals_: exec(after, g))))  # type: ignore[misc]
    return min(fast for fast, _ in times), min(slow for _, slow in times)


def _seconds(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    factors = []
    print("| program | where | CPython, s | Weft, s | factor |\n| --- | --- | --- | --- | --- |")
    for name, source in PROGRAMS.items():
        within = _indented(source) + "main()\n"
        for where, before in (("module", source), ("function", within)):
            fast, slow = compared(before, within)
            factors.append(slow / fast)
            print(f"| {name} | {where} | {fast:.3f} | {slow:.3f} | {slow / fast:.2f} |")
    print(f"\ngeometric mean {math.exp(sum(map(math.log, factors)) / len(factors)):.2f}, worst {max(factors):.2f}")


if __name__ == "__main__":
    main()
