"""What a command says of a run when it stops waiting for it: one shape for people and for `--json`, one exit
code.

Standard library only, so that errors are reported before anything heavy is imported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["completed", "failed", "parked", "paused", "cancelled", "denied", "running"]

COMPLETED, FAILED, USAGE, WAITING = 0, 1, 2, 3
_EXIT_CODES: dict[Status, int] = {
    "completed": COMPLETED,
    "failed": FAILED,
    "cancelled": FAILED,
    "denied": FAILED,
    "parked": WAITING,
    "paused": WAITING,
    "running": WAITING,
}


@dataclass(frozen=True)
class OutcomeError:
    """Why a run failed. `line` is a line of the orchestration, 0 where unknown; `step` an id or empty."""

    type: str
    message: str
    line: int = 0
    step: str = ""
    #: The orchestration's own traceback, for people; not part of the JSON object.
    traceback: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a run stands. `steps` counts its finished steps, `reused` those that an earlier run had finished."""

    run_id: str
    status: Status
    result: Any = None
    stdout: str = ""
    steps: int = 0
    reused: int = 0
    error: OutcomeError | None = None
    ui_url: str | None = None
    #: Additional keys of the JSON object, such as `diagnostics` or `parked`.
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        return _EXIT_CODES[self.status]

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        error = self.error and {
            "type": self.error.type,
            "message": self.error.message,
            "line": self.error.line,
            "step": self.error.step,
        }
        return {
            "run_id": self.run_id,
            "status": self.status,
            "result": self.result,
            "stdout": self.stdout,
            "steps": self.steps,
            "reused": self.reused,
            "error": error,
            "ui_url": self.ui_url,
            **self.extra,
        }
