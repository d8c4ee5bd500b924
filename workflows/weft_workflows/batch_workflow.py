"""The workflow that carries out steps for a run and reports how each has ended.

It decides nothing: what an ended step means, and what waits for a person, is the run's affair. Reports go to the run's id
by a signal, several steps in one where many end about the same time. What always holds: it ends when each of its steps
has ended and was reported, or when there is nobody to report to; then it cancels what is left.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from weft_workflows.batches import CANCEL
from weft_workflows.fitting import fitting_tools
from weft_workflows.messages import BATCH_WORKFLOW, BatchInput, BatchOutcome, Report
from weft_workflows.step_activities import Step, Steps
from weft_workflows.step_outcomes import Outcome

#: The signal that a run takes reports by.
REPORT = "report"
#: Reports wait for so many ended steps, but no longer than so many seconds.
_TOGETHER = 100
_PATIENCE = timedelta(seconds=0.5)
#: Characters of results in one report, about: each report is read as a whole by whoever reads the run's history.
_REPORT_BYTES = 4_000_000


@workflow.defn(name=BATCH_WORKFLOW, sandboxed=False)
class WeftSteps:
    @workflow.init
    def __init__(self, batch: BatchInput) -> None:
        (spec,) = fitting_tools({"tools": [batch.tool]}).values()
        options = batch.options.model_copy(update={"window": batch.window, "tool_windows": {}})
        self._steps = Steps({spec.name: spec}, options, self._ended)
        #: Steps that have neither ended nor been cancelled.
        self._open = {call.call["step"] for call in batch.calls}
        self._unreported: list[BatchOutcome] = []

    @workflow.run
    async def run(self, batch: BatchInput) -> Report:
        """Gives what could not be reported."""
        run = workflow.get_external_workflow_handle(batch.run_id)
        report = Report(batch=workflow.info().workflow_id, outcomes=())
        for call in batch.calls:
            if call.call["step"] in self._open:
                self._steps.take_over([call])
        self._steps.release()
        while self._open or self._unreported:
            await workflow.wait_condition(lambda: bool(self._unreported) or not self._open)
            await self._wait_for_more()
            outcomes = self._next_outcomes()
            if not outcomes:
                continue
            report = report.model_copy(update={"outcomes": outcomes})
            try:
                await run.signal(REPORT, report)
            except FailureError:
                self._cancel_all()
                return report.model_copy(update={"outcomes": (*outcomes, *self._unreported)})
        return report.model_copy(update={"outcomes": ()})

    @workflow.signal(name=CANCEL)
    def cancel(self, steps: list[str]) -> None:
        """Those steps are of no interest any more. None of them: the run asks whether this workflow lives."""
        for step in steps:
            if step in self._open:
                self._open.discard(step)
                if step in self._steps.all:
                    self._steps.cancel(step)

    async def _wait_for_more(self) -> None:
        if self._open:
            with suppress(asyncio.TimeoutError):
                await workflow.wait_condition(
                    lambda: not self._open or len(self._unreported) >= _TOGETHER, timeout=_PATIENCE
                )

    def _next_outcomes(self) -> tuple[BatchOutcome, ...]:
        """What the next report tells: all that is not told yet, or as much of it as one message should hold."""
        count = size = 0
        while count < len(self._unreported) and size < _REPORT_BYTES:
            size += len(self._unreported[count].value)
            count += 1
        outcomes, self._unreported = tuple(self._unreported[:count]), self._unreported[count:]
        return outcomes

    def _ended(self, step: Step, outcome: Outcome) -> None:
        self._open.discard(step.id)
        failure = None if outcome.failure is None else outcome.failure.as_data()
        self._unreported.append(
            BatchOutcome(
                step=step.id,
                kind=outcome.kind,
                tries=step.tries,
                value=outcome.value,
                failure=failure,
                heartbeat=step.heartbeat,
            )
        )
        self._steps.forget(step.id)

    def _cancel_all(self) -> None:
        for step in list(self._open):
            self.cancel([step])
