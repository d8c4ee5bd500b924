"""What a checkpoint costs: a run that holds many small dicts, and one that holds next to nothing.

    python benchmarks/checkpoints.py

Prints milliseconds (the median of several rounds) to take and to restore a checkpoint, and its size.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from weft_compiler.compile import compile_source
from weft_compiler.tool_spec import ToolSpec
from weft_workflows.machine import protocol as p
from weft_workflows.machine.machine import Machine

ROUNDS = 9
PROGRAMS = {
    "an empty run": "await wait()",
    "10,000 small dicts": "rows = [{'id': i, 'name': str(i), 'paid': i % 2 == 0} for i in range(10_000)]\nawait wait()",
}


def started(source: str) -> Machine:
    """A machine that waits for its first step."""
    plan = compile_source(source, [ToolSpec(name="wait")])
    start = p.Start(plan.canonical_json(), "{}", "run", 1, 0.0)
    return Machine.start(p.to_bytes([start]), _ignore)[0]


def _ignore(_line: int) -> None:
    """Takes the trace of lines."""


def milliseconds(work: Callable[[], object]) -> float:
    taken: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def main() -> None:
    for name, source in PROGRAMS.items():
        machine = started(source)
        checkpoint = machine.snapshot()
        taking, restoring = (
            milliseconds(machine.snapshot),
            milliseconds(lambda kept=checkpoint: Machine.restore(kept, _ignore)),
        )
        print(f"{name:20} take {taking:7.2f} ms, restore {restoring:7.2f} ms, {len(checkpoint):,} bytes")


if __name__ == "__main__":
    main()
