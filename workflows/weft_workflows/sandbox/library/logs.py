"""The module `logging` of a run: CPython's loggers, levels, handlers and formats, whose streams are the run's output.

What always holds: a record lasts only as long as it is being written; loggers, handlers and formatters are plain state that
a checkpoint can hold. There are no files, no sockets and no places in the source here: nothing knows frames.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.sandbox.facades import facade
from weft_workflows.sandbox.library.tracebacks import formatted

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment

_LEVELS = {"CRITICAL": 50, "FATAL": 50, "ERROR": 40, "WARNING": 30, "WARN": 30, "INFO": 20, "DEBUG": 10, "NOTSET": 0}
_NAMES = {50: "CRITICAL", 40: "ERROR", 30: "WARNING", 20: "INFO", 10: "DEBUG", 0: "NOTSET"}
_STYLES = {
    "%": "%(levelname)s:%(name)s:%(message)s",
    "{": "{levelname}:{name}:{message}",
    "$": "${levelname}:${name}:${message}",
}
_BARE = {"%": "%(message)s", "{": "{message}", "$": "${message}"}
#: How a field is named in a format of each style.
_FIELDS = {
    "%": re.compile(r"%\((\w+)\)[#0+ -]*(?:\d+)?(?:\.\d+)?[diouxefgcrsa%]", re.IGNORECASE),
    "{": re.compile(r"\{(\w+)[^}]*\}"),
    "$": re.compile(r"\$\{?(\w+)\}?"),
}
_PLACES = frozenset(("lineno", "funcName", "filename", "pathname", "module", "stack_info"))


def _level_of(level: Any) -> int:
    if isinstance(level, str):
        if level not in _LEVELS:
            raise ValueError(f"Unknown level: {level!r}")
        return _LEVELS[level]
    if not isinstance(level, int):
        raise TypeError(f"Level not an integer or a valid string: {level!r}")
    return int(level)


def level_name(level: Any) -> Any:
    """`logging.getLevelName`, which goes both ways."""
    found = _NAMES.get(level) if isinstance(level, int) else _LEVELS.get(level)
    return f"Level {level}" if found is None else found


class Formatter:
    """How a record becomes text."""

    __slots__ = ("_library", "datefmt", "defaults", "fmt", "style")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("datefmt",))

    def __init__(
        self, library: Logging, fmt: Any, datefmt: Any, style: str, defaults: Any = None, check: bool = True
    ) -> None:
        if style not in _STYLES:
            raise ValueError(f"Style must be one of: {','.join(_STYLES)}")
        self._library = library
        self.fmt = _BARE[style] if fmt is None else fmt
        self.datefmt = datefmt
        self.style = style
        self.defaults = dict(defaults or {})
        fields = _FIELDS[style].findall(self.fmt)
        if check and not fields:
            raise ValueError(
                f"Invalid format '{self.fmt}' for '{style}' style" if style == "%" else "invalid format: no fields"
            )
        if places := sorted(_PLACES.intersection(fields)):
            raise ValueError(f"logging knows no {', '.join(places)} here; use name, levelname, asctime and message")

    def __repr__(self) -> str:
        return "<logging.Formatter object>"

    def text_of(self, record: dict[str, Any]) -> str:
        values = self.defaults | record
        if "asctime" in _FIELDS[self.style].findall(self.fmt):
            values["asctime"] = self._moment(record)
        text = self._filled(values)
        if error := record["exc_text"]:
            text += error if text.endswith("\n") else "\n" + error
        return text

    def _moment(self, record: dict[str, Any]) -> str:
        moment = time.gmtime(record["created"])
        if self.datefmt:
            return time.strftime(self.datefmt, moment)
        return f"{time.strftime('%Y-%m-%d %H:%M:%S', moment)},{int(record['msecs']):03d}"

    def _filled(self, values: dict[str, Any]) -> str:
        formatting = self._library.environment.formatting
        try:
            if self.style == "%":
                return str(formatting.percent(self.fmt, values))
            if self.style == "{":
                return str(formatting.str_format(self.fmt, **values))
        except KeyError as missing:
            raise ValueError(f"Formatting field not found in record: {missing}") from None
        return _FIELDS["$"].sub(lambda found: str(formatting.plain(values[found[1]])), self.fmt)


class StreamHandler:
    """Writes records to a stream: the run's output, unless it is given another."""

    __slots__ = ("_library", "formatter", "level", "stream")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        ("setLevel", "setFormatter", "flush", "close", "level", "formatter")
    )

    def __init__(self, library: Logging, stream: Any) -> None:
        self._library = library
        self.stream = stream
        self.level = 0
        self.formatter: Formatter | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} ({level_name(self.level)})>"

    def setLevel(self, level: Any) -> None:  # noqa: N802 - logging's own names
        self.level = _level_of(level)

    def setFormatter(self, fmt: Any) -> None:  # noqa: N802
        if fmt is not None and not isinstance(fmt, Formatter):
            raise TypeError(f"a logging.Formatter was expected, got {type(fmt).__name__}")
        self.formatter = fmt

    def flush(self) -> None:
        """Nothing is held back."""

    close = flush

    def handle(self, record: dict[str, Any]) -> None:
        if record["levelno"] >= self.level:
            text = (self.formatter or self._library.bare).text_of(record)
            self._library.writer(self.stream)(text + "\n")


class NullHandler(StreamHandler):
    """Takes records and does nothing."""

    __slots__ = ()
    __weft_names__: ClassVar[frozenset[str]] = StreamHandler.__weft_names__

    def handle(self, record: dict[str, Any]) -> None:
        """Nothing."""


class Logger:
    """A logger of the run; its ancestors are those whose names its own name goes on from."""

    __slots__ = ("_library", "disabled", "handlers", "level", "name", "propagate")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        [
            "debug",
            "info",
            "warning",
            "warn",
            "error",
            "exception",
            "critical",
            "fatal",
            "log",
            "setLevel",
            "isEnabledFor",
            "getEffectiveLevel",
            "addHandler",
            "removeHandler",
            "hasHandlers",
            "getChild",
            "name",
            "level",
            "handlers",
            "propagate",
            "disabled",
        ]
    )
    __weft_stores__: ClassVar[frozenset[str]] = frozenset(("propagate", "disabled"))

    def __init__(self, library: Logging, name: str) -> None:
        self._library, self.name, self.level = library, name, 0
        self.handlers: list[Any] = []
        self.propagate = True
        self.disabled = False

    def __repr__(self) -> str:
        kind = "RootLogger" if self is self._library.root else "Logger"
        return f"<{kind} {self.name} ({level_name(self.getEffectiveLevel())})>"

    def setLevel(self, level: Any) -> None:  # noqa: N802
        self.level = _level_of(level)

    def getEffectiveLevel(self) -> int:  # noqa: N802
        return next((each.level for each in self._library.line_of(self) if each.level), 0)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802
        return not self.disabled and level >= self.getEffectiveLevel()

    def addHandler(self, hdlr: Any) -> None:  # noqa: N802
        if not isinstance(hdlr, StreamHandler):
            raise TypeError(f"a logging.StreamHandler was expected, got {type(hdlr).__name__}")
        if hdlr not in self.handlers:
            self.handlers.append(hdlr)

    def removeHandler(self, hdlr: Any) -> None:  # noqa: N802
        if hdlr in self.handlers:
            self.handlers.remove(hdlr)

    def hasHandlers(self) -> bool:  # noqa: N802
        return any(True for _ in self._heard())

    def getChild(self, suffix: str) -> Logger:  # noqa: N802
        return self._library.getLogger(suffix if self is self._library.root else f"{self.name}.{suffix}")

    def _heard(self) -> Iterator[StreamHandler]:
        """The handlers that get what is logged here."""
        for each in self._library.line_of(self):
            yield from (handler for handler in each.handlers if isinstance(handler, StreamHandler))
            if not each.propagate:
                return

    def log(self, level: int, msg: Any, /, *args: Any, exc_info: Any = None, extra: Any = None, **_: Any) -> None:
        if not isinstance(level, int):
            raise TypeError("level must be an integer")
        if self.isEnabledFor(level):
            record = self._record(level, msg, args, exc_info, dict(extra or {}))
            handlers = list(self._heard()) or ([self._library.last_resort] if level >= _LEVELS["WARNING"] else [])
            for handler in handlers:
                handler.handle(record)

    def _record(
        self, level: int, msg: Any, args: tuple[Any, ...], exc_info: Any, extra: dict[str, Any]
    ) -> dict[str, Any]:
        library = self._library
        formatting = library.environment.formatting
        message = str(formatting.plain(msg))
        if args:
            first = args[0]
            message = formatting.percent(
                message, first if len(args) == 1 and isinstance(first, Mapping) and first else args
            )
        now = library.environment.services.now()
        record = {
            "name": self.name,
            "levelno": level,
            "levelname": level_name(level),
            "message": message,
            "msg": msg,
            "created": now,
            "msecs": int((now - int(now)) * 1000) + 0.0,
            "relativeCreated": (now - library.begun) * 1000,
            "exc_text": self._traceback(exc_info) if exc_info else "",
            **_PROCESS,
        }
        for key in extra:
            if key in record or key == "asctime":
                raise KeyError(f"Attempt to overwrite {key!r} in LogRecord")
        return record | extra

    def _traceback(self, exc_info: Any) -> str:
        """The traceback of the given error, of the one in `sys.exc_info()`'s form, or of the one that is handled."""
        error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
        if not isinstance(error, BaseException):
            error = sys.exception()
        if error is None:
            return "NoneType: None"
        return "".join(formatted(error, self._library.environment).format()).removesuffix("\n")

    def debug(self, msg: Any, /, *args: Any, **kwargs: Any) -> None:
        self.log(10, msg, *args, **kwargs)

    def info(self, msg: Any, /, *args: Any, **kwargs: Any) -> None:
        self.log(20, msg, *args, **kwargs)

    def warning(self, msg: Any, /, *args: Any, **kwargs: Any) -> None:
        self.log(30, msg, *args, **kwargs)

    def error(self, msg: Any, /, *args: Any, **kwargs: Any) -> None:
        self.log(40, msg, *args, **kwargs)

    def critical(self, msg: Any, /, *args: Any, **kwargs: Any) -> None:
        self.log(50, msg, *args, **kwargs)

    def exception(self, msg: Any, /, *args: Any, **kwargs: Any) -> None:
        self.log(40, msg, *args, **{"exc_info": True, **kwargs})

    warn, fatal = warning, critical


_PROCESS = {"process": 1, "processName": "MainProcess", "thread": 1, "threadName": "MainThread", "taskName": None}


class Logging:
    """The logging of one run: its loggers, the root among them."""

    def __init__(self, environment: Environment, write: Callable[[str], None]) -> None:
        self.environment = environment
        self._write = write
        self.begun = environment.services.now()
        self.bare = Formatter(self, None, None, "%")
        self.last_resort = StreamHandler(self, None)
        self.root = Logger(self, "root")
        self.root.level = _LEVELS["WARNING"]
        self.loggers: dict[str, Logger] = {"root": self.root}

    def getLogger(self, name: str | None = None) -> Logger:  # noqa: N802
        if name is not None and not isinstance(name, str):
            raise TypeError("A logger name must be a string")
        key = name or "root"
        if key not in self.loggers:
            self.loggers[key] = Logger(self, key)
        return self.loggers[key]

    def line_of(self, logger: Logger) -> Iterator[Logger]:
        """The logger and its ancestors, the root last."""
        name = logger.name
        while logger is not self.root and name:
            if name in self.loggers:
                yield self.loggers[name]
            name = name.rpartition(".")[0]
        yield self.root

    def writer(self, stream: Any) -> Callable[[str], Any]:
        write: Callable[[str], Any] = (
            self._write if stream is None else self.environment.attributes.get(stream, "write")
        )
        return write

    def make_formatter(
        self, fmt: Any = None, datefmt: Any = None, style: str = "%", validate: bool = True, *, defaults: Any = None
    ) -> Formatter:
        return Formatter(self, fmt, datefmt, style, defaults, validate)

    def make_handler(self, stream: Any = None) -> StreamHandler:
        return StreamHandler(self, stream)

    def make_null_handler(self) -> NullHandler:
        return NullHandler(self, None)

    def configure(
        self,
        *,
        level: Any = None,
        format: Any = None,  # noqa: A002 - logging's own names
        datefmt: Any = None,
        style: str = "%",
        stream: Any = None,
        handlers: Any = None,
        force: bool = False,
        **others: Any,
    ) -> None:
        """`logging.basicConfig`: does nothing where the root has handlers, unless it is forced."""
        if force:
            self.root.handlers.clear()
        if self.root.handlers:
            return
        if "filename" in others:
            raise ValueError("logging writes no files here; leave out `filename`: records go to the run's output")
        if unknown := sorted(set(others) - {"encoding", "errors"}):
            raise ValueError(f"Unrecognised argument(s): {', '.join(unknown)}")
        if stream is not None and handlers is not None:
            raise ValueError("'stream' or 'filename' should not be specified together with 'handlers'")
        if style not in _STYLES:
            raise ValueError(f"Style must be one of: {','.join(_STYLES)}")
        given = [StreamHandler(self, stream)] if handlers is None else list(handlers)
        formatter = Formatter(self, _STYLES[style] if format is None else format, datefmt, style)
        for handler in given:
            self.root.addHandler(handler)
            handler.formatter = handler.formatter or formatter
        if level is not None:
            self.root.setLevel(level)

    def function(self, name: str) -> Callable[..., None]:
        """`logging.info` and its like, which see to it that there is a handler."""

        def call(*args: Any, **kwargs: Any) -> None:
            if not self.root.handlers:
                self.configure()
            getattr(self.root, name)(*args, **kwargs)

        return call


def make_module(environment: Environment, write: Callable[[str], None]) -> dict[str, Any]:
    """The names of the module; `write` takes what goes to the run's output."""
    library = Logging(environment, write)
    functions = ("debug", "info", "warning", "warn", "error", "exception", "critical", "log")
    makers: dict[type, Callable[..., Any]] = {
        StreamHandler: library.make_handler,
        NullHandler: library.make_null_handler,
        Formatter: library.make_formatter,
    }
    stand_ins = environment.stand_ins
    return {
        **{name: value for name, value in _LEVELS.items() if name != "FATAL"},
        **{name: library.function(name) for name in functions},
        "getLogger": library.getLogger,
        "basicConfig": library.configure,
        "Logger": stand_ins.shown(Logger),
        **{kind.__name__: stand_ins.stand_for(kind, facade(kind, make)) for kind, make in makers.items()},
        "getLevelName": level_name,
    }
