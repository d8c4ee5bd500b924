"""Random programs of the subset, for comparing two ways of running them.

Every program ends: loops are bounded, functions call only functions above them, numbers stay small. Programs may fail;
a failure is compared like any other outcome. Delays of the tools differ from call to call, so that no two things happen
at the same instant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.oracle.scripted_tools import read_tools

#: How long a call takes depends on how many there were before, so no two calls of a program end together.
_DELAY = "state.setdefault('calls', []).append(0) or 1 + len(state['calls']) * {} % {} / {}"

TOOLS = read_tools(
    f"""
look:
  parameters: x
  effect: read
  delay: "{_DELAY.format(37, 101, 97)}"
  returns: (x + state.get('total', 0)) % 50
add:
  parameters: x, twice=False
  delay: "{_DELAY.format(41, 103, 89)}"
  does: "state.update(total=(state.get('total', 0) + x * (2 if twice else 1)) % 50)"
  returns: state['total']
risky:
  parameters: x
  delay: "{_DELAY.format(43, 107, 83)}"
  raises: "ValueError(f'no {{x}}') if x % 3 == 0 else KeyError(x) if x % 7 == 0 else None"
  returns: -x
"""
)

_NAMES = ("a", "b", "c")


@st.composite
def programs(draw: st.DrawFn) -> str:
    """The source of a program."""
    return _Writer(draw).program()


@dataclass
class _Writer:
    """Writes one program; `budget` bounds its size, `functions` are those that may be called from here."""

    draw: st.DrawFn
    budget: int = 40
    functions: list[str] = field(default_factory=list)
    fresh: int = 0

    def program(self) -> str:
        lines = ["a, b, c = 1, 2, 3", "xs, d = [1, 2], {}"]
        for index in range(self.pick(0, 3)):
            lines += self.function(f"f{index}")
        lines += self.block(0, in_function=False, in_loop=False, size=self.pick(2, 6))
        return "\n".join([*lines, "[a, b, c, xs, d]", ""])

    def pick(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def choose(self, *options: Any) -> Any:
        return options[self.pick(0, len(options) - 1)]

    def function(self, name: str) -> list[str]:
        scope = self.choose([], ["global a"], ["global b, c"])
        body = self.block(1, in_function=True, in_loop=False, size=self.pick(1, 4))
        header = f"async def {name}(p, q={self.pick(0, 9)}):"
        known = "a, b, c = p, q, 0" if not scope else "pass"
        lines = [header, *_indented([*scope, known, *body, f"return {self.expression(1)}"])]
        self.functions.append(name)
        return lines

    def block(self, depth: int, *, in_function: bool, in_loop: bool, size: int) -> list[str]:
        lines: list[str] = []
        for _ in range(size):
            self.budget -= 1
            lines += self.statement(depth, in_function=in_function, in_loop=in_loop)
        return lines or ["pass"]

    def statement(self, depth: int, *, in_function: bool, in_loop: bool) -> list[str]:
        simple: list[Callable[[], list[str]]] = [
            self.assignment, self.assignment, self.augmented, self.item, self.append, self.output, self.gathered,
            self.comprehension, self.unpacking, self.task, self.limited,
        ]  # fmt: skip
        nested = [self.branch, self.loop, self.counted, self.attempt]
        kind = self.pick(0, 17)
        if kind >= 13 and depth < 3 and self.budget > 0:
            lines: list[str] = self.choose(*nested)(depth, in_function, in_loop)
            return lines
        if kind == 12:
            return self.leaving(in_function, in_loop)
        short: list[str] = self.choose(*simple)()
        return short

    def assignment(self) -> list[str]:
        return [f"{self.choose(*_NAMES)} = {self.expression(2)}"]

    def augmented(self) -> list[str]:
        return [f"{self.choose(*_NAMES)} {self.choose('+', '-')}= {self.expression(2)}"]

    def item(self) -> list[str]:
        return [f"d[{self.expression(1)}] {self.choose('=', '=', '+=')} {self.expression(1)}"]

    def append(self) -> list[str]:
        return [f"xs.append({self.expression(1)})", "xs = xs[-4:]" if self.pick(0, 1) else "del xs[:-4]"]

    def output(self) -> list[str]:
        inside = "{" + self.expression(1) + "}"
        return [self.choose(f"print({self.expression(1)}, a, {self.expression(1)})", f"print(f'{inside} {inside}')")]

    def gathered(self) -> list[str]:
        caught = ", return_exceptions=True" if self.pick(0, 2) == 0 else ""
        name = self.choose(*_NAMES)
        jobs = ", ".join(self.call(1) for _ in range(self.pick(1, 3)))
        if self.pick(0, 1):
            jobs = f"*[{self.choose('look', 'add', 'risky')}(v) for v in range({self.pick(0, 3)})]"
        shown = f"[v if isinstance(v, int) else repr(v) for v in await asyncio.gather({jobs}{caught})]"
        return [f"print({shown})", f"{name} = len(xs)"]

    def comprehension(self) -> list[str]:
        condition = f" if {self.expression(1, 'v')}" if self.pick(0, 1) else ""
        return [f"xs = [{self.expression(1, 'v')} for v in {self.iterable('a')}{condition}]"]

    def unpacking(self) -> list[str]:
        left, right = self.choose(("a", "b"), ("b", "xs[0]"), ("c", "d['k']"))
        return [f"{left}, {right} = {self.expression(1)}, {self.expression(1)}"]

    def task(self) -> list[str]:
        self.fresh += 1
        name = f"t{self.fresh}"
        return [f"{name} = asyncio.create_task({self.call(1)})", *self.assignment(), f"a = await {name}"]

    def limited(self) -> list[str]:
        seconds = self.pick(1, 30) / 10 + 0.0625
        waiting = f"c = await asyncio.wait_for({self.call(1)}, {seconds})"
        return ["try:", f"    {waiting}", "except TimeoutError:", "    print('late')"]

    def leaving(self, in_function: bool, in_loop: bool) -> list[str]:
        ways = [f"raise ValueError({self.expression(1)})", "assert a != b, 'same'"]
        ways += ["break", "continue"] if in_loop else []
        ways += [f"return {self.expression(1)}"] if in_function else []
        return [f"if {self.expression(1)} % 3 == 0:", f"    {self.choose(*ways)}"]

    def branch(self, depth: int, in_function: bool, in_loop: bool) -> list[str]:
        lines = [f"if {self.expression(2)} > {self.pick(0, 20)}:", *self.inner(depth, in_function, in_loop)]
        if self.pick(0, 1):
            lines += [f"elif {self.expression(1)}:", *self.inner(depth, in_function, in_loop)]
        return [*lines, "else:", *self.inner(depth, in_function, in_loop)] if self.pick(0, 1) else lines

    def loop(self, depth: int, in_function: bool, in_loop: bool) -> list[str]:
        target = self.choose("a", "v", "b")
        lines = [f"for {target} in {self.iterable()}:", *self.inner(depth, in_function, True)]
        return [*lines, "else:", *self.inner(depth, in_function, in_loop)] if self.pick(0, 1) else lines

    def counted(self, depth: int, in_function: bool, in_loop: bool) -> list[str]:
        self.fresh += 1
        name = f"w{self.fresh}"
        test = f"{name} < {self.pick(0, 3)}" + (f" and {self.expression(1)} != 7" if self.pick(0, 1) else "")
        lines = [f"{name} = 0", f"while {test}:", f"    {name} += 1", *self.inner(depth, in_function, True)]
        return [*lines, "else:", *self.inner(depth, in_function, in_loop)] if self.pick(0, 1) else lines

    def attempt(self, depth: int, in_function: bool, in_loop: bool) -> list[str]:
        lines = ["try:", *self.inner(depth, in_function, in_loop)]
        caught = self.pick(0, 3)
        if caught:
            kind = self.choose("ValueError", "LookupError", "(KeyError, TypeError)", "Exception")
            handler = self.inner(depth, in_function, in_loop)
            lines += [f"except {kind} as e:", "    print(repr(e), repr(e.__context__))", *handler]
            lines += ["    raise"] if self.pick(0, 4) == 0 else []
            lines += ["else:", *self.inner(depth, in_function, in_loop)] if self.pick(0, 1) else []
        if not caught or self.pick(0, 1):
            lines += ["finally:", *self.inner(depth, in_function, in_loop)]
        return lines

    def inner(self, depth: int, in_function: bool, in_loop: bool) -> list[str]:
        return _indented(self.block(depth + 1, in_function=in_function, in_loop=in_loop, size=self.pick(1, 3)))

    def iterable(self, *names: str) -> str:
        sequence = f"range({self.pick(0, 3)})"
        return str(self.choose(sequence, "list(xs)", f"[{self.expression(1, *names)}, {self.expression(1, *names)}]"))

    def call(self, depth: int, *names: str) -> str:
        """A call of a tool or a function: an awaitable."""
        tools = ("look", "look", "add", "risky")
        callees = self.functions if self.functions and self.pick(0, 2) == 0 else tools
        return f"{self.choose(*callees)}({self.expression(depth - 1, *names)})"

    def expression(self, depth: int, *names: str) -> str:
        """An integer. Where more `names` are given, as in comprehensions, nothing is assigned."""
        kind = self.pick(0, 13) if depth > 0 else self.pick(0, 3)

        def part() -> str:
            return self.expression(depth - 1, *names)

        match kind:
            case 0 | 1:
                return str(self.choose(*_NAMES, *names))
            case 2:
                return str(self.pick(0, 12))
            case 3:
                return str(self.choose("len(xs)", "len(d)", *names))
            case 4 | 5:
                return f"({part()} {self.choose('+', '-', '*')} {part()}) % 50"
            case 6 | 7 | 8:
                return f"(await {self.call(depth, *names)})"
            case 9:
                return f"({part()} if {part()} > {self.pick(0, 9)} else {part()})"
            case 10:
                return f"({part()} {self.choose('and', 'or')} {part()})"
            case 11:
                return f"int({part()} < {part()} <= {part()})"
            case 12:
                self.fresh += 1
                return f"({self.choose(*_NAMES)} := {part()})" if not names else f"xs[{part()}]"
            case _:
                return f"sum([{part()}, {part()}])"


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
