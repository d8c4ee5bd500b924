"""A program of forty steps that has every kind of block around a step, and a short one of ten.

Always holds: which steps there are does not depend on time; `send` is the only plain write among them.
"""

from __future__ import annotations

from benchmarks.disturbing.workload import program

_FORTY = """
class Account:
    def __init__(self, name):
        self.name = name
        self.rows = []

    async def __aenter__(self):
        self.rows.append(await fetch(self.name + "-open"))
        return self

    async def __aexit__(self, kind, error, trace):
        self.rows.append(await put(self.name + "-closed", len(self.rows)))
        return kind is LookupError


async def attempt(key, falls):
    try:
        size = await fetch(key)
        if falls:
            await refuse(key)
        return size
    except LookupError as error:
        return await put(key + "-handled", error.args[1])
    finally:
        await fetch(key + "-finally")


async def chain(name, length):
    total = 0
    for number in range(length):
        total += await fetch(f"{name}{number}")
    return await send(f"{name}-{total}")


out = []
# Loops in loops: 2 * (1 + 2 * 2 + 1) = 12 steps
for i in range(2):
    out.append(await fetch("o" * (i + 1)))
    for j in range(2):
        out.append(await fetch(f"i{i}{j}"))
        out.append(await put(f"p{i}{j}", len(out)))
    out.append(await send(f"s{i}"))
    print("outer", i, len(out))
# Handlers and finally blocks: 3 + 2 + 4 = 8 steps (falls: fetch, refuse, put, fetch)
out.append(await attempt("aa", True))
out.append(await attempt("bbb", False))
try:
    out.append(await attempt("c", False))
    await refuse("outside")
except LookupError as error:
    out.append(str(error))
# Side by side: 3 * (2 + 1) + 1 = 10 steps
out.append(sorted(await asyncio.gather(*[chain(c, 2) for c in "xyz"])))
both = await asyncio.gather(refuse("r"), return_exceptions=True)
out.append(type(both[0]).__name__)
print("joined", len(out))
# A manager that swallows: 1 + 3 + 1 + 1 + 1 = 7 steps
async with Account("acc") as account:
    for key in ("k1", "k2"):
        account.rows.append(await send(key))
    await refuse("within")
out.append(account.rows)
while len(out) < 23:
    out.append(await fetch("w" * len(out)))
print("done", len(out))
return out
"""

_TEN = """
out = []
for i in range(2):
    try:
        out.append(await fetch("a" * (i + 1)))
        if i:
            await refuse("b")
    except LookupError:
        out.append(await send("c"))
    finally:
        out.append(await put(f"d{i}", len(out)))
out += await asyncio.gather(*[fetch(c) for c in "xyz"])
return out + [await send("last")]
"""

BOUNDARIES = {"forty": program("forty", _FORTY), "ten": program("ten", _TEN)}
