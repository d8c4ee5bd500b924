"""What the compiler, the machine and the workflow know of a tool.

A `ToolSpec` is plain data: it is made from a Python function by `weft_activities.tool`, is part of a plan (the plan's
snapshot of its tools) and never holds the function itself. Everything that decides how a step is run is here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Effect(StrEnum):
    """What a tool does to the world."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    WRITE = "write"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


ParameterKind = Literal["positional_only", "positional_or_keyword", "var_positional", "keyword_only", "var_keyword"]


class Parameter(_Frozen):
    """One parameter of a tool, in the order of its Python signature."""

    name: str
    kind: ParameterKind = "positional_or_keyword"
    required: bool = True


class RetrySpec(_Frozen):
    """How Temporal retries a step after a transient failure. Seconds."""

    max_attempts: int = Field(default=5, ge=1)
    initial_interval: float = Field(default=1.0, gt=0)
    backoff: float = Field(default=2.0, ge=1)
    max_interval: float = Field(default=60.0, gt=0)
    #: Names of exception classes, or of classes above them, after which there is no other attempt.
    non_retryable: tuple[str, ...] = ()


class ToolSpec(_Frozen):
    """A tool as the plan keeps it."""

    name: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    #: JSON Schema (draft 2020-12) of the object that holds all arguments by name.
    input_schema: dict[str, Any] = Field(default_factory=lambda: {"type": "object"})
    #: JSON Schema of the result, or None where the tool does not say.
    output_schema: dict[str, Any] | None = None
    input_examples: tuple[dict[str, Any], ...] = ()
    allowed_callers: tuple[Literal["code", "direct"], ...] = ("code",)
    defer_loading: bool = False
    effect: Effect = Effect.WRITE
    #: Names of what the tool touches; two tools with disjoint resources do not see each other's writes.
    resources: tuple[str, ...] | None = None
    #: 1 (harmless) to 3 (needs two approvals).
    risk: int = Field(default=1, ge=1, le=3)
    #: Seconds that one attempt may take.
    timeout: float = Field(default=300.0, gt=0)
    #: Seconds that a step may take in all: its attempts, the pauses between them, and its wait for a worker.
    total_timeout: float | None = Field(default=None, gt=0)
    retry: RetrySpec = RetrySpec()
    max_concurrent: int | None = Field(default=None, ge=1)
    rate_per_second: float | None = Field(default=None, gt=0)
    #: The Temporal task queue on which the activity lives; None is the run's own activity queue.
    task_queue: str | None = None
    placement: Literal["worker", "local"] = "worker"
    approval: bool = False
    #: Names of arguments whose values are never shown or logged.
    redact: tuple[str, ...] = ()

    def parameter_names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)
