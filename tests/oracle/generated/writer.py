"""What every part of the writer of random programs needs: decisions, the scope that is being written, and its bounds.

Programs mean something: variables exist where they are read, loops end, numbers stay below 50, lists short. In each scope of
its own the same variables exist from the start: `a`, `b`, `c` are numbers, `xs` and `ys` lists of numbers, `d` a dict of numbers,
`st` a set of numbers, `s` a text; `log` is one list for the whole program. What a program does in one run is bounded by `cost`.

Texts are written once for both forms of a program: what stands between ‹ and › is only in its explicit form.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from tests.oracle.generated.choices import Choices

_T = TypeVar("_T")
Lines = list[str]

NUMBERS = ("a", "b", "c")
LISTS = ("xs", "ys")
PLAIN = (*NUMBERS, *LISTS, "d", "st", "s")

#: How many calls one run of a program, or of one function, makes at most, about.
PROGRAM_COST = 90
FUNCTION_COST = 9

#: `implicit`: a plain function that holds steps; a coroutine function in the explicit form.
Kind = Literal[
    "async", "implicit", "pure", "closure", "async closure", "generator", "implicit generator", "async generator"
]


@dataclass(frozen=True)
class Function:
    """A function that may be called from here. `shape` says what its parameters are."""

    name: str
    kind: Kind
    shape: Literal["plain", "rest", "keyword", "extra", "box"] = "plain"
    cost: float = 0


@dataclass(frozen=True)
class Class:
    name: str
    features: frozenset[str]
    cost: float = 0


@dataclass(frozen=True)
class Scope:
    """Where the writer stands. `keyword` is what a nested function says to assign the variables of this one."""

    kind: Literal["async", "implicit", "pure"] = "async"
    in_function: bool = False
    in_loop: bool = False
    #: Not so in `except*`, which nothing leaves by force, and in a generator, which gives nothing by `return`.
    may_leave: bool = True
    depth: int = 0
    #: Numbers that may be read besides the variables that are always there.
    readable: tuple[str, ...] = ()
    #: Objects of the program's classes.
    objects: tuple[tuple[str, Class], ...] = ()
    functions: tuple[Function, ...] = ()
    #: Variables that belong to the module, or to the function around.
    declared: dict[str, str] = field(default_factory=dict)
    #: Not so in comprehensions, where an assignment is not allowed everywhere.
    assigns: bool = True
    #: In an f-string of Python 3.11 no other can stand.
    in_text: bool = False

    @property
    def keyword(self) -> str:
        return "nonlocal" if self.in_function else "global"


class Writer:
    """Writes one program. Each part of the language is written by a class of its own, which adds to the one before."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self.scope = Scope()
        self.functions: list[Function] = []
        self.classes: list[Class] = []
        self.errors: list[str] = []
        #: Headers of `with` over functions that make managers.
        self.makers: list[tuple[str, Function]] = []
        #: Statements that may still be written.
        self.budget = 5
        self.cost = 0.0
        self.limit: float = PROGRAM_COST
        #: How often what is being written runs.
        self.weight = 1.0
        self._fresh = 0
        #: Share of tool calls without `await`, in percent.
        self.implicit = self.choose(0, 0, 30, 80)

    # -- decisions ---------------------------------------------------------------------------------------------------

    def pick(self, low: int, high: int) -> int:
        return self._choices.pick(low, high)

    def choose(self, *options: _T) -> _T:
        return options[self.pick(0, len(options) - 1)]

    def chance(self, percent: int) -> bool:
        return self.pick(1, 100) <= percent

    def one_of(self, *options: tuple[int, Callable[[], _T]]) -> _T:
        """Carries out one of the options, which have weights."""
        at = self.pick(1, sum(weight for weight, _ in options))
        for weight, option in options:
            at -= weight
            if at <= 0:
                return option()
        raise AssertionError("the weights add up to less than was picked")

    def fresh(self, prefix: str) -> str:
        self._fresh += 1
        return f"{prefix}{self._fresh}"

    # -- scopes ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def within(self, times: float = 1, **changes: Any) -> Iterator[None]:
        """Writes what stands in a scope with these changes, and runs so many times as often."""
        outer, weight = self.scope, self.weight
        self.scope, self.weight = replace(outer, **changes), weight * times
        try:
            yield
        finally:
            self.scope, self.weight = outer, weight

    @contextlib.contextmanager
    def measured(self, limit: float = FUNCTION_COST) -> Iterator[list[float]]:
        """Writes a function by itself; the list that is given holds its cost at the end."""
        outer = self.cost, self.limit, self.weight
        self.cost, self.limit, self.weight = 0.0, limit, 1.0
        result: list[float] = []
        try:
            yield result
        finally:
            result.append(self.cost)
            self.cost, self.limit, self.weight = outer

    def affordable(self, cost: float) -> bool:
        return self.cost + self.weight * cost <= self.limit

    def spend(self, cost: float) -> None:
        self.cost += self.weight * cost

    def callable_here(self, *kinds: Kind) -> list[Function]:
        return [f for f in (*self.functions, *self.scope.functions) if f.kind in kinds and self.affordable(f.cost)]

    def adds(self, **more: Any) -> None:
        """Makes something known to what follows in this block."""
        for name, value in more.items():
            changes: dict[str, Any] = {name: (*getattr(self.scope, name), value)}
            self.scope = replace(self.scope, **changes)


def asked(function: Function) -> str:
    """What a `for` over the generator begins with."""
    return {"generator": "", "implicit generator": "‹async ›", "async generator": "async "}[function.kind]


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def as_written(text: str) -> str:
    return re.sub("‹[^›]*›", "", text)


def as_explicit(text: str) -> str:
    return text.replace("‹", "").replace("›", "")
