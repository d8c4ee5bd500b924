"""Plays one run to its end on an arena: starts it, lets a disturber strike, answers what parks, and tells what came of it.

Always holds: a parked step is answered by the Update that people use, and by what the journal says: a plain write that
was done is skipped with its value, one that was not is tried again; nothing is answered while the process that may still
do it lives.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError
from weft_worker.outcome import Outcome
from weft_worker.problems import CommandFailed
from weft_worker.runs import Watcher, start_run, watch
from weft_workflows.messages import BatchLimits, Decision, HistoryLimits, RunOptions

from benchmarks.disturbing.arena import Arena, Workers
from benchmarks.disturbing.journal import Journal, Line
from benchmarks.disturbing.processes import lives
from benchmarks.disturbing.recorded import Record, read_record
from benchmarks.disturbing.workload import Orchestration

#: Seconds after which a lost worker is noticed: short, since it is lost for every second step.
HEARTBEAT_TIMEOUT = 2.0
#: Scheduled, started, completed, and the three of the workflow's task.
_EVENTS_OF_A_STEP = 6
_LOOK = 0.02
#: Files of tools are loaded one at a time: several are called `tools.py`.
_LOADING = asyncio.Lock()


@dataclass
class Played:
    """One run and all that is known of it."""

    name: str
    folder: Path
    outcome: Outcome | None = None
    #: What was killed how often, and how often it was struck.
    killed: Counter[str] = field(default_factory=Counter)
    strikes: Counter[str] = field(default_factory=Counter)
    #: How parked steps were answered; which steps were to be tried again.
    answered: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    record: Record = field(default_factory=Record)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._journal = Journal(self.folder / "journal.jsonl")

    @property
    def journal(self) -> list[Line]:
        return self._journal.lines()


Disturber = Callable[[Workers, Played], Coroutine[Any, Any, None]]


def moving(every: int) -> RunOptions:
    """Options of runs that go on in a new execution after so many steps, and hand out what waits; 0: only when they must."""
    if not every:
        return RunOptions()
    events = every * _EVENTS_OF_A_STEP
    return RunOptions(
        history=HistoryLimits(soft_events=events, firm_events=2 * events),
        batches=BatchLimits(waiting=4, size=3),
        window=8,
    )


async def nobody(_workers: Workers, _played: Played) -> None:
    """Leaves the run alone."""


async def play(
    arena: Arena,
    orchestration: Orchestration,
    folder: Path,
    disturber: Disturber = nobody,
    *,
    workers: int = 1,
    hold_at: str = "",
    patience: float = 240.0,
    options: RunOptions | None = None,
) -> Played:
    """The run, over or given up after `patience` seconds. What goes wrong stands in its faults."""
    folder.mkdir(parents=True)
    played = Played(orchestration.name, folder)
    began = time.monotonic()
    async with arena.workers(orchestration.name, folder, folder.name, count=workers, hold_at=hold_at) as crew:
        try:
            async with asyncio.timeout(patience):
                # A blow that fell at the end of the run before may have left the server on its way up.
                await arena.served()
                await _start(arena, orchestration, folder, options or RunOptions())
                striking = asyncio.create_task(disturber(crew, played))
                try:
                    played.outcome = await _to_its_end(arena, played)
                finally:
                    striking.cancel()
                    (ended,) = await asyncio.gather(striking, return_exceptions=True)
            if isinstance(ended, Exception):
                raise ended
            await arena.served()
            played.record = await read_record(arena.connection.client, folder.name)
        except TimeoutError:
            played.faults.append(f"not over after {patience:g} s")
        except (CommandFailed, RPCError, LookupError) as error:
            played.faults.append(f"{type(error).__name__}: {_words(error)}")
    played.faults += [f"a worker ended with {code}" for code in crew.strange_ends]
    played.seconds = time.monotonic() - began
    return played


async def _start(arena: Arena, orchestration: Orchestration, folder: Path, options: RunOptions) -> None:
    async with _LOADING:
        plan = await asyncio.to_thread(orchestration.plan, folder)
    settings = options.model_copy(update={"heartbeat_timeout": HEARTBEAT_TIMEOUT})
    await start_run(
        arena.connection, plan, orchestration.inputs, run_id=folder.name, task_queue=folder.name, options=settings
    )


async def _to_its_end(arena: Arena, played: Played) -> Outcome:
    while True:
        outcome = await watch(arena.connection, played.folder.name, Watcher())
        if outcome.status != "parked":
            return outcome
        for row in outcome.extra["parked"]:
            await _answer(arena, played, row)


async def _answer(arena: Arena, played: Played, row: dict[str, Any]) -> None:
    """Decides about one parked step as a person would who can look at the world."""
    step = row["step"]
    if row["reason"] not in ("ambiguous", "retries-spent"):
        raise LookupError(f"{step} parked as {row['reason']}: {row['message']}")
    done = await _what_was_done(played, step)
    if done is not None and row["reason"] == "ambiguous":
        decision = Decision(step=step, action="skip", value=json.loads(done.value), decision_id=uuid4().hex)
    else:
        decision = Decision(step=step, action="retry", decision_id=uuid4().hex)
        # Counted before: the tool may begin before the answer comes.
        played.retried[step] += 1
    if await _decide(arena, played.folder.name, decision):
        played.answered[f"{row['reason']} {decision.action}"] += 1
    elif decision.action == "retry":
        played.retried[step] -= 1


async def _what_was_done(played: Played, step: str) -> Line | None:
    """The line by which the step's tool told that it did it. Waits while it may still do it."""
    while True:
        lines = [line for line in played.journal if line.step == step]
        done = next((line for line in lines if line.word == "did"), None)
        open_ = [line.pid for line in lines if line.word == "began" and not _is_over(line, lines)]
        if done is not None or not any(lives(pid) for pid in open_):
            return done
        await asyncio.sleep(_LOOK)


def _is_over(began: Line, lines: list[Line]) -> bool:
    ends = ("ended", "refused", "again")
    return any(line.word in ends and line.pid == began.pid and line.at >= began.at for line in lines)


async def _decide(arena: Arena, run_id: str, decision: Decision) -> bool:
    """Sends it until it is taken, through whatever is being killed. False where nothing is parked any more."""
    handle = arena.connection.client.get_workflow_handle(run_id)
    while True:
        try:
            async with asyncio.timeout(20):
                await handle.execute_update("decide", decision, id=decision.decision_id)
        except WorkflowUpdateFailedError as refused:
            if "not parked" in str(refused.cause):
                return False
            raise LookupError(f"{decision.action} {decision.step} was refused: {refused.cause}") from None
        except (RPCError, TimeoutError):
            await asyncio.sleep(0.2)
        else:
            return True


def _words(error: Exception) -> str:
    if isinstance(error, CommandFailed):
        return "; ".join(problem.message for problem in error.problems)
    return str(error)
