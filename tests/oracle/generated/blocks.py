"""Statements that hold others: branches, loops, tries, managers, matches, and what leaves them by force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.oracle.generated.simple import Simple
from tests.oracle.generated.writer import NUMBERS, Lines, asked, indented

CATCHABLE = (
    "ValueError", "LookupError", "(KeyError, TypeError)", "Exception", "ArithmeticError", "(ConnectionError, ValueError)",
    "TimeoutError", "OSError", "BaseException",
)  # fmt: skip


class Blocks(Simple):
    def block(self, size: int, times: float = 1, **changes: Any) -> Lines:
        """So many statements, one step further in. What they make known is known only there."""
        with self.within(times, depth=self.scope.depth + 1, **changes):
            lines: Lines = []
            for _ in range(size):
                self.budget -= 1
                lines += self.statement()
            return indented(lines)

    def inner(self, times: float = 1, **changes: Any) -> Lines:
        return self.block(self.pick(1, 2), times, **changes)

    def statement(self) -> Lines:
        options: list[tuple[int, Callable[[], Lines]]] = [(36, self.simple), (4, self.leaving)]
        if self.scope.depth < 3 and self.budget > 0:
            options += [
                (6, self.branch),
                (6, self.loop),
                (4, self.counted),
                (9, self.attempt),
                (4, self.matched),
                (3, self.suppressed),
                (2, self.attempt_with_star),
                (8 if self.makers else 0, self.made_manager),
                (4 if self.managers() else 0, self.managed),
                *self.more_statements(),
            ]
        return self.one_of(*options)

    def more_statements(self) -> list[tuple[int, Callable[[], Lines]]]:
        """What later parts of the writer add."""
        return []

    def leaving(self) -> Lines:
        error = self.choose("ValueError", "KeyError", *self.errors)
        ways = [
            f"raise {error}({self.number(1)})",
            f"raise {error}({self.number(1)}) from None",
            "assert a != b, 'same'",
        ]
        ways += ["break", "continue"] * 2 if self.scope.in_loop else []
        ways += [f"return {self.number(1)}"] * 2 if self.scope.in_function and self.scope.may_leave else []
        return [f"if {self.number(2)} % 3 == {self.pick(0, 2)}:", f"    {self.choose(*ways)}"]

    # -- branches and loops ------------------------------------------------------------------------------------------

    def branch(self) -> Lines:
        lines = [f"if {self.condition(2)}:", *self.inner()]
        if self.chance(40):
            lines += [f"elif {self.condition(2)}:", *self.inner()]
        return [*lines, "else:", *self.inner()] if self.chance(50) else lines

    def loop(self) -> Lines:
        v = self.fresh("v")
        known = (*self.scope.readable, v)
        header, names = self.one_of(
            (4, lambda: (f"for {v} in {self.source_of(2)}:", known)),
            (2, lambda: (f"for {self.choose(*NUMBERS)} in {self.source_of(2)}:", self.scope.readable)),
            (1, lambda: (f"for xs[:1] in [[{self.number(1)}], [3]]:", self.scope.readable)),
            (1, lambda: (f"for {v}, a in enumerate({self.numbers(2)}[:3], {self.atom()}):", known)),
            (1, lambda: (f"for {v}, (b, *ys) in [(1, (2, 3)), ({self.number(1)}, [{self.number(1)}])]:", known)),
            (1, lambda: (f"for _, {v} in list(d.items())[:3]:", known)),
            (1, lambda: (f"for {v} in d:", self.scope.readable)),
            (1, lambda: (f"for {v}, b in zip({self.numbers(1)}[:3], ys):", known)),
            (6, lambda: (self.generator_header(v), known)),
        )
        return self.with_else([header, *self.inner(2.5, in_loop=True, readable=names)])

    def generator_header(self, name: str) -> str:
        """A loop over a generator of the program, which its body meets half-way."""
        function = self.any_generator()
        if function is None:
            return f"for {name} in {self.source_of(1)}:"
        self.spend(function.cost)
        count = self.pick(0, 3)
        if function.kind == "generator" and self.chance(30):
            return f"for a, {name} in enumerate({function.name}({count})):"
        return f"{asked(function)}for {name} in {function.name}({count}):"

    def counted(self) -> Lines:
        name = self.fresh("w")
        limit = self.pick(0, 3)
        with self.within(2, readable=(*self.scope.readable, name)):
            more = self.choose("", "", f" and {self.number(2)} != 7", f" and (b := {self.number(2)}) != 3")
        form = self.pick(0, 2)
        if form == 0:
            head = [f"while ({name} := {name} + 1) <= {limit}{more}:"]
        elif form == 1:
            head = [f"while {name} < {limit}{more}:", f"    {name} += 1"]
        else:
            head = ["while True:", f"    {name} += 1", f"    if {name} > {limit}{more}:", "        break"]
            head[2] = f"    if {name} > {limit}:"
        body = self.inner(2.5, in_loop=True, readable=(*self.scope.readable, name))
        return [f"{name} = 0", *self.with_else([*head, *body])]

    def with_else(self, lines: Lines) -> Lines:
        return [*lines, "else:", *self.inner()] if self.chance(35) else lines

    # -- tries -------------------------------------------------------------------------------------------------------

    def attempt(self) -> Lines:
        lines = ["try:", *self.inner()]
        handlers = self.choose(0, 1, 1, 1, 2)
        for _ in range(handlers):
            lines += self.handler()
        if handlers and self.chance(40):
            lines += ["else:", *self.inner()]
        if not handlers or self.chance(45):
            lines += ["finally:", *self.inner()]
        return lines

    def handler(self) -> Lines:
        kind = self.choose(*CATCHABLE, *self.errors, *self.errors)
        shown = self.choose("print(repr(e), repr(e.__context__))", "log.append(type(e).__name__)", "print(e, e.args)")
        again = "if isinstance(e, (GeneratorExit, asyncio.CancelledError)): raise"
        lines = [f"except {kind} as e:", *([f"    {again}"] if kind == "BaseException" else []), f"    {shown}"]
        lines += self.inner()
        error = self.choose("ValueError", "RuntimeError", *self.errors)
        end = self.choose([], [], [], ["    raise"], [f"    raise {error}({self.number(1)}) from e"], ["    raise e"])
        return [*lines, *end]

    def attempt_with_star(self) -> Lines:
        lines = ["try:", *self.inner()]
        for kind in self.choose(
            ("ValueError",), ("LookupError", "Exception"), ("(KeyError, TypeError)",), ("Exception",)
        ):
            shown = self.choose("print(type(e).__name__, [repr(v) for v in e.exceptions])", "log.append(str(e))")
            end = self.choose([], [], ["    raise"], [f"    raise ValueError({self.number(1)})"])
            lines += [f"except* {kind} as e:", f"    {shown}", *self.inner(in_loop=False, may_leave=False), *end]
        return [*lines, "finally:", *self.inner()] if self.chance(30) else lines

    def made_manager(self) -> Lines:
        """`with` over a function that makes a manager, or a stack of such."""
        known = [
            m for m in self.makers if self.affordable(m[1].cost) and (self.scope.kind == "async" or m[0] == "with")
        ]
        if not known:
            return self.suppressed()
        header, maker = self.choose(*known)
        self.spend(maker.cost)
        name, made = self.fresh("v"), f"{maker.name}({self.number(2)})"
        readable = (*self.scope.readable, name)
        if self.chance(60):
            return [f"{header} {made} as {name}:", *self.inner(readable=readable)]
        stack, callback = self.fresh("stack"), f".callback(log.append, {self.number(1)})"
        if header == "with":
            lines = ["with contextlib.ExitStack() as {0}:", f"    {name} = {{0}}.enter_context({made})"]
        else:
            lines = [
                "async with contextlib.AsyncExitStack() as {0}:",
                f"    {name} = await {{0}}.enter_async_context({made})",
            ]
        return [line.replace("{0}", stack) for line in [*lines, "    {0}" + callback]] + self.inner(readable=readable)

    def suppressed(self) -> Lines:
        kind = self.choose("ValueError", "KeyError, ValueError", "Exception", *self.errors)
        return [f"with contextlib.suppress({kind}):", *self.inner()]

    # -- managers ----------------------------------------------------------------------------------------------------

    def managers(self) -> list[str]:
        """Headers of `with` over the program's own managers."""
        headers = [f"with {c.name}" for c in self.classes if "with" in c.features]
        if self.scope.kind == "async":
            affordable = [c for c in self.classes if "async with" in c.features and self.affordable(c.cost)]
            headers += [f"async with {c.name}" for c in affordable]
        return headers

    def managed(self) -> Lines:
        header = self.choose(*self.managers())
        made = next(c for c in self.classes if c.name == header.split()[-1])
        self.spend(made.cost)
        name = self.fresh("o")
        more = f", {made.name}({self.number(1)})" if self.chance(20) else ""
        text = f"{header}({self.number(2)}) as {name}{more}:"
        return [text, *self.inner(objects=(*self.scope.objects, (name, made)))]

    # -- match -------------------------------------------------------------------------------------------------------

    def matched(self) -> Lines:
        lines = [f"match {self.subject()}:"]
        for _ in range(self.pick(1, 3)):
            pattern, names = self.pattern()
            with self.within(kind="pure", assigns=False, readable=(*self.scope.readable, *names)):
                guard = f" if {self.condition(1)}" if self.chance(30) else ""
            body = self.inner(readable=(*self.scope.readable, *names))
            lines += indented([f"case {pattern}{guard}:", *body])
        return [*lines, *indented(["case _:", *self.inner()])] if self.chance(50) else lines

    def subject(self) -> str:
        options = [
            lambda: self.number(3),
            lambda: f"({self.number(2)}, {self.number(2)})",
            lambda: self.numbers(2),
            lambda: self.mapping(2),
            lambda: f"[{self.number(1)}, {{'k': {self.number(2)}}}]",
        ]
        if self.scope.objects:
            options.append(lambda: self.choose(*self.scope.objects)[0])
        return self.choose(*options)()

    def pattern(self) -> tuple[str, tuple[str, ...]]:
        """A pattern with the names of the numbers that it captures."""
        m, n = self.fresh("m"), self.fresh("m")
        low = self.pick(0, 5)
        patterns: list[tuple[str, tuple[str, ...]]] = [
            (f"{low} | {low + 7} | {low + 11}", ()),
            (f"int({m})", (m,)),
            (f"[{m}, {n}]", (m, n)),
            (f"({m}, {low}) | ({low}, {m})", (m,)),
            (f"[{m}, *{n}]", ()),
            (f"[{m}, {{'k': int({n})}}]", (m, n)),
            (f"{{'k': {m}}}", (m,)),
            (f"{{'n': {m}, **{n}}}", (m,)),
            (f"[int() as {m}, _, *_]", (m,)),
            ("[]", ()),
        ]
        if self.classes:
            patterns.append((f"{self.choose(*self.classes).name}(n={m})", (m,)))
        return self.choose(*patterns)
