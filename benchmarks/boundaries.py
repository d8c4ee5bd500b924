"""`kill -9` at every step's boundary in turn, while the run moves to a new execution after every fifth, and nothing shows.

    python -m benchmarks.boundaries                      # forty steps, workers killed
    python -m benchmarks.boundaries --victim hosts

One run is struck once for each of its steps, exactly there:

    began      the step's tool runs and has not done anything: it is held until the blow has fallen
    did        the tool has done what it is for, and the server does not know: held as well
    recorded   the server has recorded the step's end, and the run goes on

The forty steps (`disturbing.boundary_program`) lie in nested loops, in `try`, `except` and `finally`, side by side in a
`gather`, and within a manager. Held against the undisturbed run: result and output; each effect exactly once, and in the
same order, except side by side; no step again whose end was recorded. The exit code is 1 where anything of that does not
hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from temporalio.service import RPCError
from weft_worker.history import RunHistory

from benchmarks.chaos import sweep
from benchmarks.disturbing.arena import Arena, Kind, Workers
from benchmarks.disturbing.boundary_program import BOUNDARIES
from benchmarks.disturbing.journal import Line
from benchmarks.disturbing.journaled import Journaling
from benchmarks.disturbing.playing import Played, moving, play
from benchmarks.disturbing.verdict import judge

Boundary = Literal["began", "did", "recorded"]
BOUNDARY_KINDS: tuple[Boundary, ...] = ("began", "did", "recorded")
_LOOK = 0.003


@dataclass
class Pass:
    """All boundaries of one kind, in one run."""

    boundary: Boundary
    victim: Kind
    struck: int = 0
    steps: int = 0
    executions: int = 0
    effects: int = 0
    parked: int = 0
    moves: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class AtEachStep:
    """Strikes at one boundary of each step, in the order in which steps get there."""

    def __init__(self, arena: Arena, boundary: Boundary, victim: Kind, say: bool) -> None:
        self._arena = arena
        self._boundary = boundary
        self._victim = victim
        self._say = say

    async def __call__(self, workers: Workers, played: Played) -> None:
        if self._boundary == "recorded":
            await self._follow(workers, played)
        else:
            await self._hold(workers, played)

    async def _hold(self, workers: Workers, played: Played) -> None:
        """Waits for a step that is held, strikes, and lets it go."""
        journaling = Journaling(played.folder)
        struck: set[str] = set()
        while True:
            held = next((line for line in played.journal if self._is_held(line) and line.key not in struck), None)
            if held is None:
                await asyncio.sleep(_LOOK)
                continue
            struck.add(held.key)
            await self._strike(workers, played, held.step)
            journaling.release(held.key)

    def _is_held(self, line: Line) -> bool:
        return line.word == self._boundary

    async def _follow(self, workers: Workers, played: Played) -> None:
        """Strikes as soon as the server tells that a step's end is recorded."""
        history, struck = RunHistory(self._arena.connection.client), set[str]()
        while history.end is None:
            try:
                async for step in history.follow(played.folder.name, wait=True):
                    if step is not None and step.state in ("completed", "failed") and step.id not in struck:
                        if step.state == "failed" and step.error and "timeout" in step.error.lower():
                            continue  # lost by the blow before, not ended
                        struck.add(step.id)
                        await self._strike(workers, played, step.id)
            except RPCError:
                await asyncio.sleep(0.1)  # the server is being started again

    async def _strike(self, workers: Workers, played: Played, step: str) -> None:
        # A blow that meets nobody is none: right after the one before, the worker is only just starting.
        while not (killed := workers.strike(self._victim, random.Random(0))):
            await asyncio.sleep(_LOOK)
        played.killed.update(killed)
        played.strikes[self._victim] += 1
        if self._say:
            print(
                f"{played.strikes.total():>3} {self._victim} killed: {step} {self._boundary}",
                file=sys.stderr,
                flush=True,
            )


async def strike_everywhere(arguments: argparse.Namespace, folder: Path) -> list[Pass]:
    orchestration = BOUNDARIES[arguments.program]
    passes = []
    async with Arena(folder) as arena:
        options = moving(arguments.every)
        undisturbed = await play(arena, orchestration, folder / "undisturbed", options=options)
        if undisturbed.faults:
            raise SystemExit(f"undisturbed: {undisturbed.faults}")
        for boundary in arguments.boundaries.split(","):
            done = Pass(boundary, arguments.victim)
            disturber = AtEachStep(arena, boundary, arguments.victim, not arguments.quiet)
            hold_at = "" if boundary == "recorded" else boundary
            played = await play(
                arena,
                orchestration,
                folder / boundary,
                disturber,
                hold_at=hold_at,
                patience=arguments.minutes * 60,
                options=options,
            )
            _judge(done, played, undisturbed)
            passes.append(done)
    return passes


def _judge(done: Pass, played: Played, undisturbed: Played) -> None:
    verdict = judge(played, undisturbed)
    done.struck, done.seconds, done.parked = played.strikes.total(), round(played.seconds, 1), played.answered.total()
    done.steps, done.executions, done.effects = verdict.steps, verdict.executions, verdict.effects
    done.moves, done.faults = played.record.executions - 1, verdict.faults
    if verdict.steps != len({line.step for line in undisturbed.journal}):
        done.faults.append(f"{verdict.steps} steps, undisturbed {len({line.step for line in undisturbed.journal})}")
    there = len(played.record.ends if done.boundary == "recorded" else _steps_at(played, done.boundary))
    if done.struck < there:
        done.faults.append(f"only {done.struck} of {there} boundaries were struck")
    is_, should = _in_order(played), _in_order(undisturbed)
    if is_ != should:
        done.faults.append(f"effects in the order {is_} instead of {should}")


def _steps_at(played: Played, boundary: str) -> set[str]:
    """A step that refuses never did anything."""
    return {line.step for line in played.journal if line.word == boundary}


def _in_order(played: Played) -> list[str]:
    """The effects as they happened, without those of steps side by side, whose order is free."""
    did = [line for line in played.journal if line.word == "did" and line.effect != "read"]
    return [f"{line.tool} {line.arguments}" for line in did if "gather" not in line.step]


def table(passes: list[Pass]) -> str:
    lines = ["| boundary | killed | struck | steps | executions | effects | parked | moves | faults | seconds |"]
    lines.append("| --- |" + " --- |" * 9)
    lines += [
        f"| {p.boundary} | {p.victim} | {p.struck} | {p.steps} | {p.executions} | {p.effects} | {p.parked} | {p.moves}"
        f" | {len(p.faults)} | {p.seconds} |"
        for p in passes
    ]
    return "\n".join([*lines, *(f"WRONG {p.boundary}: {fault[:1000]}" for p in passes for fault in p.faults)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", choices=sorted(BOUNDARIES), default="forty")
    parser.add_argument("--boundaries", default=",".join(BOUNDARY_KINDS), help="at which, by commas")
    parser.add_argument("--victim", choices=("worker", "hosts", "server", "all"), default="worker")
    parser.add_argument(
        "--every", type=int, default=5, help="steps after which the run goes on in a new execution; 0: none"
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="for one run")
    parser.add_argument("--keep", type=Path, default=None, help="a new folder for journals and logs, which stays")
    parser.add_argument("--quiet", action="store_true", help="tell nothing of single blows")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weft-boundaries-") as temporary:
        folder = arguments.keep.absolute() if arguments.keep else Path(temporary)
        try:
            passes = asyncio.run(strike_everywhere(arguments, folder))
        finally:
            left = sweep(folder)
    print(json.dumps([asdict(each) for each in passes]) if arguments.json else table(passes))
    for command in left:
        print(f"left behind: {command}")
    sys.stdout.flush()
    return 1 if left or any(each.faults for each in passes) else 0


if __name__ == "__main__":
    code = main()
    os._exit(code)
