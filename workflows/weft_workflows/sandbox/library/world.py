"""Modules that look at the world outside: clock, chance, identifiers, logs, the interpreter. All of it comes from the run's services."""

from __future__ import annotations

import calendar
import datetime
import random
import sys
import time
import uuid
import zoneinfo
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.sandbox.allowed import ALLOWED_MODULES
from weft_workflows.sandbox.facades import facade
from weft_workflows.sandbox.library.tracebacks import formatted
from weft_workflows.sandbox.names import plain_text
from weft_workflows.sandbox.tracing import own_traceback

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment

_LEVELS = {"NOTSET": 0, "DEBUG": 10, "INFO": 20, "WARNING": 30, "WARN": 30, "ERROR": 40, "CRITICAL": 50}


def datetime_module(_environment: Environment) -> dict[str, Any]:
    """The types themselves; their constructors that read a clock are replaced in the attribute guard."""
    return {name: getattr(datetime, name) for name in ALLOWED_MODULES["datetime"]}


def zoneinfo_module(environment: Environment) -> dict[str, Any]:
    """The module keeps zones by the key that was given first, for the whole process."""

    def zone(key: Any) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(plain_text(key))

    found = {name: getattr(zoneinfo, name) for name in ALLOWED_MODULES["zoneinfo"]}
    stand_in = environment.stand_ins.stand_for(zoneinfo.ZoneInfo, facade(zoneinfo.ZoneInfo, zone))
    return found | {"ZoneInfo": stand_in}


def time_module(environment: Environment) -> dict[str, Any]:
    now = environment.services.now

    def nanoseconds() -> int:
        return round(now() * 1e9)

    def moment(seconds: float | None = None, /) -> time.struct_time:
        return time.gmtime(now() if seconds is None else seconds)

    def strftime(form: str, when: Any = None, /) -> str:
        return time.strftime(form, moment() if when is None else when)

    def strptime(text: str, form: str = "%a %b %d %H:%M:%S %Y", /) -> time.struct_time:
        return time.strptime(text, plain_text(form))

    return {
        **dict.fromkeys(("time", "monotonic", "perf_counter"), now),
        **dict.fromkeys(("time_ns", "monotonic_ns", "perf_counter_ns"), nanoseconds),
        "gmtime": moment,
        "localtime": moment,
        "strftime": strftime,
        "strptime": strptime,
        "mktime": calendar.timegm,
    }


def random_module(environment: Environment) -> dict[str, Any]:
    """The module's functions draw from the run's generator; a `Random` without a seed takes one from there."""
    meter, generator = environment.meter, environment.services.random
    found: dict[str, Any] = {
        name: getattr(generator, name) for name in ALLOWED_MODULES["random"] if name not in ("Random", "seed")
    }

    def make_random(x: Any = None) -> random.Random:
        return random.Random(generator.getrandbits(64) if x is None else x)

    def seed(a: Any = None, version: int = 2) -> None:
        generator.seed(generator.getrandbits(64) if a is None else a, version)

    methods = environment.attributes.methods
    for name in ("choices", "sample", "shuffle", "randbytes", "getrandbits"):
        methods[random.Random, name] = _bounded(getattr(random.Random, name), name, meter)
        found[name] = _bounded(found[name], name, meter)
    return found | {"Random": facade(random.Random, make_random), "seed": seed}


def _bounded(native: Callable[..., Any], name: str, meter: Any) -> Callable[..., Any]:
    def draw(*args: Any, **kwargs: Any) -> Any:
        size = kwargs.get("k", 1)
        for value in args:
            if isinstance(value, (list, tuple, str, range)):
                size = max(size, len(value))
            elif isinstance(value, int):
                size = max(size, value >> 3 if name == "getrandbits" else value)
        if isinstance(size, int):
            meter.check_size(size * 8, "what random draws")
            meter.charge(size >> 1 if name != "getrandbits" else 1)
        return native(*args, **kwargs)

    return draw


def uuid_module(environment: Environment) -> dict[str, Any]:
    services = environment.services
    found = {name: getattr(uuid, name) for name in ALLOWED_MODULES["uuid"]}

    def uuid4() -> uuid.UUID:
        return uuid.UUID(int=services.random.getrandbits(128), version=4)

    def uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
        moment = round(services.now() * 1e7) + 0x01B21DD213814000
        sequence = services.random.getrandbits(14) if clock_seq is None else clock_seq
        place = services.random.getrandbits(48) | 1 << 40 if node is None else node
        fields = (
            moment & 0xFFFFFFFF,
            moment >> 32 & 0xFFFF,
            moment >> 48 & 0x0FFF,
            sequence >> 8 & 0x3F,
            sequence & 0xFF,
            place,
        )
        return uuid.UUID(fields=fields, version=1)

    return found | {"uuid1": uuid1, "uuid4": uuid4}


class Stream:
    """`sys.stdout` and `sys.stderr`: the run's output."""

    __slots__ = ("_write",)
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("write", "flush", "writable", "isatty"))

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def write(self, text: str) -> int:
        self._write(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False


def _writer(environment: Environment) -> Callable[[str], None]:
    def write(text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        environment.meter.printed(len(text))
        environment.services.write(text)

    return write


def sys_module(environment: Environment) -> dict[str, Any]:
    def leave(status: Any = None, /) -> None:
        raise SystemExit(status)

    def exc_info() -> tuple[Any, Any, Any]:
        error = sys.exception()
        return (None, None, None) if error is None else (type(error), error, own_traceback(error))

    same = ("maxsize", "version", "version_info", "float_info", "int_info", "maxunicode", "byteorder")
    stream = Stream(_writer(environment))
    return {name: getattr(sys, name) for name in same} | {
        "exit": leave,
        "exc_info": exc_info,
        "exception": sys.exception,
        "argv": [""],
        "stdout": stream,
        "stderr": stream,
        "getrecursionlimit": lambda: environment.meter.limits.call_depth,
    }


class Logger:
    """A logger of the run: writes `LEVEL:name:message` to the run's output."""

    __slots__ = ("_library", "level", "name")
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
        ]
    )
    handlers: ClassVar[tuple[Any, ...]] = ()
    propagate: ClassVar[bool] = True

    def __init__(self, library: Logging, name: str) -> None:
        self._library, self.name, self.level = library, name, 0

    def setLevel(self, level: Any) -> None:  # noqa: N802 - logging's own name
        self.level = _LEVELS[level] if isinstance(level, str) else int(level)

    def getEffectiveLevel(self) -> int:  # noqa: N802
        return self.level or self._library.level

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802
        return level >= self.getEffectiveLevel()

    def addHandler(self, _handler: Any) -> None:  # noqa: N802
        """Handlers have no effect: everything goes to the run's output."""

    removeHandler = addHandler  # noqa: N815

    def hasHandlers(self) -> bool:  # noqa: N802
        return True

    def getChild(self, suffix: str) -> Logger:  # noqa: N802
        return self._library.getLogger(f"{self.name}.{suffix}")

    def log(self, level: int, msg: Any, /, *args: Any, exc_info: Any = None, **_: Any) -> None:
        if not self.isEnabledFor(level):
            return
        formatting = self._library.environment.formatting
        text = str(formatting.plain(msg))
        if args:
            text = formatting.percent(text, args[0] if len(args) == 1 and isinstance(args[0], dict) else args)
        name = next((key for key, value in _LEVELS.items() if value == level), f"Level {level}")
        if exc_info:
            text += "\n" + self._traceback(exc_info)
        self._library.write(f"{name}:{self.name}:{text}\n")

    def _traceback(self, exc_info: Any) -> str:
        """The traceback of the given error, of the one in `sys.exc_info()`'s form, or of the one that is handled."""
        error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
        if not isinstance(error, BaseException):
            error = sys.exception()
        if error is None:
            return "NoneType: None"
        environment = self._library.environment
        return "".join(formatted(error, environment).format()).removesuffix("\n")

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


class Handler:
    """`StreamHandler` and `Formatter`: accepted and without effect."""

    __slots__ = ()
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("setLevel", "setFormatter", "addFilter"))

    def __init__(self, *_: Any, **__: Any) -> None:
        """Takes whatever logging's own would take."""

    def setLevel(self, _level: Any) -> None:  # noqa: N802
        """Without effect."""

    setFormatter = addFilter = setLevel  # noqa: N815


class Logging:
    """The logging of one run: its loggers and the root's level."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.write = _writer(environment)
        self.level = _LEVELS["WARNING"]
        self._loggers: dict[str, Logger] = {}

    def getLogger(self, name: str | None = None) -> Logger:  # noqa: N802
        key = name or "root"
        if key not in self._loggers:
            self._loggers[key] = Logger(self, key)
        return self._loggers[key]

    def configure(self, *, level: Any = None, **_: Any) -> None:
        if level is not None:
            self.level = _LEVELS[level] if isinstance(level, str) else int(level)


def logging_module(environment: Environment) -> dict[str, Any]:
    library = Logging(environment)
    root = library.getLogger()
    functions = {
        name: getattr(root, name)
        for name in ["debug", "info", "warning", "warn", "error", "exception", "critical", "log"]
    }

    def level_name(level: Any) -> Any:
        return next((name for name, value in _LEVELS.items() if value == level), f"Level {level}")

    return {
        **_LEVELS,
        **functions,
        "getLogger": library.getLogger,
        "basicConfig": library.configure,
        "Logger": environment.stand_ins.shown(Logger),
        "StreamHandler": Handler,
        "Formatter": Handler,
        "getLevelName": level_name,
    }
