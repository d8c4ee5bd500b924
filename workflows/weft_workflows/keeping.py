"""Has the history of an execution kept beside the payloads: at its own end, and for the execution before by the next one.

What always holds: no run fails, waits or ends otherwise because its history could not be kept.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from weft_workflows.messages import KEEP

#: A long history takes some seconds to read and to write.
_PATIENCE = timedelta(minutes=2)


async def keep_history(execution: str) -> None:
    """Keeps what the server has of an execution by now."""
    with suppress(ActivityError):
        await workflow.execute_local_activity(
            KEEP,
            execution,
            start_to_close_timeout=_PATIENCE,
            schedule_to_close_timeout=2 * _PATIENCE,
            retry_policy=RetryPolicy(maximum_attempts=3, initial_interval=timedelta(milliseconds=200)),
        )
