"""What keeps a command from doing its work: problems that are collected, reported together, and decide the
exit code.

Standard library only, so that errors are reported before anything heavy is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weft_worker.outcome import FAILED, USAGE


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    code: str
    message: str
    line: int = 0
    #: What people read, where it is more than the message; empty where an earlier problem's text covers this
    #: one.
    text: str | None = None
    #: The diagnostic's own JSON, where the compiler found the problem.
    data: dict[str, Any] | None = None

    def for_people(self) -> str:
        return f"error: {self.message}" if self.text is None else self.text

    def to_json(self) -> dict[str, Any]:
        return self.data or {"code": self.code, "message": self.message, "line": self.line}


class CommandFailed(Exception):
    """A command cannot do its work.

    `exit_code` is 2 where the command line is at fault, else 1; `type` names the kind of error in the JSON
    object.
    """

    def __init__(
        self, problems: Sequence[Problem], *, exit_code: int = FAILED, type_: str = "WeftError", run_id: str = ""
    ) -> None:
        super().__init__("\n".join(problem.message for problem in problems))
        self.problems = tuple(problems)
        self.exit_code = exit_code
        self.type = type_
        self.run_id = run_id


def failed(message: str, *, type_: str = "WeftError", run_id: str = "") -> CommandFailed:
    """A failure with one message. The message names the cause and the remedy."""
    return CommandFailed([Problem(type_, message)], type_=type_, run_id=run_id)


def misused(message: str) -> CommandFailed:
    """A wrong command line; exits with 2."""
    return CommandFailed([Problem("usage", message)], exit_code=USAGE, type_="UsageError")
