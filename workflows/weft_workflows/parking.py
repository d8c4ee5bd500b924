"""What waits for a person, and what that person may say of it.

A parked step is neither failed nor lost: nothing is delivered to the machine for it until a decision arrives.
The whole machine parks under the name `@machine` where delivering its next event would kill the evaluator
again. Refusals are raised by `check` before anything is recorded; `take` never waits.

What is parked also stands in the run's memo, for lists of runs. That is more than a service: it puts a command into
the workflow task that parks. Without one a replay would join this task to the next, and a decision that came in the
next would be handled before the step that it is about has parked.
"""

from __future__ import annotations

from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from weft_workflows.failures import Failure
from weft_workflows.messages import Decision, ParkedStep
from weft_workflows.step_activities import Step

#: The name under which a whole machine is parked.
MACHINE = "@machine"
_MAX_PUBLISHED = 20


class Parking:
    """The parked steps of a run, in the order in which they were parked."""

    def __init__(self, run_id: str, steps: dict[str, Step]) -> None:
        self._run_id = run_id
        self._steps = steps
        self._parked: dict[str, ParkedStep] = {}
        #: What `fail` raises in the program, by step.
        self._failures: dict[str, Failure] = {}
        self._decided: set[str] = set()

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
        where = f"line {line}" if line else "the program"
        text = f"{where} ended the process that evaluates it, twice: {reason}"
        row = ParkedStep(step=MACHINE, reason="evaluator-died", message=text, line=line)
        self._park(row, Failure("EvaluatorDied", text))

    def forget(self, step: str) -> None:
        """A step that the program has cancelled waits for nobody."""
        if self._parked.pop(step, None) is not None:
            del self._failures[step]
            self._publish()

    def check(self, decision: Decision) -> None:
        """Refuses a decision that fits nothing, with a message for the person who made it."""
        if decision.decision_id and decision.decision_id in self._decided:
            return
        if decision.step not in self._parked:
            _refuse(self._why_not(decision.step))
        if decision.action == "skip" and decision.step == MACHINE:
            _refuse("a program cannot be skipped: retry or fail")
        if decision.action != "skip" and decision.value is not None:
            _refuse(f"a value belongs to `skip`; `{decision.action}` takes none")

    def take(self, decision: Decision) -> Failure | None:
        """Unparks the step; gives what `fail` raises in the program. None for a decision that was taken before."""
        if decision.decision_id:
            if decision.decision_id in self._decided:
                return None
            self._decided.add(decision.decision_id)
        del self._parked[decision.step]
        self._publish()
        return self._failures.pop(decision.step)

    def commands(self, row: ParkedStep) -> list[str]:
        """The exact commands by which a person goes on."""
        name = f"{self._run_id} {row.step}"
        skip = [] if row.step == MACHINE else [f"weft skip {name} --value JSON"]
        return [f"weft retry {name}", *skip, f"weft fail {name}"]

    def _park(self, row: ParkedStep, failure: Failure) -> None:
        self._parked[row.step] = row
        self._failures[row.step] = failure
        self._publish()

    def _publish(self) -> None:
        """Writes the memo; the server drops an entry whose list is empty."""
        workflow.upsert_memo({"parked": list(self._parked)[:_MAX_PUBLISHED]})

    def _why_not(self, name: str) -> str:
        step = self._steps.get(name)
        if step is not None:
            return f"step {name} is not parked, it is {step.state}"
        parked = ", ".join(self._parked) or "none"
        return f"this run has no step {name}; parked: {parked}"


def _refuse(message: str) -> NoReturn:
    raise ApplicationError(message, type="RefusedDecision", non_retryable=True)
