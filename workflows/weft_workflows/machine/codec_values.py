"""Kinds of plain values: numbers, text, containers, dates, and what the standard library's types hold.

All of these are rebuilt from the same plain parts on every platform; none of them runs code of the orchestration.
"""

from __future__ import annotations

import array
import base64
import collections
import contextvars
import datetime
import decimal
import fractions
import gc
import io
import operator
import random
import statistics
import string
import struct
import time
import types
import urllib.parse
import uuid
import zoneinfo
from collections.abc import Callable, Iterable
from typing import Any

from weft_workflows.machine.codec import Kind, Taken, Unstorable
from weft_workflows.machine.codec_names import Surroundings
from weft_workflows.sandbox.facades import BigRange
from weft_workflows.sandbox.sets import FrozenOrderedSet, OrderedSet

# -- numbers and text ------------------------------------------------------------------------------------------------------


def _nan(_run: Surroundings, value: float) -> Taken:
    return (struct.pack(">d", value).hex(),), None


def _make_nan(_run: Surroundings, bits: str) -> float:
    made: float = struct.unpack(">d", bytes.fromhex(bits))[0]
    return made


def to_text(data: bytes | bytearray) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(_run: Surroundings, value: bytes | bytearray) -> Taken:
    return (to_text(value),), None


def _make_bytes(_run: Surroundings, text: str) -> bytes:
    return base64.b64decode(text)


# -- containers ------------------------------------------------------------------------------------------------------------


def _pairs_of(value: Any) -> list[Any]:
    return [each for pair in dict.items(value) for each in pair]


def _put_pairs(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    for key, value in zip(contents[::2], contents[1::2], strict=True):
        dict.__setitem__(target, key, value)


def _put_ordered(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    for key, value in zip(contents[::2], contents[1::2], strict=True):
        collections.OrderedDict.__setitem__(target, key, value)


def _default_dict(_run: Surroundings, value: collections.defaultdict[Any, Any]) -> Taken:
    return (), [value.default_factory, None, *_pairs_of(value)]


def _fill_default_dict(run: Surroundings, target: Any, contents: list[Any]) -> None:
    target.default_factory = contents[0]
    _put_pairs(run, target, contents[2:])


def _put_elements(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    target._items.update(dict.fromkeys(contents))


def _blank_set(kind: Any) -> Callable[[Surroundings], Any]:
    return lambda _run: kind._of({})


def _fill_deque(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    target.extend(contents)


def _fill_simple_namespace(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    target.__dict__.update(zip(contents[::2], contents[1::2], strict=True))


def _fill_dict(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    target.__dict__.update(contents[0])


# -- time ------------------------------------------------------------------------------------------------------------------


def _moment(_run: Surroundings, v: datetime.datetime) -> Taken:
    return (v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.tzinfo, v.fold), None


def _make_moment(_run: Surroundings, *parts: Any) -> datetime.datetime:
    return datetime.datetime(*parts[:8], fold=parts[8])


def _time_of_day(_run: Surroundings, v: datetime.time) -> Taken:
    return (v.hour, v.minute, v.second, v.microsecond, v.tzinfo, v.fold), None


def _make_time_of_day(_run: Surroundings, *parts: Any) -> datetime.time:
    return datetime.time(*parts[:5], fold=parts[5])


def _zone(_run: Surroundings, value: datetime.timezone) -> Taken:
    named = value.tzname(None) != datetime.timezone(value.utcoffset(None)).tzname(None)
    return (value.utcoffset(None), *((value.tzname(None),) if named else ())), None


def _zone_info(_run: Surroundings, value: zoneinfo.ZoneInfo) -> Taken:
    if value.key is None:
        raise Unstorable(value)
    return (value.key,), None


# -- streams, generators of chance, contexts -----------------------------------------------------------------------------------


def _stream(_run: Surroundings, value: io.StringIO | io.BytesIO) -> Taken:
    if value.closed:
        return (), [None]
    state: Any = value.__getstate__()
    content, *rest = state[:-1]
    return (), [_apart(content), *rest]


def _apart(content: Any) -> Any:
    """A copy: what `getvalue()` gave may be the very object that the stream holds, which no restored stream shares."""
    return (content + content[:1])[:-1]


def _fill_stream(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    if contents == [None]:
        target.close()
    else:
        target.__setstate__((*contents, None))


def random_state(generator: random.Random) -> tuple[Any, ...]:
    """The state of a generator as short plain values."""
    version, numbers, spare = generator.getstate()
    return (version, to_text(array.array("I", numbers[:-1]).tobytes()), numbers[-1], spare)


def set_random_state(generator: random.Random, state: Iterable[Any]) -> None:
    version, text, position, spare = state
    numbers = array.array("I", base64.b64decode(text))
    generator.setstate((version, (*numbers, position), spare))


def _fill_random(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    set_random_state(target, contents)


_SIGNALS = tuple(sorted(decimal.Context().flags, key=lambda signal: signal.__name__))


def _context(_run: Surroundings, value: decimal.Context) -> Taken:
    flags = [signal.__name__ for signal in _SIGNALS if value.flags[signal]]
    traps = [signal.__name__ for signal in _SIGNALS if value.traps[signal]]
    plain = [value.prec, value.rounding, value.Emin, value.Emax, value.capitals, value.clamp]
    return (), [*plain, " ".join(flags), " ".join(traps)]


def _fill_context(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    names = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
    for name, value in zip(names, contents, strict=False):
        setattr(target, name, value)
    for signal in _SIGNALS:
        target.flags[signal] = signal.__name__ in contents[6].split()
        target.traps[signal] = signal.__name__ in contents[7].split()


def decimal_context_of(variables: contextvars.Context) -> decimal.Context | None:
    """The decimal context that was set there, which is all that a program sees of context variables."""
    for each in variables:
        if each.name == "decimal_context":
            found: decimal.Context = variables[each]
            return found
    return None


def _context_variables(_run: Surroundings, value: contextvars.Context) -> Taken:
    return (), [decimal_context_of(value)]


def _fill_context_variables(_run: Surroundings, target: contextvars.Context, contents: list[Any]) -> None:
    if contents[0] is not None:
        target.run(decimal.setcontext, contents[0])


# -- the table -------------------------------------------------------------------------------------------------------------


def _parts(read: Callable[[Any], Iterable[Any]]) -> Callable[[Surroundings, Any], Taken]:
    return lambda _run, value: (tuple(read(value)), None)


def _contents(read: Callable[[Any], Iterable[Any]]) -> Callable[[Surroundings, Any], Taken]:
    return lambda _run, value: ((), list(read(value)))


def _made(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _run, *parts: function(*parts)


def _of_tuple(kind: Any) -> Kind:
    """Tuples of the standard library whose fields have names."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    return Kind(name, "elements", _parts(tuple), lambda _run, *parts: kind(*parts))


def _of_dict(kind: Any) -> Kind:
    """Instances whose state is their `__dict__`."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    return Kind(name, "__dict__", lambda _run, v: ((), [v.__dict__]), lambda _run: kind.__new__(kind), _fill_dict)


def _reduced(value: Any) -> Iterable[Any]:
    parts: tuple[Any, ...] = value.__reduce__()[1]
    return parts


def _slice(_run: Surroundings, *limits: Any) -> slice:
    return slice(*limits)


#: `object()`, which programs use as marks; those of the library itself have names.
MARK = Kind("object", "", _parts(lambda _v: ()), _made(object))

KINDS: dict[type, Kind] = {
    int: Kind("I", "hexadecimal", _parts(lambda v: (format(v, "x"),)), lambda _run, text: int(text, 16)),
    float: Kind("F", "bits of a nan", _nan, _make_nan),
    complex: Kind("c", "real, imag", _parts(lambda v: (v.real, v.imag)), _made(complex)),
    bytes: Kind("b", "base64", _bytes, _make_bytes),
    bytearray: Kind("B", "base64", _bytes, lambda _run, text: bytearray(base64.b64decode(text))),
    set: Kind("native set", "elements", _parts(lambda v: v), lambda _run, *parts: set(parts)),
    frozenset: Kind("native frozenset", "elements", _parts(lambda v: v), lambda _run, *parts: frozenset(parts)),
    OrderedSet: Kind("s", "elements", _contents(lambda v: v._items), _blank_set(OrderedSet), _put_elements, 1),
    FrozenOrderedSet: Kind("f", "elements", _contents(lambda v: v._items), _blank_set(FrozenOrderedSet), _put_elements, 1),
    range: Kind("R", "start, stop, step", _parts(lambda v: (v.start, v.stop, v.step)), _made(range)),
    BigRange: Kind(
        "big range", "range", _parts(lambda v: (v._range,)), lambda run, native: BigRange(run.program.meter, native)
    ),
    slice: Kind("slice", "start, stop, step", _parts(lambda v: (v.start, v.stop, v.step)), _slice),
    datetime.datetime: Kind("datetime", "year … microsecond, tzinfo, fold", _moment, _make_moment),
    datetime.date: Kind("date", "year, month, day", _parts(lambda v: (v.year, v.month, v.day)), _made(datetime.date)),
    datetime.time: Kind("time", "hour … microsecond, tzinfo, fold", _time_of_day, _make_time_of_day),
    datetime.timedelta: Kind(
        "timedelta", "days, seconds, microseconds",
        _parts(lambda v: (v.days, v.seconds, v.microseconds)), _made(datetime.timedelta),
    ),
    datetime.timezone: Kind("timezone", "offset, name if given", _zone, _made(datetime.timezone)),
    zoneinfo.ZoneInfo: Kind("zone", "key", _zone_info, _made(zoneinfo.ZoneInfo)),
    decimal.Decimal: Kind("decimal", "text", _parts(lambda v: (str(v),)), _made(decimal.Decimal)),
    decimal.Context: Kind("context", "settings, flags, traps", _context, _made(decimal.Context), _fill_context),
    contextvars.Context: Kind(
        "context variables", "decimal context", _context_variables,
        lambda run: run.program.context.copy(), _fill_context_variables,
    ),
    fractions.Fraction: Kind(
        "fraction", "numerator, denominator", _parts(lambda v: (v.numerator, v.denominator)), _made(fractions.Fraction)
    ),
    uuid.UUID: Kind("uuid", "hex", _parts(lambda v: (v.hex,)), _made(uuid.UUID)),
    collections.deque: Kind(
        "deque", "maxlen; elements", lambda _run, v: ((v.maxlen,), list(v)),
        lambda _run, maxlen: collections.deque(maxlen=maxlen), _fill_deque,
    ),
    collections.Counter: Kind("Counter", "pairs", _contents(_pairs_of), _made(collections.Counter), _put_pairs, 2),
    collections.defaultdict: Kind(
        "defaultdict", "factory, None, pairs", _default_dict, _made(collections.defaultdict), _fill_default_dict, 2
    ),
    collections.OrderedDict: Kind(
        "OrderedDict", "pairs", _contents(lambda v: (each for pair in collections.OrderedDict.items(v) for each in pair)),
        _made(collections.OrderedDict), _put_ordered, 2,
    ),
    collections.ChainMap: _of_dict(collections.ChainMap),
    types.SimpleNamespace: Kind(
        "SimpleNamespace", "pairs", _contents(lambda v: (each for pair in v.__dict__.items() for each in pair)),
        _made(types.SimpleNamespace), _fill_simple_namespace,
    ),
    types.MappingProxyType: Kind(
        "mappingproxy", "mapping", _parts(lambda v: gc.get_referents(v)[:1]), _made(types.MappingProxyType)
    ),
    operator.itemgetter: Kind("itemgetter", "items", _parts(_reduced), _made(operator.itemgetter)),
    io.StringIO: Kind("StringIO", "value, newline, position; None if closed", _stream, _made(io.StringIO), _fill_stream),
    io.BytesIO: Kind("BytesIO", "value, position; None if closed", _stream, _made(io.BytesIO), _fill_stream),
    random.Random: Kind("Random", "state", _contents(random_state), lambda _run: random.Random(0), _fill_random),
    statistics.NormalDist: Kind(
        "NormalDist", "mean, deviation", _parts(lambda v: (v.mean, v.stdev)), _made(statistics.NormalDist)
    ),
    string.Template: _of_dict(string.Template),
    time.struct_time: Kind("struct_time", "elements, zone", _parts(_reduced), _made(time.struct_time)),
    **{
        kind: _of_tuple(kind)
        for kind in (urllib.parse.ParseResult, urllib.parse.SplitResult, urllib.parse.DefragResult, decimal.DecimalTuple,
                     type(statistics.linear_regression([1, 2], [1, 2])))
    },
    type(datetime.date(2000, 1, 1).isocalendar()): Kind(
        "isocalendar", "year, week, weekday", _parts(tuple),
        lambda _run, *parts: datetime.date.fromisocalendar(*parts).isocalendar(),
    ),
}  # fmt: skip
