"""Classes of random programs: attributes, inheritance, special methods, managers, data classes, exceptions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.oracle.generated.functions import Functions
from tests.oracle.generated.writer import Class, Lines, indented

_START = "a, b, c = p, self.n, 0; xs = self.items; ys, d, st, s = xs[:], {'n': p}, {p}, 'm'"


class Classes(Functions):
    def error_class(self) -> Lines:
        name = self.fresh("Error")
        base = self.choose("Exception", "ValueError", "LookupError", *self.errors)
        self.errors.append(name)
        with_init = [
            "    def __init__(self, code, *more):",
            "        super().__init__(code, *more)",
            "        self.code = code",
        ]
        with_text = [*with_init, "    def __str__(self):", "        return f'<{self.code}>'"]
        return [f"class {name}({base}):", *self.choose(["    pass"], ["    code = 7"], with_init, with_text)]

    def class_(self) -> Lines:
        if self.classes and self.chance(40):
            return self.derived()
        return self.data_class() if self.chance(20) else self.base()

    def base(self) -> Lines:
        name = self.fresh("K")
        start = ["total = 3", "def __init__(self, n=2):", "    self.n = n % 50", "    self.items = [n % 50]"]
        shown = ["def __repr__(self):", f"    return f'{name}({{self.n}})'"]
        features, members = self.members(name)
        self.classes.append(Class(name, frozenset(features), self._cost))
        return [f"class {name}:", *indented([*start, *shown, *members])]

    def data_class(self) -> Lines:
        name = self.fresh("K")
        options = self.choose("", "(order=True)", "(eq=False)", "(kw_only=False)", "(repr=True)")
        start = ["n: int = 2", "items: list = field(default_factory=list)", "total: ClassVar[int] = 5"]
        features, members = self.members(name, without=("eq", "lt"))
        if self.chance(40):
            members += ["def __post_init__(self):", "    self.items.append(self.n)"]
        self.classes.append(Class(name, frozenset(features), self._cost))
        return [f"@dataclass{options}", f"class {name}:", *indented([*start, *members])]

    def derived(self) -> Lines:
        base = self.choose(*self.classes)
        name = self.fresh("K")
        features, members = self.members(name, without=("init",), base=base)
        if self.chance(40):
            members += ["def __init__(self, n=1):", "    super().__init__(n + 1)", "    self.extra = n"]
        self.classes.append(Class(name, base.features | frozenset(features), max(base.cost, self._cost)))
        return [f"class {name}({base.name}):", *indented(members or ["pass"])]

    # -- members -----------------------------------------------------------------------------------------------------

    def members(self, name: str, without: tuple[str, ...] = (), base: Class | None = None) -> tuple[list[str], Lines]:
        """Features with the source of what makes them."""
        table: dict[str, Callable[[], Lines]] = {
            "property": lambda: ["@property", "def double(self):", f"    return {self.own()}"],
            "call": lambda: ["def __call__(self, p=1):", f"    return {self.own('p')}"],
            "len": lambda: ["def __len__(self):", "    return len(self.items)"],
            "item": self.item_methods,
            "contains": lambda: ["def __contains__(self, p):", f"    return p == {self.own()} or p in self.items"],
            "eq": self.equality,
            "lt": lambda: ["def __lt__(self, other):", "    return self.n < other.n"],
            "add": lambda: [
                "def __add__(self, other):",
                f"    return {name}(self.n + (other if type(other) is int else other.n))",
            ],
            "static": lambda: ["@staticmethod", "def half(p):", "    return p // 2"],
            "make": lambda: ["@classmethod", "def make(cls, p):", "    cls.total += 1", "    return cls(p)"],
            "iter": self.iteration,
            "bool": lambda: ["def __bool__(self):", "    return self.n % 2 == 0"],
            "work": lambda: self.work(base),
            "late": lambda: ["@property", *self.late_method("late", "")],
            "grow": lambda: self.late_method("grow", ", p=1"),
            "with": lambda: self.manager("def", "enter", "exit"),
            "async with": lambda: self.manager("async def", "aenter", "aexit"),
        }
        self._cost = 0.0
        late = () if self.implicit else ("late", "grow")
        often = ("work", "with", "async with")
        wanted = [f for f in table if f not in (*without, *late) and self.chance(60 if f in often else 25)]
        lines: Lines = []
        for feature in wanted:
            lines += table[feature]()
        return wanted, lines

    def own(self, *names: str) -> str:
        with self.within(kind="pure", in_function=True, assigns=False, readable=("self.n", "self.total", *names)):
            return self.choose(self.arithmetic_of(*names), "self.n * 2 % 50", "sum(self.items) % 50")

    def arithmetic_of(self, *names: str) -> str:
        operands = ["self.n", "self.total", str(self.pick(0, 9)), *names]
        return f"({self.choose(*operands)} {self.choose('+', '-', '*')} {self.choose(*operands)}) % 50"

    def item_methods(self) -> Lines:
        get = [
            "def __getitem__(self, p):",
            f"    return {self.choose('self.items[p % 3]', 'self.items[p]', '(self.n + p) % 50')}",
        ]
        return [*get, "def __setitem__(self, p, value):", "    self.items[:2] = [p, value]"]

    def equality(self) -> Lines:
        same = [
            "def __eq__(self, other):",
            f"    return self.n == (other if type(other) is int else other.n){self.choose('', ' + 1')}",
        ]
        return [*same, "def __hash__(self):", "    return self.n"]

    def iteration(self) -> Lines:
        return [
            "def __iter__(self):",
            *self.choose(["    return iter(self.items[:3])"], ["    yield self.n", "    yield from self.items[:2]"]),
        ]

    def work(self, base: Class | None) -> Lines:
        inherited = base is not None and "work" in base.features
        with self.measured() as cost, self._method():
            body, ending = self.block(self.pick(1, 2)), self.number(2)
        self._cost += cost[0] + (base.cost if base is not None and inherited else 0)
        before = [_START, *(["c = await super().work(a)"] if inherited and self.chance(60) else [])]
        between = self.choose(
            [], ["self.n = (self.n + c) % 50"], ["old = self.n", "self.n = (old + await look(p)) % 50"]
        )
        return ["async def work(self, p=1):", *indented([*before, *between]), *body, f"    return {ending}"]

    def late_method(self, name: str, parameters: str) -> Lines:
        """A plain method that holds steps; a coroutine function in the explicit form."""
        with self.measured(4) as cost, self._method("implicit"):
            before, ending = self.simple(), self.number(2)
        self._cost += cost[0]
        start = ["p = 1"] if not parameters else []
        forced = "self.n = (self.n + ‹await ›look(p)) % 50"
        return [
            f"‹async ›def {name}(self{parameters}):",
            *indented([*start, _START, *before, forced, f"return {ending}"]),
        ]

    def manager(self, keyword: str, enter: str, leave: str) -> Lines:
        """Enter and exit, with steps where they are asynchronous."""
        if keyword == "def":
            body: tuple[Lines, Lines] = (["log.append(self.n)"], ["log.append(kind and kind.__name__)"])
        else:
            with self.measured(4) as cost:
                with self._method():
                    enter_body = self.simple()
                with self._method():
                    body = enter_body, self.simple()
            self._cost += cost[0]
        swallows = self.choose("False", "None", "kind is not None and issubclass(kind, ValueError)", "self.n % 2")
        lines = [f"{keyword} __{enter}__(self):", *indented(["p = 1", _START, *body[0], "return self"])]
        lines += [f"{keyword} __{leave}__(self, kind, error, trace):"]
        return [*lines, *indented(["p = 2", _START, *body[1], f"return {swallows}"])]

    def _method(self, kind: str = "async") -> AbstractContextManager[None]:
        return self.within(
            kind=kind,
            in_function=True,
            in_loop=False,
            declared={},
            objects=(),
            readable=("p", "self.n", "self.total"),
        )
