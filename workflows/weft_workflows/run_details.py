"""What people see of a run while it goes on: the answers to queries, and the Markdown of Temporal's UI.

Reads the run's state and never changes it. Long lists are cut: the UI's details hold 20 KB.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from weft_workflows.messages import RunView, StepRow
from weft_workflows.parking import MACHINE, Parking
from weft_workflows.step_activities import Step, Steps, shown_arguments

_MAX_ROWS = 20


def view(
    run_id: str, plan_id: str, steps: Steps, timers: dict[str, int], parking: Parking, computing: int | None
) -> RunView:
    """The answer to `status`. `timers` gives the line of each timer that is set; `computing` that of long pure code."""
    lines = {step.call.line for step in steps.in_flight} | set(timers.values())
    if computing is not None:
        lines.add(computing)
    waits = is_parked(steps, timers, parking, computing)
    return RunView(
        run_id=run_id,
        plan_id=plan_id,
        status="paused" if parking.paused else "parked" if waits else "running",
        steps_done=steps.completed,
        steps_running=len(steps.in_flight),
        steps_waiting=steps.waiting,
        parked=parking.rows(),
        lines=tuple(sorted(lines)),
        computing=computing,
    )


def is_parked(steps: Steps, timers: dict[str, int], parking: Parking, computing: int | None) -> bool:
    """Whether nothing goes on without a person: all strands wait, or the machine takes no more events."""
    goes_on = bool(steps.in_flight or timers or computing is not None)
    return bool(parking) and (not goes_on or parking.holds(MACHINE))


def row(step: Step) -> StepRow:
    return StepRow(
        id=step.call.step,
        tool=step.call.tool,
        line=step.call.line,
        state=step.state,
        started=step.started,
        ended=step.ended,
        arguments=shown_arguments(step),
        error=step.error,
        title=step.call.title,
    )


def markdown(run_id: str, steps: Steps, timers: dict[str, int], parking: Parking, computing: int | None) -> str:
    """The current details: progress, where the strands stand, what is parked and how to go on."""
    lines = [f"**{steps.completed}** steps done, **{len(steps.in_flight)}** running, **{steps.waiting}** waiting"]
    if computing is not None:
        lines += ["", f"**Computing** at line {computing}: long pure code, in a process of its own"]
    if parking.paused:
        lines += ["", f"**Paused**: no more steps start until `weft unpause {run_id}`"]
    for parked in parking.rows()[:_MAX_ROWS]:
        where = f" at line {parked.line}" if parked.line else ""
        lines += ["", f"**Parked**{where}: `{parked.step}`: {parked.message}", ""]
        lines += [f"- `{command}`" for command in parking.commands(parked)]
    lines += _listed("Running", (_running(step) for step in steps.in_flight), len(steps.in_flight))
    lines += _listed("Timers", (f"L{line}" for line in timers.values()), len(timers))
    return "\n".join(lines)


def _running(step: Step) -> str:
    return f"L{step.call.line} `{step.call.tool}` {step.call.title}".rstrip()


def _listed(title: str, entries: Iterable[str], count: int) -> list[str]:
    """A list of which only the beginning is made and shown."""
    if not count:
        return []
    more = [f"- and {count - _MAX_ROWS} more"] if count > _MAX_ROWS else []
    return ["", f"**{title}**", "", *(f"- {entry}" for entry in islice(entries, _MAX_ROWS)), *more]
