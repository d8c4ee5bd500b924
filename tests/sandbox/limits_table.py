"""Programs that a limit must stop, within two seconds and whatever they catch. Separated by blank lines."""

from __future__ import annotations

_TEXT = r"""
while True: pass

x = 0
while True: x += 1

def f():
    while True: pass
f()

for i in range(10**12): pass

sum(i for i in range(10**12))

[i for i in range(10**12)]

list(range(10**12))

L = list
L(range(10**12))

list(map(list, [range(10**11)]))

import itertools
max(itertools.count())

import itertools
list(itertools.repeat(1))

import itertools
for x in itertools.cycle([1]): pass

import itertools
sum(1 for _ in itertools.product(range(1000), repeat=5))

list(iter(int, 1))

l = [1]
for x in l: l.append(x)

l = [1]
[l.append(x) for x in l]

l = [1]
list(map(l.append, l))

l = [1]
for x in enumerate(l): l.append(x)

f = lambda n: f(n - 1) + f(n - 1) if n else 1
f(60)

def f(n): return f(n - 1) + f(n - 1) if n else 1
f(60)

class A:
    def __getitem__(self, i): return i
list(A())

class A:
    def __iter__(self): return self
    def __next__(self): return 1
sum(A())

"a" * 10**10

10**9 * "a"

[0] * 10**9

x = [0]
x *= 10**10

s = "a"
for i in range(60): s = s + s

s = "a"
for i in range(60): s += s

s = "a"
for i in range(60): s = f"{s}{s}"

s = "a"
for i in range(60): s = s * 2

s = ["a"]
for i in range(60): s = [*s, *s]

s = ["a"]
for i in range(60): s.extend(s)

s = ["a"]
for i in range(60): s[:0] = s

s = "a"
for i in range(60): s = s.replace("a", "aa")

s = "a"
for i in range(60): s = s.join(["a"] * 3 + [s])

s = "a"
for i in range(60): s = "%s%s" % (s, s)

s = "a"
for i in range(60): s = "{0}{0}".format(s)

d = {"k": "a"}
for i in range(60): d["k"] += d["k"]

x = 3
for i in range(60): x = x * x

x = 3
for i in range(60): x *= x

x = 3
for i in range(60): x **= 3

2 ** 10**10

1 << 10**10

pow(7, 10**8)

pow(10**4000, 10**8, 10**4000 + 1) if False else 2 ** (2 ** 40)

"a".ljust(10**10)

"1".zfill(10**10)

"{:>10000000000}".format(1)

f"{1:>10000000000}"

n = 10**10
f"{1:>{n}}"

"%10000000000d" % 1

"%*d" % (10**10, 1)

format(1, "10000000000d")

"a\tb".expandtabs(10**10)

bytes(10**10)

bytearray(10**10)

(1).to_bytes(10**10, "big")

import math
math.factorial(10**7)

import math
math.comb(10**7, 5 * 10**6)

import math
math.perm(10**7)

import math
math.prod(range(1, 10**7))

from decimal import Decimal
int(Decimal("1e30000000"))

from decimal import Decimal
import math
math.floor(Decimal("1e30000000"))

from fractions import Fraction
Fraction("1e100000000")

import random
random.choices([1], k=10**10)

import random
random.getrandbits(10**11)

import io
io.BytesIO().seek(10**12)

t = ()
for i in range(60): t = (t, t)
repr(t)

t = ()
for i in range(60): t = (t, t)
str(t)

t = ()
for i in range(60): t = [t, t]
print(t)

t = ()
for i in range(60): t = [t, t]
f"{t}"

import json
t = []
for i in range(60): t = [t, t]
json.dumps(t)

while True:
    try:
        while True: pass
    except: pass

while True:
    try:
        while True: pass
    except BaseException: continue

def f():
    try:
        while True: pass
    finally:
        return 1
while True: f()

class C:
    def __enter__(self): return self
    def __exit__(self, *a): return True
while True:
    with C():
        while True: pass

import contextlib
while True:
    with contextlib.suppress(BaseException):
        while True: pass

while True:
    try:
        while True: pass
    except* Exception: pass

def g():
    while True:
        try: yield
        except BaseException: pass
for x in g(): pass

l = list(range(10**6))
while True: 5.5 in l

l = list(range(10**6))
while True: sum(l)

l = list(range(10**6))
while True: l[:]

l = list(range(10**6))
while True: [*l]

l = list(range(10**6))
while True: l.index(-1) if False else l.count(1)

l = list(range(10**6))
while True: list(l)

l = list(range(10**6))
while True: sorted(l)

l = list(range(10**6))
while True: min(l)

import statistics
l = list(range(10**5))
while True: statistics.mean(l)

import operator
s = "a"
for i in range(60): s = operator.add(s, s)

import operator
operator.mul("a", 10**10)

import functools
functools.reduce(lambda a, b: a + a, range(60), "a")

import itertools
list(itertools.accumulate(["a"] * 60, lambda a, b: a + a))

while True: print("x" * 1000)

match 1:
    case int():
        while True: pass

x = [y for y in iter(lambda: 1, 2)]

any(False for _ in iter(int, 1))

a, *b = iter(int, 1)

print(*iter(int, 1))

{**{i: i for i in iter(int, 1)}}

dict.fromkeys(iter(int, 1))

set(iter(int, 1))

"".join(iter(str, 1))

from collections import deque
deque(iter(int, 1), maxlen=1)

from collections import Counter
Counter(iter(int, 1))

zip(*iter(list, 1))
"""

#: The programs, in order.
LIMITS: tuple[str, ...] = tuple(part.strip("\n") + "\n" for part in _TEXT.strip("\n").split("\n\n"))
