"""Longer programs, written as assistants write them, for the comparison with CPython. Separated by lines of dashes."""

from __future__ import annotations

_TEXT = r'''
class D(dict):
    def __getattr__(self, k):
        try: return self[k]
        except KeyError: raise AttributeError(k) from None
    def __setattr__(self, k, v): self[k] = v
d = D(a=1); d.b = 2; print(d.a, d.b, d, hasattr(d, "zz"))
----
class Reg:
    handlers = {}
    @classmethod
    def register(cls, name):
        def deco(f):
            cls.handlers[name] = f
            return f
        return deco
@Reg.register("x")
def hx(v): return v * 2
print(Reg.handlers["x"](4), sorted(Reg.handlers))
----
class Vec:
    def __init__(self, *c): self.c = tuple(c)
    def __add__(self, o): return Vec(*(a + b for a, b in zip(self.c, o.c)))
    def __mul__(self, k): return Vec(*(a * k for a in self.c))
    __rmul__ = __mul__
    def __matmul__(self, o): return sum(a * b for a, b in zip(self.c, o.c))
    def __neg__(self): return self * -1
    def __abs__(self): return sum(x * x for x in self.c) ** 0.5
    def __iter__(self): return iter(self.c)
    def __imul__(self, k): self.c = tuple(x * k for x in self.c); return self
    def __mod__(self, k): return "mod"
    def __lshift__(self, k): return "shift"
    def __pow__(self, k): return "pow"
    def __format__(self, spec): return f"<{spec}>"
    def __str__(self): return "V" + str(list(self.c))
v = Vec(3, 4); w = v; w *= 2
print(v + w, 2 * v, v @ w, -v, abs(v), [*v], v % 2, v << 1, v ** 2, f"{v:abc}", "{:q}".format(v), str(v), f"{v!s}")
----
from datetime import datetime, timedelta
days = [datetime(2024, 1, 1) + timedelta(days=i) for i in range(3)]
print([d.strftime("%a %d %b") for d in days], max(days) - min(days), days[0].date().isoformat(), (days[2] - days[0]).total_seconds() / 3600, days[0] < days[1], days[0].replace(hour=5), str(timedelta(hours=5)), f"{days[0]:%Y/%m}")
----
rows = [{"n": "a", "v": 3}, {"n": "b", "v": None}, {"n": "c", "v": 1}]
rows.sort(key=lambda r: (r["v"] is None, r["v"] or 0))
by = {}
for r in rows: by.setdefault(r["n"], []).append(r["v"])
tot = sum(r["v"] for r in rows if r["v"] is not None)
print(rows, by, tot, {k: len(v) for k, v in by.items()}, sorted(by, key=by.get) if False else list(by), "\n".join(f"{r['n']:<5}{r['v'] or '-':>5}" for r in rows))
----
def parse(line):
    k, _, v = line.partition("=")
    return k.strip(), v.strip()
cfg = dict(parse(l) for l in "a = 1\nb=2".splitlines() if "=" in l)
print(cfg, {v: k for k, v in cfg.items()}, [*map(int, cfg.values())], " ".join(sorted(cfg)), "a" in cfg.keys(), list(cfg.values()))
----
class LinkedList:
    class Node:
        def __init__(self, v, n=None): self.v = v; self.n = n
    def __init__(self): self.head = None; self.size = 0
    def push(self, v): self.head = self.Node(v, self.head); self.size += 1; return self
    def __iter__(self):
        n = self.head
        while n: yield n.v; n = n.n
    def __len__(self): return self.size
l = LinkedList().push(1).push(2); print(list(l), len(l), 1 in l, max(l))
----
import re
text = "Order #123: $45.60 on 2024-05-01; Order #9: $7 on 2024-06-30"
for m in re.finditer(r"#(?P<id>\d+): \$(?P<amt>[\d.]+) on (\d{4}-\d\d-\d\d)", text): print(m["id"], m.group("amt"), m.group(3), m.span("id"), m.groupdict(), m.lastindex)
print(re.sub(r"\$([\d.]+)", r"EUR \g<1>", text, count=1), re.split(r"\s*;\s*", text)[1], re.findall(r"(?i)ORDER", text), re.match(r"\w+", text).end(), re.compile(r"""
  (\d+)  # digits
  \s*    # space
""", re.VERBOSE).findall("1 2"))
p = re.compile(r"^\s*([A-Z]\w*)\s*$", re.M | re.I); print(p.findall("ab\n Cd \n"), p.pattern, bool(p.flags & re.I), p.groups, re.sub(r"[aeiou]", lambda m: m.group().upper(), "hello"))
print(re.findall("", "ab"), re.sub("x*", "-", "abxd"), re.split("x*", "axbc"), re.findall(r"\bfoo\b", "foo food"), re.sub(r"\\", "/", "a\\b"), re.search("é", "caf\u00e9").start(), re.findall(r"[^\x00-\x7f]", "aé"), re.findall(r"\s", "a\u00a0b c"), re.findall(r"\d", "1٣"))
----
def walk(t, depth=0):
    if isinstance(t, dict):
        for k, v in t.items():
            yield depth, k
            yield from walk(v, depth + 1)
    elif isinstance(t, (list, tuple)):
        for x in t: yield from walk(x, depth + 1)
    else: yield depth, t
print(list(walk({"a": [1, {"b": (2, 3)}], "c": None})))
----
import functools, time
def retry(times=3, exceptions=(ValueError,)):
    def deco(fn):
        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            last = None
            for attempt in range(1, times + 1):
                try: return fn(*args, **kwargs)
                except exceptions as exc: last = exc; print(f"attempt {attempt} failed: {exc}")
            raise last
        wrapper.calls = 0
        return wrapper
    return deco
n = {"x": 0}
@retry(times=3)
def flaky():
    """Flaky."""
    n["x"] += 1
    if n["x"] < 3: raise ValueError(f"no {n['x']}")
    return "ok"
print(flaky(), flaky.__name__, flaky.__doc__, flaky.calls)
----
from collections import defaultdict, Counter
g = defaultdict(lambda: defaultdict(int))
for a, b in [("x", "y"), ("x", "z"), ("x", "y")]: g[a][b] += 1
print({k: dict(v) for k, v in g.items()}, Counter(w for w in "a b a".split()), Counter(a=1) + Counter(a=2), sum(Counter("aab").values()), Counter("aab").total(), sorted(g["x"].items(), key=lambda kv: (-kv[1], kv[0])))
----
class Money:
    __slots__ = ("cents", "cur")
    def __init__(self, cents, cur="EUR"): self.cents, self.cur = cents, cur
    def __eq__(self, o): return NotImplemented if not isinstance(o, Money) else (self.cents, self.cur) == (o.cents, o.cur)
    def __hash__(self): return hash((self.cents, self.cur))
    def __lt__(self, o): return self.cents < o.cents
    def __repr__(self): return f"{type(self).__name__}({self.cents}, {self.cur!r})"
print(Money(1) == Money(1), Money(1) == 1, {Money(1), Money(1)}, sorted([Money(3), Money(1)]), Money(2) in [Money(2)], Money(5) != Money(6))
----
matrix = [[1, 2], [3, 4]]
print(list(zip(*matrix)), [list(r) for r in zip(*matrix)], [sum(c) for c in zip(*matrix)], [[r[i] for r in matrix] for i in range(2)], sum(map(sum, matrix)), any(x > 3 for r in matrix for x in r))
m = [[0] * 3 for _ in range(2)]; m[1][2] = 5; m[0][0] += 1; print(m, [*range(5)][::2], list(range(10, 0, -3)), max(range(5)), 3 in range(5), len(range(0, 10, 3)), range(5)[1:3], list(reversed(range(3))))
----
def primes(n):
    s = [True] * (n + 1); s[0:2] = [False, False]
    for i in range(2, int(n ** 0.5) + 1):
        if s[i]: s[i * i::i] = [False] * len(s[i * i::i])
    return [i for i, p in enumerate(s) if p]
def gcd(a, b):
    while b: a, b = b, a % b
    return a
def fact(n): return 1 if n < 2 else n * fact(n - 1)
def coll(n, c=0):
    while n != 1: n = n // 2 if n % 2 == 0 else 3 * n + 1; c += 1
    return c
print(primes(30), gcd(48, 18), fact(30), coll(27), 2 ** 100, (1 << 70) - 1, 10 ** -2, divmod(-7, 3), -7 % 3, 7.5 // 2, 1e3, 0x1f, 5 / 2, round(-2.5), int(-2.7), 3 * "ab", [1] * 3, "%05.1f|%-5s|%+d|%x" % (3.14159, "a", 5, 255))
----
try:
    try:
        int("abc")
    except ValueError as e:
        raise KeyError("wrapped") from e
except KeyError as e:
    print(type(e.__cause__).__name__, str(e.__cause__), e, e.__suppress_context__)
try:
    [][0]
except (IndexError, KeyError) as e: print(f"{type(e).__name__}: {e}", e.__class__.__name__)
else: print("never")
finally: print("fin")
def risky(x):
    try: return 10 / x
    except ZeroDivisionError: return float("inf")
    finally: print("f", x)
print(risky(2), risky(0))
class AppError(Exception):
    """App."""
class NotFound(AppError):
    def __init__(self, what, **ctx): super().__init__(f"{what} not found"); self.what = what; self.ctx = ctx
    def __str__(self): return f"[{self.what}] {super().__str__()} {self.ctx}"
try: raise NotFound("user", id=5)
except AppError as e: print(e, repr(e), e.args, isinstance(e, NotFound), e.ctx["id"])
raise NotFound("z")
----
x = [1, 2, 3, 4]
match x:
    case [a, b, *_] if a > b: print("desc")
    case [a, b, *rest]: print(a, b, rest)
cmd = {"action": "move", "to": (1, 2), "z": 0}
match cmd:
    case {"action": "move", "to": (int() as px, int(py)), **other}: print(px, py, other)
match ("go", 5):
    case ("go", n) | ("run", n): print(n)
match 3.0:
    case float(f): print("f", f)
match "abc":
    case "x" | "abc": print("lit")
from enum import Enum
class K(Enum): A = 1; B = 2
def k(v):
    match v:
        case K.A: return "A!"
        case K.B if False: return "never"
        case K(): return "other"
print(k(K.A), k(K.B), k(1))
----
s = {1, 2, 3}; t = {2, 3, 4}
print(sorted(s & t), sorted(s | t), sorted(s - t), sorted(s ^ t), s.isdisjoint(t), {1} <= s, s.intersection([1]), s.union([9]) == {1, 2, 3, 9}, len(s), sum(s), max(s), sorted(s.difference([1], [2])), {x for x in "aab"} == {"a", "b"}, set("ab") == set("ba"), s == frozenset(s), frozenset("a") | {"b"} == {"a", "b"})
s -= {1}; s &= {2}; s ^= {5}; print(s == {2, 5}, s.pop() in (2, 5), bool(s), list(set([3, 3])), {(1, 2): 3}, set([1, 2]) == {2, 1}, tuple(set((7,))), {*[1], *[1]}, isinstance(frozenset(), frozenset), type(frozenset()))
a = [1, 2]; b = set(a); b2 = b.copy(); b2.add(3); print(b, b2, b < b2, b2 > b, {1: {2}}, f"{b}", "%s" % b, str(b))
{1, 2}.foo
----
{1} < 5
----
{1} & [1]
----
set([[]])
----
frozenset([1]).add(2)
----
g = (i for i in range(3))
print(g.__next__(), next(g), list(g)); g.close()
def gg():
    try:
        x = yield 1
        print("got", x)
        yield 2
    except ValueError as e: print("thrown", e); yield 99
    finally: print("closing")
i = gg(); next(i); print(i.throw(ValueError("boom"))); i.close()
print(list(map(lambda a, b: a + b, [1, 2], [3, 4])), list(filter(lambda x: x % 2, range(5))), list(zip("ab", range(9), strict=False)), dict(zip("ab", [1, 2])), dict(enumerate("ab")), [*zip([1], [2])])
list(zip([1], [1, 2], strict=True))
----
from itertools import groupby, count, chain, islice
data = sorted([("a", 1), ("b", 2), ("a", 3)], key=lambda t: t[0])
print({k: [v for _, v in g] for k, g in groupby(data, key=lambda t: t[0])}, list(zip(count(1), "ab")), list(chain([1], (2,), "c")), next(count(3)), list(islice(count(0, 2), 2, 5)), list(islice([1, 2, 3], None)), list(islice("abc", 0)))
islice([1], -1)
----
import copy
class T:
    def __init__(self): self.kids = []; self.parent = None
a = T(); b = T(); a.kids.append(b); b.parent = a
c = copy.deepcopy(a); print(c is not a, c.kids[0].parent is c, c.kids[0] is not b, copy.copy(a).kids is a.kids)
x = [1]; y = [x, x]; z = copy.deepcopy(y); print(z[0] is z[1], copy.deepcopy({"a": (1, [2])}), copy.deepcopy({1, 2}) == {1, 2})
----
f = 0.1 + 0.2
print(f, f == 0.3, round(f, 2), f"{f:.3f}", 1e16, 1e-5, float("nan") != float("nan"), float("inf") > 1, (0.5).as_integer_ratio(), 3.0 .is_integer(), int(1e10), 7 // 0.5, 2 ** 0.5, 10 % 3.5, -1 ** 2, True + True, bool(""), not [], 5 if 0 else 6, None or "d", 0 and 1, 1 < 2 < 3, 3 > 2 == True)
10 ** 400 * 1.0
----
print("abc"[1], "abc"[-2:], "a-b-c".rsplit("-", 1), "x".join("abc"), "AbC".lower().upper().title(), "a,b,,c".split(","), " a b ".split(), "abc".startswith(("a", "b")), "abc" > "abb", "z" * 3, len("héllo"), "tEST".capitalize(), "a\\n", r"a\n", 'it''s', "%s" % None, "{}".format([1, "a"]), "a" "b", ord("€"), "€".encode("utf8"), b"\xe2\x82\xac".decode(), "abc".index("b"), "aXbX".count("X"), "abc".isalpha(), "12".isdigit(), "a b".replace(" ", "_"), "%d%%" % 5, "abc".removeprefix("a"), "x".rjust(3, "."), "line".ljust(6) + "|", "{:,.2f}".format(1234.5), "{:08.3f}".format(3.14159), "{0:>{1}}".format("a", 4), f"{'a':*^5}", f"{5:03d}", f"{1e6:e}", f"{0.5:%}", "é".upper())
"abc".index("z")
----
l = [3, 1, 2]
l2 = l[:]; l2.sort(reverse=True); print(l, l2, sorted(l, key=lambda x: -x), l.pop(), l.pop(0), l + [9], l * 2, [1, 2] == [1, 2], [1] < [2], [[1, 2], [3]][0][1], l.index(1))
del l2[0]; l2[5:] = [7]; l2 += (8,); l2.insert(-1, 0); l2[::2] = ["a"] * len(l2[::2]); print(l2, 7 in l2, l2.count("a"), [x for x in l2 if not isinstance(x, str)], all(l2), l2.clear(), l2)
l.remove(99)
----
def f(*args, sep=" ", **kw): return sep.join(map(str, args)) + str(sorted(kw.items()))
print(f(1, 2, sep="-", z=1, a=2), f(*[1, 2], **{"q": 1}), (lambda *a, **k: (a, k))(1, b=2), f.__name__, (lambda: (yield))().__next__() if False else 0)
def g(x, items=[]): items.append(x); return items
print(g(1), g(2), g.__defaults__)
def outer():
    x = 1
    def inner():
        def deep():
            nonlocal x
            x += 1
            return x
        return deep
    return inner()
d = outer(); print(d(), d())
f(1, sep=None)
----
import json
class P:
    def __init__(self): self.a = 1
print(json.dumps(P(), default=lambda o: o.__dict__), json.dumps({"d": 1.0, "n": float("inf")}), json.dumps("é", ensure_ascii=False), json.dumps([], indent=2), json.dumps({1: 2, None: 3}), json.loads("1.0"), json.loads('"\\u00e9"'), json.dumps((1, 2)), json.dumps({"a": 1}, separators=(",", ":")))
try: json.loads("{'a': 1}")
except json.JSONDecodeError as e: print(e.msg, e.pos, e.lineno, e, e.doc)
json.dumps({(1,): 2})
----
from typing import Any, Callable, Iterable, Union, Literal
from dataclasses import dataclass, field
@dataclass
class Task:
    name: str
    deps: list["Task"] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict, repr=False)
    status: Literal["new", "done"] = "new"
    cb: Callable[[int], int] | None = None
    @property
    def ready(self) -> bool: return all(d.status == "done" for d in self.deps)
    @classmethod
    def build(cls, n: str, *deps: "Task") -> "Task": return cls(n, list(deps))
@dataclass
class Sub(Task):
    extra: int = 0
    def __post_init__(self): self.extra = self.extra or len(self.name)
a = Task("a"); b = Task.build("b", a); print(b, b.ready); a.status = "done"; print(b.ready, a == Task("a", status="done"), Sub("xyz").extra, Sub("q", extra=5))
@dataclass(slots=True, kw_only=True)
class S: x: int; y: int = 2
s = S(x=1); s.x += 4; print(s)
Task()
----
class Stack:
    def __init__(self): self._items = []
    def push(self, x): self._items.append(x)
    def pop(self):
        if not self._items: raise IndexError("empty")
        return self._items.pop()
    def __len__(self): return len(self._items)
    def __bool__(self): return len(self) > 0
    @property
    def top(self): return self._items[-1]
s = Stack(); s.push(1); s.push(2); print(s.top, s.pop(), len(s), bool(s), s._items); s.pop(); s.pop()
----
class C:
    x = 1
    y = [x for _ in range(2)] if False else x
    def m(self): return C.x
    z = property(lambda self: self.x + 1)
c = C(); c.x = 5; print(C.x, c.x, c.z, C.y, c.m(), C().x, vars(c), c.__dict__, C.__name__, C.m(c)); c.z = 1
----
class A:
    def __init__(self): print("A")
class B(A):
    def __init__(self): super().__init__(); print("B")
class Cc(A):
    def __init__(self): A.__init__(self); print("C")
class Dd(B, Cc): pass
Dd(); print(Dd.__mro__[1].__name__, Dd.__bases__ if False else "")
----
import decimal
from decimal import Decimal, ROUND_HALF_UP
decimal.getcontext().prec = 10
print(Decimal(1) / 3, Decimal("19.99") * 3, (Decimal("2.345")).quantize(Decimal(".01"), rounding=ROUND_HALF_UP), int(Decimal("5.7")), Decimal("1E+3"), sum([Decimal("0.1")] * 3), f"{Decimal('3.14159'):.2f}", Decimal(5) % 3, Decimal("NaN").is_nan(), float(Decimal("1.5")), str(Decimal("1.10")))
decimal.getcontext().prec = 28
Decimal("abc")
'''

#: The programs, in order.
EVERYDAY: tuple[str, ...] = tuple(part.strip("\n") + "\n" for part in _TEXT.split("\n----\n"))
