"""Operators that can make a large value from small ones, with a check before or after.

Built per run around its meter. Faithful to CPython in everything but the limit: the operation itself is CPython's own.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from decimal import Decimal, getcontext
from fractions import Fraction
from typing import Any

from weft_workflows.sandbox.attribute_table import LINEAR
from weft_workflows.sandbox.meter import INTEGER_BITS, Meter
from weft_workflows.sandbox.text import Formatting

_SEQUENCES = (str, bytes, bytearray, list, tuple)
_ITEM: dict[Any, int] = {deque: 8, str: 1, bytes: 1, bytearray: 1, list: 8, tuple: 8}


class Arithmetic:
    """The guarded operators of one run."""

    def __init__(self, meter: Meter, formatting: Formatting) -> None:
        self._meter = meter
        self._formatting = formatting

    def multiply(self, left: Any, right: Any) -> Any:
        self.before_multiply(left, right)
        return left * right

    def before_multiply(self, left: Any, right: Any) -> None:
        if type(left) is float or type(right) is float:
            return
        if isinstance(left, int) and isinstance(right, int):
            bits = int.bit_length(left) + int.bit_length(right)
            if bits > 4096:
                self._meter.check_bits(bits)
        elif _is_fraction(left) or _is_fraction(right):
            self._check_fractions(left, right)
        elif isinstance(left, Decimal) or isinstance(right, Decimal):
            self._meter.charge(_decimal_bytes(left) + _decimal_bytes(right) >> 2)
        elif isinstance(right, int):
            self._repeated(left, right)
        elif isinstance(left, int):
            self._repeated(right, left)

    def _check_fractions(self, *numbers: Any) -> None:
        bits = sum(
            int.bit_length(int(part))
            for each in numbers
            if _is_fraction(each)
            for part in (each.numerator, each.denominator)
        )
        if bits > 4096:
            self._meter.check_bits(bits)
            self._meter.charge((bits >> 10) ** 2 << 3)

    def _repeated(self, sequence: Any, times: int) -> None:
        size = _length(sequence)
        if size and times > 1:
            self._meter.check_size(size * int(times), "a repeated sequence")

    def power(self, base: Any, exponent: Any) -> Any:
        self.before_power(base, exponent)
        return base**exponent

    def before_power(self, base: Any, exponent: Any) -> None:
        if isinstance(base, int) and isinstance(exponent, int):
            bits = int.bit_length(base)
            if exponent > 0 and bits > 1:
                self._meter.check_bits(bits * int(exponent))
        elif isinstance(base, Decimal) or isinstance(exponent, Decimal):
            self._meter.charge(transcendental(getcontext().prec))
        elif isinstance(exponent, int) and not isinstance(base, float):
            parts = [getattr(base, part, 0) for part in ("numerator", "denominator")] if _is_fraction(base) else []
            for part in parts:
                self._meter.check_bits(int(part).bit_length() * abs(int(exponent)))

    def shift(self, left: Any, right: Any) -> Any:
        self.before_shift(left, right)
        return left << right

    def before_shift(self, left: Any, right: Any) -> None:
        if isinstance(left, int) and isinstance(right, int) and left and right > 0:
            self._meter.check_bits(int.bit_length(left) + int(right))

    def modulo(self, left: Any, right: Any) -> Any:
        if isinstance(left, (str, bytes, bytearray)):
            return self._formatting.percent(left, right)
        self.before_divide(left, right)
        return left % right

    def divide(self, left: Any, right: Any) -> Any:
        self.before_divide(left, right)
        return left // right

    def before_divide(self, left: Any, right: Any) -> None:
        if isinstance(left, int) and isinstance(right, int):
            self._meter.charge_division(int.bit_length(left), int.bit_length(right))

    def sized(self, value: Any) -> Any:
        """Checks a result that is at most a few times as large as what it was made from."""
        kind = type(value)
        if kind is int:
            bits = value.bit_length()
            if bits > 4096:
                self._meter.charge(bits >> 13)
                if bits > INTEGER_BITS:
                    self._meter.check_bits(bits)
        elif kind is Fraction:
            self._check_fractions(value)
        elif kind is not float and isinstance(value, _SEQUENCES):
            size = _length(value)
            if size > 256:
                self._meter.check_size(size, "a sequence")
        elif kind in LINEAR and len(value) > 64:
            self._meter.charge(len(value) >> LINEAR[kind])
        return value

    def sliced(self, value: Any) -> Any:
        if type(value) in _ITEM and len(value) > 256:
            self._meter.charge(len(value) >> 6)
        return value

    def contains(self, container: Any, value: Any) -> bool:
        kind = type(container)
        if kind in _ITEM and len(container) > 16:
            self._meter.charge(len(container) >> (1 if kind in (list, tuple) else 6))
        elif kind is range and type(value) is not int:
            self._meter.charge(len(container) >> 2)
        if kind is list or kind is tuple:
            self._formatting.measure(value)
        return value in container

    def in_place(self, symbol: str) -> Callable[[Any, Any], Any]:
        """The augmented operator of that symbol with its check."""
        table: dict[str, tuple[Callable[[Any, Any], None], Callable[[Any, Any], Any]]] = {
            "*": (self.before_multiply, operator.imul),
            "**": (self.before_power, operator.ipow),
            "<<": (self.before_shift, operator.ilshift),
            "+": (self._before_add, operator.iadd),
        }
        before, operation = table[symbol]

        def apply(left: Any, right: Any) -> Any:
            before(left, right)
            return operation(left, right)

        return apply

    def in_place_modulo(self, left: Any, right: Any) -> Any:
        if isinstance(left, (str, bytes, bytearray)):
            return self.modulo(left, right)
        self.before_divide(left, right)
        left %= right
        return left

    def in_place_divide(self, left: Any, right: Any) -> Any:
        self.before_divide(left, right)
        left //= right
        return left

    def _before_add(self, left: Any, right: Any) -> None:
        size = _length(left)
        if size:
            self._meter.check_size(size + _length(right), "a sequence")


def _length(value: Any) -> int:
    """Bytes that a builtin sequence's items take; 0 for anything else. Asks the builtin type, not an override."""
    for kind, size in _ITEM.items():
        if isinstance(value, kind):
            return int(kind.__len__(value)) * size
    return 0


def transcendental(digits: int) -> int:
    """What a logarithm, an exponential or a power of decimals costs at that precision."""
    return digits**3 >> 12


def _decimal_bytes(value: Any) -> int:
    """Bytes of a decimal beyond those of an ordinary one."""
    return max(0, Decimal.__sizeof__(value) - 200) if isinstance(value, Decimal) else 0


def _is_fraction(value: Any) -> bool:
    return type(value) is Fraction
