"""Short orchestrations that show much of the language, written to be disturbed; their tools are in `program_tools`.

Always holds: each program ends alike however often it is interrupted, and takes between one and four seconds.
"""

from __future__ import annotations

PROGRAMS = {
    "loops": """
        total = 0
        seen = []
        for i in range(4):
            j = 0
            while True:
                n = await fetch(f"k{i}{j}")
                total += n * (i + 1)
                j += 1
                if j > i % 3:
                    break
                print("inner", i, j)
            else:
                print("never")
            seen.append((i, total))
        else:
            print("done", total)
        return {"total": total, "seen": seen}
    """,
    "gathers": """
        names = await listing(9)
        first = await asyncio.gather(*[fetch(n + str(i)) for i, n in enumerate(names)])
        both = await asyncio.gather(refuse("a"), fetch("b"), refuse("c"), return_exceptions=True)
        pairs = await asyncio.gather(*map(fetch, ["x", "xx", "xxx"]))
        print([type(b).__name__ for b in both])
        return [first, [repr(b) for b in both], pairs]
    """,
    "tries": """
        trail = []

        async def risky(key):
            try:
                trail.append(await fetch(key))
                if len(key) > 3:
                    await refuse(key)
                return "fine"
            except LookupError as error:
                trail.append(error.args)
                await fetch("handler" + key)
                raise ValueError(key) from error
            finally:
                trail.append(await fetch("finally" + key))

        for key in ("ab", "abcd", "abc"):
            try:
                print(key, await risky(key))
            except ValueError as error:
                print("caught", error, type(error.__cause__).__name__)
            else:
                trail.append("else")
        return trail
    """,
    "timers": """
        import time

        began = time.time()
        out = []
        for i in range(3):
            await asyncio.sleep(0.3)
            out.append(await fetch(f"t{i}"))
        late = asyncio.create_task(asyncio.sleep(0.5, "late"))
        out.append(await fetch("between"))
        out.append(await late)
        print(time.time() - began >= 1.4)
        return out
    """,
    "deadlines": """
        out = []
        for seconds in (0.05, 30.0):
            try:
                out.append(await asyncio.wait_for(fetch(f"w{seconds}", seconds), timeout=300.0 if seconds < 1 else 1.0))
            except (asyncio.TimeoutError, TimeoutError):
                out.append("late")
                await fetch("afterwards")
        out.append(await fetch("end"))
        return out
    """,
    "tasks": """
        async def chain(name, n):
            total = 0
            for i in range(n):
                total += await fetch(f"{name}{i}")
            return name, total

        tasks = [asyncio.create_task(chain(c * 2, n)) for c, n in zip("abc", (3, 2, 4))]
        stray = asyncio.create_task(asyncio.sleep(3600))
        results = {}
        for task in reversed(tasks):
            name, total = await task
            results[name] = total
        stray.cancel()
        try:
            await stray
        except asyncio.CancelledError:
            print("cancelled", stray.cancelled())
        return results
    """,
    "nested": """
        async def outer(depth, acc=None, *rest, **named):
            acc = acc if acc is not None else []

            async def inner(k):
                nonlocal depth
                acc.append(await fetch("d" * k))
                depth -= 1
                return depth

            while depth > 0:
                left = await inner(depth)
                if left == 2:
                    acc.append(await outer(1, None, *rest, **named))
            return acc + list(rest) + sorted(named)

        def calls_on_the_spot(n):
            return fetch("s" * n)

        x = await outer(5, None, "r", flag=1)
        y = calls_on_the_spot(4)
        return [x, await y]
    """,
    "unawaited": """
        names = listing(4)
        total = 0
        for n in names:
            total += fetch(n)
        stored = put("total", total)
        print(f"stored: {stored}")
        if fetch("abc") > 2 and fetch("de") < 2:
            print("never")
        result = {"names": names, "total": total, "again": fetch(stored)}
    """,
    "sets": """
        import random
        import uuid

        random.seed(7)
        names = set(await listing(12)) | {"extra", "n0"}
        order = []
        counts = {}
        for name in names - {"n1x"}:
            counts[name] = await fetch(name)
            order.append(name)
        view = counts.keys() & {"extra", "n0", "n2xx", "zzz"}
        for name in view:
            order.append(name)
            await fetch("v" + name, 0.05)
        token = uuid.uuid4()
        picked = random.sample(sorted(counts), 3)
        await fetch(str(token)[:1])
        return {"order": order, "picked": picked, "hex": len(token.hex)}
    """,
    "closures": """
        from dataclasses import dataclass, field

        @dataclass
        class Ledger:
            rows: list = field(default_factory=list)

            async def add(self, key):
                self.rows.append((key, await fetch(key)))
                return self

        def counter():
            n = 0

            def step():
                nonlocal n
                n += 1
                return n

            return step

        tick = counter()
        one = Ledger()
        same = one
        stages = [one.add, same.add]
        for key in ("a", "bb", "ccc"):
            for stage in stages:
                await stage(f"{key}{tick()}")
        both = {"x": one, "y": same}
        await both["y"].add("last")
        return [one.rows, tick(), one is both["x"]]
    """,
    "payments": """
        report = []
        for key in ("p1", "p2", "p3"):
            await fetch("check" + key)
            try:
                report.append(await send(key))
            except ConnectionError as error:
                report.append("lost " + key)
            finally:
                await put("note" + key, len(report))
        return report
    """,
    "parallel_payments": """
        async def pay(key):
            before = await fetch(key)
            try:
                return await send(key)
            except OSError:
                return "lost " + key
            finally:
                print("over")

        return sorted(await asyncio.gather(*[pay(k) for k in ("a", "bb", "ccc")]))
    """,
    "groups": """
        limit = asyncio.Semaphore(2)
        queue = asyncio.Queue()
        sizes = {}

        async def measure(key):
            async with limit:
                sizes[key] = await fetch(key)

        async def worker():
            while (key := await queue.get()) is not None:
                await put(key, sizes[key])

        async with asyncio.TaskGroup() as group:
            for key in ("a", "bb", "ccc", "dddd"):
                group.create_task(measure(key))
        async with asyncio.TaskGroup() as group:
            group.create_task(worker())
            for key in sorted(sizes):
                await queue.put(key)
            await queue.put(None)
        return sorted(sizes.items())
    """,
    "generators": """
        async def pages(count):
            for page in range(count):
                names = await listing(page + 2)
                try:
                    yield page, names
                finally:
                    print("left", page)

        class Ledger:
            async def __aenter__(self):
                self.total = await fetch("opened")
                return self

            async def __aexit__(self, kind, error, trace):
                await put("closed", self.total)
                return kind is LookupError

        async with Ledger() as ledger:
            async for page, names in pages(3):
                for name in names[:2]:
                    ledger.total += await fetch(name + str(page))
            await refuse("last")
        return ledger.total
    """,
    "falls": """
        done = []
        try:
            for key in ("a", "b", "c"):
                done.append(await send(key))
                await fetch(key * 3)
            await refuse("d")
        except LookupError as error:
            await put("fallen", len(done))
            print("gives up after", done)
            raise RuntimeError(f"{len(done)} of 4 sent") from error
        finally:
            await fetch("finally")
    """,
    "retries": """
        async def stubborn(key, times):
            for attempt in range(1, times + 1):
                try:
                    await refuse(f"{key}{attempt}")
                except LookupError as error:
                    refused.append(error.args[0])
                    await asyncio.sleep(0.1 * attempt)
            return await send(key)

        refused = []
        sent = await asyncio.gather(stubborn("x", 2), stubborn("yy", 3))
        print(sorted(refused))
        return sent
    """,
}
