"""Plain values, containers and iterators live across steps and across checkpoints."""

from __future__ import annotations

import textwrap

import pytest

from tests.machine.running import both

#: Each program holds something across a step and looks at it afterwards.
PROGRAMS = {
    "aliases": """
        xs = [1]; d = {"a": xs, "b": xs}; t = (xs, d)
        await step()
        xs.append(2)
        return [d["a"] is d["b"], t[0] is xs, t[1] is d, d["b"]]
    """,
    "a list in itself": """
        xs = []; xs.append((xs,))
        await step()
        return xs[0][0] is xs
    """,
    "cells that functions share": """
        def counter():
            n = 0
            def up():
                nonlocal n
                n += 1
                return n
            def read():
                return n
            return up, read
        up, read = counter()
        up()
        await step()
        up()
        return read()
    """,
    "functions with defaults and attributes": """
        def f(a, b=[1], *, k={"x": 2}):
            "says"
            b.append(a)
            return b, k
        f.calls = 3
        g = lambda n: n + 1
        f(5)
        await step()
        return [f(6), f.calls, f.__doc__, f.__name__, g(1)]
    """,
    "recursion and functions in containers": """
        def fact(n):
            return 1 if n < 2 else n * fact(n - 1)
        table = {"f": fact, "g": [x for x in (len, str.upper, max)]}
        await step()
        return [table["f"](5), table["g"][0]("ab"), table["g"][1]("ab"), table["g"][2](1, 2)]
    """,
    "bound methods": """
        xs = [1]; add = xs.append; join = "-".join; get = {"a": 1}.get; ints = dict.fromkeys
        await step()
        add(2)
        return [xs, join(["a", "b"]), get("a"), get("b", 0), ints("ab")]
    """,
    "members of modules": """
        import json, math, itertools
        from datetime import datetime, timedelta, timezone
        from collections import Counter
        dump, root, made = json.dumps, math.sqrt, datetime
        await step()
        return [dump([1]), root(4), made(2024, 1, 1).isoformat(), Counter("aab").most_common(1), json.dumps is dump]
    """,
    "sets": """
        s = {3, 1, 2}; f = frozenset("cab"); nested = {f, frozenset("z")}
        await step()
        s.add(0)
        return [list(s), list(f), [sorted(x) for x in nested], f in nested]
    """,
    "keys with a hash of their own": """
        class Key:
            def __init__(self, name):
                self.name = name
            def __hash__(self):
                return hash(self.name)
            def __eq__(self, other):
                return self.name == other.name
        a = Key("a")
        d = {a: 1, Key("b"): {(Key("c"), 1): 2}}
        s = {a, Key("b")}
        await step()
        inner = d[Key("b")]
        return [d[Key("a")], inner[Key("c"), 1], Key("b") in s, list(d)[0] is a]
    """,
    "keys that are their own": """
        n = float("nan")
        class Plain: pass
        p = Plain()
        d = {n: 1, p: 2, (1, "x"): 3, None: 4, True: 5, b"b": 6}
        await step()
        return [d[n], d[p], d[1, "x"], d[None], d[1], d[b"b"], n in [n]]
    """,
    "numbers": """
        xs = [1 << 70, -(1 << 500), 10 ** 5000 % 7, 0.1, -0.0, float("inf"), float("-inf"), 3 + 4j, True, None]
        big = 10 ** 5000
        await step()
        return [str(x) for x in xs] + [big == 10 ** 5000, big % 97]
    """,
    "text": r'''
        xs = ["\ud83d", "\ud83d\ude00", "😀", "a" * 500, "", "\x00\n\"", b"\x00\xff", bytearray(b"ab")]
        again = xs[3]
        await step()
        xs[7].append(1)
        return [ascii(x) for x in xs]
    ''',
    "dates": """
        from datetime import datetime, date, time, timedelta, timezone
        from zoneinfo import ZoneInfo
        xs = [datetime(2024, 3, 31, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")), date(2024, 1, 2), time(1, 2, 3, 4),
              timedelta(days=-1, microseconds=3), timezone.utc, timezone(timedelta(hours=2)), timezone(timedelta(0), "here")]
        await step()
        return [repr(x) for x in xs] + [xs[4] is timezone.utc]
    """,
    "numbers of the library": """
        from decimal import Decimal
        from fractions import Fraction
        from uuid import UUID, uuid4
        xs = [Decimal("1.50"), Decimal("-Infinity"), Decimal("NaN"), Fraction(1, 3), UUID(int=5), uuid4()]
        await step()
        return [repr(x) for x in xs] + [str(uuid4())]
    """,
    "collections": """
        from collections import deque, Counter, defaultdict, OrderedDict, ChainMap
        from types import SimpleNamespace
        q = deque([1, 2, 3], maxlen=3); c = Counter("abca"); d = defaultdict(list); o = OrderedDict(b=1, a=2)
        d["x"].append(1); o.move_to_end("b"); m = ChainMap({"a": 1}, o); s = SimpleNamespace(a=[1])
        await step()
        q.append(4); d["y"].append(2); c.update("a"); s.b = s.a
        return [list(q), c.most_common(1), dict(d), list(o.items()), m["b"], s.a is s.b, repr(s)]
    """,
    "a range too long to walk at once": """
        out = []
        for i in range(10 ** 12):
            out.append(await step(i))
            if i == 3:
                break
        return out
    """,
    "iterators": """
        a = iter([1, 2, 3]); b = enumerate("xyz", 5); c = zip([1, 2], (3, 4)); d = map(str, [1, 2]); e = reversed([1, 2, 3])
        f = filter(None, [0, 1, 2]); g = iter({"k": 1, "l": 2}.items()); h = iter(range(5)); i = iter({1, 2, 3}); j = iter("ab")
        for each in (a, b, c, d, e, f, g, h, i, j):
            next(each)
        pairs = zip({1: 2, 3: 4}, {5, 6})
        next(pairs)
        await step()
        return [list(each) for each in (a, b, c, d, e, f, g, h, i, j, pairs)]
    """,
    "an iterator and its list stay together": """
        xs = [1, 2]; it = iter(xs); next(it)
        await step()
        xs.append(3)
        return list(it)
    """,
    "ended iterators": """
        a = iter([1]); b = iter(()); c = iter("a"); d = iter({1: 2}); e = reversed([1]); f = iter(range(1)); g = (x for x in (1,))
        for each in (a, b, c, d, e, f, g):
            list(each)
        xs = [1]; h = iter(xs); list(h)
        await step()
        xs.append(2)
        return [list(each) for each in (a, b, c, d, e, f, g, h)]
    """,
    "itertools": """
        import itertools as it
        a = it.count(3, 2); b = it.cycle("ab"); c = it.accumulate([1, 2, 3]); d = it.chain([1], (2, 3)); e = it.islice(it.count(), 5)
        f, g = it.tee([1, 2, 3]); h = it.groupby("aabb"); i = it.product("ab", repeat=2); j = it.permutations("abc"); k = it.repeat(1, 3)
        for each in (a, b, c, d, e, f, i, j, k):
            next(each)
        key, group = next(h)
        next(group)
        await step()
        return [next(a), next(b), list(c), list(d), list(e), list(f), list(g), key, list(group), list(h)[0][0], list(i)[-1], len(list(j)), list(k)]
    """,
}  # fmt: skip


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_restored_after_each_event(name: str) -> None:
    both(textwrap.dedent(PROGRAMS[name]))
