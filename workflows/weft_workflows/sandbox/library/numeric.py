"""math, decimal and fractions, with checks where a short call can make a huge number."""

from __future__ import annotations

import decimal
import fractions
import math
import re
import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.sandbox.allowed import ALLOWED_MODULES
from weft_workflows.sandbox.attributes import MOST_DIGITS
from weft_workflows.sandbox.facades import facade

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment
    from weft_workflows.sandbox.meter import Meter

_EXPONENT = re.compile(r"[eE][+-]?(\d+)")


def math_module(environment: Environment) -> dict[str, Any]:
    meter, walking = environment.meter, environment.walking
    found = {name: getattr(math, name) for name in ALLOWED_MODULES["math"] if hasattr(math, name)}
    for name in ("fsum", "dist", "hypot", "gcd", "lcm", "sumprod"):
        if name in found:
            found[name] = walking.metered(found[name])
    for name in ("floor", "ceil", "trunc"):
        found[name] = _whole(found[name], meter)

    for name in ("isqrt", "gcd", "lcm"):
        found[name] = _of_integers(found[name], meter)

    def factorial(n: Any, /) -> int:
        if isinstance(n, int) and n > 1:
            meter.check_bits(int(n) * int(n).bit_length())
            meter.charge(int(n) << 3)
        return math.factorial(n)

    def comb(n: Any, k: Any, /) -> int:
        _check_choice(meter, n, k)
        return math.comb(n, k)

    def perm(n: Any, k: Any = None, /) -> int:
        _check_choice(meter, n, n if k is None else k, halves=False)
        return math.perm(n, k)

    def prod(iterable: Any, /, *, start: Any = 1) -> Any:
        result = start
        for value in walking.bulk(iterable):
            result = environment.arithmetic.multiply(result, value)
        return result

    def ldexp(x: Any, i: Any, /) -> float:
        return math.ldexp(x, i)

    return found | {"factorial": factorial, "comb": comb, "perm": perm, "prod": prod, "ldexp": ldexp}


def statistics_module(environment: Environment) -> dict[str, Any]:
    """The functions work in exact fractions, some microseconds for each element, and `quantiles` makes `n` of them."""
    metered, meter = environment.walking.metered, environment.meter
    found = {name: getattr(statistics, name) for name in ALLOWED_MODULES["statistics"]}
    functions = {name: metered(value, -3) for name, value in found.items() if not isinstance(value, type)}

    def quantiles(data: Any, *, n: int = 4, method: str = "exclusive") -> list[Any]:
        meter.charge(max(0, n) * 4)
        result: list[Any] = functions["quantiles"](data, n=n, method=method)
        return result

    return found | functions | {"quantiles": quantiles}


def _check_choice(meter: Meter, n: Any, k: Any, *, halves: bool = True) -> None:
    if isinstance(n, int) and isinstance(k, int) and 0 < k <= n:
        steps = min(int(k), int(n) - int(k)) if halves else int(k)
        meter.check_bits(steps * int(n).bit_length())
        meter.charge(steps << 4)


def _of_integers(native: Callable[..., int], meter: Meter) -> Callable[..., int]:
    """Functions whose time grows with the square of the length of their arguments."""

    def of_integers(*numbers: Any) -> int:
        for number in numbers:
            if isinstance(number, int) and int.bit_length(number) > 4096:
                meter.charge((int.bit_length(number) >> 10) ** 2 << 3)
        return native(*numbers)

    return of_integers


def _whole(native: Callable[[Any], int], meter: Meter) -> Callable[[Any], int]:
    def whole(x: Any, /) -> int:
        if isinstance(x, decimal.Decimal) and x.is_finite() and x.adjusted() > 1000:
            meter.check_bits(x.adjusted() * 4)
            meter.charge(x.adjusted() ** 2 >> 11)
        return native(x)

    return whole


_SETTINGS = frozenset(("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "flags", "traps"))
#: Digits that a decimal may be made with, and the largest exponent: as an int, such a one takes some hundredths of a second.
_LONGEST_DECIMAL = 100_000
_LARGEST_EXPONENT = 20_000


class LocalContext:
    """`localcontext`: one decimal context while it is entered, and the one from before afterwards."""

    __slots__ = ("inner", "outer")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__enter__", "__exit__"))

    def __init__(self, inner: decimal.Context, outer: decimal.Context) -> None:
        self.inner = inner
        self.outer = outer

    def __enter__(self) -> decimal.Context:
        decimal.setcontext(self.inner)
        return self.inner

    def __exit__(self, *_details: Any) -> None:
        decimal.setcontext(self.outer)


def decimal_module(environment: Environment) -> dict[str, Any]:
    """The contexts are the current ones of the thread's `contextvars`, which the machine keeps apart for each strand.

    The constructor alone makes numbers that no context bounds, so it is ours.
    """
    meter = environment.meter
    found = {name: getattr(decimal, name) for name in ALLOWED_MODULES["decimal"]}

    def number(value: Any = "0", context: Any = None) -> decimal.Decimal:
        if isinstance(value, (str, tuple, list)) and len(value) > 64:
            meter.charge(len(value) >> 4)
        made = decimal.Decimal(value, context)
        if made.is_finite():
            if abs(made.adjusted()) > _LARGEST_EXPONENT and abs(int(made.as_tuple().exponent)) > _LARGEST_EXPONENT:
                meter.trip(f"a decimal with an exponent of {made.adjusted():,} is outside ±{_LARGEST_EXPONENT:,}")
            if made.__sizeof__() > _LONGEST_DECIMAL >> 1:
                meter.trip(f"a decimal of {len(made.as_tuple().digits):,} digits is longer than {_LONGEST_DECIMAL:,}")
        return made

    def context(*args: Any, **kwargs: Any) -> decimal.Context:
        made = decimal.Context(*args, **kwargs)
        _check_context(made)
        return made

    def localcontext(ctx: Any = None, **kwargs: Any) -> Any:
        if kwargs.get("prec", 0) > MOST_DIGITS or kwargs.keys() & {"Emax", "Emin"}:
            raise ValueError(f"a decimal context of an orchestration keeps at most {MOST_DIGITS} digits")
        outer = decimal.getcontext()
        inner = (outer if ctx is None else ctx).copy()
        for name, value in kwargs.items():
            if name not in _SETTINGS:
                raise TypeError(f"'{name}' is an invalid keyword argument for this function")
            setattr(inner, name, value)
        return LocalContext(inner, outer)

    stand_ins = environment.stand_ins
    return found | {
        "Context": stand_ins.stand_for(decimal.Context, facade(decimal.Context, context)),
        "Decimal": stand_ins.stand_for(
            decimal.Decimal, facade(decimal.Decimal, number, names=frozenset(("from_float",)))
        ),
        "localcontext": localcontext,
    }


def _check_context(context: decimal.Context) -> None:
    if context.prec > MOST_DIGITS or context.Emax > 999_999 or context.Emin < -999_999:
        raise ValueError(f"a decimal context of an orchestration keeps at most {MOST_DIGITS} digits")


def fractions_module(environment: Environment) -> dict[str, Any]:
    meter = environment.meter

    def fraction(*args: Any, **kwargs: Any) -> fractions.Fraction:
        for value in args:
            if isinstance(value, decimal.Decimal) and value.is_finite():
                meter.check_bits(abs(int(value.as_tuple().exponent)) * 4 + len(value.as_tuple().digits) * 4)
            elif isinstance(value, str):
                exponent = _EXPONENT.search(value)
                meter.check_bits(int(exponent[1][:12]) * 4 if exponent else 0)
        return fractions.Fraction(*args, **kwargs)

    names = frozenset(("from_float", "from_decimal"))
    stand_in = facade(fractions.Fraction, fraction, names=names)
    return {"Fraction": environment.stand_ins.stand_for(fractions.Fraction, stand_in)}
