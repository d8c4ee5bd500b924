"""Functions of random programs: coroutine functions, plain ones with and without steps, generators, closures, decorators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from tests.oracle.generated.waiting import Waiting
from tests.oracle.generated.writer import NUMBERS, Function, Lines, indented

Shape = Literal["plain", "rest", "keyword", "extra", "box"]


class Functions(Waiting):
    def function(self) -> Lines:
        """A function at the top of the program, known to everything after it."""
        return self.one_of(
            (3 if self.implicit else 0, self.implicit_generator),
            (8, self.coroutine_function),
            (3, self.plain_function),
            (3 if self.implicit else 1, self.implicit_function),
            (3, self.generator),
            (6, self.async_generator),
            (2, self.recursive),
            (3, self.manager_maker),
            (3, self.async_manager_maker),
            (2, self.decorated),
        )

    def coroutine_function(self) -> Lines:
        return self._function("async def", "async")

    def plain_function(self) -> Lines:
        return self._function("def", "pure")

    def implicit_function(self) -> Lines:
        return self._function("‹async ›def", "implicit")

    def _function(self, keyword: str, kind: Literal["async", "pure", "implicit"]) -> Lines:
        name, shape = self.fresh("f"), self.shape()
        with self.measured() as cost, self.within(kind=kind, in_function=True, in_loop=False):
            declared = self.declared() if kind != "pure" else {}
            with self.within(declared=declared):
                body = self.block(self.pick(1, 2))
                ending = f"    return {self.number(2)}"
        lines = [*self.start_of(declared, shape), *self.traces(name)]
        self.functions.append(Function(name, kind, shape, cost[0]))
        return [f"{keyword} {name}({self.parameters(shape)}):", *indented(lines), *body, ending]

    def shape(self) -> Shape:
        options: tuple[Shape, ...] = ("plain", "plain", "rest", "keyword", "extra", "box")
        return self.choose(*options)

    def parameters(self, shape: Shape) -> str:
        default = self.choose(str(self.pick(0, 9)), "0")
        return {
            "plain": f"p, q={default}",
            "rest": "p, *rest",
            "keyword": f"p, *, k={default}",
            "extra": "p, **extra",
            "box": "p, box",
        }[shape]

    def declared(self) -> dict[str, str]:
        return dict.fromkeys(self.choose((), (), ("a",), ("b", "xs"), ("d",)), "global")

    def start_of(self, declared: dict[str, str], shape: Shape) -> Lines:
        """Makes the variables that every scope has."""
        second = {"plain": "q", "rest": "len(rest)", "keyword": "k", "extra": "len(extra)", "box": "len(box)"}[shape]
        boxed = "box" if shape == "box" else "list(rest)[:3]" if shape == "rest" else "[p, 1]"
        made = {"a": "p", "b": second, "c": "0", "xs": boxed, "d": "{}"}
        locals_ = [f"{name} = {value}" for name, value in made.items() if name not in declared]
        return [*(f"global {name}" for name in declared), *locals_, "ys, st, s = xs, {1, b}, 'f'"]

    def traces(self, name: str) -> Lines:
        return [f"log.append({name!r})"] if self.chance(20) else []

    # -- generators --------------------------------------------------------------------------------------------------

    def generator(self) -> Lines:
        name, v = self.fresh("g"), self.fresh("v")
        earlier = self.callable_here("generator")
        delegate = f"yield from {self.choose(*earlier).name}(n - 1)" if earlier else "yield from [n, 1]"
        with self.within(kind="pure", in_function=True, readable=("n", v)):
            first, second = self.number(2), self.number(1)
        body = [self.start_of_generator(), f"for {v} in range(n):", f"    yield {first}", f"    log.append({second})"]
        more = self.choose([], [delegate], [f"if a % 2: return {second}", "yield b"], ["b = yield c", "yield b or 4"])
        self.functions.append(Function(name, "generator"))
        return [f"def {name}(n):", *indented([*body, *more])]

    def implicit_generator(self) -> Lines:
        """A plain generator with steps; an asynchronous one in the explicit form."""
        name, v = self.fresh("g"), self.fresh("v")
        with self.measured() as cost, self.within(2, kind="implicit", in_function=True, readable=("n", v), declared={}):
            before, element = self.choose(self.simple, list)(), self.number(2)
        body = [
            f"for {v} in range(n):",
            *indented([*before, f"yield {element}"]),
            *self.choose([], [f"log.append({v})"]),
        ]
        self.functions.append(Function(name, "implicit generator", cost=cost[0] * 1.5 + 1))
        forced = ["if n < 0:", "    yield ‹await ›look(0)"]
        return [f"‹async ›def {name}(n):", *indented([self.start_of_generator(), f"{v} = 0", *forced, *body])]

    def start_of_generator(self) -> str:
        return "a, b, c, xs, ys, d, st, s = n, 2, 0, [n], [1], {}, set(), 'g'"

    def async_generator(self) -> Lines:
        name, v = self.fresh("ag"), self.fresh("v")
        with (
            self.measured() as cost,
            self.within(
                2, kind="async", in_function=True, in_loop=False, may_leave=False, readable=("n", v), declared={}
            ),
        ):
            before = self.block(self.pick(0, 2))
            element = self.number(2)
            after = self.block(1) if self.chance(40) else []
        lines = [
            f"    {self.start_of_generator()}",
            f"    for {v} in range(n):",
            *indented(before),
            f"        yield {element}",
        ]
        self.functions.append(Function(name, "async generator", cost=cost[0] * 1.5))
        return [f"async def {name}(n):", *lines, *indented(after)]

    def manager_maker(self) -> Lines:
        name = self.fresh("cm")
        with self.within(kind="pure", in_function=True, readable=("n",), declared={}):
            given, after = self.number(2), self.number(1)
        self.makers.append(("with", Function(name, "generator")))
        return [
            "@contextlib.contextmanager",
            f"def {name}(n):",
            *indented(self.around_yield(given, [f"log.append({after})"])),
        ]

    def async_manager_maker(self) -> Lines:
        name = self.fresh("acm")
        with self.measured(4) as cost, self.within(kind="async", in_function=True, readable=("n",), declared={}):
            given, after = self.number(2), self.simple()
        self.makers.append(("async with", Function(name, "async generator", cost=cost[0] + 1)))
        return ["@contextlib.asynccontextmanager", f"async def {name}(n):", *indented(self.around_yield(given, after))]

    def around_yield(self, given: str, after: Lines) -> Lines:
        body = self.choose(
            ["try:", f"    yield {given}", "finally:", *indented(after)],
            ["try:", f"    yield {given}", "except ValueError as e:", "    log.append(repr(e))", *indented(after)],
            [f"yield {given}", *after],
        )
        return [self.start_of_generator(), *body]

    # -- others ------------------------------------------------------------------------------------------------------

    def recursive(self) -> Lines:
        name = self.fresh("f")
        with self.measured() as cost, self.within(2, kind="async", in_function=True, readable=("p", "q"), declared={}):
            more, number = self.simple(), self.number(2)
        start = ["a, b, c = p, q, 0", "xs, ys, d, st, s = [p], [q], {}, set(), ''"]
        stop = ["if q <= 0:", f"    return {self.choose('a', 'len(log)', '7')}"]
        again = f"return ({number} + await {name}((p + 1) % 50, min(q, 3) - 1)) % 50"
        self.functions.append(Function(name, "async", cost=cost[0] * 2 + 1))
        return [f"async def {name}(p, q=2):", *indented([*start, *stop, *more, again])]

    def decorated(self) -> Lines:
        """A coroutine function under a decorator of the program."""
        around, name = self.fresh("around"), self.fresh("f")
        with self.measured() as cost, self.within(kind="async", in_function=True, readable=("p", "q"), declared={}):
            number = self.number(2)
        wraps = self.choose(["    @functools.wraps(f)"], [])
        before = self.choose("log.append(f.__name__)", "log.append(len(given))", "given = (*given[:1], 3)")
        lines = [f"def {around}(f):", *wraps, "    async def inner(*given, **named):", f"        {before}"]
        lines += [f"        return (await f(*given, **named) + {self.pick(0, 5)}) % 50", "    return inner"]
        start = ["a, b, c = p, q, 0", "xs, ys, d, st, s = [p], [q], {}, set(), ''", f"return {number}"]
        self.functions.append(Function(name, "async", cost=cost[0] + 1))
        return [*lines, f"@{around}", f"async def {name}(p, q=1):", *indented(start)]

    # -- closures ----------------------------------------------------------------------------------------------------

    def more_statements(self) -> list[tuple[int, Callable[[], Lines]]]:
        return [
            *super().more_statements(),
            (3, self.counter),
            (2, self.lambdas),
            (5, self.iterator),
            (4 if self.callable_here("async generator") else 0, self.asked_by_hand),
        ]

    def counter(self) -> Lines:
        """A function with a variable of its own, which calls change."""
        make, name, q = self.fresh("make"), self.fresh("h"), self.fresh("q")
        steps = self.scope.kind == "async" and self.affordable(1)
        with self.within(kind="async" if steps else "pure", in_function=True, assigns=False, readable=(q, "count")):
            changed = self.number(2)
        keyword = "async def" if steps else "def"
        lines = [f"def {make}(count):", f"    {keyword} bump({q}, *more):", "        nonlocal count"]
        lines += [
            "        old = count",
            f"        count = (old + {changed}) % 50",
            "        return count",
            "    return bump",
        ]
        made = Function(name, "async closure" if steps else "closure", "rest", cost=2 if steps else 0)
        self.adds(functions=made)
        return [*lines, f"{name} = {make}({self.number(1)})"]

    def iterator(self) -> Lines:
        """An iterator that is asked now and then, with other things in between."""
        name, v = self.fresh("it"), self.fresh("v")
        with self.within(kind="pure", assigns=False, readable=(*self.scope.readable, v)):
            late, test = self.number(2), self.condition(1)
        plain = self.callable_here("generator")
        made = [
            f"({late} for {v} in {self.gone_over(1)} if {test})",
            f"map(lambda {v}: {late}, {self.numbers(1)}[:3])",
            f"iter({self.numbers(1)})",
            f"(v + w for v, w in zip({self.gone_over(1)}, ys))",
            f"reversed([{self.atom()}, {self.atom()}, {self.atom()}])",
            *(f"{f.name}({self.pick(1, 3)})" for f in plain for _ in range(3)),
        ]
        first = self.choose(*NUMBERS)
        between = self.simple() if self.chance(70) else self.statement()
        # The end of an iterator leaves a plain function as it is, but a coroutine function, its explicit form, as another error.
        default = ", 7" if self.scope.kind == "implicit" else ""
        last = self.choose(
            [f"xs = [*{name}][:4]"],
            [f"b = next({name}, a)"],
            [f"for {v} in {name}:", *self.inner(2, in_loop=True)],
            [f"c = next({name}{default})"],
        )
        return [f"{name} = {self.choose(*made)}", f"{first} = next({name}, {self.atom()})", *between, *last]

    def asked_by_hand(self) -> Lines:
        known = self.callable_here("async generator")
        if self.scope.kind != "async" or not known:
            return self.iterator()
        function, name = self.choose(*known), self.fresh("it")
        self.spend(function.cost)
        lines = [
            f"{name} = {function.name}({self.pick(0, 2)})",
            f"a = await anext({name}, {self.number(1)})",
            *self.simple(),
        ]
        return [
            *lines,
            self.choose(f"b = await anext({name})", f"await {name}.aclose()", f"c = await {name}.asend(None)"),
        ]

    def lambdas(self) -> Lines:
        name, v, p = self.fresh("fs"), self.fresh("v"), self.fresh("p")
        with self.within(kind="pure", assigns=False, readable=(*self.scope.readable, v, p)):
            late, default = self.number(1), self.number(1)
        made = self.choose(f"lambda {p}: {late}", f"lambda {p}, {v}={v}: {default}")
        lines = [f"{name} = [{made} for {v} in {self.gone_over(1)}]"]
        if self.scope.kind == "async" and self.affordable(1):
            lines += [f"{self.choose(*NUMBERS)} = {self.number(2)}"]
        return [*lines, f"print([f({self.atom()}) for f in {name}])"]
