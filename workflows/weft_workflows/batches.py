"""Steps that are carried out by workflows of their own: which are, and what the run knows of them.

A run's history holds what the run itself does. Steps of a wide map go out in batches, so that it holds a few events
for hundreds of steps; a step of a tool that may take long goes out alone, so that the run can move to a new execution
while it lasts. Such a workflow (`batch_workflow.py`) is abandoned: it reports to the run's id, whichever execution
has it by then.

What always holds: each step that was handed out is reported once, or its workflow is found to have ended without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from temporalio import workflow
from temporalio.exceptions import FailureError
from weft_compiler.tool_spec import ToolSpec

from weft_workflows.failures import Failure
from weft_workflows.messages import (
    BATCH_WORKFLOW,
    CHILD_MARK,
    BatchInput,
    BatchLimits,
    BatchOutcome,
    CarriedBatch,
    CarriedStep,
    Report,
    RunOptions,
)
from weft_workflows.step_outcomes import Outcome

#: The signal by which a run tells such a workflow that steps are of no interest any more.
CANCEL = "cancel"
#: How often a run asks whether a workflow still lives that an earlier execution has started: it is not told of its end.
_LOOK_AFTER = timedelta(minutes=10)


@dataclass(eq=False)
class Batch:
    """One workflow at work. `steps` are those that it has not reported, in the order of their calls."""

    id: str
    tool: str
    window: int
    steps: dict[str, None]
    #: Steps to cancel of which it has not been told.
    cancelled: list[str] = field(default_factory=list)

    @property
    def occupies(self) -> int:
        """How many of its steps can be with the server at once."""
        return min(self.window, len(self.steps))


class Owner(Protocol):
    """Whose steps are handed out."""

    def batch_ended(self, step_id: str, outcome: Outcome, tries: int) -> None: ...

    def batch_lost(self, step_id: str) -> None: ...

    def vacate(self, tool: str, count: int) -> None: ...


class Batches:
    """The workflows that work for one run."""

    def __init__(self, run_id: str, limits: BatchLimits) -> None:
        self._run_id = run_id
        self._limits = limits
        self._open: dict[str, Batch] = {}
        #: How many workflows are being started or told something.
        self._unsettled = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._owner: Owner

    def serve(self, owner: Owner) -> None:
        self._owner = owner

    def wants(self, seconds: float, waiting: int) -> bool:
        """Whether a step goes out, by how long its tool may take and how many steps wait in all."""
        return seconds > self._limits.seconds or waiting >= self._limits.waiting

    def size(self, seconds: float) -> int:
        """How many steps of a tool go out together: long ones alone, so that each is reported when it ends."""
        return 1 if seconds > self._limits.seconds else self._limits.size

    def window(self, size: int, room: int, whole: int) -> int:
        """How many steps of a batch may be with the server at once, by the room that there is and the whole window. More
        than the room where it has to wait: for half of the window, so that slow steps do not keep all others.
        """
        enough = min(size, max(1, whole // 2))
        return min(size, max(room, enough) if self._limits.rolling else whole)

    def start(self, spec: ToolSpec, calls: Sequence[CarriedStep], window: int, options: RunOptions) -> None:
        batch_id = f"{self._run_id}{CHILD_MARK}{spec.name}-{workflow.uuid4().hex[:12]}"
        batch = Batch(batch_id, spec.name, window, dict.fromkeys(call.call["step"] for call in calls))
        self._open[batch_id] = batch
        self._unsettled += 1
        argument = BatchInput(
            run_id=self._run_id, tool=spec.model_dump(mode="json"), calls=tuple(calls), window=window, options=options
        )
        self._do(self._carry_out(batch, argument))

    def report(self, report: Report) -> None:
        """Takes what a workflow tells. What was told before is passed over."""
        batch = self._open.get(report.batch)
        for told in report.outcomes:
            if batch is not None and told.step in batch.steps:
                self._remove(batch, told.step)
                self._owner.batch_ended(told.step, outcome_of(told), told.tries)

    def cancel(self, step_id: str) -> None:
        """A step is of no interest any more. Its workflow is told soon, of all that are cancelled at the time together."""
        batch = next(batch for batch in self._open.values() if step_id in batch.steps)
        self._remove(batch, step_id)
        if not batch.cancelled:
            self._unsettled += 1
            self._do(self._tell(batch))
        batch.cancelled.append(step_id)

    def is_settled(self) -> bool:
        """Whether every workflow has been started, and told all that it was to be told."""
        return not self._unsettled

    @property
    def steps(self) -> int:
        """How many steps have been handed out and not reported."""
        return sum(len(batch.steps) for batch in self._open.values())

    def carry(self) -> tuple[CarriedBatch, ...]:
        return tuple(
            CarriedBatch(id=each.id, tool=each.tool, window=each.window, steps=tuple(each.steps))
            for each in self._open.values()
        )

    def take_over(self, carried: Sequence[CarriedBatch]) -> None:
        """Knows the workflows that executions before have started: they may report before anything else happens."""
        for each in carried:
            batch = Batch(each.id, each.tool, each.window, dict.fromkeys(each.steps))
            self._open[batch.id] = batch
            self._owner.vacate(batch.tool, -batch.occupies)

    def watch(self) -> None:
        """Sees to those that were taken over."""
        for batch in self._open.values():
            self._do(self._look_after(batch))

    def _remove(self, batch: Batch, step_id: str) -> None:
        before = batch.occupies
        del batch.steps[step_id]
        if not batch.steps:
            self._open.pop(batch.id, None)
        if before > batch.occupies:
            self._owner.vacate(batch.tool, before - batch.occupies)

    async def _carry_out(self, batch: Batch, argument: BatchInput) -> None:
        count = len(argument.calls)
        steps = f"{count:,} steps" if count > 1 else f"L{argument.calls[0].call['line']}"
        with suppress(FailureError):
            # An end of any kind is all the same: what has not been reported by then never will be.
            try:
                child = await workflow.start_child_workflow(
                    BATCH_WORKFLOW,
                    argument,
                    id=batch.id,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                    static_summary=f"{batch.tool} · {steps}",
                )
            finally:
                self._unsettled -= 1
            await child
        self._give_up(batch)

    async def _look_after(self, batch: Batch) -> None:
        while batch.steps:
            await workflow.sleep(_LOOK_AFTER)
            if not await self._hears(batch, []):
                self._give_up(batch)

    async def _tell(self, batch: Batch) -> None:
        """After what goes on now, so that one signal names all."""
        steps, batch.cancelled = batch.cancelled, []
        try:
            await self._hears(batch, steps)
        finally:
            self._unsettled -= 1

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hears(self, batch: Batch, steps: list[str]) -> bool:
        """Whether the workflow is there to be told that those steps are cancelled."""
        try:
            await workflow.get_external_workflow_handle(batch.id).signal(CANCEL, steps)
        except FailureError:
            return False
        return True

    def _give_up(self, batch: Batch) -> None:
        for step_id in list(batch.steps):
            self._remove(batch, step_id)
            self._owner.batch_lost(step_id)


def outcome_of(told: BatchOutcome) -> Outcome:
    failure = None if told.failure is None else Failure.of_data(told.failure)
    return Outcome(told.kind, told.value, failure, told.heartbeat)
