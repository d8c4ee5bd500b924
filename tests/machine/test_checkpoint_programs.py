"""A run that is made anew from a checkpoint after each event gives the same commands as a straight one."""

from __future__ import annotations

import textwrap

import pytest

from tests.machine.running import both

#: Each program holds something across a step and looks at it afterwards.
PROGRAMS = {
    "functools and operator": """
        import functools, operator
        p = functools.partial(int, base=2)
        @functools.lru_cache(maxsize=None)
        def slow(n):
            print("computes", n)
            return n * 2
        slow(2)
        get, name, low = operator.itemgetter(1), operator.attrgetter("real"), operator.methodcaller("lower")
        @functools.singledispatch
        def show(x): return "any"
        show.register(int, lambda x: "int")
        await step()
        return [p("101"), slow(2), slow(3), get([1, 2]), name(5), low("A"), slow.cache_info().hits, show(1), show("a")]
    """,
    "a decorator of its own": """
        import functools
        def loud(f):
            @functools.wraps(f)
            def wrapper(*args):
                return f(*args) + "!"
            return wrapper
        @loud
        def hi(name):
            return "hi " + name
        await step()
        return [hi("a"), hi.__name__]
    """,
    "regular expressions": """
        import re
        pattern = re.compile(r"(?P<a>a+)(b)?", re.I); match = pattern.search("xxAAb"); each = pattern.finditer("ab a")
        next(each)
        await step()
        return [pattern.sub("-", "aab"), match.group("a"), match.groups(), match.span(), match.string, [m.group() for m in each],
                bool(pattern.flags & re.I)]
    """,
    "errors": """
        try:
            try:
                {}["k"]
            except KeyError as inner:
                raise ValueError("bad", 3) from inner
        except ValueError as e:
            e.extra = [1]
            e.add_note("noted")
            kept = e
        group = ExceptionGroup("g", [kept, OSError(2, "gone", "f")])
        errors = [StopIteration(4), SystemExit(5), AttributeError("x", name="n"), UnicodeDecodeError("utf-8", b"a", 0, 1, "why")]
        await step()
        return [repr(kept), kept.extra, kept.__notes__, repr(kept.__cause__), kept.__suppress_context__, repr(group),
                group.exceptions[0] is kept, group.exceptions[1].filename, errors[0].value, errors[1].code, errors[2].name,
                str(errors[3])]
    """,
    "errors of tools": """
        caught = []
        for kind, base in (("ValueError", "ValueError"), ("QuotaError", "RuntimeError"), ("Odd", "Exception")):
            try:
                await fail(kind, base)
            except Exception as e:
                await step()
                caught.append(e)
        await step()
        return [[repr(e), isinstance(e, RuntimeError), getattr(e, "tool", "")] for e in caught]
    """,
    "an error that is being handled": """
        try:
            try:
                raise ValueError(1)
            except ValueError:
                await step()
                raise
        except ValueError as e:
            await step()
            try:
                {}["x"]
            except KeyError as k:
                return [repr(e), repr(k.__context__)]
    """,
    "a pending return in a finally": """
        async def f():
            for x in [1, 2]:
                try:
                    return [x, await step(x)]
                finally:
                    await step("finally")
        return await f()
    """,
    "classes": """
        class Base:
            count = 0
            def __init_subclass__(cls, **k):
                print("subclass", cls.__name__)
            def __init__(self, x):
                self.x = x
                Base.count += 1
            def double(self): return self.x * 2
            @property
            def half(self): return self.x / 2
            @classmethod
            def make(cls): return cls(8)
            @staticmethod
            def plus(a, b): return a + b
        class Derived(Base):
            "has a doc"
            __slots__ = ("y",)
            def __init__(self, x):
                super().__init__(x)
                self.y = [x]
            def __repr__(self): return f"D({self.x})"
        d = Derived(3); method = d.double
        await step()
        e = Derived.make()
        return [repr(d), d.y, method(), d.half, Base.count, repr(e), d.plus(1, 2), isinstance(d, Base), type(d) is Derived,
                Derived.__doc__, Derived.__name__]
    """,
    "classes with steps in their methods": """
        class Client:
            def __init__(self): self.log = []
            async def fetch(self, n):
                self.log.append(n)
                value = await step(n)
                self.log.append(value)
                return value
        c = Client()
        async def use():
            return [await c.fetch(1), await c.fetch(2)]
        out = await use()
        return [out, c.log]
    """,
    "data classes": """
        from dataclasses import dataclass, field, asdict, replace
        @dataclass
        class Row:
            name: str
            tags: list[str] = field(default_factory=list)
            n: int = 3
        @dataclass(frozen=True, order=True)
        class Point:
            x: int
            y: int = 0
        @dataclass(slots=True)
        class Child:
            a: int
            b: "str" = "b"
        @dataclass
        class More(Row):
            extra: dict | None = None
            def total(self): return len(self.tags)
        r = Row("a"); p = Point(1, 2); c = Child(1); m = More("m", ["x"]); where = {p: r}
        await step()
        r.tags.append("t")
        try:
            p.x = 3
            frozen = False
        except Exception as e:
            frozen = type(e).__name__
        return [repr(r), repr(Row("z")), repr(p), frozen, where[Point(1, 2)] is r, Point(0) < p, repr(c), repr(Child(2)), repr(m),
                m.total(), asdict(m), repr(replace(p, y=9)), repr(More("q")), r == Row("a", ["t"])]
    """,
    "enums": """
        from enum import Enum, IntEnum, Flag, StrEnum, auto
        class Color(Enum):
            RED = 1
            GREEN = auto()
            ROT = 1
            def low(self): return self.name.lower()
            @property
            def loud(self): return self.name + "!"
        class Level(IntEnum):
            LOW = 1
            HIGH = 2
        class Mode(Flag):
            R = auto()
            W = auto()
        class Word(StrEnum):
            A = "a"
        class Plan(Enum):
            FREE = {"limit": 1}
            PRO = {"limit": 2}
        class Planet(Enum):
            EARTH = (5.9, 6.3)
        Planet.EARTH.mass = 5
        c = Color.GREEN; both = Mode.R | Mode.W; d = {Color.RED: 1}
        await step()
        return [c is Color.GREEN, Color.ROT is Color.RED, c.low(), c.loud, d[Color.RED], Level.HIGH > Level.LOW, repr(both), Mode.R in both,
                Word.A + "b", Plan.PRO.value, Plan({"limit": 1}).name, Planet.EARTH.mass, [str(x) for x in Color], Color(2).name,
                Color["RED"].name]
    """,
    "named tuples": """
        from typing import NamedTuple
        from collections import namedtuple
        class Pair(NamedTuple):
            a: int
            b: str = "x"
            def both(self): return f"{self.a}{self.b}"
        Other = namedtuple("Other", "p q", defaults=[5])
        one, two = Pair(1), Other(2)
        await step()
        return [repr(one), one.both(), repr(Pair(3)), repr(two), repr(Other(9)), one._replace(a=4).a, type(two) is Other, two._asdict()]
    """,
    "classes of builtin types": """
        class Stack(list):
            def push(self, x): self.append(x)
        class Bag(dict):
            def __missing__(self, key): return 0
        class Name(str):
            def shout(self): return self.upper()
        class Money(int):
            pass
        class MyError(ValueError):
            def __init__(self, code):
                super().__init__(f"code {code}")
                self.code = code
        s = Stack([1]); s.top = s; b = Bag(a=1); n = Name("n"); m = Money(5); e = MyError(4)
        await step()
        s.push(2)
        return [s, s.top is s, b["zz"], b["a"], n.shout(), m + 1, type(m) is Money, str(e), e.code, type(e) is MyError, e.args]
    """,
    "abstract classes, protocols and generics": """
        from abc import ABC, abstractmethod
        from typing import Generic, TypeVar, Protocol, TypedDict
        T = TypeVar("T")
        class Shape(ABC):
            @abstractmethod
            def area(self): ...
        class Square(Shape):
            def area(self): return 4
        class Box(Generic[T]):
            def __init__(self, x: T): self.x = x
        class Sized(Protocol):
            def size(self) -> int: ...
        class Movie(TypedDict, total=False):
            name: str
        sq, box, movie = Square(), Box[int](3), Movie(name="m")
        await step()
        try:
            Shape()
            made = True
        except TypeError:
            made = False
        return [sq.area(), box.x, movie, made, isinstance(sq, Shape)]
    """,
    "comparisons and cached properties": """
        import functools
        @functools.total_ordering
        class V:
            def __init__(self, n): self.n = n
            def __eq__(self, o): return self.n == o.n
            def __lt__(self, o): return self.n < o.n
            @functools.cached_property
            def square(self):
                print("computes")
                return self.n ** 2
        a, b = V(1), V(2)
        a.square
        await step()
        return [a <= b, a >= b, a.square, b.square]
    """,
    "context managers": """
        from contextlib import contextmanager, suppress
        @contextmanager
        def tag(name):
            print("<", name)
            yield name
            print(">", name)
        quiet = suppress(KeyError)
        await step()
        with tag("a") as x, quiet:
            {}["k"]
        return x
    """,
    "identity, chance and output": """
        import random
        a, b = [], {}
        first = [id(a), id(b), random.random()]
        rng = random.Random(5); rng.random(); draw = rng.randint
        random.gauss(0, 1)
        await step()
        class C: pass
        c = C()
        return [first, id(a) == first[0], id(b) == first[1], id(c), hash(c), random.random(), rng.random(), draw(1, 9), random.gauss(0, 1)]
    """,
    "the decimal context": """
        from decimal import Decimal, getcontext
        getcontext().prec = 5
        await step()
        return [str(Decimal(1) / 3), getcontext().prec]
    """,
    "streams and logs": """
        import io, logging
        out = io.StringIO(); out.write("abc"); raw = io.BytesIO(b"xyz"); raw.read(1)
        log = logging.getLogger("mine"); log.setLevel("INFO"); logging.basicConfig(level=logging.DEBUG); info = log.info
        await step()
        out.write("d"); info("hello %s", 1)
        return [out.getvalue(), raw.read()]
    """,
    "globals that hide builtins and tools": """
        import json
        len = lambda x: 42
        json = None
        del fail
        await step()
        try:
            fail
            there = True
        except NameError:
            there = False
        return [len([]), json, there]
    """,
    "tasks and futures": """
        import asyncio
        async def work(n, d):
            await asyncio.sleep(d)
            return n * await step(n)
        tasks = {n: asyncio.create_task(work(n, 4 - n)) for n in (1, 2, 3)}
        tasks[1].add_done_callback(lambda t: print("done", t.result()))
        later = work(9, 1)
        gathered = asyncio.gather(*tasks.values(), return_exceptions=True)
        await step()
        tasks[2].cancel()
        return [[repr(x) for x in await gathered], await later, tasks[1].result(), tasks[2].cancelled()]
    """,
    "deadlines": """
        import asyncio
        out = []
        async def slow():
            try:
                await asyncio.sleep(50)
            except asyncio.CancelledError:
                out.append("cancelled")
                await step("cleanup")
                raise
        for wait in (1, 2):
            try:
                await asyncio.wait_for(slow(), wait)
            except TimeoutError as e:
                out.append(repr(e))
        return out
    """,
    "loops of loops": """
        out = []
        for k, v in {"a": [1, 2], "b": [3]}.items():
            for i, x in enumerate(v):
                while x < 3:
                    x += await step(1)
                out.append((k, i, x))
            else:
                out.append(await step("else"))
        return out
    """,
    "an iterator of its own under enumerate": """
        class Countdown:
            def __init__(self, n): self.n = n
            def __iter__(self): return self
            def __next__(self):
                if self.n == 0: raise StopIteration
                self.n -= 1
                return self.n
        out = []
        for i, x in enumerate(Countdown(3)):
            out.append([i, await step(x)])
        return out
    """,
    "a hash that looks at the run": """
        salt = 5
        class Child: pass
        class Key:
            def __init__(self): self.child = Child()
            def __hash__(self): return hash(self.child) + salt
            def __eq__(self, other): return self is other
        k = Key(); d = {k: 1}
        await step()
        return [d[k], hash(k)]
    """,
    "marks and odd values": """
        import time, functools, re
        xs = [..., NotImplemented, int, type(None), type([]), type(iter([])), range(3), slice(1, 2), time.gmtime(0), re.I | re.M,
              ValueError, type(len), type, set, dict[str, int], int | None]
        inner = functools.partial(max, 1)
        outer = functools.partial(inner, 5)
        await step()
        return [repr(x) for x in xs] + [outer(3), inner(0)]
    """,
    "coroutines that were not awaited yet": """
        async def f(x):
            return await step(x)
        jobs = [f(1), step(2)]
        first = await jobs[0]
        try:
            await jobs[0]
        except RuntimeError as e:
            return [first, await jobs[1], str(e)]
    """,
    "views": """
        d = {"a": 1}; k, v, i = d.keys(), d.values(), d.items()
        await step()
        d["b"] = 2
        return [list(k), list(v), list(i)]
    """,
    "annotations": """
        from typing import Optional, Callable, Any
        def f(a: int, b: Optional[list[str]] = None, *c: "later", d: dict[str, int] | None = None, e: Callable[[int], str] = str) -> Any:
            return a
        await step()
        return [f(1), sorted(f.__annotations__)]
    """,
}  # fmt: skip


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_restored_after_each_event(name: str) -> None:
    both(textwrap.dedent(PROGRAMS[name]))
