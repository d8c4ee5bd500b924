"""What a run answers while it goes on, with a worker alive: the queries of its workflow, which change nothing."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

from weft_workflows import run_details
from weft_workflows.messages import RunInput, RunView, StepRow
from weft_workflows.parking import Parking
from weft_workflows.step_activities import Steps
from weft_workflows.timers import Timers


class RunQueries:
    """The part of the workflow that answers."""

    _input: RunInput
    _plan: dict[str, Any]
    _steps: Steps
    _timers: Timers
    _parking: Parking
    _computing: int | None
    _stdout: list[str]

    @workflow.query
    def status(self) -> RunView:
        run_id = workflow.info().workflow_id
        return run_details.view(
            run_id, self._input.plan_id, self._steps, self._timers.lines, self._parking, self._computing
        )

    @workflow.query
    def steps(self) -> list[StepRow]:
        return [run_details.row(step) for step in self._steps.all.values()]

    @workflow.query
    def source(self) -> str:
        return str(self._plan["source"])

    @workflow.query
    def graph(self) -> Any:
        return self._plan["graph"]

    @workflow.query
    def output(self) -> str:
        return "".join(self._stdout)
