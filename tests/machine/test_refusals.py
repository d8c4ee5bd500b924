"""What cannot be kept is refused at the first step that it spans, in the program, whether or not a checkpoint is taken."""

from __future__ import annotations

import textwrap

import pytest
from weft_workflows.machine import protocol as p
from weft_workflows.machine.codec import Unstorable

from tests.machine.running import both, run, start

GENERATOR = (
    "holds a generator, which cannot be kept while the run waits; make it a list first: `list(…)` [unstorable-value]"
)

#: A generator that stays native: a `lambda` with a `yield` makes it.
_NATIVE = "class A:\n    rows = (lambda: (yield 1))()\n"

REFUSED = {
    "a global variable": (_NATIVE + "rows = A.rows\nawait step()", f"`rows` {GENERATOR}"),
    "a local variable": (
        _NATIVE + "async def f():\n    rows = A.rows\n    await step()\nawait f()",
        f"`rows` {GENERATOR}",
    ),
    "a captured variable": (
        _NATIVE + "async def f():\n    rows = A.rows\n    def g(): return rows\n    await step()\nawait f()",
        f"`rows` {GENERATOR}",
    ),
    "a loop's iterator": (
        _NATIVE + "for x in A.rows:\n    await step(x)",
        "the run " + GENERATOR,
    ),
    "an iterator inside an iterator": (
        _NATIVE + "for i, (x, y) in enumerate(zip(A.rows, [1])):\n    await step(x)",
        "the run " + GENERATOR,
    ),
    "while it sleeps": (_NATIVE + "import asyncio\nrows = A.rows\nawait asyncio.sleep(1)", f"`rows` {GENERATOR}"),
    "while it waits for others": (
        _NATIVE + "import asyncio\nasync def f():\n    await step()\nrows = A.rows\nawait asyncio.gather(f(), f())",
        f"`rows` {GENERATOR}",
    ),
    "a digest": (
        "import hashlib\nrows = hashlib.sha256()\nawait step()",
        "`rows` holds a Hash, which cannot be kept while the run waits; finish it first: keep its `.hexdigest()` [unstorable-value]",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_at_the_first_wait(name: str) -> None:
    source, message = REFUSED[name]
    commands = run(source, restored=False)
    assert [c for c in commands if isinstance(c, p.CallTool)] == [] or "gather" in source
    last = commands[-1]
    assert isinstance(last, p.Fail)
    assert (last.type, last.message) == ("TypeError", message)


def test_the_program_can_catch_it() -> None:
    source = """
        class A:
            rows = (lambda: (yield 1))()
        rows = A.rows
        try:
            await step()
        except TypeError as e:
            rows = list(rows)
        return await step(rows)
    """
    assert both(textwrap.dedent(source)) == [1]


def test_an_ended_generator_may_stay() -> None:
    assert both(_NATIVE + "rows = A.rows\na = list(rows)\nawait step()\nreturn [a, list(rows)]") == [[1], []]


def test_what_hides_deeper_is_found_by_the_checkpoint() -> None:
    machine, _ = start(_NATIVE + "held = {'rows': [A.rows]}\ndel A\nawait step()")
    with pytest.raises(Unstorable, match="`held` holds a generator, which cannot be kept"):
        machine.snapshot()
