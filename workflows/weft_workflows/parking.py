"""What waits for a person, and what that person may say of it.

A parked step is neither failed nor lost: nothing is delivered to the machine for it until a decision arrives.
The whole machine parks under the name `@machine` where delivering its next event would kill the evaluator
again. The run parks as `@run` where its program has ended because of a failure that might have passed: everything
is kept, and a new execution may go on from before that failure. Refusals are raised by `check` before anything is recorded; `take` never waits.

What is parked also stands in the run's memo, for lists of runs and for whoever asks while no worker answers. That is
more than a service: it puts a command into the workflow task that parks. Without one a replay would join this task to
the next, and a decision that came in the next would be handled before the step that it is about has parked.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from weft_workflows.failures import Failure
from weft_workflows.machine import protocol as p
from weft_workflows.messages import MEMO_PARKED, MEMO_PARKED_ROWS, MEMO_PAUSED, CarriedParking, Decision, ParkedStep
from weft_workflows.step_activities import Step, cut

#: The name under which a whole machine is parked.
MACHINE = "@machine"
#: The name under which an edited run is parked that leaves writes of the old program behind.
ORPHANS = "@orphans"
#: The name under which a run is parked whose program has ended.
RUN = "@run"
#: What a decision names that is about everything that is parked.
ALL = "@all"
#: What the memo says of it: names, and the first ones with reasons. Each change writes them into history again.
_MAX_PUBLISHED = 20
_MAX_ROWS = 10
_MAX_MESSAGE_BYTES = 300


class Parking:
    """The parked steps of a run, in the order in which they were parked; and whether the run is paused."""

    def __init__(self, run_id: str, steps: dict[str, Step], rules: int) -> None:
        """`rules` is the run's `parking_rules`."""
        self._run_id = run_id
        self._rules = rules
        self._steps = steps
        self._parked: dict[str, ParkedStep] = {}
        #: What `fail` raises in the program, by step.
        self._failures: dict[str, Failure] = {}
        self._decided: set[str] = set()
        #: The rows that the memo has.
        self._published: list[dict[str, Any]] = []
        self.paused = False

    def __bool__(self) -> bool:
        return bool(self._parked)

    def holds(self, name: str) -> bool:
        return name in self._parked

    def rows(self) -> tuple[ParkedStep, ...]:
        return tuple(self._parked.values())

    def park_ambiguous(self, step: Step, failure: Failure) -> None:
        text = f"{step.spec.name} writes, and {failure.message}: it may or may not have been carried out{failure.note}"
        self._park(ParkedStep(step=step.call.step, reason="ambiguous", message=text, line=step.call.line), failure)

    def park_spent(self, step: Step, failure: Failure) -> None:
        text = f"{step.spec.name} failed at its last attempt: {failure.type}: {failure.message}"
        row = ParkedStep(step=step.call.step, reason="retries-spent", message=text, line=step.call.line)
        self._park(row, failure)

    def park_machine(self, line: int, reason: str) -> None:
        text = f"the process that evaluates the program was ended twice: {reason}"
        row = ParkedStep(step=MACHINE, reason="evaluator-died", message=text, line=line)
        if not self._rules:
            text = f"{f'line {line}' if line else 'the program'} ended the process that evaluates it, twice: {reason}"
        self._park(row, Failure("EvaluatorDied", text))

    def park_orphans(self, text: str, line: int) -> None:
        row = ParkedStep(step=ORPHANS, reason="orphans", message=text, line=line)
        self._park(row, Failure("OrphanedWrites", text))

    def park_run(self, end: p.Fail) -> None:
        """The program has ended with that, because the last attempt of the step `end.spent` has failed."""
        step = self._steps.get(end.spent)
        failed = f"{step.spec.name} at line {step.call.line}" if step is not None else end.spent
        text = f"the program has ended with {end.type}: {end.message}, after the last attempt of {failed}"
        row = ParkedStep(step=RUN, reason="ended-uncaught", message=text, line=end.line)
        self._park(row, Failure(end.type, end.message))

    def carry(self) -> CarriedParking:
        """What is parked, for the execution that goes on with the run."""
        failures = {name: failure.as_data() for name, failure in self._failures.items()}
        return CarriedParking(
            rows=self.rows(), failures=failures, decided=tuple(sorted(self._decided)), paused=self.paused
        )

    def take_over(self, carried: CarriedParking) -> None:
        """Goes on with what the execution before had parked. The memo stays as that one has left it."""
        self._parked = {row.step: row for row in carried.rows}
        self._failures = {name: Failure.of_data(data) for name, data in carried.failures.items()}
        self._decided = set(carried.decided)
        self._published = self._rows_to_publish()
        self.paused = carried.paused

    def forget(self, step: str) -> None:
        """A step that the program has cancelled waits for nobody."""
        if self._parked.pop(step, None) is not None:
            del self._failures[step]
            self._publish()

    def pause(self, paused: bool) -> None:
        """Notes that no more steps may start, or that they may again."""
        if self.paused != paused:
            self.paused = paused
            workflow.upsert_memo({MEMO_PAUSED: paused or None})

    def check(self, decision: Decision) -> None:
        """Refuses a decision that fits nothing, with a message for the person who made it."""
        if decision.decision_id and decision.decision_id in self._decided:
            return
        for name in self._meant(decision):
            if name not in self._parked:
                _refuse(self._why_not(name))
            if decision.action == "skip" and name == MACHINE:
                _refuse("a program cannot be skipped: retry or fail")
            if decision.action == "skip" and name == ORPHANS:
                _refuse("what the old program wrote cannot be skipped: `retry` goes on and leaves it as it is, or fail")
            if decision.action == "retry" and name == RUN:
                _refuse(f"the program has ended: going back takes a new execution, `{self._command('retry', RUN)}`")
        if decision.action != "skip" and decision.value is not None:
            _refuse(f"a value belongs to `skip`; `{decision.action}` takes none")

    def take(self, decision: Decision) -> dict[str, Failure]:
        """Unparks what is meant; gives for each what `fail` raises in the program. Nothing for a decision that was
        taken before.
        """
        if decision.decision_id:
            if decision.decision_id in self._decided:
                return {}
            self._decided.add(decision.decision_id)
        taken = {}
        for name in self._meant(decision):
            del self._parked[name]
            taken[name] = self._failures.pop(name)
        self._publish()
        return taken

    def commands(self, row: ParkedStep) -> list[str]:
        """The exact commands by which a person goes on."""
        return [self._command(action, row.step) for action in ACTIONS if allowed(action, row)]

    def _command(self, action: str, name: str) -> str:
        value = " --value JSON" if action == "skip" else ""
        return f"weft {action} {shlex.quote(self._run_id)} {shlex.quote(name)}{value}"

    def _meant(self, decision: Decision) -> list[str]:
        """The names that a decision is about. Refuses one that names none where several could be meant."""
        if decision.step not in ("", ALL):
            return [decision.step]
        if not self._parked:
            _refuse("nothing is parked in this run")
        if decision.step == "" and len(self._parked) > 1:
            choices = [self._command(decision.action, name) for name in _first(self._parked)]
            choices.append(self._command(decision.action, "--all"))
            more = len(self._parked) - _MAX_PUBLISHED
            also = f" ({more} more are not shown)" if more > 0 else ""
            _refuse(f"{len(self._parked)} steps are parked{also}; say which one is meant:\n  " + "\n  ".join(choices))
        return list(self._parked)

    def _park(self, row: ParkedStep, failure: Failure) -> None:
        self._parked[row.step] = row
        self._failures[row.step] = failure
        self._publish()

    def _publish(self) -> None:
        """Writes the memo; the server drops an entry that is None."""
        names = _first(self._parked)
        changes: dict[str, Any] = {MEMO_PARKED: names or None}
        rows = self._rows_to_publish()
        if rows != self._published:
            changes[MEMO_PARKED_ROWS] = rows or None
            self._published = rows
        workflow.upsert_memo(changes)

    def _rows_to_publish(self) -> list[dict[str, Any]]:
        return [_published(self._parked[name]) for name in _first(self._parked)[:_MAX_ROWS]]

    def _why_not(self, name: str) -> str:
        step = self._steps.get(name)
        if step is not None:
            return f"step {name} is not parked, it is {step.state}"
        parked = ", ".join(_first(self._parked)) or "none"
        return f"this run has no step {name}; parked: {parked}"


#: What a person may say of what is parked, in the order in which it is offered.
ACTIONS = ("retry", "skip", "fail")


def allowed(action: str, row: ParkedStep) -> bool:
    """Whether that may be said of it: a program whose evaluation fails gives no value, nor do writes that are done."""
    return not (action == "skip" and row.reason in ("evaluator-died", "orphans"))


def _first(names: Iterable[str]) -> list[str]:
    return list(names)[:_MAX_PUBLISHED]


def _published(row: ParkedStep) -> dict[str, Any]:
    return {**row.model_dump(mode="json"), "message": cut(row.message, _MAX_MESSAGE_BYTES)}


def _refuse(message: str) -> NoReturn:
    raise ApplicationError(message, type="RefusedDecision", non_retryable=True)
