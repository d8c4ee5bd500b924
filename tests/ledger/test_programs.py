"""Random programs, ended at random points and gone on with: the result is that of the run that nobody disturbed, and no
finished step runs twice.

Each step has an instant of its own at which it ends, whichever run it is in; so what was in flight ends after the
interruption when it would have ended without.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from weft_compiler.diagnostics import CompileFailed
from weft_compiler.plan import Plan
from weft_compiler.tool_spec import Effect
from weft_workflows.ledger import Ledger, NothingToResume
from weft_workflows.local import LocalRun, StepInfo, run_plan
from weft_workflows.machine import protocol as p
from weft_workflows.messages import RunOptions
from weft_workflows.past import Past
from weft_workflows.past_record import Record, record_bytes

from tests.ledger.worlds import BEGAN
from tests.oracle.generated.fakes import fake_tools
from tests.oracle.generated.programs import program_of
from tests.oracle.machine import compile_for

PROGRAMS = range(40)
CUTS = 4


class Broken(Exception):
    """What goes wrong in a step that no program expects to go wrong."""


class Killed(Exception):
    """Ends a run from outside."""


@dataclass
class Steps:
    """The world of one program: what each step gives, when, and how often each has ended."""

    ends: dict[str, float] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    broken: str = ""

    async def call(self, tool: str, arguments: dict[str, Any], info: StepInfo) -> Any:
        driver = info._driver
        self.begun.add(info.step)
        end = self.ends.setdefault(info.step, driver.now() + self._delay(info.step))
        await info.sleep(max(end - driver.now(), 0))
        if info.step == self.broken:
            raise Broken(info.step)
        return self._answer(tool, arguments)

    def _delay(self, step: str) -> float:
        return 0.2 + int.from_bytes(hashlib.sha256(step.encode()).digest()[:4]) % 1_999_993 / 1e6

    def _answer(self, tool: str, arguments: dict[str, Any]) -> Any:
        x = arguments["x"]
        if tool == "risky" and x % 5 == 3:
            raise ValueError(f"no {x}")
        if tool == "flaky" and x % 7 == 2:
            raise ArithmeticError(f"slow {x}")
        if tool == "fetch":
            return {"n": x % 50, "items": [x % 50, 3], "name": f"r{x}", "next": None}
        return x % 50


@dataclass
class Ended:
    run: LocalRun | None
    ledger: Ledger
    events: int


def run(plan: Plan, steps: Steps, record: Record | None = None, kill_after: int | None = None) -> Ended:
    effects = {each.name: each.effect for each in plan.tools}
    reads = [name for name, effect in effects.items() if effect is Effect.READ]
    past = None if record is None else Past.from_bytes(record_bytes(record), reads)
    ledger, events = Ledger(effects), 0

    def on_event(event: p.Event) -> None:
        nonlocal events
        if events == kill_after:
            raise Killed
        events += 1

    now = BEGAN if record is None else record.until

    async def main() -> LocalRun | None:
        try:
            return await run_plan(
                plan,
                {},
                steps.call,
                clock="virtual",
                options=RunOptions(attempts=1),
                now=now,
                on_event=on_event,
                past=past,
                ledger=ledger,
            )
        except Killed:
            return None

    return Ended(asyncio.run(main()), ledger, events)


def go_on(plan: Plan, steps: Steps, ended: Ended, kill_after: int | None = None) -> Ended:
    """Goes on with a run that was ended; its finished steps do not run again."""
    record = ended.ledger.resumed()
    steps.begun.clear()
    resumed = run(plan, steps, record, kill_after)
    assert not [entry.id for entry in record.entries if entry.kind != "timer" and entry.id in steps.begun]
    return resumed


def compiled(number: int) -> Plan | None:
    """The program's plan with tools that may all be repeated: what was in flight runs again."""
    program = program_of(number)
    try:
        plan = compile_for(program.source, fake_tools(program.tempo))
    except CompileFailed:
        return None
    tools = tuple(
        each.model_copy(update={"effect": Effect.IDEMPOTENT if each.effect is Effect.WRITE else each.effect})
        for each in plan.tools
    )
    return plan.model_copy(update={"tools": tools})


def told(run: LocalRun | None) -> Any:
    assert run is not None
    error = run.error and (run.error.type, run.error.message, run.error.line)
    return run.status, run.result, run.stdout, error


@pytest.mark.parametrize("number", PROGRAMS)
def test_a_killed_program_ends_as_if_nothing_had_happened(number: int) -> None:
    if (plan := compiled(number)) is None:
        return
    steps = Steps()
    expected = run(plan, steps)
    chance = random.Random(number)
    for _ in range(CUTS if expected.events else 0):
        ended = run(plan, steps, kill_after=(cut := chance.randrange(expected.events)))
        if chance.random() < 0.5:
            ended = go_on(plan, steps, ended, kill_after=chance.randint(cut, expected.events - 1))
        resumed = go_on(plan, steps, ended)
        assert told(resumed.run) == told(expected.run), f"program {number} killed after {cut}"


@pytest.mark.parametrize("number", PROGRAMS)
def test_a_program_that_a_step_ended_goes_on_at_that_step(number: int) -> None:
    if (plan := compiled(number)) is None:
        return
    steps = Steps()
    expected = run(plan, steps)
    for step in random.Random(number).sample(sorted(steps.begun), min(CUTS, len(steps.begun))):
        steps.broken = step
        ended = run(plan, steps)
        steps.broken = ""
        last = ended.ledger.last_event
        if not (isinstance(last, p.StepFailed) and last.step == step and isinstance(ended.ledger.end, p.Fail)):
            continue  # the program has handled it, or done something about it
        try:
            resumed = go_on(plan, steps, ended)
        except NothingToResume:
            assert "Broken" not in told(ended.run)[3]
            continue
        assert told(resumed.run) == told(expected.run), f"program {number} without {step}"


@pytest.mark.parametrize("number", PROGRAMS)
def test_a_program_that_is_not_changed_after_all_runs_nothing(number: int) -> None:
    if (plan := compiled(number)) is None:
        return
    steps = Steps()
    expected = run(plan, steps)
    if any(entry.kind == "failure" for entry in expected.ledger.outcomes()):
        return  # what failed is tried again
    steps.begun.clear()
    again = run(plan, steps, expected.ledger.edited())
    assert told(again.run) == told(expected.run)
    finished = {entry.id for entry in expected.ledger.outcomes()}
    assert not steps.begun & finished
