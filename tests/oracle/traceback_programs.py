"""Programs that end with an error, or print one: what CPython and the machine say of where it came from must be the same.

`fail(kind)` raises a builtin exception of that name; `get(x)` gives back `x`.
"""

from __future__ import annotations

TOOLS = """
fail:
  parameters: kind, seconds=1
  delay: seconds
  raises: "{'ValueError': ValueError('bad value'), 'KeyError': KeyError('k'), 'OSError': OSError(2, 'gone')}[kind]"
get:
  parameters: x=None, seconds=1
  delay: seconds
  effect: read
  returns: x
"""

PROGRAMS: dict[str, str] = {
    "module": """
x = 1
y = x / 0
""",
    "a function": """
def divide(a, b):
    total = a + b
    return a / b

print(divide(4, 2))
divide(1, 0)
""",
    "a step fails at the top": """
a = await get(1)
await fail("ValueError")
""",
    "a step fails in an async function": """
async def load(name):
    value = await get(name)
    return await fail("KeyError")

async def main():
    return await load("a")

await main()
""",
    "under asyncio.run": """
import asyncio

async def load(name):
    return await fail("KeyError")

async def main():
    for name in ["a", "b"]:
        await load(name)

asyncio.run(main())
""",
    "a pure helper of an async function": """
def parse(row):
    return int(row["n"])

async def main():
    rows = await get([{"n": "1"}, {"n": "x"}])
    return [parse(row) for row in rows][0]

await main()
""",
    "a nested function": """
def outer():
    def inner(n):
        return 10 // n
    return inner(0)

await get(1)
outer()
""",
    "a nested async function": """
async def outer():
    async def inner(n):
        await get(n)
        return 10 // n
    return await inner(0)

await outer()
""",
    "methods": """
class Store:
    def __init__(self):
        self.rows = {}

    def find(self, key):
        return self.rows[key]

    async def load(self, key):
        await get(key)
        return self.find(key)

await Store().load("missing")
""",
    "a property and a special method": """
class Money:
    def __init__(self, n):
        self.n = n

    @property
    def half(self):
        return self.n / 0

    def __add__(self, other):
        return self.half + other.half

await get(1)
Money(1) + Money(2)
""",
    "static and class methods": """
class Tools:
    @staticmethod
    def check(x):
        assert x > 0, "too small"

    @classmethod
    def of(cls, x):
        cls.check(x)
        return cls()

Tools.of(await get(-1))
""",
    "a lambda": """
pick = lambda row: row["missing"]
rows = await get([{"a": 1}])
sorted(rows, key=pick)
""",
    "a generator": """
def numbers():
    yield 1
    raise ValueError("no more")

await get(1)
for n in numbers():
    print(n)
""",
    "a generator that a step interrupts": """
def numbers():
    yield 1
    raise ValueError("no more")

for n in numbers():
    await get(n)
""",
    "generators in generators": """
def inner():
    yield 1
    yield 1 / 0

def outer():
    yield from inner()

for n in outer():
    await get(n)
""",
    "a generator expression": """
rows = await get([1, 0])
total = sum(1 / row for row in rows)
""",
    "an async generator": """
async def pages():
    for n in range(3):
        yield await get(n)
        if n:
            raise RuntimeError(f"page {n}")

async def main():
    async for page in pages():
        print(page)

await main()
""",
    "a class body": """
await get(1)

class Settings:
    limit = 3
    share = limit / 0
""",
    "a decorator": """
import functools

def checked(f):
    @functools.wraps(f)
    def wrapper(*args):
        if not args:
            raise TypeError("no arguments")
        return f(*args)
    return wrapper

@checked
def work(*args):
    return args[5]

print(work(1, 2, 3, 4, 5, 6))
await get(1)
work(1)
""",
    "a decorator that raises": """
def broken(f):
    raise RuntimeError("not this one")

await get(1)

@broken
def work():
    pass
""",
    "an async decorator": """
def retried(f):
    async def wrapper(*args):
        try:
            return await f(*args)
        except ValueError as e:
            raise RuntimeError("gave up") from e
    return wrapper

@retried
async def load(kind):
    return await fail(kind)

await load("ValueError")
""",
    "recursion": """
def down(n):
    return 1 / n if n == 0 else down(n - 1)

await get(1)
down(6)
""",
    "async recursion": """
async def down(n):
    if n == 0:
        await fail("ValueError")
    await down(n - 1)

await down(5)
""",
    "mutual recursion": """
def even(n):
    return odd(n - 1)

def odd(n):
    return even(n - 1) if n else {}["end"]

even(7)
""",
    "raise from": """
async def load():
    try:
        await fail("KeyError")
    except KeyError as e:
        raise RuntimeError("cannot load") from e

await load()
""",
    "raise from None": """
try:
    await fail("KeyError")
except KeyError:
    raise RuntimeError("cannot load") from None
""",
    "raised while handling": """
def clean(error):
    return {}[str(error)]

try:
    await fail("ValueError")
except ValueError as e:
    clean(e)
""",
    "a chain of three": """
def a():
    return int("x")

def b():
    try:
        a()
    except ValueError as e:
        raise KeyError("b") from e

async def c():
    try:
        b()
    except KeyError:
        await get(1)
        raise RuntimeError("c")

await c()
""",
    "raised again": """
def check(x):
    if not x:
        raise ValueError("empty")

async def main():
    try:
        check(await get(0))
    except ValueError:
        await get("log")
        raise

await main()
""",
    "raised again by name": """
async def main():
    try:
        await fail("ValueError")
    except ValueError as e:
        await get("log")
        raise e

await main()
""",
    "raised again by a helper": """
def again():
    raise

async def main():
    try:
        await fail("ValueError")
    except ValueError:
        again()

await main()
""",
    "raised again natively": """
def work():
    try:
        int("x")
    except ValueError:
        print("seen")
        raise

await get(1)
work()
""",
    "a finally in between": """
async def main():
    try:
        await fail("ValueError")
    finally:
        await get("clean")
        print("cleaned")

await main()
""",
    "an error in a finally": """
async def main():
    try:
        await fail("ValueError")
    finally:
        await get("clean")
        {}["k"]

await main()
""",
    "the type after except": """
try:
    await fail("ValueError")
except {}["Error"]:
    pass
""",
    "with": """
class Session:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        print(kind.__name__, trace.tb_lineno)

    def use(self):
        raise RuntimeError("closed")

with Session() as s:
    await get(1)
    s.use()
""",
    "an exit that raises": """
class Session:
    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        await get("closing")
        raise OSError("cannot close")

async def main():
    async with Session():
        await fail("ValueError")

await main()
""",
    "an enter that raises": """
class Session:
    def __enter__(self):
        raise OSError("cannot open")

    def __exit__(self, *args):
        return False

with Session():
    await get(1)
""",
    "contextmanager": """
import contextlib

@contextlib.contextmanager
def section(name):
    print("in", name)
    try:
        yield name
    finally:
        print("out", name)

await get(1)
with section("a"):
    int("x")
""",
    "a branch of a gather": """
import asyncio

async def work(n):
    await get(n)
    return 1 / n

async def main():
    return await asyncio.gather(work(1), work(0))

await main()
""",
    "a tool in a gather": """
import asyncio
await asyncio.gather(get(1), fail("ValueError", 2))
""",
    "gather that returns exceptions": """
import asyncio, traceback

async def work(n):
    await get(n)
    return 1 / n

for each in await asyncio.gather(work(1), work(0), return_exceptions=True):
    if isinstance(each, Exception):
        traceback.print_exception(each)
        raise each
""",
    "a task awaited later": """
import asyncio

async def work(n):
    await get(n)
    return 1 / n

async def main():
    task = asyncio.create_task(work(0))
    await get("meanwhile", 3)
    return await task

await main()
""",
    "a task awaited twice": """
import asyncio

async def work():
    await fail("ValueError")

async def main():
    task = asyncio.create_task(work())
    try:
        await task
    except ValueError:
        print("once")
    await task

await main()
""",
    "the result of a task": """
import asyncio

async def work():
    await fail("ValueError")

async def main():
    task = asyncio.create_task(work())
    await asyncio.wait([task])
    return task.result()

await main()
""",
    "an exception group": """
import asyncio

async def work(n):
    await get(n, n + 1)
    raise ValueError(n)

async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(work(0))
        group.create_task(fail("KeyError", 1))

await main()
""",
    "except star": """
def broken():
    raise ExceptionGroup("many", [ValueError(1), TypeError("t")])

await get(1)
try:
    broken()
except* ValueError as group:
    print("caught", group.exceptions)
""",
    "nested groups with notes": """
def make(kind, text):
    try:
        raise kind(text)
    except kind as e:
        e.add_note(f"note on {text}")
        return e

await get(1)
inner = ExceptionGroup("inner", [make(KeyError, "a"), make(OSError, "b")])
raise ExceptionGroup("outer", [inner, make(ValueError, "c\\nd")])
""",
    "wait_for": """
import asyncio

async def main():
    return await asyncio.wait_for(get(1, 9), timeout=2)

try:
    await main()
except TimeoutError:
    raise RuntimeError("too slow") from None
""",
    "an error inside wait_for": """
import asyncio

async def work():
    await fail("ValueError")

await asyncio.wait_for(work(), 5)
""",
    "an error under timeout": """
import asyncio

async def main():
    async with asyncio.timeout(5):
        await fail("ValueError")

await main()
""",
    "as_completed": """
import asyncio

async def work(n):
    await get(n, 3 - n)
    return 10 // n

async def main():
    for each in asyncio.as_completed([work(1), work(0)]):
        print(await each)

await main()
""",
    "notes": """
try:
    await fail("ValueError")
except ValueError as e:
    e.add_note("while loading")
    e.add_note("twice")
    raise
""",
    "an exception class of its own": """
class AppError(Exception):
    def __init__(self, code, detail):
        super().__init__(f"{code}: {detail}")
        self.code = code

class Gone(AppError):
    pass

async def main():
    await get(1)
    raise Gone(404, "no such page")

await main()
""",
    "a class inside a function": """
def make():
    class Local(Exception):
        pass
    return Local

raise make()("here")
""",
    "str fails": """
class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no text")

await get(1)
raise Silent
""",
    "a comprehension of steps": """
names = [await get(n) for n in ["1", "x"]]
numbers = [int(n) for n in names]
""",
    "many lines": """
async def main():
    value = await get(
        {
            "a": 1,
        },
    )
    return dict(
        a=value["a"],
        b=value[
            "missing"
        ],
    )

await main()
""",
    "a step over many lines": """
async def main():
    result = (
        await fail(
            "ValueError",
            2,
        )
    )
    return result

await main()
""",
    "an if and a while": """
async def main():
    n = 3
    while True:
        if await get(n) < 10 // n:
            print(n)
        n -= 1

await main()
""",
    "a condition that fails": """
rows = await get([])
if rows[0] and await get(1):
    print("no")
""",
    "match": """
def kind(value):
    match value:
        case {"n": n}:
            return 1 / n
        case _:
            return None

kind(await get({"n": 0}))
""",
    "wrong arguments": """
def area(width, height):
    return width * height

await get(1)
area(3)
""",
    "wrong arguments of an async function": """
async def area(width, height):
    return await get(width * height)

await area(*[3])
""",
    "not callable": """
async def main():
    value = await get({"a": 1})
    return value["a"]()

await main()
""",
    "iteration of what has no elements": """
async def main():
    for row in await get(5):
        print(row)

await main()
""",
    "unpacking": """
async def main():
    a, b = await get([1, 2, 3])

await main()
""",
    "the same line twice": """
async def twice(n):
    return [await get(n), await fail("ValueError" if n else "KeyError")]

async def main():
    try:
        await twice(0)
    except KeyError: await twice(1)

await main()
""",
    "cancelled": """
import asyncio

async def work():
    await get(1, 10)

async def main():
    task = asyncio.create_task(work())
    await get(2)
    task.cancel()
    await task

await main()
""",
    "json": """
import json

def read(text):
    return json.loads(text)

read(await get("{1"))
""",
    "sys.exit with a text": """
import sys
await get(1)
sys.exit("stopped")
""",
    "print_exc": """
import traceback

def check(x):
    return 1 / x

async def main():
    for n in [1, 0]:
        try:
            print(check(await get(n)))
        except ZeroDivisionError:
            traceback.print_exc()

await main()
""",
    "format_exc in pure code": """
import traceback

def check(x):
    return 1 / x

def safe(x):
    try:
        return check(x)
    except ZeroDivisionError:
        return traceback.format_exc()

print(safe(0))
""",
    "format_exception in its forms": """
import traceback

try:
    await fail("ValueError")
except ValueError as e:
    error = e
await get(1)
print("".join(traceback.format_exception(error)))
print("".join(traceback.format_exception(type(error), error, error.__traceback__)))
print("".join(traceback.format_exception(type(error), error, None)))
print(traceback.format_exception_only(error), traceback.format_exception_only(type(error), error))
print(traceback.format_tb(error.__traceback__), traceback.format_exception(ValueError("unraised")))
print(error.__traceback__.tb_lineno, error.__traceback__ is error.__traceback__)
""",
    "limits and chains": """
import traceback

def down(n):
    if n == 0:
        raise KeyError("bottom")
    down(n - 1)

def outer():
    try:
        down(3)
    except KeyError:
        int("x")

try:
    outer()
except ValueError as e:
    print(traceback.format_exc(limit=1))
    print(traceback.format_exc(limit=-1))
    print(traceback.format_exc(chain=False))
    print(traceback.format_tb(e.__context__.__traceback__, limit=2))
    traceback.print_tb(e.__traceback__)
""",
    "extract_tb": """
import traceback

async def main():
    return await fail("ValueError")

try:
    await main()
except ValueError as e:
    await get(1)
    for place in traceback.extract_tb(e.__traceback__):
        print(place.name, place.lineno, place.line)
        file, line, name, text = place
        print(line, name, text)
    last = traceback.extract_tb(e.__traceback__)[-1]
    print(last.lineno, traceback.format_list(traceback.extract_tb(e.__traceback__)))
""",
    "TracebackException": """
import traceback

try:
    try:
        await fail("KeyError")
    except KeyError as e:
        raise ValueError("outer") from e
except ValueError as e:
    te = traceback.TracebackException.from_exception(e)
    print("".join(te.format()), str(te), list(te.format_exception_only()))
    print([each.name for each in te.stack])
    print("".join(traceback.TracebackException(type(e), e, e.__traceback__).format(chain=False)))
""",
    "with_traceback": """
def work():
    return 1 / 0

try:
    work()
except ZeroDivisionError as e:
    await get(1)
    raise RuntimeError("again").with_traceback(e.__traceback__) from None
""",
    "without its traceback": """
def work():
    return 1 / 0

try:
    work()
except ZeroDivisionError as e:
    await get(1)
    raise e.with_traceback(None)
""",
    "sys.exc_info": """
import sys, traceback

try:
    await fail("ValueError")
except ValueError:
    kind, error, trace = sys.exc_info()
    await get(1)
    print(kind.__name__, error, trace.tb_lineno)
    traceback.print_exception(kind, error, trace)
print(sys.exc_info())
""",
    "logging.exception": """
import logging

logging.basicConfig(force=True)
log = logging.getLogger("plan")
try:
    await fail("ValueError")
except ValueError as e:
    log.exception("failed %s", "here")
    log.error("again", exc_info=e)
    kept = e
log.warning("later", exc_info=(type(kept), kept, kept.__traceback__))
""",
    "printed to a stream": """
import io, traceback

stream = io.StringIO()
try:
    await fail("ValueError")
except ValueError:
    traceback.print_exc(file=stream)
print(stream.getvalue().upper())
""",
    "an error kept in a list": """
import traceback

errors = []

def check(n):
    if n % 2:
        raise ValueError(n)

for n in range(4):
    try:
        check(n)
    except ValueError as e:
        errors.append((n, e))
await get(1)
for n, e in errors:
    print(n, "".join(traceback.format_exception(e)))
raise ExceptionGroup("odd", [e for _, e in errors])
""",
    "raised where it was made elsewhere": """
def make():
    return ValueError("made early")

error = make()
await get(1)

def throw(e):
    raise e

try:
    throw(error)
except ValueError:
    pass
throw(error)
""",
    "asynccontextmanager": """
from contextlib import asynccontextmanager

@asynccontextmanager
async def lease(name):
    await get(name)
    try:
        yield name
    finally:
        await get("release")

async def work():
    async with lease("a"):
        await fail("ValueError")

await work()
""",
    "a manager that translates": """
from contextlib import asynccontextmanager, contextmanager

@contextmanager
def translating():
    try:
        yield
    except ValueError as e:
        raise RuntimeError("translated") from e

@asynccontextmanager
async def passing():
    yield await get(1)

async with passing():
    with translating():
        await fail("ValueError")
""",
    "exits of a stack": """
from contextlib import AsyncExitStack, ExitStack

async def leave(kind, error, trace):
    await get(1)
    return False

def broken(kind, error, trace):
    raise TypeError("exit")

async with AsyncExitStack() as stack:
    stack.push_async_exit(leave)
    with ExitStack() as inner:
        inner.push(broken)
        await fail("KeyError")
""",
    "what an exit is told": """
import traceback

class M:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        print(traceback.format_tb(trace))
        traceback.print_exception(kind, error, trace)

class A:
    async def __aenter__(self):
        return await get(1)

    async def __aexit__(self, kind, error, trace):
        await get(1)
        print(traceback.format_tb(trace), trace is error.__traceback__)

async def work():
    async with A():
        with M():
            await fail("ValueError")

await work()
""",
    "the rest of except*": """
async def work():
    try:
        await get(1)
        raise ExceptionGroup("several", [ValueError(1), KeyError("k")])
    except* ValueError:
        await get(2)

await work()
""",
    "handlers of except* raise": """
try:
    await get(1)
    raise ExceptionGroup("several", [ValueError(1), KeyError("k"), TypeError("t")])
except* ValueError as group:
    await get(2)
    raise LookupError("new") from group
except* KeyError:
    await get(3)
    raise
""",
}
