"""How a client starts a run: the workflow's input and what the UI shows of it from the first moment.

The run's settings travel in its input and nowhere else, so that whoever resumes it finds them. Used by
clients, never by workflow code.
"""

from __future__ import annotations

from typing import Any

from weft_compiler.plan import Plan

from weft_workflows.messages import (
    CHILD_MARK,
    DEFAULT_TASK_QUEUE,
    RUN_WORKFLOW,
    BatchLimits,
    HistoryLimits,
    RunInput,
    RunOptions,
    ValueSizes,
)
from weft_workflows.step_activities import cut

#: Seconds that a cancelled run may take to clean up, unless its options say otherwise.
CLEANUP_LIMIT = 300.0
#: The rules of parking that new runs follow.
PARKING_RULES = 1
#: The server's limits on what the UI shows of a run.
_SUMMARY_BYTES = 200
_DETAILS_BYTES = 20_000


def start_options(
    plan: Plan,
    inputs: dict[str, Any],
    options: RunOptions | None = None,
    *,
    run_id: str,
    task_queue: str = DEFAULT_TASK_QUEUE,
    details: str | None = None,
) -> dict[str, Any]:
    """Keyword arguments of `Client.start_workflow`, whose data converter must be pydantic's.

    `details` is Markdown about the plan, the source where it is not given. The memo keeps what later listings
    need.
    """
    if CHILD_MARK in run_id:
        raise ValueError(f"a run's id may not contain {CHILD_MARK}: {run_id}")
    options = options or RunOptions()
    settled: dict[str, Any] = {
        "keys_by_call": True,
        "sizes": options.sizes or ValueSizes(),
        "history": options.history or HistoryLimits(),
        "batches": (options.batches or BatchLimits()).model_copy(update={"rolling": True}),
    }
    if options.cleanup_limit is None:
        settled["cleanup_limit"] = CLEANUP_LIMIT
    options = options.model_copy(update=settled)
    shown = options.objective or plan.file
    source = f"`{plan.file}`\n\n```python\n{plan.source}\n```"
    return {
        "workflow": RUN_WORKFLOW,
        "arg": RunInput(
            plan=plan.canonical_json(),
            plan_id=plan.plan_id,
            inputs=inputs,
            options=options,
            parking_rules=PARKING_RULES,
            keeps_history=True,
        ),
        "id": run_id,
        "task_queue": task_queue,
        "memo": {"plan_id": plan.plan_id, "file": plan.file, "objective": options.objective},
        "static_summary": cut(" ".join(shown.split()), _SUMMARY_BYTES),
        "static_details": cut(details or source, _DETAILS_BYTES),
    }
