"""When an execution of a run has become long enough to go on in a new one."""

from __future__ import annotations

from temporalio import workflow

from weft_workflows.messages import HistoryLimits


class Thresholds:
    """The limits of one execution; None where a run stays in one."""

    def __init__(self, limits: HistoryLimits | None) -> None:
        self._limits = limits
        self._factor = 1

    def reached(self, *, calm: bool) -> bool:
        """Whether it is time to move; `calm` says that it could be done at once."""
        if self._limits is None:
            return False
        info, limits = workflow.info(), self._limits
        events, size = info.get_current_history_length(), info.get_current_history_size()
        if calm and (events >= limits.soft_events * self._factor or size >= limits.soft_bytes * self._factor):
            return True
        return events >= limits.firm_events * self._factor or size >= limits.firm_bytes * self._factor

    def postpone(self) -> None:
        """The machine cannot be kept now: it is tried again when history is twice as long."""
        self._factor *= 2
