"""Kinds of exceptions: class, arguments, attributes, what they chain to, and the fields that CPython keeps beside those.

Tracebacks are kept as what an orchestration sees of them: functions and lines.
"""

from __future__ import annotations

import types
from typing import Any

from weft_workflows.machine.codec import Kind, Taken
from weft_workflows.machine.codec_names import UNSET, Surroundings
from weft_workflows.sandbox.tracing import TracePoint, joined, own_traceback, points, set_traceback, traceback_of

#: Fields of builtin exceptions that are neither arguments nor attributes.
_FIELDS: tuple[tuple[type[BaseException], tuple[str, ...]], ...] = (
    (StopIteration, ("value",)),
    (SystemExit, ("code",)),
    (ImportError, ("msg", "name", "path", "name_from")),
    (NameError, ("name",)),
    (AttributeError, ("name", "obj")),
    (OSError, ("errno", "strerror", "filename", "filename2")),
    (UnicodeDecodeError, ("encoding", "object", "start", "end", "reason")),
    (UnicodeEncodeError, ("encoding", "object", "start", "end", "reason")),
    (UnicodeTranslateError, ("object", "start", "end", "reason")),
    (SyntaxError, ("msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset", "print_file_and_line")),
)


def _fields(error: BaseException) -> list[str]:
    return [name for kind, names in _FIELDS if isinstance(error, kind) for name in names]


def _error(_run: Surroundings, value: BaseException) -> Taken:
    members = (value.message, *value.exceptions) if isinstance(value, BaseExceptionGroup) else ()
    attributes = BaseException.__dict__["__dict__"].__get__(value) or None
    own_traceback(value)
    chain = [value.__cause__, value.__context__, value.__suppress_context__, traceback_of(value)]
    return (type(value), *members), [value.args, attributes, *chain, *(_field(value, name) for name in _fields(value))]


def _field(error: BaseException, name: str) -> Any:
    """A field's value; unset ones raise TypeError or AttributeError."""
    try:
        value = getattr(error, name)
    except (AttributeError, TypeError):
        return UNSET
    return UNSET if value is None else value


def _make_error(run: Surroundings, kind: Any, *members: Any) -> BaseException:
    maker = next(base for base in kind.__mro__ if not run.owns(base) and "__new__" in base.__dict__)
    made: BaseException = maker.__new__(kind, members[0], list(members[1:])) if members else maker.__new__(kind)
    return made


def _fill_error(_run: Surroundings, target: BaseException, contents: list[Any]) -> None:
    arguments, attributes, cause, context, suppressed, trace, *fields = contents
    target.args = arguments
    if attributes is not None:
        BaseException.__dict__["__dict__"].__set__(target, attributes)
    target.__cause__, target.__context__, target.__suppress_context__ = cause, context, suppressed
    set_traceback(target, trace)
    for name, value in zip(_fields(target), fields, strict=True):
        if value is not UNSET:
            setattr(target, name, value)


ERROR = Kind("error", "class, members; arguments, attributes, chain, fields", _error, _make_error, _fill_error)


def _traceback(_run: Surroundings, value: types.TracebackType) -> Taken:
    return tuple(part for point in points(value) for part in point), None


def _make_traceback(_run: Surroundings, *parts: Any) -> types.TracebackType | None:
    return joined(TracePoint(*each) for each in zip(parts[::2], parts[1::2], strict=True))


TRACEBACK = Kind("traceback", "function, line, function, …", _traceback, _make_traceback)
