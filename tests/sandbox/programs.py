"""Small programs whose output and errors must be the same guarded and under plain CPython. Separated by lines of dashes."""

from __future__ import annotations

_TEXT = r'''
print(1 + 2 * 3 ** 2 // 4 % 5, 7 / 2, -7 // 2, -7 % 3, 1 << 5, 5 & 3 | 4 ^ 1, ~5)
----
x = 3
x += 2; x *= 4; x -= 1; x //= 2; x **= 2; x %= 7; x <<= 3; x |= 1
print(x)
----
s = "ab"
s += "c"; s *= 2
print(s, "%s-%d" % (s, 3), "%(a)s" % {"a": 1}, s % ())
----
l = [1]
l += [2]; l *= 2; l[1:1] = [9, 9]; l[0] += 5
print(l, l[::-1], l[1:3], l.index(9), l.count(9), 9 in l, 7 not in l)
----
d = {"a": 1}
d["b"] = 2; d["a"] *= 5; d.setdefault("c", []).append(1); d |= {"e": 1}
print(d, d.get("z"), d.get("a", 0), list(d.items()), "a" in d, d.pop("a"), len(d), sorted(d.keys()))
----
d = {}
d["missing"]
----
[].pop()
----
[1][5]
----
int("x")
----
1 / 0
----
"a" + 1
----
None.foo
----
class A: pass
A().foo
----
undefined_name
----
def f(a, b=2, *args, c, d=4, **kw): return (a, b, args, c, d, kw)
print(f(1, c=3), f(1, 2, 3, c=4, z=5))
f()
----
def outer():
    n = 0
    def inc():
        nonlocal n
        n += 1
        return n
    return inc
i = outer(); i(); print(i(), i.__name__, outer.__name__)
----
fs = [lambda: i for i in range(3)]
print([f() for f in fs])
----
class Account:
    """Money."""
    rate = 0.5
    def __init__(self, owner, balance=0):
        self.owner = owner; self._balance = balance; self.__pin = 1
    @property
    def balance(self): return self._balance
    @balance.setter
    def balance(self, v):
        if v < 0: raise ValueError("negative")
        self._balance = v
    @staticmethod
    def make(n): return Account(n)
    @classmethod
    def rich(cls, n): return cls(n, 1000)
    def __eq__(self, o): return isinstance(o, Account) and self.owner == o.owner
    def __hash__(self): return hash(self.owner)
    def __lt__(self, o): return self.owner < o.owner
    def __repr__(self): return f"Account({self.owner!r})"
    def __len__(self): return 3
    def __getitem__(self, i): return i * 2
    def __contains__(self, x): return x == 1
    def __call__(self, x): return x + 1
    def __enter__(self): print("enter"); return self
    def __exit__(self, *a): print("exit", a[0] is None); return False
    def __iter__(self): yield from (1, 2)
    def __add__(self, o): return "added"
    def __bool__(self): return True
    def pin(self): return self.__pin
a = Account.rich("ann"); b = Account.make("bob")
a.balance += 5; a.extra = 1; del a.extra
print(a, b, a == Account("ann"), a < b, sorted([b, a]), len(a), a[4], 1 in a, a(1), list(a), a + 1, a.balance, a.pin(), Account.rate)
with a as z: print(z is a)
print(Account.__doc__, Account.__name__, a.__class__.__name__, hasattr(a, "owner"), hasattr(a, "nope"), getattr(a, "nope", 7))
a.balance = -1
----
class Base:
    def hi(self): return "base " + self.name()
    def name(self): return "B"
class Mixin:
    def name(self): return "M" + super().name()
class Child(Mixin, Base):
    def hi(self): return super().hi() + "!"
print(Child().hi(), isinstance(Child(), Base), issubclass(Child, Mixin), [c.__name__ for c in Child.__mro__])
----
class E(Exception):
    def __init__(self, code): super().__init__(f"code {code}"); self.code = code
try:
    try: raise E(5)
    except E as e:
        print(e, e.code, e.args)
        raise RuntimeError("outer") from e
except RuntimeError as r:
    print(repr(r.__cause__), r)
finally:
    print("done")
raise E(9)
----
def f():
    try: return 1
    finally: print("cleanup")
def g():
    for i in range(5):
        try:
            if i == 3: break
            continue
        finally: print("f", i)
    else: print("else")
    while True:
        try: return "r"
        finally: break
    return "after"
print(f(), g())
----
try:
    raise ExceptionGroup("many", [ValueError(1), TypeError("t"), ValueError(2)])
except* ValueError as g: print(len(g.exceptions), g)
except* TypeError as g: print(g.exceptions)
----
def gen(n):
    got = None
    for i in range(n):
        got = yield i if got is None else got
g = gen(4)
print(next(g), g.send("x"), list(g))
def sub(): r = yield from gen(2); yield r
print(list(sub()), next(iter([]), "default"))
next(iter([]))
----
print([(x, y) for x in range(3) if x for y in "ab"], {x: x * x for x in range(3)}, sum(x for x in [1, 2, 3]), any(x > 2 for x in (1, 2)))
print(max([3, 1], key=lambda v: -v), min(3, 4), sorted("hello", reverse=True), list(zip([1, 2], "ab")), list(enumerate("ab", 1)), list(map(str, [1])), list(filter(None, [0, 1])))
print(list(reversed([1, 2])), list(reversed(range(3))), all([]), abs(-3), round(2.567, 1), divmod(7, 3), pow(2, 10, 7), bin(5), chr(65), ord("a"), callable(len))
----
a, *b, (c, d) = 1, 2, 3, (4, 5)
(x := 5); print(a, b, c, d, x, [*b, *"hi"], {**{"k": 1}, "z": 2}, (*b,))
a, b = 1, 2, 3
----
s = {1}
s.add(2); s |= {3}; s.discard(9); s.update([4])
print(sorted(s), s == {1, 2, 3, 4}, len(s), s >= {1}, s.issuperset([1]), isinstance(s, set), type(s).__name__, set(), frozenset(), bool(set()))
print({1} | {1}, frozenset({5}), repr({"a"}), hash(frozenset([1])) == hash(frozenset([1])), {frozenset([1]): 2}[frozenset([1])])
s.remove(77)
----
{[1]}
----
{1} + {2}
----
{1}[0]
----
d = {1: 1}
for k in d: d[k + 1] = 1
----
s = {1}
for k in s: s.add(k + 1)
----
print({"a": 1, "b": 2}.keys() & {"a"}, {"a": 1}.items() == {("a", 1)}, {"a": 1}.keys() - {"b"}, type({}.keys()).__name__)
----
import json
print(json.dumps({"b": [1, 2.0, None, True, "é"], "a": {}}, sort_keys=True), json.dumps([1, {"x": 2}], indent=2), json.loads('[1, {"a": null}]'))
json.loads("{bad")
----
import json
json.dumps({1, 2})
----
import json
json.dumps(object)
----
import math
print(math.sqrt(16), math.floor(2.7), math.pi, math.factorial(10), math.comb(5, 2), math.gcd(12, 18), math.prod([1, 2, 3]), math.isclose(0.1 + 0.2, 0.3))
math.sqrt(-1)
----
import math
math.nonsense
----
import re
print(re.match(r"(?P<y>\d{4})-(\d\d)", "2024-05-06").groupdict(), re.findall(r"\b\w+\b", "hi there"), re.split(r"[,;]\s*", "a, b;c"), re.sub(r"(\w) (\w)", r"\2 \1", "a b"))
print(re.compile("a+", re.I).search("xAAy").span(), re.fullmatch("a", "ab"), re.escape("a.b"), re.subn("a", "b", "aa"), [m.start() for m in re.finditer("a", "banana")])
print(re.search(r"x$", "ax\n"), re.sub(r"\s+$", "", "a  "), re.findall(r"^\w", "a\nb", re.M), re.split(r"(-)", "a-b"), bool(re.match(r"[^\W\d]+", "é1")) if False else 1)
print(re.match("b", "a"), re.search("(a)|b", "b").groups(), re.search("(?i)AB", "xab").group(), re.sub("", "-", "ab"), re.findall(r"\$(\d+)", "$5 $6"), re.search(r"[\w.+-]+@[\w-]+\.[\w.]+", "me: a.b@c.de").group(0))
----
import re
re.compile("(")
----
import datetime
from datetime import timedelta, timezone
d = datetime.datetime(2024, 1, 31, 10, 30, tzinfo=timezone.utc)
print(d.isoformat(), d + timedelta(days=1), d.strftime("%Y-%m-%d %H:%M"), datetime.date(2024, 1, 1).weekday(), (d - datetime.datetime(2024, 1, 1, tzinfo=timezone.utc)).days, datetime.datetime.fromisoformat("2024-02-03T04:05:06"), datetime.datetime.strptime("2024", "%Y").year, f"{d:%d.%m}")
datetime.date(2024, 13, 1)
----
import collections
from collections import Counter, defaultdict, deque, namedtuple, OrderedDict
P = namedtuple("P", "x y"); p = P(1, 2)
dd = defaultdict(list); dd["a"].append(1)
q = deque([1, 2], maxlen=2); q.append(3); q.appendleft(0)
c = Counter("hello"); c.update("l"); c["z"] -= 1
print(p, p.x, p._replace(y=5), p._asdict(), P._fields, dd, q, c.most_common(2), sorted(c.elements()), OrderedDict(a=1), dict(c - Counter("l")))
----
import itertools as it
print(list(it.product("ab", [1, 2])), list(it.permutations([1, 2, 3], 2)), list(it.combinations("abc", 2)), list(it.combinations_with_replacement("ab", 2)))
print([(k, list(g)) for k, g in it.groupby([1, 1, 2, 1])], list(it.accumulate([1, 2, 3])), list(it.accumulate([1, 2], lambda a, b: a * b, initial=5)), list(it.takewhile(lambda x: x < 2, [1, 2, 1])), list(it.dropwhile(lambda x: x < 2, [1, 2, 1])))
print(list(it.islice(it.cycle("ab"), 5)), list(it.islice("abcdef", 1, 5, 2)), list(it.zip_longest("ab", "c", fillvalue="-")), list(it.starmap(pow, [(2, 3)])), list(it.chain.from_iterable(["ab", "c"])), list(it.pairwise([1, 2, 3])), list(it.repeat(1, 2)), list(it.compress("abc", [1, 0, 1])), [list(t) for t in it.tee([1, 2])], list(it.filterfalse(None, [0, 1])))
print(list(it.permutations(range(3))), list(it.product(repeat=2)), list(it.product([1], repeat=2)), list(it.combinations([1], 2)), list(it.permutations([1], 2)), list(it.islice(it.count(10, 5), 3)), list(it.combinations([], 0)))
----
import functools
@functools.wraps(len)
def w(x): return 1
add3 = functools.partial(lambda a, b: a + b, 3)
print(w.__name__, add3(4), functools.reduce(lambda a, b: a * b, [1, 2, 3], 10), sorted([3, 1], key=functools.cmp_to_key(lambda a, b: a - b)))
@functools.total_ordering
class T:
    def __init__(self, v): self.v = v
    def __eq__(self, o): return self.v == o.v
    def __lt__(self, o): return self.v < o.v
print(T(1) >= T(0), max(T(1), T(3)).v)
class Lazy:
    @functools.cached_property
    def value(self): print("once"); return 5
z = Lazy(); print(z.value, z.value)
----
import operator
print(operator.itemgetter(1)([1, 2]), operator.attrgetter("real")(5), operator.methodcaller("upper")("a"), operator.add(1, 2), operator.mul("a", 3), operator.itemgetter("a", "b")({"a": 1, "b": 2}))
----
from dataclasses import dataclass, field, asdict, replace, fields, astuple
@dataclass(order=True, frozen=True)
class V:
    major: int
    minor: int = 0
@dataclass
class Inner: v: int
@dataclass
class Outer:
    inner: Inner
    tags: list = field(default_factory=list)
    total: int = field(init=False, default=0)
    def __post_init__(self): self.total = self.inner.v + 1
o = Outer(Inner(1), ["a"])
print(V(1) < V(1, 2), asdict(o), astuple(o), replace(o, tags=[]), [f.name for f in fields(o)], o, {V(1): 1}[V(1)], V(1) == V(1))
V(1).major = 5
----
from dataclasses import dataclass
@dataclass
class A: x: int
A()
----
from dataclasses import dataclass
@dataclass
class A: x: list = []
----
from enum import Enum, IntEnum, auto, Flag
class C(Enum):
    RED = auto(); GREEN = auto()
    def pretty(self): return self.name.title()
    @classmethod
    def default(cls): return cls.RED
class L(IntEnum): LOW = 1; HIGH = 5
class F(Flag): A = 1; B = 2
print(C.RED, C["GREEN"], C(1), C.RED.pretty(), list(C), C.default().value, L.HIGH > L.LOW, L.HIGH + 1, max(L).name, C.RED is C.RED, {C.RED: 1}[C.RED], len(C), C.RED in C, repr(C.RED), F.A | F.B, C.__members__["RED"])
C("nope")
----
from enum import Enum
class C(Enum): RED = 1
try: C.BLUE
except AttributeError: print("no BLUE")
----
from typing import NamedTuple, TypedDict, Optional, Protocol, Generic, TypeVar
T = TypeVar("T")
class Emp(NamedTuple):
    name: str
    pay: float = 1.0
    def raised(self): return self._replace(pay=self.pay * 2)
class Opts(TypedDict, total=False): a: int
class Stack(Generic[T]):
    def __init__(self) -> None: self.items: list[T] = []
    def push(self, x: T) -> None: self.items.append(x)
class HasName(Protocol):
    name: str
s = Stack[int](); s.push(1)
def f(x: Optional[int] = None, *, y: dict[str, list[int]] | None = None) -> "Emp": return Emp("a")
print(f().raised(), Opts(a=1), s.items, Emp("b")[0], isinstance(Emp("c"), tuple))
----
from abc import ABC, abstractmethod
class Shape(ABC):
    @abstractmethod
    def area(self): ...
    def twice(self): return 2 * self.area()
class Sq(Shape):
    def __init__(self, s): self.s = s
    def area(self): return self.s ** 2
print(Sq(3).twice())
Shape()
----
from contextlib import contextmanager, suppress, ExitStack, nullcontext
@contextmanager
def cm(n):
    print("in", n)
    try: yield n * 2
    finally: print("out", n)
with cm(1) as a, cm(2) as b: print(a, b)
with suppress(KeyError): {}["x"]
with ExitStack() as st:
    st.enter_context(cm(3)); st.callback(print, "cb")
----
import statistics, string, textwrap, bisect, heapq, copy, decimal, fractions, base64, hashlib, uuid, html, calendar, urllib.parse, csv, io
from decimal import Decimal
print(statistics.mean([1, 2, 3, 4]), statistics.median([1, 3]), statistics.stdev([1, 2, 3]), string.ascii_lowercase[:3], textwrap.shorten("hello world foo", 11), bisect.bisect([1, 2, 3], 2))
h = [3, 1, 2]; heapq.heapify(h); heapq.heappush(h, 0); print(heapq.heappop(h), heapq.nlargest(2, h), list(heapq.merge([1], [0])))
x = {"a": [1]}; y = copy.deepcopy(x); y["a"].append(2); z = copy.copy(x); print(x, y, z["a"] is x["a"])
print(Decimal("1.10") + Decimal("2.2"), Decimal("2.675").quantize(Decimal("0.01")), fractions.Fraction(1, 3) + fractions.Fraction("1/6"), isinstance(fractions.Fraction(1), fractions.Fraction))
print(base64.b64encode(b"hi").decode(), hashlib.sha256(b"x").hexdigest()[:8], uuid.UUID(int=5), html.escape("<a>"), calendar.monthrange(2024, 2), urllib.parse.urlencode({"a": "b c"}), urllib.parse.urlparse("http://h/p?q=1").netloc)
w = io.StringIO(); csv.writer(w).writerow(["a", "b,c"]); print(repr(w.getvalue()), list(csv.DictReader(["a,b", "1,2"])))
----
print("{:>8}|{:<5}|{:^7}|{:+.2f}|{:,}|{!r}|{a[0]}|{b.real}|{{}}".format("x", 1, "m", 3.14159, 1234567, "q", a=[5], b=7), "{0}{1}{0}".format("a", "b"), "{n:{w}}".format(n=5, w=4))
n = 3.14159; w = 8
print(f"{n:{w}.2f}|{n!s:>10}|{n=}|{'nested ' + f'{w}'}|{{}}|{1000000:,}|{0.256:.1%}|{255:#x}|{'x' * 3:-^9}")
"{} {}".format(1)
----
"{a}".format(b=1)
----
"{0} {}".format(1, 2)
----
"%d" % "x"
----
"%s %s" % (1,)
----
class P:
    __match_args__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
def m(v):
    match v:
        case 0 | 1: return "small"
        case int(n) if n > 100: return f"big {n}"
        case str() as s: return "str " + s
        case P(0, y): return f"on axis {y}"
        case P(x=a, y=b): return f"at {a},{b}"
        case [a]: return f"one {a}"
        case [a, *rest]: return f"many {a} {rest}"
        case {"type": "a", **kw}: return f"dict {kw}"
        case None: return "none"
        case _: return "other"
for v in (0, 500, "s", P(0, 2), P(3, 4), [1], (1, 2, 3), {"type": "a", "z": 1}, None, 2.5, {"q": 1}): print(m(v))
----
def deco(tag):
    def d(f):
        def inner(*a, **k): return f"<{tag}>{f(*a, **k)}</{tag}>"
        return inner
    return d
@deco("b")
@deco("i")
def t(x): return x
print(t("hi"))
def rec(n): return rec(n + 1)
try: rec(0)
except RecursionError as e: print(type(e).__name__)
----
x = 5
def f():
    global x
    x += 1
    return x
print(f(), x, *[1, 2], sep="-", end="!\n")
del x
f()
----
def f():
    print(y)
    y = 1
f()
----
assert 1 == 2, "math broke"
----
raise SystemExit(3)
----
import sys
sys.exit("bye")
----
from types import SimpleNamespace
n = SimpleNamespace(a=1); n.b = 2; n.a += 1
print(n, n.b, vars(n))
----
lst = [5, 3, 9]
lst.sort(); lst.insert(0, 1); lst.extend(x for x in (7, 8)); lst.remove(3); lst.reverse()
print(lst, lst.copy(), lst[-1], lst[1:], sum(lst), len(lst), list(range(10))[2:5], "abc"[::-1], b"ab".hex(), (1, 2).count(1))
f = lst.append; f(100); print(lst[-1], list(map(lst.index, [9])))
----
print("A,b".split(","), " x ".strip(), "-".join(["a", "b"]), "ab".replace("a", "z"), "Hi".center(6, "*"), "7".zfill(3), "a\tb".expandtabs(4), "x=1".partition("="), "AbC".swapcase(), "abc".find("c"), "é".encode(), "ß".casefold(), "a b".title(), "a".islower(), "abc".translate(str.maketrans("a", "z")), "l1\nl2".splitlines())
print(str(5), int("7"), float("1.5"), bool([]), list("ab"), tuple([1]), dict(a=1), dict([("k", 2)]), bytes([65]), complex(1, 2), int("ff", 16), (5).bit_length(), (1.5).is_integer(), str(b"x", "utf8"), dict.fromkeys("ab", 0), int.from_bytes(b"\x01\x00", "big"))
print(type(5), type("x") is str, type([]) == list, type(None).__name__, isinstance(5, (int, str)), isinstance(True, int), type(type(5)), type(range(3)) is range, isinstance(range(2), range), isinstance(int, type), issubclass(bool, int))
----
class Stack(list):
    def push(self, x): self.append(x); return self
class Default(dict):
    def __missing__(self, k): return k * 2
class Money(float): pass
class Name(str):
    def shout(self): return self.upper() + "!"
print(Stack([1]).push(2), Default()["ab"], Money(1.5) + 1, Name("bo").shout(), "{}".format(Name("x")), Stack([3, 1]).count(3), len(Stack([1])))
----
class Meta:
    def __getattr__(self, name): return f"dyn {name}"
    def __setattr__(self, name, value): object.__setattr__(self, name, value * 2)
m = Meta(); m.x = 5
print(m.x, m.anything)
----
class Temp:
    def __init__(self): self.data = {}
    def __setitem__(self, k, v): self.data[k] = v
    def __getitem__(self, k): return self.data[k]
    def __delitem__(self, k): del self.data[k]
t = Temp(); t["a"] = 1; t["a"] += 5; t["a"] *= 2; print(t["a"]); del t["a"]; t["a"]
----
class Pt:
    __slots__ = ("x",)
    def __init__(self, x): self.x = x
p = Pt(1); p.x *= 3; print(p.x)
p.y = 5
----
def f(a, /, b, *, c): pass
f(1, 2, 3)
----
async def co(): return 1
c = co(); c.close(); print(co.__name__)
----
import traceback
try: {}["k"]
except KeyError:
    print(traceback.format_exc().splitlines()[-1])
----
for i in range(3):
    if i == 1: continue
    print(i)
else: print("end")
i = 10
while i > 7: i -= 1
else: print("w", i)
print([i for i in range(5)][-1], i, [y := 3, y + 1], (lambda a, b=2: a * b)(4))
----
total = 0
items = [1, 2, 3]
for x in items:
    total += x
    if x < 3 and len(items) < 5: items.append(x + 10)
print(total, items, [x for x in items if x > 5])
----
import random
r = random.Random(5); print(r.random(), r.randint(1, 9), r.choice("abc"), r.sample([1, 2, 3], 2))
l = [1, 2, 3]; r.shuffle(l); print(l, r.uniform(1, 2))
----
print(hash(5), hash((1, 2)) == hash((1, 2)), id(print) == id(print), repr("a'b"), ascii("é"), format(3.14159, ".2f"), eval if False else 0)
----
x: int = 5
y: "undefined_type" = 6
def f(a: int, b: "str" = "q") -> None: z: int = 3; return z
print(f(1), x + y)
----
e = ValueError("a", 1); e.add_note("n"); e.extra = 5
print(e.args, str(e), repr(e), e.extra, e.__notes__, isinstance(e, Exception))
try: raise KeyError("k")
except (KeyError, ValueError) as k: print(repr(k), k.args[0])
print(k)
----
g = (x for x in [3, 4]); print(next(g), list(g), list(g))
it = iter({"a": 1}.items()); print(next(it), next(it, None)); z = iter([1]); next(z); next(z, 0)
r = iter(int, 1); print(next(r))
print(list(iter({3: 1})), list(reversed({1: 1, 2: 2})), sum([[1], [2]], []), max({"a": 3, "b": 5}.items(), key=lambda kv: kv[1]), min("b", "a"), max([], default=0))
max([])
----
from string import Template
import pprint, difflib, time, numbers
print(Template("$a b").substitute(a=1), pprint.pformat({"a": [1]}), difflib.get_close_matches("appel", ["apple", "x"]), time.strftime("%Y", time.gmtime(0)), isinstance(3, numbers.Number))
print(round(difflib.SequenceMatcher(None, "abcd", "bcde").ratio(), 2), list(difflib.unified_diff(["a"], ["b"], lineterm="")))
'''

#: The programs, in order.
PROGRAMS: tuple[str, ...] = tuple(part.strip("\n") + "\n" for part in _TEXT.split("\n----\n"))
