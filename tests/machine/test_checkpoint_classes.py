"""Classes, data classes, enums, closures and library objects live across steps and across checkpoints."""

from __future__ import annotations

import textwrap

import pytest

from tests.machine.running import both

#: Each program holds something across a step and looks at it afterwards.
PROGRAMS = {
    "super in closure": """
        def make(n):
            class A:
                def hi(self): return "A" + str(n)
            class B(A):
                def hi(self): return super().hi() + "B"
                me = None
            B.me = B
            return B
        B = make(3); b = B()
        await step()
        return [b.hi(), B.me is B, B().hi()]
    """,
    "decorators": """
        def deco(cls):
            cls.extra = 5
            return cls
        @deco
        class A: pass
        class Count:
            def __init__(self, f): self.f, self.n = f, 0
            def __call__(self, *a):
                self.n += 1
                return self.f(*a)
        def times(k):
            def outer(f):
                def inner(*a): return f(*a) * k
                return inner
            return outer
        @Count
        @times(3)
        def g(x): return x
        g(1)
        await step()
        return [A.extra, g(2), g.n]
    """,
    "dataclasses more": """
        from dataclasses import dataclass, field, InitVar, fields, KW_ONLY
        from typing import ClassVar
        from enum import Enum
        class Color(Enum):
            RED = "r"
        @dataclass
        class Base:
            kind: ClassVar[str] = "base"
            x: int
            seed: InitVar[int] = 3
            total: int = field(init=False, default=0, repr=False, metadata={"unit": "EUR"})
            def __post_init__(self, seed): self.total = self.x + seed
        @dataclass(kw_only=True)
        class Kw:
            a: int
            b: Color = Color.RED
            f: object = field(default_factory=lambda: [1])
        @dataclass(frozen=True, slots=True)
        class FS:
            a: int
            b: tuple = ()
        @dataclass(frozen=True)
        class Parent:
            p: int = 1
        @dataclass(frozen=True)
        class Sub(Parent):
            q: int = 2
        @dataclass(unsafe_hash=True)
        class H:
            a: int
        @dataclass
        class Node:
            name: str
            children: list["Node"] = field(default_factory=list)
            parent: "Node | None" = field(default=None, repr=False, compare=False)
        @dataclass
        class KO:
            a: int
            _: KW_ONLY
            b: int = 4
        root = Node("r"); kid = Node("k", parent=root); root.children.append(kid)
        vals = [Base(1), Kw(a=1), FS(1, (2,)), Sub(), H(1)]
        d = {FS(1): "fs", Sub(): "sub", H(2): "h"}
        await step()
        def show(x):
            match x:
                case Base(x=n): return n
                case FS(a, b): return [a, b]
                case _: return repr(x)
        return [repr(v) for v in vals] + [Base(5).total, Base.kind, repr(Kw(a=2)), repr(FS(3)), d[FS(1)], d[Sub()], d[H(2)], repr(root), kid.parent is root,
           [show(v) for v in vals], [f.name for f in fields(Base)], fields(Base)[1].metadata["unit"], repr(KO(1, b=2)), Sub() == Sub(), repr(Sub(q=4))]
    """,
    "enums more": """
        from enum import Enum, IntFlag, unique, auto
        @unique
        class S(Enum):
            A = "a"; B = "b"
            def __str__(self): return "S:" + self.value
            @classmethod
            def _missing_(cls, value): return cls.A
            @staticmethod
            def helper(): return 7
        class P(IntFlag):
            R = 4; W = 2
        d = {S.A: 1, S.B: [S.A]}; xs = [S.B, P.R | P.W, P(0)]
        await step()
        return [str(S.A), S("zz") is S.A, S.helper(), d[S.A], d[S.B][0] is S.A, repr(xs), [m.name for m in P], P.R | 1, int(xs[1]), xs[1] & P.R, len(S), S.A in S, S.A.name, list(S.__members__)]
    """,
    "errors more": """
        class AppError(Exception):
            def __init__(self, code, *, why="?"):
                super().__init__(code)
                self.code, self.why = code, why
            def __str__(self): return f"{self.code}: {self.why}"
        class Sub(AppError, LookupError): pass
        try:
            try:
                1 / 0
            except ZeroDivisionError:
                raise Sub(4, why="x") from None
        except AppError as e: kept = e
        try:
            import json
            json.loads("{")
        except ValueError as e: js = e
        try: int("x")
        except ValueError as e: ie = e
        await step()
        try: raise kept
        except LookupError as e: again = e
        return [str(kept), kept.why, again is kept, repr(kept.__context__), kept.__suppress_context__, js.pos, js.msg, str(js), str(ie), type(js).__name__]
    """,
    "descriptors": """
        class Positive:
            def __set_name__(self, owner, name): self.name = "_" + name; print("set_name")
            def __get__(self, obj, kind=None): return self if obj is None else getattr(obj, self.name)
            def __set__(self, obj, value):
                if value < 0: raise ValueError(value)
                setattr(obj, self.name, value)
        class A:
            n = Positive()
            def __init__(self, n): self.n = n
            @property
            def half(self): return self._h
            @half.setter
            def half(self, v): self._h = v
        a = A(3); a.half = 2
        await step()
        try: a.n = -1
        except ValueError as e: bad = str(e)
        return [a.n, bad, a.half]
    """,
    "slots": """
        class A:
            __slots__ = ("x", "__y")
            def __init__(self): self.x, self.__y = 1, [2]
            def y(self): return self.__y
        class B(A):
            __slots__ = "z"
        class C(B):
            pass
        b, c = B(), C(); c.z = b; c.other = c
        await step()
        try: b.z; has = True
        except AttributeError: has = False
        return [b.x, b.y(), has, c.z is b, c.other is c]
    """,
    "generic protocol": """
        from typing import Generic, TypeVar, Protocol, runtime_checkable
        K = TypeVar("K", bound=int); V = TypeVar("V")
        class Store(Generic[K, V]):
            items: dict[K, V]
            def __init__(self): self.items = {}
        class Named(Store[int, str]):
            pass
        @runtime_checkable
        class Closes(Protocol):
            def close(self) -> None: ...
        class F:
            def close(self): pass
        s, n, f = Store(), Named(), F(); alias = Store[int, str]
        await step()
        return [isinstance(f, Closes), isinstance(s, Closes), repr(n.items), isinstance(n, Store), alias().items]
    """,
    "operators": """
        class V:
            def __init__(self, *xs): self.xs = xs
            def __add__(self, o): return V(*(a + b for a, b in zip(self.xs, o.xs)))
            def __eq__(self, o): return self.xs == o.xs
            def __repr__(self): return f"V{self.xs}"
            def __getattr__(self, name):
                if name == "magic": return 42
                raise AttributeError(name)
            def __getitem__(self, i): return self.xs[i]
            def __len__(self): return len(self.xs)
            def __iter__(self):
                for x in self.xs: yield x
            def __enter__(self): return self
            def __exit__(self, *a): print("exit"); return True
            def __contains__(self, x): return x in self.xs
            def __bool__(self): return False
        v = V(1, 2); add = v.__add__
        await step()
        with v as w:
            raise ValueError
        return [repr(v + V(1, 1)), v.magic, v[0], len(v), list(v), 2 in v, bool(v), w is v, v == V(1, 2)]
    """,
    "linked list": """
        class N:
            def __init__(self, v, nxt): self.v, self.nxt = v, nxt
        head = None
        for i in range(5000): head = N(i, head)
        await step()
        n, total = head, 0
        while n: total += n.v; n = n.nxt
        return total
    """,
    "late cells": """
        fs = []
        for i in range(3):
            fs.append(lambda: i)
        gs = [lambda k=k: (k, i) for k in range(2)]
        hs = [lambda: j for j in range(3)]
        def outer():
            x = 1
            def mid():
                def inner():
                    nonlocal x
                    x += 1
                    return x
                return inner
            return mid(), lambda: x
        a, b = outer(); a()
        await step()
        i = 10
        a()
        return [[f() for f in fs], [g() for g in gs], [h() for h in hs], b()]
    """,
    "async state": """
        import asyncio
        class Worker:
            def __init__(self): self.done, self.task = [], None
            async def go(self, n):
                for i in range(n):
                    self.done.append(await step(i))
                return self
            def start(self): self.task = asyncio.create_task(self.go(3)); return self.task
        w = Worker(); t = w.start()
        await step("x")
        me = await t
        def outer():
            calls = []
            async def inner(x):
                calls.append(x)
                return await step(x)
            return inner, calls
        inner, calls = outer()
        r = await asyncio.gather(*map(inner, range(3)))
        return [me is w, w.done, r, calls, w.task.done()]
    """,
    "keys": """
        from dataclasses import dataclass
        from enum import Enum
        class E(Enum):
            A = 1
        @dataclass(frozen=True)
        class K:
            a: int
            t: tuple = ()
        k = K(1, (K(2),))
        d = {(k, E.A): 1, frozenset({K(3), "x"}): 2, E.A: 3}
        s = {k, K(1, (K(2),)), K(5)}
        await step()
        return [d[K(1, (K(2),)), E.A], d[frozenset({"x", K(3)})], d[E.A], len(s), K(5) in s, list(s)[0] is k]
    """,
    "library data": """
        import json, heapq, collections, calendar, statistics, string, math
        data = json.loads('{"a": [{"b": null, "c": "' + "x" * 100 + '"}], "n": 1e400}')
        tree = collections.defaultdict(lambda: collections.defaultdict(int)); tree["a"]["b"] += 1
        h = []; heapq.heappush(h, (2, "b")); heapq.heappush(h, (1, "a"))
        q = collections.deque([1, 2, 3]); it = iter(q); next(it)
        days, dist, tpl, m, ascii_ = calendar.day_name, statistics.NormalDist(1, 2), string.Template("$a"), math, string.ascii_letters
        cm = collections.ChainMap({"a": 1}, {"b": 2}); acc = iter([1, 2, 3].pop, 1)
        next(acc)
        await step()
        tree["z"]["y"] += 2
        return [data, json.dumps(tree), heapq.heappop(h), list(it), days[0], dist.mean, tpl.substitute(a=3), m.pi, len(ascii_), cm["b"], list(acc), sum(map(m.sqrt, [4]))]
    """,
    "changed while iterating": """
        d = {"a": 1, "b": 2}; out = []
        try:
            for k in d:
                await step(k)
                d[k + "x"] = 1
        except RuntimeError as e: out.append(str(e))
        s = {1, 2}
        try:
            for x in s:
                await step(x)
                s.add(x + 10)
        except RuntimeError as e: out.append(str(e))
        z = zip({1: 2, 3: 4}, {5: 6, 7: 8}.items()); next(z)
        xs = [1, 2, 3]
        for x in xs:
            if x < 3: xs.append(await step(x))
            if len(xs) > 6: break
        return [out, xs, list(z)]
    """,
    "copies and abcs": """
        import copy, collections.abc as c
        from dataclasses import dataclass, asdict
        @dataclass
        class A:
            xs: list
        a = A([1]); s = {1}; f = frozenset({2}); d = {"a": a}
        await step()
        b = copy.deepcopy(d)
        b["a"].xs.append(2)
        return [a.xs, b["a"].xs, asdict(b["a"]), isinstance(s, c.Set), isinstance(d, c.Mapping), isinstance(f, c.Hashable), type(s) is set, isinstance(s, set), s | f == {1, 2}]
    """,
    "chance": """
        import random
        random.seed(3); pick = random.choice; r = random.Random(); sh = r.shuffle
        xs = list(range(5)); random.random()
        await step()
        sh(xs)
        return [pick(xs), xs, random.sample(xs, 2), r.random(), random.uniform(0, 1)]
    """,
    "nested functions kept as methods": """
        class A:
            pass
        def hello(self): return self.n
        A.hello = hello
        A.twice = lambda self: self.n * 2
        a = A(); a.n = 4; a.cb = a.hello; cb = a.twice
        sort_key = str.lower; table = {"up": str.upper, "len": len, "int": int}
        await step()
        return [a.cb(), cb(), sorted(["b", "A"], key=sort_key), table["up"]("a"), table["len"]([1]), table["int"]("3")]
    """,
    "lru on method": """
        import functools
        class A:
            @functools.lru_cache
            def f(self, n):
                print("run", n)
                return n
            @functools.cached_property
            def p(self): print("p"); return [1]
        a = A(); a.f(1); a.p
        part = functools.partial(a.f, 2); red = functools.reduce
        await step()
        return [a.f(1), part(), a.p, red(lambda x, y: x + y, [1, 2]), A.f.cache_info().hits]
    """,
    "strings shared": """
        big = "x" * 1000
        rows = [{"t": big} for _ in range(50)]
        await step()
        return [len(rows[3]["t"]), rows[0]["t"] == big]
    """,
    "exception groups": """
        class G(ExceptionGroup):
            def derive(self, excs): return G(self.message, excs)
        try:
            raise G("m", [ValueError(1), TypeError("t"), ExceptionGroup("in", [KeyError("k")])])
        except* TypeError as eg: pass
        except* ValueError as vg: v = vg
        except* KeyError as kg: k = kg
        await step()
        return [repr(v), repr(k), type(v) is G]
    """,
    "time and logs": """
        import time, datetime, logging, traceback
        a = time.time(); clock = time.monotonic; now = datetime.datetime.now
        log = logging.getLogger(__name__)
        try: {}["q"]
        except KeyError:
            await step()
            log.exception("failed")
            text = traceback.format_exc()
        await step()
        return [a, clock(), now().isoformat(), text.splitlines()[-1]]
    """,
    "typed": """
        from typing import NamedTuple, TypedDict, NewType, Optional, Callable, Any, Union, Literal
        UserId = NewType("UserId", int); Handler = Callable[[int], str]; Maybe = Optional[int]; U = Union[int, str]; L = Literal["a", "b"]; J = dict[str, Any]
        class Opt(TypedDict, total=False):
            a: int
        class Inner(NamedTuple):
            a: int
            b: list = []
        class Deep(NamedTuple):
            i: Inner
            n: Optional[int] = None
        d = Deep(Inner(1)); o: Opt = {"a": 1}
        await step()
        return [UserId(3), repr(Maybe), repr(Handler), repr(U), repr(L), repr(J), repr(d), d.i.b is Inner(2).b, o, Opt(a=2), d._fields, Deep.__annotations__ == {} ]
    """,
}  # fmt: skip


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_restored_after_each_event(name: str) -> None:
    both(textwrap.dedent(PROGRAMS[name]))
