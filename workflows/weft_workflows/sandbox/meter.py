"""The meter of a run: fuel, and the limits on what pure code may make.

What always holds: a meter that has tripped stays tripped. Every later charge raises again, and `refill` does not help, so
that no handler, `finally`, `__exit__` or `suppress` outlives a limit. That an activation's budget is gone trips it too:
the machine is then worth nothing any more, and another is built as of before.

The fuel left is kept in a plain dict under `FUEL`, because guarded code counts down in its own globals without a call; a meter
that is not attached to a namespace uses a dict of its own. The meter knows nothing of the code that it measures.
"""

from __future__ import annotations

from typing import Any, NoReturn

from weft_compiler.plan import Limits

#: The global variable of guarded code that holds the fuel left.
FUEL = "__weft_fuel__"
#: Bits that an integer may have: multiplying two such takes about a tenth of a second.
INTEGER_BITS = 1_000_000
#: Levels that nested data may have where C code would recurse through it.
NESTING = 2_000


class LimitExceeded(BaseException):
    """A limit of the run was exceeded. `setting` names the field of `Limits` that can be raised, or is empty."""

    #: Tracebacks show it by its bare name.
    __module__ = "builtins"

    def __init__(self, message: str, setting: str = "") -> None:
        super().__init__(message)
        self.setting = setting


class OverBudget(LimitExceeded):
    """One activation used more fuel than it was given, though no limit of the run was exceeded."""


class Meter:
    """Fuel left and limits of one run."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.tripped: LimitExceeded | None = None
        #: The sandbox's environment of the run, opaque to the meter.
        self.environment: Any = None
        self._printed = 0
        self._budget: int | None = None
        self._namespace: dict[str, Any] = {FUEL: limits.fuel}

    def attach(self, namespace: dict[str, Any]) -> None:
        """Moves the counter into the globals of guarded code. The last namespace attached is the one that counts."""
        namespace[FUEL] = self._namespace[FUEL]
        self._namespace = namespace

    @property
    def fuel(self) -> int:
        """Fuel left; negative once the limit was exceeded."""
        fuel: int = self._namespace[FUEL]
        return fuel

    def refill(self, budget: int | None = None) -> None:
        """Fills up the fuel. The machine calls this before each activation; a tripped meter stays empty.

        `budget` is what this activation may use of it, None where it may use all.
        """
        limit = self.limits.fuel
        self._budget = budget if budget is not None and budget < limit else None
        if self.tripped is None:
            self._namespace[FUEL] = limit if self._budget is None else self._budget

    def charge(self, amount: int = 1) -> None:
        """Takes fuel. Raises LimitExceeded where it does not suffice, and whenever the meter has tripped before."""
        namespace = self._namespace
        left = namespace[FUEL] - amount
        namespace[FUEL] = left
        if left < 0:
            self.out_of_fuel()

    def out_of_fuel(self) -> NoReturn:
        """Raises the error that tripped the meter, or trips it because the fuel is gone."""
        if self.tripped is not None:
            raise self.tripped
        if self._budget is not None:
            self.tripped = OverBudget(f"pure code used more than {self._budget:,} units of fuel in one activation")
            raise self.tripped
        self.trip(f"pure code used more than {self.limits.fuel:,} units of fuel between two steps", "fuel")

    def trip(self, message: str, setting: str = "") -> NoReturn:
        """Trips the meter for good. The message gains the setting that can be raised."""
        if self.tripped is None:
            hint = f"; if this is intended, raise the limit with `--limit {setting}=N`" if setting else ""
            self.tripped = LimitExceeded(message + hint, setting)
        self._namespace[FUEL] = -1
        raise self.tripped

    def check(self) -> None:
        """Raises again if the meter has tripped."""
        if self.tripped is not None or self._namespace[FUEL] < 0:
            self.out_of_fuel()

    def check_size(self, size: int, what: str = "a value") -> None:
        """Trips where a value of `size` bytes or characters would be larger than allowed; charges for copying it."""
        if size > self.limits.value_bytes:
            self.trip(f"{what} of {size:,} bytes is larger than {self.limits.value_bytes:,}", "value_bytes")
        if size > 256:
            self.charge(size >> 6)

    def check_bits(self, bits: int) -> None:
        """Trips where an integer of so many bits would be larger than allowed; charges for computing it."""
        if bits > INTEGER_BITS:
            self.trip(f"an integer of {bits:,} bits is larger than {INTEGER_BITS:,} bits")
        if bits > 4096:
            self.charge((bits >> 10) ** 2 >> 3)

    def charge_division(self, left: int, right: int) -> None:
        """Charges for dividing integers of so many bits, which takes a time that grows with the product of divisor and quotient."""
        if right > 4096 and left > right:
            self.charge((left - right >> 10) * (right >> 10) << 4)

    def printed(self, characters: int) -> None:
        """Counts what the run prints."""
        self._printed += characters
        if self._printed > self.limits.output_chars:
            self.trip(f"the run printed more than {self.limits.output_chars:,} characters", "output_chars")
