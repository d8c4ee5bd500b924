"""Going on with the same program: exactly where it was, with what it was told."""

from __future__ import annotations

import pytest
from weft_workflows.ledger import NothingToResume

from tests.ledger.worlds import World, run


def test_the_step_that_ended_the_run_is_tried_again_and_nothing_else() -> None:
    world = World(broken={"read(c)": ValueError("no")})
    source = """
a = await read("a")
await put("b", 1)
c = await read("c")
return [a, c, await read("b")]
"""
    first = run(world, source)
    assert first.run is not None
    assert first.run.status == "failed"
    assert world.taken() == ["read(a)", "put(b, 1)", "read(c)"]
    world.broken.clear()
    second = run(world, source, record=first.ledger.resumed())
    assert second.result == [None, None, 1]
    assert world.taken() == ["read(c)", "read(b)"]
    assert second.run is not None
    assert second.run.reused == 2


CHANCE = """
import random, uuid, datetime
first = [str(uuid.uuid4()), random.random(), datetime.datetime.now().isoformat()]
await read("a")
await asyncio.sleep(3600)
second = [str(uuid.uuid4()), random.random(), datetime.datetime.now().isoformat()]
await read("b")
return [first, second, str(uuid.uuid4())]
"""


def test_ids_chance_and_dates_are_those_of_the_first_run() -> None:
    expected = run(World(), CHANCE).result
    world = World(broken={"read(b)": ValueError("no")})
    first = run(world, CHANCE)
    world.broken.clear()
    second = run(world, CHANCE, record=first.ledger.resumed(), seed=99)
    assert second.result == expected
    # The hour was slept through in the first run.
    assert second.run is not None
    assert second.run.elapsed < 10


def test_what_the_program_has_handled_stays_handled() -> None:
    world = World(broken={"read(a)": ValueError("a is not there"), "read(z)": ValueError("no")})
    source = """
try:
    found = await read("a")
except ValueError as error:
    found = str(error)
await put("found", found)
await read("z")
return found
"""
    first = run(world, source)
    world.taken()
    world.broken.clear()
    second = run(world, source, record=first.ledger.resumed())
    assert second.result == "a is not there"
    assert world.taken() == ["read(z)"]


RETRY = """
for attempt in range(3):
    try:
        return await read("a")
    except ValueError:
        if attempt == 2:
            raise
        await asyncio.sleep(60 * 2 ** attempt)
"""


def test_a_retry_loop_goes_on_at_its_last_attempt() -> None:
    world = World(broken={"read(a)": ValueError("no")}, values={"a": 5})
    first = run(world, RETRY)
    assert len(world.taken()) == 3
    world.broken.clear()
    second = run(world, RETRY, record=first.ledger.resumed())
    assert second.result == 5
    assert world.taken() == ["read(a)"]
    assert second.run is not None
    assert second.run.elapsed == 1


POLL = """
while (state := await read("state")) != "done":
    await asyncio.sleep(10)
return await read("answer")
"""


def test_a_poll_loop_goes_on_where_it_was() -> None:
    world = World(values={"state": "running"})
    first = run(world, POLL, kill_after=9)
    assert len(world.taken()) == 5
    world.values.update(state="done", answer=42)
    second = run(world, POLL, record=first.ledger.resumed())
    assert second.result == 42
    # The fifth one was under way.
    assert world.taken() == ["read(state)", "read(answer)"]


def test_an_ended_run_sleeps_only_what_is_left() -> None:
    source = "await read('a')\nawait asyncio.gather(asyncio.sleep(1000), slow())\nreturn 1\n"
    source = "async def slow():\n    await asyncio.sleep(400)\n    await read('b')\n" + source
    world = World()
    first = run(world, source, kill_after=3)
    second = run(world, source, record=first.ledger.resumed())
    assert second.result == 1
    assert second.run is not None
    assert round(second.run.elapsed) == 1000 + 1 - 402


def test_a_write_that_was_in_flight_is_not_repeated() -> None:
    source = "await read('a')\nawait put('b', 2)\nreturn await read('b')\n"
    world = World()
    first = run(world, source, kill_after=1)
    assert world.taken() == ["read(a)", "put(b, 2)"]
    second = run(world, source, record=first.ledger.resumed())
    assert second.run is not None
    assert second.run.error is not None
    assert "may or may not have been carried out" in second.run.error.message
    assert world.taken() == []


def test_reads_and_keyed_writes_in_flight_run_again() -> None:
    source = "return await asyncio.gather(read('a'), touch('b'))\n"
    world = World()
    first = run(world, source, kill_after=0)
    assert run(world, source, record=first.ledger.resumed()).result == [None, "touch b"]


def test_a_deadline_around_a_step_that_runs_anew_stands_still() -> None:
    source = """
async def long():
    for n in range(5):
        await read(n)
        await asyncio.sleep(100)

async def bounded():
    return await asyncio.wait_for(look("x"), 60)

found, _ = await asyncio.gather(bounded(), long(), return_exceptions=True)
if isinstance(found, Exception):
    raise found
return found
"""
    world = World(broken={"look(x)": ValueError("no")})
    first = run(world, source)
    assert first.run is not None
    assert first.run.status == "failed"
    assert len(world.taken()) == 6
    world = World(seconds=lambda text: 50.0)
    assert run(world, source, record=first.ledger.resumed()).result == "look x"
    assert world.taken() == ["look(x)"]


def test_a_cancelled_run_goes_on_as_before_its_cancelling() -> None:
    source = """
try:
    await put("a", 1)
    await put("b", 2)
    await look("b")
    return [await read("a"), await read("b")]
finally:
    await touch("end")
"""
    world = World()
    first = run(world, source, cancel_after=2)
    assert first.run is not None
    assert first.run.status == "cancelled"
    assert world.taken() == ["put(a, 1)", "put(b, 2)", "look(b)", "touch(end)"]
    second = run(world, source, record=first.ledger.resumed())
    assert second.result == [1, 2]
    # What cleaned up has done so.
    assert world.taken() == ["look(b)", "read(a)", "read(b)"]


def test_a_failure_told_in_other_words_is_tried_again() -> None:
    world = World(broken={"read(a)": ValueError("no")})
    source = """
try:
    return await read("a")
except ValueError as error:
    await put("log", str(error))
    raise RuntimeError("broken") from error
"""
    first = run(world, source)
    world.taken()
    world.broken.clear()
    second = run(world, source, record=first.ledger.resumed())
    assert second.run is not None
    assert second.run.status == "completed"
    assert world.taken() == ["read(a)"]


def test_all_failures_of_a_group_are_tried_again() -> None:
    world = World(broken={"read(a)": ValueError("no"), "read(b)": ValueError("no")}, values={"a": 1, "b": 2})
    source = """
async with asyncio.TaskGroup() as group:
    one = group.create_task(read("a"))
    two = group.create_task(read("b"))
return [one.result(), two.result()]
"""
    first = run(world, source)
    world.taken()
    world.broken.clear()
    assert run(world, source, record=first.ledger.resumed()).result == [1, 2]


def test_a_program_that_fails_by_itself_would_fail_again() -> None:
    first = run(World(), "await read('a')\nreturn 1 / 0\n")
    with pytest.raises(NothingToResume, match=r"line 2: ZeroDivisionError: .* It would fail again"):
        first.ledger.resumed()


def test_a_completed_run_has_nothing_to_resume() -> None:
    with pytest.raises(NothingToResume, match="completed"):
        run(World(), "return await read('a')\n").ledger.resumed()


def test_a_run_can_be_resumed_many_times() -> None:
    source = "total = 0\nfor n in range(12):\n    await read(n)\n    total += n\nreturn total\n"
    world = World()
    ended = run(world, source, kill_after=2)
    for kill_after in (4, 6, 9):
        ended = run(world, source, record=ended.ledger.resumed(), kill_after=kill_after)
    ended = run(world, source, record=ended.ledger.resumed())
    assert ended.result == 66
    finished_twice = [each for each in world.calls if world.calls.count(each) > 2]
    assert not finished_twice
    # Each kill leaves one step in flight, which runs again.
    assert len(world.calls) == 12 + 4


def test_a_fork_has_the_past_up_to_a_step() -> None:
    world = World(broken={"read(a)": ValueError("no")})
    source = """
import uuid
key = str(uuid.uuid4())
try:
    await read("a")
except ValueError:
    await asyncio.sleep(60)
await put("key", key)
await look("b")
return key
"""
    first = run(world, source)
    world.taken()
    record = first.ledger.forked("look", other_inputs=False)
    second = run(world, source, record=record)
    assert second.result == first.result
    assert world.taken() == ["look(b)"]
    with pytest.raises(KeyError):
        first.ledger.forked("no such step", other_inputs=False)


def test_a_fork_does_not_ask_for_what_the_old_run_has_in_flight() -> None:
    source = "return await asyncio.gather(put('a', 1), look('b'))\n"
    world = World()
    first = run(world, source, kill_after=0)
    world.taken()
    run(world, source, record=first.ledger.forked("gather/look[0]", other_inputs=False))
    assert world.taken() == ["put(a, 1)", "look(b)"]
