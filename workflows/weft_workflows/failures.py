"""How an exception of a tool is told to a machine.

A `Failure` is what remains of a tool's exception once it has left the tool's process: names and JSON, no
class, no traceback object. It is itself an exception so that a caller may raise it instead of the original.

The table of transient failures here is the one for callers that hand over plain exceptions (fakes, tests);
callers with a richer view of their tools describe failures themselves. Nothing here knows Temporal or
asyncio.
"""

from __future__ import annotations

import builtins
import json
from typing import Any

#: Errors of the moment: the same call may succeed a little later.
TRANSIENT: tuple[type[BaseException], ...] = (ConnectionError, TimeoutError, OSError)

#: Errors of the operating system that say something lasting of the world: asking again gives the same answer.
LASTING: tuple[type[BaseException], ...] = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


class Failure(Exception):
    """A tool's exception in names and JSON.

    `type` is the exception's class name, `arguments` its args as JSON values, `base_type` the name of its
    nearest builtin base class, `transient` whether trying again may help, `retry_after` the seconds before that, where
    the exception says so. `note` is for people who decide what becomes of the step.
    """

    def __init__(
        self,
        type_name: str,
        message: str,
        arguments: list[Any] | None = None,
        *,
        base_type: str = "",
        transient: bool = False,
        retry_after: float | None = None,
        note: str = "",
    ) -> None:
        super().__init__(message)
        self.type = type_name
        self.message = message
        self.arguments = [message] if arguments is None else arguments
        self.base_type = base_type or (type_name if is_builtin_exception(type_name) else "Exception")
        self.transient = transient
        self.retry_after = retry_after
        self.note = note

    def as_data(self) -> dict[str, Any]:
        """The failure as JSON values; `of_data` is the way back."""
        return {
            "type": self.type,
            "message": self.message,
            "arguments": self.arguments,
            "base_type": self.base_type,
            "transient": self.transient,
            "note": self.note,
        }

    @classmethod
    def of_data(cls, data: dict[str, Any]) -> Failure:
        return cls(
            data["type"],
            data["message"],
            data["arguments"],
            base_type=data["base_type"],
            transient=data["transient"],
            note=data.get("note", ""),
        )


def describe(error: BaseException) -> Failure:
    """The failure that this exception amounts to; a `Failure` describes itself."""
    if isinstance(error, Failure):
        return error
    return Failure(
        type(error).__name__,
        str(error),
        [_plain(argument) for argument in error.args],
        base_type=builtin_base(type(error)),
        transient=is_transient(error),
        retry_after=_number(getattr(error, "retry_after", None)),
    )


def is_transient(error: BaseException) -> bool:
    return isinstance(error, TRANSIENT) and not isinstance(error, LASTING)


def builtin_base(cls: type[BaseException]) -> str:
    """The name of the nearest builtin exception class among a class and its bases."""
    return next(base.__name__ for base in cls.__mro__ if base.__module__ == builtins.__name__)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def is_builtin_exception(name: str) -> bool:
    found = getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def _plain(value: Any) -> Any:
    """An exception's argument as a JSON value; what JSON cannot carry becomes its text."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return str(value)
