"""A program that nothing can wake ends, and says where each strand waits; one that something can wake goes on."""

from __future__ import annotations

import textwrap

import pytest
from weft_workflows.machine import protocol as p

from tests.machine.running import run

#: Programs and the lines where they wait for ever.
STUCK = {
    "an event": ("import asyncio\nawait asyncio.Event().wait()", [2]),
    "a queue that nobody fills": (
        """
        import asyncio

        async def worker(queue):
            while True:
                await step(await queue.get())

        async def main():
            queue = asyncio.Queue()
            asyncio.create_task(worker(queue))
            queue.put_nowait(1)
            await queue.join()

        await main()
        """,
        [5, 11],
    ),
    "two locks": (
        """
        import asyncio

        async def hold(first, second):
            async with first:
                await asyncio.sleep(1)
                async with second:
                    return "both"

        async def main():
            a, b = asyncio.Lock(), asyncio.Lock()
            await asyncio.gather(hold(a, b), hold(b, a))

        await main()
        """,
        [6, 11],
    ),
    "a task that does not let itself be cancelled": (
        """
        import asyncio

        async def stubborn():
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass

        asyncio.create_task(stubborn())
        await step(1)
        """,
        [6],
    ),
}


@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize("name", STUCK)
def test_the_lines_are_named(name: str, restored: bool) -> None:
    source, lines = STUCK[name]
    end = run(textwrap.dedent(source).lstrip("\n"), restored=restored)[-1]
    assert isinstance(end, p.Fail)
    word = "line" if len(lines) == 1 else "lines"
    text = f"the program waits for something that can no longer happen: {word} {', '.join(map(str, lines))}"
    assert (end.type, end.message) == ("Deadlock", text)
    assert end.line in lines
    shown = end.traceback.splitlines()
    assert shown[-1] == f"Deadlock: {text}"
    assert all(any(f'"plan.py", line {line}, in' in each for each in shown) for line in lines)


def test_a_program_that_waits_for_a_timer_goes_on() -> None:
    source = """
    import asyncio
    event = asyncio.Event()
    try:
        await asyncio.wait_for(event.wait(), 5)
    except TimeoutError:
        result = "woken"
    """
    assert isinstance(run(textwrap.dedent(source), restored=False)[-1], p.Finish)


def test_of_many_strands_some_are_shown() -> None:
    source = "import asyncio\nawait asyncio.gather(*[asyncio.Event().wait() for _ in range(30)])"
    end = run(source, restored=False)[-1]
    assert isinstance(end, p.Fail)
    assert "and 21 more" in end.traceback
