"""Tools: what they are (`tool`), what they may know while they run (`current_step`), how they ask for another attempt
(`Retry`).

Importing this package costs what pydantic costs; it never imports Temporal.
"""

from __future__ import annotations

from weft_activities.context import StepContext, current_step
from weft_activities.failures import Retry
from weft_activities.tool import Tool, tool

__all__ = ["Retry", "StepContext", "Tool", "current_step", "tool"]
