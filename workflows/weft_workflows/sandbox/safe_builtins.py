"""The builtins of one run: exactly the names of `ALLOWED_BUILTINS`, ours where CPython's own would give too much or take too long."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from weft_workflows.sandbox.allowed import ALLOWED_BUILTINS
from weft_workflows.sandbox.arithmetic import Arithmetic
from weft_workflows.sandbox.attributes import Attributes
from weft_workflows.sandbox.classes import Classes
from weft_workflows.sandbox.facades import BigRange, StandIns, facade, wrapped_range
from weft_workflows.sandbox.iterators import iterate, iterate_backwards
from weft_workflows.sandbox.meter import Meter
from weft_workflows.sandbox.names import exact
from weft_workflows.sandbox.sets import FrozenOrderedSet, OrderedSet
from weft_workflows.sandbox.text import Formatting
from weft_workflows.sandbox.walking import Walking

_NONE = object()
#: Digits that a number may have when it is made into an int.
_DIGITS = 1_000_000


class CallIterator:
    """`iter(function, sentinel)`, charging for each call."""

    __slots__ = ("_meter", "function", "sentinel")
    __weft_names__ = frozenset(("__next__", "__iter__"))

    def __init__(self, meter: Meter, function: Callable[[], Any], sentinel: Any) -> None:
        self._meter = meter
        self.function: Callable[[], Any] | None = function
        self.sentinel = sentinel

    def __iter__(self) -> CallIterator:
        return self

    def __next__(self) -> Any:
        self._meter.charge()
        if self.function is None:
            raise StopIteration
        value = self.function()
        if value == self.sentinel:
            self.function = None
            raise StopIteration
        return value


def make_type(stand_ins: StandIns) -> Any:
    """The run's `type`: tells the type of a value, and makes none."""

    def type_of(*args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs:
            raise TypeError("type() takes 1 argument in an orchestration; write a class statement instead")
        kind = type(args[0])
        return stand_in if issubclass(kind, type) else stand_ins.shown(kind)

    stand_in = facade(type, type_of)
    return stand_in


class Builtins:
    """Makes the dict that is `__builtins__` of guarded code."""

    def __init__(
        self,
        meter: Meter,
        classes: Classes,
        attributes: Attributes,
        formatting: Formatting,
        arithmetic: Arithmetic,
        walking: Walking,
        write: Callable[[str], None],
    ) -> None:
        self._meter = meter
        self._classes = classes
        self._attributes = attributes
        self._formatting = formatting
        self._arithmetic = arithmetic
        self._walking = walking
        self._write = write
        self._identities: dict[int, tuple[int, Any]] = {}

    def make(self, type_facade: Any, stand_ins: StandIns) -> dict[str, Any]:
        real = {name: getattr(builtins, name) for name in ALLOWED_BUILTINS}
        range_facade = facade(range, self.range, (range, BigRange))
        stand_ins.stand_for(range, range_facade)
        stand_ins.stand_for(BigRange, range_facade)
        for name in ("min", "max", "sorted", "any", "all"):
            real[name] = self._consumer(real[name])
        real |= {
            "set": OrderedSet,
            "frozenset": FrozenOrderedSet,
            "type": type_facade,
            "range": range_facade,
            "__build_class__": self._classes.build,
        }
        for name in [
            "ascii",
            "delattr",
            "dir",
            "divmod",
            "format",
            "getattr",
            "hasattr",
            "hash",
            "id",
            "iter",
            "pow",
            "print",
            "repr",
            "reversed",
            "sum",
            "setattr",
            "vars",
            "round",
        ]:
            real[name] = _named(getattr(self, name if name not in ("print",) else "print_"), name)
        return real

    def _consumer(self, function: Callable[..., Any]) -> Callable[..., Any]:
        bulk = self._walking.bulk

        def consume(*args: Any, **kwargs: Any) -> Any:
            if args and type(args[0]) is not int:
                return function(bulk(args[0]), *args[1:], **kwargs)
            return function(*args, **kwargs)

        return _named(consume, function.__name__)

    def sum(self, iterable: Any, /, start: Any = 0) -> Any:
        if type(start) in (int, float):
            return sum(self._walking.bulk(iterable), start)
        if isinstance(start, (str, bytes, bytearray)):
            return sum((), start)
        total = start
        for each in iterable:
            self._meter.charge()
            total = self._arithmetic.sized(total + each)
        return total

    def range(self, *args: Any) -> Any:
        return wrapped_range(self._meter, range(*args))

    def iter(self, value: Any, sentinel: Any = _NONE, /) -> Iterator[Any]:
        if sentinel is _NONE:
            return iterate(value)
        if not callable(value):
            raise TypeError("iter(v, w): v must be callable")
        return CallIterator(self._meter, value, sentinel)

    def reversed(self, value: Any, /) -> Iterator[Any]:
        return iterate_backwards(value)

    def getattr(self, target: Any, name: Any, default: Any = _NONE, /) -> Any:
        try:
            return self._attributes.get(target, exact(name))
        except AttributeError:
            if default is _NONE:
                raise
            return default

    def hasattr(self, target: Any, name: Any, /) -> bool:
        return self.getattr(target, name, _NONE_FOUND) is not _NONE_FOUND

    def setattr(self, target: Any, name: Any, value: Any, /) -> None:
        self._attributes.set(target, exact(name), value)

    def delattr(self, target: Any, name: Any, /) -> None:
        self._attributes.delete(target, exact(name))

    def vars(self, target: Any = _NONE, /) -> Any:
        if target is _NONE:
            raise TypeError("vars() needs an argument in an orchestration")
        try:
            return self._attributes.get(target, "__dict__")
        except AttributeError:
            raise TypeError("vars() argument must have __dict__ attribute") from None

    def dir(self, target: Any = _NONE, /) -> list[str]:
        if target is _NONE:
            raise TypeError("dir() needs an argument in an orchestration")
        return [name for name in dir(target) if not name.startswith("_weft")]

    def hash(self, value: Any, /) -> int:
        if value is None:
            return 0xFCA86420
        if getattr(type(value), "__hash__", None) is object.__hash__:
            return self.id(value) >> 4
        return hash(self._formatting.measured(value))

    def id(self, value: Any, /) -> int:
        """A number in the order in which objects were asked for; each asked-for object is kept, so that no number returns."""
        found = self._identities.get(id(value))
        if found is None:
            found = (0x10000 + 16 * len(self._identities), value)
            self._identities[id(value)] = found
        return found[0]

    def print_(self, *values: Any, sep: str | None = " ", end: str | None = "\n", file: Any = None, **_: Any) -> None:
        for name, given in (("sep", sep), ("end", end)):
            if given is not None and not isinstance(given, str):
                raise TypeError(f"{name} must be None or a string, not {type(given).__name__}")
        pieces = (" " if sep is None else sep).join(str(self._formatting.plain(value)) for value in values)
        text = pieces + ("\n" if end is None else end)
        if file is None:
            self._meter.printed(len(text))
            self._write(text)
        else:
            self._attributes.get(file, "write")(text)

    def repr(self, value: Any, /) -> str:
        return self._formatting.repr(value)

    def ascii(self, value: Any, /) -> str:
        return self._formatting.ascii(value)

    def format(self, value: Any, spec: str = "", /) -> str:
        return self._formatting.format(value, spec)

    def pow(self, base: Any, exp: Any, mod: Any = None) -> Any:
        if mod is None:
            return self._arithmetic.power(base, exp)
        if all(isinstance(each, int) for each in (base, exp, mod)):
            self._meter.charge((int(exp).bit_length() * (int(mod).bit_length() >> 6) ** 2 >> 8) + 1)
        return pow(base, exp, mod)

    def divmod(self, left: Any, right: Any, /) -> Any:
        self._check_decimal(left)
        self._arithmetic.before_divide(left, right)
        return divmod(left, right)

    def round(self, number: Any, ndigits: Any = None) -> Any:
        self._check_decimal(number)
        if isinstance(ndigits, int) and abs(ndigits) > _DIGITS:
            self._meter.check_bits(abs(int(ndigits)) * 4)
        return round(number) if ndigits is None else round(number, ndigits)

    def integral(self, value: Any, /) -> Any:
        """The argument of `int`."""
        if type(value) is not int and type(value) is not str and type(value) is not float:
            self._check_decimal(value)
        return value

    def _check_decimal(self, value: Any) -> None:
        if isinstance(value, Decimal) and value.is_finite() and value.adjusted() > 1000:
            self._meter.check_bits(value.adjusted() * 4)
            self._meter.charge(value.adjusted() ** 2 >> 11)


_NONE_FOUND = object()


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    plain = getattr(function, "__func__", function)
    plain.__name__ = plain.__qualname__ = name
    plain.__module__ = "builtins"
    return function
