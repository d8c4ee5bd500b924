"""Expressions of random programs: numbers, texts, lists, dicts and sets, with calls of tools anywhere inside.

Each method gives the source of one expression, in parentheses where its neighbours could matter. `depth` bounds its size.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.oracle.generated.writer import LISTS, NUMBERS, Class, Function, Kind, Writer, asked

Form = tuple[int, Callable[[], str]]


class Values(Writer):
    # -- numbers -----------------------------------------------------------------------------------------------------

    def number(self, depth: int) -> str:
        """An integer; now and then an error."""
        if depth <= 0:
            return self.atom()
        forms: list[Form] = [
            (5, self.atom),
            (5, lambda: self.arithmetic(depth)),
            (16, lambda: self.awaited(depth)),
            (2, lambda: f"({self.number(depth - 1)} if {self.condition(depth - 1)} else {self.number(depth - 1)})"),
            (2, lambda: f"({self.number(depth - 1)} {self.choose('and', 'or')} {self.number(depth - 1)})"),
            (1, lambda: f"int({self.condition(depth)})"),
            (3, lambda: self.of_a_builtin(depth)),
            (2, lambda: self.of_a_list(depth)),
            (2, lambda: self.item_of(depth)),
            (2, lambda: self.of_a_comprehension(depth)),
            (1, lambda: self.called_lambda(depth)),
            (4 if self.scope.objects else 0, lambda: self.of_an_object(depth)),
            (2, lambda: self.called(depth)),
            (1, lambda: self.fault(depth)),
            (1 if not self.scope.in_text else 0, lambda: f"len({self.text(depth - 1)})"),
        ]
        if self.scope.assigns:
            forms.append((2, lambda: f"({self.choose(*NUMBERS)} := {self.number(depth - 1)})"))
        return self.one_of(*forms)

    def atom(self) -> str:
        options = [*NUMBERS, *NUMBERS, *self.scope.readable, *self.scope.readable, str(self.pick(0, 12))]
        return self.choose(*options, self.choose("len(xs)", "len(d)", "len(st)", "len(ys)", "len(s)"))

    def arithmetic(self, depth: int) -> str:
        left, right = self.number(depth - 1), self.number(depth - 1)
        return self.choose(
            f"({left} {self.choose('+', '-', '*')} {right}) % 50",
            f"({left} + {right} * 2 - {self.atom()}) % 50",
            f"({left} {self.choose('&', '|', '^')} {right}) % 50",
            f"(-{left} // {self.pick(2, 7)}) % 50",
            f"({left} << 2 >> {self.pick(0, 3)}) % 50",
            f"divmod({left} + 50, {self.pick(2, 9)})[{self.pick(0, 1)}]",
        )

    def of_a_builtin(self, depth: int) -> str:
        first, second = self.number(depth - 1), self.number(depth - 1)
        return self.choose(
            f"sum([{first}, {second}])",
            f"max({first}, {second})",
            f"min([{first}, *{self.choose(*LISTS)}], default={second})",
            f"max({self.choose(*LISTS)}, key=lambda v: (v % 5, -v), default={first})",
            f"abs({first} - {second})",
            f"d.get({first}, {second})",
        )

    def of_a_list(self, depth: int) -> str:
        numbers = self.numbers(depth - 1)
        return self.choose(f"sum({numbers}) % 50", f"next(iter({numbers}), {self.atom()})", f"len({numbers})")

    def item_of(self, depth: int) -> str:
        index = self.number(depth - 1)
        return self.choose(
            f"(xs[{index} % len(xs)] if xs else {self.atom()})",
            f"[{self.number(depth - 1)}, {self.number(depth - 1)}][{index} % 2]",
            f"(ys[-1:] or [{index}])[0]",
            f"xs[{index}]",
        )

    def of_a_comprehension(self, depth: int) -> str:
        v = self.fresh("v")
        source = self.gone_over(depth - 1)
        with self.within(0.7, kind="pure", readable=(*self.scope.readable, v), assigns=False):
            element, test = self.number(depth - 1), self.condition(depth - 1)
        if self.chance(self.implicit // 3):
            return self.sum_of_steps(v, source, depth)
        function = self.choose("sum", "len", "max", "any", "all")
        match function:
            case "len":
                return f"len([{element} for {v} in {source} if {test}])"
            case "max":
                return f"max(({element} for {v} in {source}), default=0)"
            case "sum":
                return f"sum({element} for {v} in {source} if {test}) % 50"
        return f"int({function}({test} for {v} in {source}))"

    def sum_of_steps(self, name: str, source: str, depth: int) -> str:
        """A generator expression with steps: a list in the explicit form."""
        with self.within(2, readable=(*self.scope.readable, name), assigns=False):
            element = self.number(depth - 1)
        awaited = re.search("(?<!‹)(await|async) ", element)
        return (
            f"sum([{element} for {name} in {source}]) % 50"
            if awaited
            else f"sum(‹[›{element} for {name} in {source}‹]›) % 50"
        )

    def called_lambda(self, depth: int) -> str:
        p, q = self.fresh("p"), self.fresh("q")
        with self.within(kind="pure", readable=(*self.scope.readable, p, q), assigns=False):
            body = self.number(depth - 1)
        return f"(lambda {p}, {q}={self.number(depth - 2)}: {body})({self.number(depth - 1)})"

    def fault(self, depth: int) -> str:
        """A number in most programs, and an error in some."""
        number = self.number(depth - 1)
        return self.choose(
            f"(24 // ({number} % 4))",
            f"d[{number}]",
            f"xs[{number} % 7]",
            f"int(str({number})[:1])",
            f"({number} + len({self.choose('xs', 'd', 'a')}))",
        )

    # -- calls -------------------------------------------------------------------------------------------------------

    def awaited(self, depth: int) -> str:
        """The number that a step gives, where steps may stand here."""
        if self.scope.kind == "pure" or not self.affordable(1):
            return self.arithmetic(depth)
        if self.scope.kind == "implicit":
            return f"(‹await ›{self.tool_call(depth - 1)})"
        if late := self.late_use(depth):
            return late
        implicit = self.callable_here("implicit")
        if implicit and self.chance(30):
            function = self.choose(*implicit)
            return f"(‹await ›{self.call_of(function, depth - 1)})"
        if self.chance(self.implicit):
            return f"(‹await ›{self.tool_call(depth - 1)})"
        return f"(await {self.coroutine(depth - 1)})"

    def late_use(self, depth: int) -> str | None:
        """A use of an object that holds a step, which plain Python would have to await."""
        known = [o for o in self.scope.objects if {"late", "grow"} & o[1].features and self.affordable(o[1].cost + 1)]
        if not known or not self.implicit or self.chance(60):
            return None
        name, made = self.choose(*known)
        self.spend(made.cost + 1)
        if self.choose(*sorted({"late", "grow"} & made.features)) == "late":
            return f"(‹await ›{name}.late)"
        return f"(‹await ›{name}.grow({self.number(depth - 1)}))"

    def coroutine(self, depth: int) -> str:
        """A call of a tool or of a coroutine function: an awaitable of a number."""
        functions = self.callable_here("async", "async closure")
        workers = [o for o in self.scope.objects if "work" in o[1].features and self.affordable(o[1].cost)]
        if workers and self.chance(40):
            name, made = self.choose(*workers)
            self.spend(made.cost)
            return f"{name}.work({self.number(depth - 1)})"
        if functions and self.chance(60):
            return self.call_of(self.choose(*functions), depth)
        return self.tool_call(depth)

    def tool_call(self, depth: int) -> str:
        self.spend(1)
        number = self.number(depth - 1) if depth > 0 else self.atom()
        return self.choose(
            f"look({number})",
            f"look({number})",
            f"look(x={number})",
            f"add({number})",
            f"add({number}, twice={self.choose('True', 'False', 'a > b')})",
            f"risky({number})",
            f"flaky({number}, {self.atom()}, label={self.choose(repr('u'), 's')})",
        )

    def called(self, depth: int) -> str:
        """A call of a plain function of the program."""
        functions = self.callable_here("pure", "closure")
        return self.call_of(self.choose(*functions), depth - 1) if functions else self.arithmetic(depth)

    def call_of(self, function: Function, depth: int) -> str:
        self.spend(function.cost)
        name, first, second = function.name, self.number(depth - 1), self.atom()
        match function.shape:
            case "plain":
                given = [f"{first}", f"{first}, {second}", f"q={second}, p={first}", f"*[{first}, {second}]"]
                given.append(f"**{{'q': {second}, 'p': {first}}}")
            case "rest":
                given = [f"{first}", f"{first}, {second}, {self.atom()}", f"{first}, *xs[:2]", f"*[{first}], *ys[-2:]"]
            case "keyword":
                given = [f"{first}", f"{first}, k={second}", f"k={second}, p={first}"]
            case "extra":
                given = [f"{first}", f"{first}, z={second}", f"p={first}, **{{'y': {second}, 'z': 1}}"]
            case "box":
                given = [f"{first}, {self.choose(*LISTS)}"]
        return f"{name}({self.choose(*given)})"

    # -- objects -----------------------------------------------------------------------------------------------------

    def of_an_object(self, depth: int) -> str:
        name, made = self.choose(*self.scope.objects)
        return self.choose(*self.uses_of(name, made, depth))

    def uses_of(self, name: str, made: Class, depth: int) -> list[str]:
        number = self.number(depth - 1)
        uses = [f"{name}.n", f"{name}.n"]
        by_feature = {
            "property": f"{name}.double",
            "call": f"{name}({number})",
            "len": f"len({name})",
            "item": f"{name}[{number}]",
            "contains": f"int({number} in {name})",
            "eq": f"int({name} == {number})",
            "lt": f"int({name} < {made.name}({number}))",
            "add": f"({name} + {number}).n",
            "static": f"{made.name}.half({number})",
            "make": f"{made.name}.make({number}).n",
            "iter": f"sum({name}) % 50",
            "bool": f"(1 if {name} else {number})",
        }
        return [*uses, *(use for feature, use in by_feature.items() if feature in made.features)]

    def new_object(self, made: Class, depth: int) -> str:
        return f"{made.name}({self.number(depth)})"

    # -- conditions, texts -------------------------------------------------------------------------------------------

    def condition(self, depth: int) -> str:
        def number() -> str:
            return self.number(depth - 1)

        return self.one_of(
            (4, lambda: f"{number()} {self.choose('<', '>', '<=', '==', '!=')} {number()}"),
            (2, lambda: f"{number()} < {number()} {self.choose('<=', '!=', '>')} {number()}"),
            (2, lambda: f"{number()} {self.choose('in', 'not in')} {self.choose('xs', 'd', 'st', 'ys')}"),
            (1, lambda: f"not {number()}"),
            (1, lambda: f"{self.choose('xs', 'd', 'st')}"),
            (1, lambda: f"({self.test(depth)} {self.choose('and', 'or')} {number()} > {self.pick(0, 9)})"),
            (1, lambda: "ys is xs"),
            (2, number),
        )

    def test(self, depth: int) -> str:
        """A condition that may be part of another."""
        return f"({self.condition(depth - 1)})"

    def text(self, depth: int) -> str:
        if self.scope.in_text or depth <= 0:
            return self.choose("s", "str(a)", "'k'", "s.upper()")
        with self.within(in_text=True):
            first, second = self.number(depth - 1), self.number(depth - 1)
        if self.chance(20):
            return f"'-'.join([str(v) for v in {self.gone_over(depth - 1)}])"
        return self.choose(
            f'f"""{{({first})}}-{{({second}):03d}}"""',
            f'f"""{{({first})!r:>{{a % 5}}}}{{s}}"""',
            f"'%s/%03d' % ({first}, {second})",
            f"'{{}}:{{k}}'.format({first}, k={second})",
            f"(s + str({first}))[-5:]",
            f"str({first}).rjust(3, '.')",
        )

    # -- lists, dicts, sets ------------------------------------------------------------------------------------------

    def numbers(self, depth: int) -> str:
        """A list of numbers, short where `xs` and `ys` are."""
        if depth <= 0:
            return self.choose("xs", "ys", "list(d.values())", "sorted(st)")
        number = self.number
        return self.one_of(
            (3, lambda: self.choose("xs", "ys", "xs[:2]", "ys[::-1]", "xs[-3:]")),
            (2, lambda: f"[{number(depth - 1)}, {number(depth - 1)}]"),
            (1, lambda: f"[{number(depth - 1)}, *{self.choose(*LISTS)}][:5]"),
            (5, lambda: self.comprehension(depth)),
            (1, lambda: f"sorted({self.numbers(depth - 1)}, key=lambda v: (v % {self.pick(2, 5)}, v))"),
            (1, lambda: f"sorted({self.numbers(depth - 1)}, reverse=True)"),
            (1, lambda: f"[v * w % 50 for v, w in zip({self.gone_over(depth - 1)}, ys)]"),
            (1, lambda: f"list(map(lambda v: v + 1, {self.numbers(depth - 1)}))"),
            (1, lambda: "[k for k, v in d.items() if isinstance(k, int)]"),
            (1, lambda: f"list(filter(None, {self.numbers(depth - 1)}))"),
            (4, lambda: self.drained()),
        )

    def drained(self) -> str:
        """What a generator of the program gives in all."""
        function = self.any_generator()
        if function is None:
            return "list(range(a % 4))"
        self.spend(function.cost)
        call, how = f"{function.name}({self.pick(0, 3)})", asked(function)
        if function.kind == "generator" and self.chance(60):
            return self.choose(f"list({call})", f"[*{call}]")
        return self.choose(f"[v {how}for v in {call}]", f"[v * 2 % 50 {how}for v in {call} if v != {self.atom()}]")

    def any_generator(self) -> Function | None:
        """A generator that can be asked here."""
        kinds: list[Kind] = ["generator"]
        if self.scope.kind != "pure":
            kinds.append("implicit generator")
        if self.scope.kind == "async":
            kinds.append("async generator")
        known = self.callable_here(*kinds)
        return self.choose(*known) if known else None

    def comprehension(self, depth: int) -> str:
        v = self.fresh("v")
        source = self.gone_over(depth - 1)
        second, w = "", self.fresh("w")
        with self.within(2, readable=(*self.scope.readable, v), assigns=False):
            test = f" if {self.condition(depth - 1)}" if self.chance(40) else ""
            if self.chance(20):
                with self.within(readable=(*self.scope.readable, w)):
                    second = f" for {w} in {self.gone_over(depth - 1)}"
                    element = self.number(depth - 1)
            else:
                element = self.number(depth - 1)
        return f"[{element} for {v} in {source}{test}{second}][:5]"

    def source_of(self, depth: int) -> str:
        """What a loop goes over: at most four numbers."""
        number = self.number
        return self.one_of(
            (3, lambda: f"range({self.pick(0, 3)})"),
            (2, lambda: f"{self.choose(*LISTS)}[:3]"),
            (2, lambda: f"[{number(depth - 1)}, {number(depth - 1)}]"),
            (1, lambda: f"({number(depth - 1)},)"),
            (1, lambda: f"sorted({{{number(depth - 1)}, {number(depth - 1)}}})"),
            (1, lambda: f"reversed({self.choose(*LISTS)}[:2])"),
            (1, lambda: f"range({number(depth - 1)} % 4)"),
        )

    def gone_over(self, depth: int) -> str:
        """What a comprehension goes over, where no assignment may stand."""
        with self.within(assigns=False):
            return self.source_of(depth)

    def mapping(self, depth: int) -> str:
        """A dict of numbers."""
        if depth <= 0:
            return "d"
        number = self.number
        return self.one_of(
            (1, lambda: "d"),
            (2, lambda: f"{{{number(depth - 1)}: {number(depth - 1)}}}"),
            (2, lambda: f"{{**d, {number(depth - 1)}: {number(depth - 1)}}}"),
            (1, lambda: f"(d | {{'k': {number(depth - 1)}}})"),
            (1, lambda: f"dict(zip(xs[:3], {self.numbers(depth - 1)}))"),
            (3, lambda: self.dict_comprehension(depth)),
            (1, lambda: f"dict(n={number(depth - 1)}, m={number(depth - 1)})"),
        )

    def dict_comprehension(self, depth: int) -> str:
        v = self.fresh("v")
        source = self.gone_over(depth - 1)
        with self.within(2, readable=(*self.scope.readable, v), assigns=False):
            return f"{{{self.number(depth - 1)}: {self.number(depth - 1)} for {v} in {source}}}"

    def numbers_set(self, depth: int) -> str:
        numbers = self.numbers
        return self.one_of(
            (1, lambda: f"set({numbers(depth - 1)})"),
            (2, lambda: self.set_comprehension(depth)),
            (2, lambda: f"(st {self.choose('|', '&', '-', '^')} set({numbers(depth - 1)}))"),
            (1, lambda: f"st.{self.choose('union', 'difference')}({numbers(depth - 1)})"),
        )

    def set_comprehension(self, depth: int) -> str:
        v = self.fresh("v")
        with self.within(2, readable=(*self.scope.readable, v), assigns=False):
            return f"{{{self.number(depth - 1)} for {v} in {self.choose('xs[:3]', 'range(3)')}}}"
