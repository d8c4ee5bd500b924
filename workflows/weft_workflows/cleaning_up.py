"""How long a cancelled run may take to clean up: its `finally` blocks and their steps.

What always holds: the time runs from the cancellation; a new limit counts from when it was said. A run without a limit
sets no timer, as runs of before had none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow

from weft_workflows.machine import protocol as p
from weft_workflows.step_activities import Steps

#: Steps that the end of a run names.
_NAMED = 5


class CleaningUp:
    """`cut_off` is told the limit in seconds when it is reached."""

    def __init__(self, limit: float | None, cut_off: Callable[[float], None]) -> None:
        self._limit = limit
        self._cut_off = cut_off
        #: Whether the run has been cancelled.
        self.begun = False
        self._timer: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The run has been cancelled."""
        self.begun = True
        self._start()

    def limit(self, seconds: float) -> None:
        """A person says how long it may take, from now on."""
        self._limit = max(seconds, 0.0)
        if self.begun:
            self._start()

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._limit is not None:
            self._timer = asyncio.create_task(self._wait(self._limit))

    async def _wait(self, seconds: float) -> None:
        await workflow.sleep(max(seconds, 0.001), summary="limit of the clean-up")
        self._cut_off(seconds)


def cut_off(steps: Steps, seconds: float) -> p.Fail:
    """Cancels what is in flight; gives the end of a run whose clean-up has reached its limit."""
    running = [step for step in steps.in_flight if step.state == "running"]
    still = ", ".join(f"{step.spec.name} at line {step.call.line}" for step in running[:_NAMED]) or "nothing"
    for step in running:
        steps.cancel(step.call.step)
    text = f"the clean-up was cut off after {seconds:g} s; in flight was {still}"
    return p.Fail("CancelledError", text, running[0].call.line if running else 0, cancelled=True)
