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
from weft_workflows.sandbox.library import logs
from weft_workflows.sandbox.names import plain_text
from weft_workflows.sandbox.tracing import own_traceback

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment


def datetime_module(_environment: Environment) -> dict[str, Any]:
    """The types themselves; their constructors that read a clock are replaced in the attribute guard."""
    return {name: getattr(datetime, name) for name in ALLOWED_MODULES["datetime"]}


def zoneinfo_module(environment: Environment) -> dict[str, Any]:
    """The module keeps zones by the key that was given first, for the whole process."""

    def zone(key: Any) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(plain_text(key))

    def available_timezones() -> set[str]:
        environment.meter.charge(20_000)
        return zoneinfo.available_timezones()

    found = {name: getattr(zoneinfo, name) for name in ALLOWED_MODULES["zoneinfo"]}
    stand_in = environment.stand_ins.stand_for(zoneinfo.ZoneInfo, facade(zoneinfo.ZoneInfo, zone))
    return found | {"ZoneInfo": stand_in, "available_timezones": available_timezones}


def time_module(environment: Environment) -> dict[str, Any]:
    now = environment.services.now

    def nanoseconds() -> int:
        return round(now() * 1e9)

    def moment(seconds: float | None = None, /) -> time.struct_time:
        return time.gmtime(now() if seconds is None else seconds)

    def strftime(form: str, when: Any = None, /) -> str:
        return time.strftime(form, moment() if when is None else when)

    def strptime(text: str, form: str = "%a %b %d %H:%M:%S %Y", /) -> time.struct_time:
        environment.meter.charge(20 * len(form) if isinstance(form, str) else 1)
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


def logging_module(environment: Environment) -> dict[str, Any]:
    return logs.make_module(environment, _writer(environment))
