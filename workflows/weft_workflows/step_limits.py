"""What a run's own settings make of its tools: how long and how often each step is tried; and the run's own time.

This is the one place where a run's settings meet those of a tool; what comes after sees only the outcome. A setting of
the run wins over the tool's, for each of its tools: whoever starts a run knows more than the tool's author did.
"""

from __future__ import annotations

from typing import Any

from weft_compiler.tool_spec import ToolSpec

from weft_workflows.messages import RunOptions


def limited(spec: ToolSpec, options: RunOptions) -> ToolSpec:
    """The tool as steps of that run see it."""
    retry: dict[str, Any] = {}
    if options.attempts is not None:
        retry["max_attempts"] = options.attempts
    if options.retry_interval is not None:
        retry["initial_interval"] = options.retry_interval
        # The first pause is the one that was asked for, also where the tool allows no pause as long.
        retry["max_interval"] = max(spec.retry.max_interval, options.retry_interval)
    changes: dict[str, Any] = {"retry": spec.retry.model_copy(update=retry)} if retry else {}
    if options.step_timeout is not None:
        changes["timeout"] = options.step_timeout
    return spec.model_copy(update=changes)


def timed_out_text(seconds: float) -> str:
    """What is said of a run whose time was over."""
    return f"the run took longer than the {seconds:g} s that --run-timeout allows, and was cancelled"
