"""Errors of tools as the orchestration gets them.

A builtin exception type keeps its type. Any other arrives as a `ToolError` that is also an instance of its nearest builtin
base, so that `except RuntimeError` still catches it, and that bears the name of its own class.
"""

from __future__ import annotations

import base64
import builtins
import json
from typing import Any

from weft_workflows.machine.protocol import StepFailed


class ToolError(Exception):
    """A failure of a tool. `tool` is the tool's name, `type` the name of the exception class that it raised."""

    __module__ = "builtins"
    tool = ""
    type = ""
    __weft_names__ = frozenset({"tool", "type", "args", "add_note", "with_traceback"})


_classes: dict[tuple[str, str], type[BaseException]] = {}


def error_of(event: StepFailed, tool: str) -> BaseException:
    """The exception that a failed step raises in the program."""
    arguments = _arguments(event)
    kind = _builtin(event.type) if event.type == event.base_type else None
    if kind is not None:
        return _made(kind, arguments, event.message)
    error = _made(tool_error_class(event.type, event.base_type), arguments, event.message)
    error.__dict__["tool"] = tool
    error.__dict__["type"] = event.type
    return error


def tool_error_class(name: str, base_name: str) -> type[BaseException]:
    """The class of tool errors of that name with that builtin base; the same one each time."""
    found = _classes.get((name, base_name))
    if found is None:
        base = _builtin(base_name) or Exception
        bases = (ToolError,) if base is Exception else (ToolError, base)
        found = type(name, bases, {"__module__": "builtins", "__weft_names__": ToolError.__weft_names__})
        _classes[name, base_name] = found
    return found


def _builtin(name: str) -> type[Exception] | None:
    found = getattr(builtins, name, None)
    if isinstance(found, type) and issubclass(found, Exception):
        return found
    return None


def _arguments(event: StepFailed) -> tuple[Any, ...]:
    try:
        found = json.loads(event.arguments)
    except ValueError:
        return (event.message,)
    return tuple(found) if isinstance(found, list) else (event.message,)


def _made(kind: type[BaseException], arguments: tuple[Any, ...], message: str) -> BaseException:
    """An instance with those arguments; with the message alone where the class refuses them.

    Groups and Unicode errors cannot be made of JSON: a group's members come as texts, a text's bytes as base64.
    """
    try:
        if issubclass(kind, BaseExceptionGroup):
            return kind(str(arguments[0]), [Exception(str(each)) for each in arguments[1:]] or [Exception(message)])
        if issubclass(kind, UnicodeDecodeError):
            encoding, data, *place = arguments
            return kind(encoding, base64.urlsafe_b64decode(data), *place)
        return kind(*arguments)
    except (IndexError, TypeError, ValueError):
        made = kind.__new__(kind)
        made.args = (message,)
        return made
