"""The workflow types that a worker for runs must have."""

from __future__ import annotations

from weft_workflows.batch_workflow import WeftSteps
from weft_workflows.run_workflow import RunWorkflow

WORKFLOWS: tuple[type, ...] = (RunWorkflow, WeftSteps)
