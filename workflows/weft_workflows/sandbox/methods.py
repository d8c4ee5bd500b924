"""Methods of builtin types with a check: those that can make a large value, walk without end, or look at the world."""

from __future__ import annotations

import collections
import datetime
import decimal
import functools
import io
import re
import types
from collections.abc import Callable, Iterable
from typing import Any

from weft_workflows.sandbox.arithmetic import transcendental
from weft_workflows.sandbox.attributes import Attributes
from weft_workflows.sandbox.meter import Meter
from weft_workflows.sandbox.names import exact, plain_text
from weft_workflows.sandbox.sets import OrderedSet
from weft_workflows.sandbox.text import Formatting
from weft_workflows.sandbox.walking import Walking

_PADDING = ("ljust", "rjust", "center", "zfill")
_GROWING = ("append", "extend", "insert")


def install_methods(
    attributes: Attributes, meter: Meter, formatting: Formatting, walking: Walking, now: Callable[[], float]
) -> None:
    """Enters all replaced methods into the attribute guard of a run."""
    methods = attributes.methods
    for text_type in (str, bytes, bytearray):
        for name in _PADDING:
            methods[text_type, name] = _padded(getattr(text_type, name), meter)
        methods[text_type, "join"] = _joined(text_type, meter, walking)
        methods[text_type, "replace"] = _replaced(text_type, meter)
        methods[text_type, "expandtabs"] = _expanded(text_type, meter)
        methods[text_type, "split"] = _splitting(text_type.split, meter)
        methods[text_type, "rsplit"] = _splitting(text_type.rsplit, meter)
        methods[text_type, "splitlines"] = _splitting(text_type.splitlines, meter)
        methods[text_type, "translate"] = _translating(text_type.translate, meter)
    methods[str, "format"] = _as_function(formatting.str_format)
    methods[str, "format_map"] = _as_function(formatting.str_format_map)
    methods[str, "encode"] = _coding(str.encode, meter)
    methods[bytes, "decode"] = methods[bytearray, "decode"] = _coding(None, meter)
    for name in ("rfind", "rindex", "rpartition", "rsplit"):
        for text_type in (str, bytes, bytearray):
            native = methods.get((text_type, name), getattr(text_type, name))
            methods[text_type, name] = _from_the_right(native, meter)
    for container in (list, dict, collections.deque, collections.OrderedDict, collections.Counter, OrderedSet):
        methods[container, "__init__"] = _filling(container.__init__, meter, walking)
    methods[int, "to_bytes"] = _to_bytes(meter)
    for growing in (list, bytearray, collections.deque):
        for name in _GROWING:
            methods[growing, name] = _growing(getattr(growing, name), name, walking, meter)
    for name in ("index", "count", "remove", "sort", "copy", "reverse", "insert"):
        methods[list, name] = _linear(methods.get((list, name), getattr(list, name)), meter)
    for name in ("as_integer_ratio", "to_integral_value", "to_integral", "to_integral_exact", "to_eng_string"):
        methods[decimal.Decimal, name] = _small_decimal(getattr(decimal.Decimal, name), meter)
    for name in ("ln", "log10", "exp", "sqrt"):
        methods[decimal.Decimal, name] = _precise(getattr(decimal.Decimal, name), meter)
    for kind in (datetime.date, datetime.datetime, datetime.time):
        methods[kind, "strftime"] = _formatted_moment(kind.strftime, meter)
    for name in ("count", "index"):
        methods[range, name] = _searching(getattr(range, name), meter)
    methods[list, "pop"] = _taking_out(list.pop, walking)
    methods[collections.Counter, "elements"] = _elements(meter)
    for stream in (io.StringIO, io.BytesIO):
        for name in ("seek", "truncate"):
            methods[stream, name] = _positioned(getattr(stream, name), meter)
        for name in ("getvalue", "read", "readlines"):
            methods[stream, name] = _handing_out(getattr(stream, name), meter)
        for name in ("write", "writelines"):
            methods[stream, name] = _writing(getattr(stream, name), meter, walking)
    _install_clock(attributes, meter, now)
    for (_, name), method in methods.items():
        # They go by the names of what they stand for.
        if isinstance(method, types.FunctionType):
            method.__name__ = name


def _as_function(method: Callable[..., str]) -> Callable[..., str]:
    """A function can be bound to a text and kept so across a step; a method that is bound already cannot."""

    def call(text: Any, /, *args: Any, **kwargs: Any) -> str:
        return method(text, *args, **kwargs)

    return call


def _padded(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    def pad(text: Any, width: Any, /, *fill: Any) -> Any:
        if isinstance(width, int) and width > 1000:
            meter.check_size(int(width), "a padded string")
        return native(text, width, *fill)

    return pad


def _joined(text_type: Any, meter: Meter, walking: Walking) -> Callable[..., Any]:
    def join(separator: Any, parts: Any, /) -> Any:
        items = list(walking.bulk(parts)) if isinstance(parts, Iterable) else parts
        if type(items) is list and items:
            size = len(separator) * (len(items) - 1)
            for item in items:
                if type(item) is not str and not isinstance(item, (str, bytes, bytearray)):
                    break
                size += len(item)
            meter.check_size(size, "a joined string")
            meter.charge(len(items) >> 3)
        return text_type.join(separator, items)

    return join


def _replaced(text_type: Any, meter: Meter) -> Callable[..., Any]:
    def replace(text: Any, old: Any, new: Any, /, count: Any = -1) -> Any:
        if isinstance(new, (str, bytes, bytearray)) and len(new) * (len(text) + 1) > 4096:
            found = text_type.count(text, old)
            times = min(found, count) if isinstance(count, int) and count >= 0 else found
            meter.check_size(len(text) + times * max(0, len(new) - len(old)), "a string")
        return text_type.replace(text, old, new, count)

    return replace


def _expanded(text_type: Any, meter: Meter) -> Callable[..., Any]:
    def expandtabs(text: Any, tabsize: Any = 8) -> Any:
        if isinstance(tabsize, int) and tabsize > 8:
            meter.check_size(text_type.count(text, "\t" if text_type is str else b"\t") * int(tabsize), "a string")
        return text_type.expandtabs(text, tabsize)

    return expandtabs


def _splitting(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    def split(text: Any, /, *args: Any, **kwargs: Any) -> Any:
        if len(text) > 4096:
            meter.check_size(len(text) * 2, "the parts of a string")
        return native(text, *args, **kwargs)

    return split


def _translating(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    def translate(text: Any, table: Any, /, *args: Any, **kwargs: Any) -> Any:
        if type(table) is dict:
            longest = max((len(each) for each in dict.values(table) if isinstance(each, str)), default=1)
            meter.charge(len(table) >> 3)
            meter.check_size(len(text) * max(1, longest), "a translated string")
        return native(text, table, *args, **kwargs)

    return translate


#: Encodings that take time in proportion to the text. Others are looked for among modules, and the search is kept for the process.
_ENCODINGS = frozenset(
    re.sub("[-_ ]", "", name)
    for name in [
        "ascii",
        "us-ascii",
        "646",
        "utf-8",
        "utf8",
        "utf-8-sig",
        "cp65001",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-32-le",
        "utf-32-be",
        "latin-1",
        "latin1",
        "l1",
        "iso-8859-1",
        "iso8859-1",
        "iso-8859-2",
        "iso-8859-5",
        "iso-8859-7",
        "iso-8859-9",
        "iso-8859-15",
        "cp437",
        "cp850",
        "cp1250",
        "cp1251",
        "cp1252",
        "cp1253",
        "cp1254",
        "cp1257",
        "windows-1250",
        "windows-1251",
        "windows-1252",
        "windows-1254",
        "mac-roman",
        "koi8-r",
        "koi8-u",
        "big5",
        "gb2312",
        "gbk",
        "gb18030",
        "shift-jis",
        "sjis",
        "euc-jp",
        "euc-kr",
        "cp932",
        "cp949",
        "iso-2022-jp",
        "unicode-escape",
        "raw-unicode-escape",
        "charmap",
        "idna",
    ]
)
_ERRORS = frozenset(
    (
        "strict",
        "ignore",
        "replace",
        "backslashreplace",
        "xmlcharrefreplace",
        "namereplace",
        "surrogateescape",
        "surrogatepass",
    )
)
#: Characters of a host name; its encoding takes a time that grows with their square.
_LONGEST_NAME = 1_000


def _coding(encode: Callable[..., Any] | None, meter: Meter) -> Callable[..., Any]:
    """`encode` of text; `decode` of bytes where that is None."""

    def code(text: Any, encoding: Any = "utf-8", errors: Any = "strict") -> Any:
        meter.charge(10)
        name, handler = exact(encoding), exact(errors)
        plain = re.sub("[-_ ]", "", name.lower())
        if plain not in _ENCODINGS or (plain == "idna" and len(text) > _LONGEST_NAME):
            raise LookupError(f"unknown encoding: {name}")
        if handler not in _ERRORS:
            raise LookupError(f"unknown error handler name '{handler}'")
        return (text.decode if encode is None else functools.partial(encode, text))(name, handler)

    return code


def _from_the_right(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    """CPython searches backwards letter by letter, for each place anew."""

    def search(text: Any, part: Any = None, /, *args: Any, **kwargs: Any) -> Any:
        if isinstance(part, (str, bytes, bytearray)):
            meter.charge(len(text) * len(part) >> 9)
            return native(text, part, *args, **kwargs)
        return native(text, *(() if part is None else (part,)), *args, **kwargs)

    return search


def _filling(native: Callable[..., Any], meter: Meter, walking: Walking) -> Callable[..., Any]:
    def fill(target: Any, /, *args: Any, **kwargs: Any) -> None:
        meter.charge()
        native(target, *map(walking.bulk, args), **kwargs)

    return fill


def _to_bytes(meter: Meter) -> Callable[..., Any]:
    def to_bytes(number: int, length: Any = 1, byteorder: Any = "big", *, signed: bool = False) -> bytes:
        if isinstance(length, int):
            meter.check_size(int(length), "bytes")
        return int.to_bytes(number, length, byteorder, signed=signed)

    return to_bytes


def _growing(native: Callable[..., Any], name: str, walking: Walking, meter: Meter) -> Callable[..., Any]:
    def grow(target: Any, /, *args: Any) -> Any:
        meter.charge()
        if name == "extend" and len(args) == 1:
            args = (walking.addend(args[0]),)
        return native(target, *args)

    return grow


def _linear(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    def walk(target: Any, /, *args: Any, **kwargs: Any) -> Any:
        if len(target) > 64:
            meter.charge(len(target) >> 3)
        return native(target, *args, **kwargs)

    return walk


def _small_decimal(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    def convert(number: decimal.Decimal, /, *args: Any, **kwargs: Any) -> Any:
        if number.is_finite() and abs(number.adjusted()) > 1000:
            meter.check_bits(abs(number.adjusted()) * 4)
        return native(number, *args, **kwargs)

    return convert


def _handing_out(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    def hand_out(stream: Any, /, *args: Any) -> Any:
        found = native(stream, *args)
        meter.charge((len(found) >> (3 if type(found) is list else 6)) + 1)
        return found

    return hand_out


def _formatted_moment(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    def strftime(moment: Any, form: Any, /) -> Any:
        if isinstance(form, str):
            meter.charge(len(form) << 1)
        return native(moment, form)

    return strftime


def _searching(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    """A range looks at each of its numbers where it is asked for anything but an int."""

    def search(numbers: range, value: Any, /) -> Any:
        if type(value) is not int:
            meter.charge(len(numbers) >> 2)
        return native(numbers, value)

    return search


def _taking_out(native: Callable[..., Any], walking: Walking) -> Callable[..., Any]:
    def pop(target: Any, /, *index: Any) -> Any:
        if index:
            walking.shifts(target)
        return native(target, *index)

    return pop


def _precise(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    def function(number: decimal.Decimal, context: Any = None) -> Any:
        meter.charge(transcendental((decimal.getcontext() if context is None else context).prec))
        return native(number, context)

    return function


def _elements(meter: Meter) -> Callable[..., Any]:
    def elements(counter: collections.Counter[Any]) -> Iterable[Any]:
        for element, count in collections.Counter.items(counter):
            for _ in range(count):
                meter.charge()
                yield element

    return elements


def _positioned(native: Callable[..., Any], meter: Meter) -> Callable[..., Any]:
    def move(stream: Any, position: Any = None, /, *args: Any) -> Any:
        if isinstance(position, int):
            meter.check_size(int(position), "a stream")
        return native(stream, *(() if position is None else (position,)), *args)

    return move


def _writing(native: Callable[..., Any], meter: Meter, walking: Walking) -> Callable[..., Any]:
    def write(stream: Any, data: Any, /) -> Any:
        if isinstance(data, (str, bytes, bytearray)):
            meter.check_size(stream.tell() + len(data), "a stream")
        return native(stream, walking.addend(data))

    return write


def _install_clock(attributes: Attributes, meter: Meter, now: Callable[[], float]) -> None:
    """`now`, `today` and their like read the run's clock. The local time zone of a run is UTC."""
    utc = datetime.UTC

    def moment(tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return from_timestamp(now(), tz)

    def from_timestamp(timestamp: float, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        if tz is None:
            return datetime.datetime.fromtimestamp(timestamp, utc).replace(tzinfo=None)
        return datetime.datetime.fromtimestamp(timestamp, tz)

    def naive() -> datetime.datetime:
        return moment()

    def today() -> datetime.date:
        return moment().date()

    def date_from_timestamp(timestamp: float, /) -> datetime.date:
        return from_timestamp(timestamp).date()

    replaced: dict[tuple[type, str], Callable[..., Any]] = {
        (datetime.datetime, "now"): moment,
        (datetime.datetime, "utcnow"): naive,
        (datetime.datetime, "today"): naive,
        (datetime.datetime, "fromtimestamp"): from_timestamp,
        (datetime.date, "today"): today,
        (datetime.date, "fromtimestamp"): date_from_timestamp,
    }
    replaced[datetime.datetime, "strptime"] = _parsing(meter)
    attributes.class_methods.update(replaced)
    attributes.methods[datetime.datetime, "timestamp"] = _timestamp
    attributes.methods[datetime.datetime, "astimezone"] = _as_time_zone


#: Units of fuel for each character of a format that a text is parsed by: it becomes a pattern.
_PARSING = 20


def _parsing(meter: Meter) -> Callable[..., Any]:
    def strptime(text: Any, form: Any, /) -> datetime.datetime:
        if isinstance(form, str):
            meter.charge(_PARSING * (len(form) + (len(form) ** 2 >> 10)))
        return _parse(text, form)

    return strptime


def _parse(text: str, form: str, /) -> datetime.datetime:
    """`strptime` from a frame of ours: CPython imports its implementation through the caller's `__import__`.

    It keeps what it made of each format for the whole process.
    """
    return datetime.datetime.strptime(text, plain_text(form))


def _timestamp(moment: datetime.datetime) -> float:
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)).timestamp()


def _as_time_zone(moment: datetime.datetime, tz: datetime.tzinfo | None = None) -> datetime.datetime:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)
    return aware.astimezone(tz or datetime.UTC)
