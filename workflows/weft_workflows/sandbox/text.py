"""Formatting of text: `str.format`, `%`, f-strings, `format`, `repr`, with the attribute guard and the limits.

Field names of `str.format` walk attributes through the run's own guard; widths and precisions are limited; nested data is measured
before CPython's recursive `repr` sees it. Knows nothing of syntax trees.
"""

from __future__ import annotations

import _string  # type: ignore[import-not-found]
import re
import string
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from weft_workflows.sandbox.meter import NESTING, Meter
from weft_workflows.sandbox.parts import Parts, parts_of_type

#: Padding and precision up to this need no check.
SMALL_WIDTH = 1_000
_FORMATTER = string.Formatter()
_NUMBER = re.compile(r"\d+")
_PERCENT = re.compile(
    r"%(?:\((?P<key>[^()]*)\))?[#0\- +]*(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d+)?)?[hlL]?(?P<type>.)?", re.DOTALL
)
_PLAIN = frozenset((str, int, float, bool, type(None)))
#: Types whose values compare in no time.
PLAIN_TYPES = frozenset((int, float, bool, type(None)))
_LONG = (str, bytes, bytearray)
_WALKED = (list, tuple, dict, set, frozenset)


def largest_number(spec: str) -> int:
    """The largest number in a format specification, which bounds its padding and its precision."""
    return max((int(digits[:12]) for digits in _NUMBER.findall(spec)), default=0)


class Formatting:
    """The formatting functions of one run. `get` is its attribute guard."""

    def __init__(self, meter: Meter, get: Callable[[Any, str], Any]) -> None:
        self._meter = meter
        self._get = get
        #: What the values of a type show of others, for the types met so far.
        self._parts: dict[type, Parts | None] = {}

    def plain(self, value: Any) -> Any:
        """What an f-string may format without a specification: the value itself, after measuring it."""
        if type(value) in _PLAIN:
            if type(value) is str and len(value) > 256:
                self._meter.check_size(len(value), "a formatted string")
        else:
            self.weigh(value)
        return value

    def weigh(self, value: Any) -> None:
        """Charges for every part of nested data as often as `repr` would visit it, and limits its depth."""
        parts_of = self._parts_of(type(value))
        if parts_of is None:
            if isinstance(value, _LONG) and len(value) > 256:
                self._meter.check_size(len(value), "a formatted value")
            return
        stack: list[Iterator[Any]] = [iter(parts_of(value))]
        path = [id(value)]
        within = {id(value)}
        charge = self._meter.charge
        while stack:
            for part in stack[-1]:
                kind = type(part)
                charge(6)
                if kind in _PLAIN:
                    if kind is str:
                        charge(len(part) >> 6)
                    continue
                parts_of = self._parts_of(kind)
                if parts_of is None:
                    if isinstance(part, _LONG):
                        charge(len(part) >> 6)
                    elif kind is Decimal:
                        charge(part.__sizeof__() >> 6)
                elif id(part) not in within:
                    if len(stack) >= NESTING:
                        raise RecursionError("maximum recursion depth exceeded while getting the repr of an object")
                    stack.append(iter(parts_of(part)))
                    path.append(id(part))
                    within.add(id(part))
                    break
            else:
                stack.pop()
                within.discard(path.pop())

    def measure(self, value: Any, /) -> bool:
        """Charges for comparing or hashing a value in C: for all that containers share, as often as it is met. Always True."""
        kind = type(value)
        if kind in _PLAIN:
            if kind is str and len(value) > 4096:
                self._meter.charge(len(value) >> 8)
            return True
        stack = [value]
        while stack:
            parts_of = self._parts_of(type(stack[-1]))
            whole = stack.pop()
            if parts_of is None:
                continue
            parts = list(parts_of(whole))
            self._meter.charge((len(parts) >> 3) + 8)
            if not set(map(type, parts)) <= _PLAIN:
                stack += parts
        return True

    def measured(self, value: Any, /) -> Any:
        self.measure(value)
        return value

    def weigh_all(self, values: Any) -> Any:
        """Weighs the elements of a container that is about to be made into text in C; nothing where all are plain."""
        if isinstance(values, _WALKED) and not set(map(type, values)) <= _PLAIN:
            self.weigh(values)
        return values

    def _parts_of(self, kind: type) -> Parts | None:
        if kind not in self._parts:
            self._parts[kind] = parts_of_type(kind)
        return self._parts[kind]

    def check_spec(self, spec: str) -> None:
        number = largest_number(spec)
        if number > SMALL_WIDTH:
            self._meter.check_size(number, "a padded string")

    def format(self, value: Any, spec: str = "", /) -> str:
        if isinstance(spec, str):
            self.check_spec(spec)
        return format(self.plain(value), spec)

    def converted(self, value: Any, conversion: str, spec: str) -> str:
        """One field of an f-string whose specification is known only now."""
        return self.format(self.convert(value, conversion), spec)

    def repr(self, value: Any, /) -> str:
        return repr(self.plain(value))

    def ascii(self, value: Any, /) -> str:
        return ascii(self.plain(value))

    def convert(self, value: Any, conversion: str | None) -> Any:
        match conversion:
            case "s":
                return str(self.plain(value))
            case "r":
                return self.repr(value)
            case "a":
                return self.ascii(value)
            case None | "":
                return value
        raise ValueError(f"Unknown conversion specifier {conversion!s}")

    def str_format(self, template: str, /, *args: Any, **kwargs: Any) -> str:
        return self._vformat(str.__str__(template), args, kwargs)

    def str_format_map(self, template: str, mapping: Mapping[str, Any], /) -> str:
        return self._vformat(str.__str__(template), None, mapping)

    def _vformat(self, template: str, args: tuple[Any, ...] | None, kwargs: Mapping[str, Any]) -> str:
        numbering = _Numbering()
        text = self._expand(template, args, kwargs, numbering, 2)
        self._meter.check_size(len(text), "a formatted string")
        return text

    def _expand(
        self, template: str, args: tuple[Any, ...] | None, kwargs: Mapping[str, Any], numbering: _Numbering, depth: int
    ) -> str:
        if depth < 1:
            raise ValueError("Max string recursion exceeded")
        pieces: list[str] = []
        for literal, field, spec, conversion in _FORMATTER.parse(template):
            pieces.append(literal)
            if field is None:
                continue
            self._meter.charge()
            value = self._field(numbering.name(field), args, kwargs)
            value = self.convert(value, conversion)
            inner = self._expand(spec or "", args, kwargs, numbering, depth - 1) if "{" in (spec or "") else spec or ""
            pieces.append(self.format(value, inner))
            self._meter.charge(len(pieces[-1]) >> 6)
        return "".join(pieces)

    def _field(self, name: str, args: tuple[Any, ...] | None, kwargs: Mapping[str, Any]) -> Any:
        first, rest = _split_field(name)
        if isinstance(first, int):
            value = self._positional(args, first)
        else:
            value = kwargs[first]
        for is_attribute, key in rest:
            value = self._get(value, key) if is_attribute else value[key]
        return value

    def _positional(self, args: tuple[Any, ...] | None, index: int) -> Any:
        if args is None:
            raise ValueError("Format string contains positional fields")
        if index >= len(args):
            raise IndexError(f"Replacement index {index} out of range for positional args tuple")
        return args[index]

    def percent(self, template: Any, values: Any) -> Any:
        """`template % values` for str, bytes and bytearray."""
        text = template if isinstance(template, str) else bytes(template).decode("latin-1")
        stars = self._percent_widths(str.__str__(text), values)
        if stars is not None:
            for star in stars:
                if isinstance(star, int):
                    self._meter.check_size(abs(star), "a padded string")
        for value in values if type(values) is tuple else (values,):
            self.plain(value)
        result = template % values
        self._meter.check_size(len(result), "a formatted string")
        return result

    def _percent_widths(self, text: str, values: Any) -> list[Any] | None:
        """Checks the widths that stand in the template; the values that `*` takes are handed back."""
        starred = False
        for found in _PERCENT.finditer(text):
            for part in (found["width"], found["precision"]):
                if part == "*":
                    starred = True
                elif part and int(part[:12]) > SMALL_WIDTH:
                    self._meter.check_size(int(part[:12]), "a padded string")
        if not starred:
            return None
        return list(values) if type(values) is tuple else [values]


def _split_field(name: str) -> tuple[Any, Any]:
    """The first part of a field's name, a number or a key, and the attributes and indices that follow."""
    found: tuple[Any, Any] = _string.formatter_field_name_split(name)
    return found


class _Numbering:
    """Automatic numbering of replacement fields, which cannot be mixed with explicit numbers."""

    def __init__(self) -> None:
        self._next = 0
        self._manual: bool | None = None

    def name(self, field: str) -> str:
        head = re.match(r"[^.\[]*", field)
        first = head.group() if head else ""
        if first and not first.isdigit():
            return field
        manual = bool(first)
        if self._manual is not None and self._manual != manual:
            before, after = ("manual", "automatic") if self._manual else ("automatic", "manual")
            kind = {"manual": "manual field specification", "automatic": "automatic field numbering"}
            raise ValueError(f"cannot switch from {kind[before]} to {kind[after]}")
        self._manual = manual
        if manual:
            return field
        self._next += 1
        return f"{self._next - 1}{field}"
