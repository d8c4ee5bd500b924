"""The module `traceback` of a run: what CPython's prints, of the orchestration's own frames and lines.

The text is made by CPython's own `traceback`, which is given clean tracebacks and the lines of the source; it opens no file.
"""

from __future__ import annotations

import sys
import traceback
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.sandbox.facades import facade
from weft_workflows.sandbox.meter import LimitExceeded
from weft_workflows.sandbox.tracing import Origin, own_traceback, points

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment

#: Units of fuel for each exception of a chain, and for each of its places.
_COST = 40


def formatted(
    error: BaseException, environment: Environment, limit: Any = None, *, charged: bool = True
) -> traceback.TracebackException:
    """The error and all that it is chained to. What its texts show is measured before anything is rendered.

    `charged`: the program asked for it, and pays for each place too, not for each error alone.
    """
    origin = environment.origin
    for each in () if isinstance(error, LimitExceeded) else _chain(error):
        places = len(points(own_traceback(each))) if charged else 0
        environment.meter.charge(_COST * (1 + places))
        environment.formatting.plain(each)
        if isinstance(each, ImportError) and getattr(each, "name_from", None) is not None:
            # CPython (3.12) would import the module that the error names, to propose other spellings.
            each.name_from = None  # type: ignore[attr-defined]
    rendered = traceback.TracebackException(type(error), error, own_traceback(error), lookup_lines=False)
    pairs: list[tuple[Any, BaseException]] = [(rendered, error)]
    while pairs:
        made, source = pairs.pop()
        made.stack = stack_of(own_traceback(source), origin, limit)
        if made.__cause__ is not None and source.__cause__ is not None:
            pairs.append((made.__cause__, source.__cause__))
        if made.__context__ is not None and source.__context__ is not None:
            pairs.append((made.__context__, source.__context__))
        if made.exceptions and isinstance(source, BaseExceptionGroup):
            pairs.extend(zip(made.exceptions, source.exceptions, strict=True))
    return rendered


def stack_of(trace: types.TracebackType | None, origin: Origin, limit: Any = None) -> traceback.StackSummary:
    """The places of a traceback with their lines, at most `limit` of them as CPython counts: from the end if negative."""
    found = points(trace)
    if limit is not None:
        found = found[: max(limit, 0)] if limit >= 0 else found[limit:]
    return traceback.StackSummary.from_list(
        [(origin.file, point.line, point.function, origin.line(point.line)) for point in found]
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and every other that it leads to, each once."""
    seen: set[int] = set()
    found: list[BaseException | None] = [error]
    while found:
        each = found.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        found += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            found += each.exceptions


class Rendered:
    """`traceback.TracebackException` of an orchestration: its texts, and no exception."""

    __slots__ = ("_alone", "_chained", "_only", "_text", "exc_type", "stack")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(["format", "format_exception_only", "stack", "exc_type"])

    def __init__(self, made: traceback.TracebackException) -> None:
        self._chained = list(made.format())
        self._alone = list(made.format(chain=False))
        self._only = list(made.format_exception_only())
        self._text = str(made)
        self.exc_type: Any = made.exc_type
        self.stack = _summaries(made.stack)

    def format(self, *, chain: bool = True) -> Iterator[str]:
        return iter(list(self._chained if chain else self._alone))

    def format_exception_only(self) -> Iterator[str]:
        return iter(list(self._only))

    def __str__(self) -> str:
        return self._text


class FrameSummary:
    """A place of a traceback: compares and unpacks as (file, line, function, text)."""

    __slots__ = ("filename", "line", "lineno", "name")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(__slots__)

    def __init__(self, filename: str, lineno: int | None, name: str, line: str | None) -> None:
        self.filename, self.lineno, self.name, self.line = filename, lineno, name, line

    def __iter__(self) -> Iterator[Any]:
        return iter((self.filename, self.lineno, self.name, self.line))

    def __getitem__(self, index: Any) -> Any:
        return (self.filename, self.lineno, self.name, self.line)[index]

    def __len__(self) -> int:
        return 4

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, (FrameSummary, tuple)):
            return NotImplemented
        return tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<FrameSummary file {self.filename}, line {self.lineno} in {self.name}>"


def _summaries(stack: traceback.StackSummary) -> list[FrameSummary]:
    return [FrameSummary(each.filename, each.lineno, each.name, each.line) for each in stack]


_NONE: Any = object()


class Tracebacks:
    """The functions of the module for one run; those that print write to `file`, else to the run's output."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._meter = environment.meter

    def format_exception(
        self, exc: Any, /, value: Any = _NONE, tb: Any = _NONE, limit: Any = None, chain: bool = True
    ) -> list[str]:
        error = _given(exc, value)
        if error is None:
            return ["NoneType: None\n"]
        trace = own_traceback(error) if value is _NONE or tb is _NONE else tb
        return list(self._rendered(error, trace, limit).format(chain=chain))

    def format_exc(self, limit: Any = None, chain: bool = True) -> str:
        return "".join(self.format_exception(sys.exception(), limit=limit, chain=chain))

    def format_exception_only(self, exc: Any, /, value: Any = _NONE) -> list[str]:
        error = _given(exc, value)
        if error is None:
            return ["NoneType: None\n"]
        return list(formatted(error, self._environment).format_exception_only())

    def format_tb(self, tb: Any, limit: Any = None) -> list[str]:
        return self._stack(tb, limit).format()

    def extract_tb(self, tb: Any, limit: Any = None) -> list[FrameSummary]:
        return _summaries(self._stack(tb, limit))

    def format_list(self, extracted_list: Any) -> list[str]:
        return traceback.StackSummary.from_list([tuple(each) for each in extracted_list]).format()

    def print_exception(
        self,
        exc: Any,
        /,
        value: Any = _NONE,
        tb: Any = _NONE,
        limit: Any = None,
        file: Any = None,
        chain: bool = True,
    ) -> None:
        self._print("".join(self.format_exception(exc, value, tb, limit, chain)), file)

    def print_exc(self, limit: Any = None, file: Any = None, chain: bool = True) -> None:
        self._print(self.format_exc(limit, chain), file)

    def print_tb(self, tb: Any, limit: Any = None, file: Any = None) -> None:
        self._print("".join(self.format_tb(tb, limit)), file)

    def from_exception(self, exc: Any, *, limit: Any = None) -> Rendered:
        return self.render(type(exc), exc, own_traceback(exc), limit=limit)

    def render(self, _exc_type: Any, exc_value: Any, exc_traceback: Any, *, limit: Any = None) -> Rendered:
        """`TracebackException(type, error, traceback)`."""
        return Rendered(self._rendered(_checked(exc_value), exc_traceback, limit))

    def _rendered(self, error: BaseException, trace: Any, limit: Any) -> traceback.TracebackException:
        rendered = formatted(error, self._environment, limit)
        rendered.stack = self._stack(trace, limit)
        return rendered

    def _stack(self, tb: Any, limit: Any) -> traceback.StackSummary:
        if tb is not None and type(tb) is not types.TracebackType:
            raise TypeError(f"a traceback is needed, not {type(tb).__name__}")
        stack = stack_of(tb, self._environment.origin, limit)
        self._meter.charge(_COST * len(stack))
        return stack

    def _print(self, text: str, file: Any) -> None:
        self._environment.namespace["__builtins__"]["print"](text, end="", file=file)


def _given(exc: Any, value: Any) -> BaseException | None:
    """The error of a call with the error alone, or with its type, itself and its traceback."""
    found = exc if value is _NONE else value
    return None if found is None else _checked(found)


def _checked(value: Any) -> BaseException:
    if not isinstance(value, BaseException):
        raise TypeError(f"an exception is needed, not {type(value).__name__}")
    return value


def traceback_module(environment: Environment) -> dict[str, Any]:
    functions = Tracebacks(environment)
    names = ["format_exc", "format_exception", "format_exception_only", "format_list", "format_tb", "extract_tb"]
    names += ["print_exc", "print_exception", "print_tb"]
    found: dict[str, Any] = {name: getattr(functions, name) for name in names}
    rendered = facade(traceback.TracebackException, functions.render, (Rendered,), frozenset(["from_exception"]))
    rendered.from_exception = staticmethod(functions.from_exception)
    return found | {"TracebackException": rendered, "FrameSummary": FrameSummary}
