"""Kills workers, their hosts and the server while orchestrations run, and looks whether anything shows.

    python -m benchmarks.chaos --kills 10 --seed 1 --minutes 30

Every example, 25 long jobs of `tests/orchestrations` and the short programs of `disturbing.programs` run on embedded
servers, first undisturbed, then with `kill -9` at moments that the seed chooses:

    worker   the worker process; its hosts end with it, and a supervisor starts it again
    hosts    the processes in which the worker evaluates orchestrations
    server   the server, which its keeper starts again
    all      keeper, server, worker and hosts at once

Tools tell what they do in a journal that outlives them (`disturbing.journal`). Held against the undisturbed run: status,
result, output and exception; each effect exactly once; no step begins again once its end is recorded; a plain write that
was in flight parks, is answered by the Update that people use (skipped with its value where the journal says that it was
done, else tried again), and never begins otherwise a second time. No process is left behind. The exit code is 1 where
anything of that does not hold. Linux only: processes are found in /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.disturbing.arena import KINDS, Arena
from benchmarks.disturbing.moments import Striker, strikes
from benchmarks.disturbing.playing import Played, moving, play
from benchmarks.disturbing.processes import kill, running_in
from benchmarks.disturbing.verdict import Verdict, judge
from benchmarks.disturbing.workload import Orchestration, orchestrations

#: Runs of one orchestration until it has had its strikes: a short one may be over before.
_MOST_RUNS = 4
#: Services of an example that outlive its worker on purpose.
_ON_PURPOSE = "fleet.py"


@dataclass
class Row:
    """One orchestration: what was done to it, and what came of it. The fields are the table's columns."""

    name: str
    runs: int = 0
    strikes: int = 0
    steps: int = 0
    executions: int = 0
    effects: int = 0
    parked: int = 0
    moves: int = 0
    batches: int = 0
    rerun: int = 0
    doubled: int = 0
    lost: int = 0
    wrong: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, played: Played, verdict: Verdict) -> None:
        self.runs += 1
        self.strikes += played.strikes.total()
        self.parked += played.answered.total()
        self.moves += max(played.record.executions - 1, 0)
        self.batches += played.record.batches
        self.seconds = round(self.seconds + played.seconds, 1)
        for name in ("steps", "executions", "effects", "rerun", "doubled", "lost", "wrong"):
            setattr(self, name, getattr(self, name) + getattr(verdict, name))
        self.faults += verdict.faults


@dataclass
class Report:
    rows: list[Row] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    strikes: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return sum(len(row.faults) for row in self.rows) + len(self.left_behind)

    def to_json(self) -> dict[str, Any]:
        # Not `asdict` of the whole: before Python 3.12 it cannot copy a Counter.
        counts = {name: dict(getattr(self, name)) for name in ("killed", "strikes", "answered")}
        lists = {"left_out": self.left_out, "left_behind": self.left_behind}
        return {"rows": [asdict(row) for row in self.rows], **counts, **lists, "faults": self.faults}


async def disturb_all(arguments: argparse.Namespace, folder: Path, report: Report) -> None:
    """Several lanes, each with a server of its own, take orchestrations until none is left or the time is up."""
    chosen = _chosen(arguments)
    left = list(chosen)
    deadline = time.monotonic() + arguments.minutes * 60

    async def lane(number: int) -> None:
        async with Arena(folder / f"lane{number}") as arena:
            while left and time.monotonic() < deadline:
                orchestration = left.pop(0)
                row = await _disturb(arena, orchestration, arguments, folder / f"lane{number}", report)
                report.rows.append(row)
                _tell(row, len(report.rows), len(chosen))

    async with asyncio.TaskGroup() as lanes:
        for number in range(min(arguments.jobs, len(chosen))):
            lanes.create_task(lane(number))
    report.left_out += [each.name for each in left]


async def _disturb(
    arena: Arena, orchestration: Orchestration, arguments: argparse.Namespace, folder: Path, report: Report
) -> Row:
    name = orchestration.name
    row = Row(name)
    options = moving(arguments.every)
    undisturbed = await play(arena, orchestration, folder / f"{name}-undisturbed", options=options)
    if undisturbed.faults or undisturbed.outcome is None:
        row.faults += [f"undisturbed: {fault}" for fault in undisturbed.faults]
        return row
    chance = random.Random(f"{arguments.seed} {name}")
    striker = Striker(strikes(chance, arguments.kills, arguments.kinds.split(",")), chance)
    while striker.left and row.runs < _MOST_RUNS and not row.faults:
        run_folder = folder / f"{name}-{row.runs + 1}"
        played = await play(arena, orchestration, run_folder, striker, workers=arguments.workers, options=options)
        row.add(played, judge(played, undisturbed))
        report.killed += played.killed
        report.strikes += played.strikes
        report.answered += played.answered
    return row


def _chosen(arguments: argparse.Namespace) -> list[Orchestration]:
    known = orchestrations()
    names = arguments.only.split(",") if arguments.only else list(known)[: arguments.orchestrations]
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"no orchestrations {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]


def _tell(row: Row, done: int, of: int) -> None:
    word = "WRONG" if row.faults else "ok"
    shown = f"{row.strikes} strikes, {row.steps} steps in {row.executions} executions, {row.parked} parked"
    print(
        f"{done:>3}/{of} {word:<5} {row.name}: {row.runs} runs, {shown}, {row.seconds:.0f} s",
        file=sys.stderr,
        flush=True,
    )
    for fault in row.faults:
        print(f"      {fault[:1000]}", file=sys.stderr, flush=True)


def sweep(folder: Path) -> list[str]:
    """Ends what still runs of the folder; gives the command lines of what should not."""
    left = running_in(folder)
    deadline = time.monotonic() + 3.0
    while any(_ON_PURPOSE not in command for command in left.values()) and time.monotonic() < deadline:
        time.sleep(0.05)
        left = running_in(folder)
    for pid in left:
        kill(pid)
    return [command for command in left.values() if _ON_PURPOSE not in command]


_COLUMNS = (
    "runs",
    "strikes",
    "steps",
    "executions",
    "effects",
    "parked",
    "moves",
    "batches",
    "rerun",
    "doubled",
    "lost",
    "wrong",
    "seconds",
)


def table(report: Report) -> str:
    total = Row("total")
    for row in report.rows:
        for name in _COLUMNS:
            setattr(total, name, round(getattr(total, name) + getattr(row, name), 1))
    lines = [f"| orchestration | {' | '.join(_COLUMNS)} |", "| --- |" + " --- |" * len(_COLUMNS)]
    lines += [
        f"| {row.name} | {' | '.join(f'{getattr(row, name):,}' for name in _COLUMNS)} |"
        for row in [*report.rows, total]
    ]
    words = [("struck", report.strikes), ("killed", report.killed), ("parked steps answered", report.answered)]
    lines += [""] + [f"{word}: {', '.join(f'{n} {k}' for k, n in sorted(c.items())) or 'none'}" for word, c in words]
    lines += [f"left out for lack of time: {', '.join(report.left_out)}"] if report.left_out else []
    lines += [f"left behind: {command}" for command in report.left_behind]
    return "\n".join([*lines, f"{len(report.rows)} orchestrations, {report.faults} faults"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="chooses kinds and moments")
    parser.add_argument("--kills", type=int, default=10, help="strikes for each orchestration")
    parser.add_argument("--kinds", default=",".join(KINDS), help="what may be killed, by commas")
    parser.add_argument("--orchestrations", type=int, default=None, help="only the first so many")
    parser.add_argument("--only", default="", help="names of orchestrations, by commas")
    parser.add_argument("--minutes", type=float, default=60.0, help="takes no further orchestration after that")
    parser.add_argument("--jobs", type=int, default=2, help="orchestrations at a time, each on a server of its own")
    parser.add_argument("--workers", type=int, default=1, help="workers of each run; of several, one is struck")
    parser.add_argument(
        "--every",
        type=int,
        default=0,
        help="steps after which runs go on in a new execution; they hand out batches then",
    )
    parser.add_argument("--keep", type=Path, default=None, help="a new folder for journals and logs, which stays")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    arguments = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="weft-chaos-") as temporary:
        folder = arguments.keep.absolute() if arguments.keep else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            asyncio.run(disturb_all(arguments, folder, report))
        finally:
            report.left_behind += sweep(folder)
    print(json.dumps(report.to_json()) if arguments.json else table(report))
    sys.stdout.flush()
    return 1 if report.faults else 0


if __name__ == "__main__":
    code = main()
    # The SDK's runtime may not end cleanly while its server is gone.
    os._exit(code)
