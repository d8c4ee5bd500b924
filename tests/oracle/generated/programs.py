"""Whole random programs, and how a program is made from a number or by hypothesis."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.oracle.generated.choices import Choices, Drawn, Seeded
from tests.oracle.generated.classes import Classes
from tests.oracle.generated.writer import PROGRAM_COST, Lines, as_explicit, as_written, indented

_VARIABLES = ("a, b, c = 1, 2, 3", "xs, ys, d, st, s = [1, 2], [3], {'k': 1}, {1, 2}, 'x'")
_RESULT = "[a, b, c, xs, ys, list(d.items()), sorted(st), s, log]"
_IMPORTS = (
    "import asyncio, contextlib, functools",
    "from dataclasses import dataclass, field",
    "from typing import ClassVar",
)


@dataclass(frozen=True)
class Program:
    """`text` is both forms in one (see `writer`): `source` may leave out some `await`s of tools, `explicit` is what CPython
    runs. The tempo decides which of the steps that are in flight ends first.
    """

    text: str
    tempo: int

    @property
    def source(self) -> str:
        return as_written(self.text)

    @property
    def explicit(self) -> str:
        return as_explicit(self.text)

    def __repr__(self) -> str:
        return f"# tempo {self.tempo}\n{self.text}"


def program_of(seed: int) -> Program:
    """The program with this number."""
    return _ProgramWriter(Seeded(seed)).program()


@st.composite
def programs(draw: st.DrawFn) -> Program:
    return _ProgramWriter(Drawn(draw)).program()


class _ProgramWriter(Classes):
    def __init__(self, choices: Choices) -> None:
        super().__init__(choices)
        self.limit = PROGRAM_COST

    def program(self) -> Program:
        definitions = self.definitions()
        ending = self.one_of(
            (5, self.at_the_top), (3, self.in_main), (0 if self.functions or self.makers else 4, self.main)
        )
        text = "\n".join([*_IMPORTS, "log = []", *_VARIABLES, *definitions, *ending, ""])
        return Program(text, self.pick(0, 3))

    def definitions(self) -> Lines:
        lines: Lines = []
        for _ in range(self.choose(0, 0, 0, 1)):
            lines += self.error_class()
        for _ in range(self.choose(0, 0, 0, 0, 1, 1, 2)):
            lines += self.class_()
        for _ in range(self.choose(0, 0, 1, 1, 2, 3)):
            lines += self.function()
        self.budget = 5
        return lines

    def at_the_top(self) -> Lines:
        lines = ["await asyncio.sleep(0)"]
        for _ in range(self.pick(1, 3)):
            lines += self.guarded()
        return [*lines, _RESULT]

    def guarded(self) -> Lines:
        """A statement whose failure, as a rule, is not the end of the program."""
        self.budget -= 1
        if self.chance(25):
            return self.statement()
        with self.within(depth=1):
            used = self.use() if self.chance(50) else []
        return [
            "try:",
            *indented(used),
            *self.block(self.pick(0 if used else 1, 2)),
            "except Exception as e:",
            "    print(repr(e))",
        ]

    def use(self) -> Lines:
        """A use of what was defined above: so much is defined, and so little is written, that chance seldom finds it."""
        options = [
            (3 if self.callable_here("generator", "implicit generator", "async generator") else 0, self.generator_loop),
            (2 if self.callable_here("async generator") else 0, self.asked_by_hand),
            (3 if self.makers else 0, self.made_manager),
            (3 if self.managers() else 0, self.managed),
            (2 if self.classes else 0, self.made_object),
        ]
        return self.one_of(*options) if any(weight for weight, _ in options) else []

    def generator_loop(self) -> Lines:
        name = self.fresh("v")
        header = self.generator_header(name)
        return self.with_else([header, *self.inner(2.5, in_loop=True, readable=(*self.scope.readable, name))])

    def in_main(self) -> Lines:
        call = self.choose("asyncio.run(main())", "result = asyncio.run(main())", "await main()")
        return [*self.main(), call]

    def main(self) -> Lines:
        with self.within(in_function=True):
            body = [line for _ in range(self.pick(1, 3)) for line in self.guarded()]
        return ["async def main():", *indented([*_VARIABLES, *body]), f"    return {_RESULT}"]
