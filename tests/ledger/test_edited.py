"""Going on with another program: what it calls as the old one did is reused, what it reads is true."""

from __future__ import annotations

import json

from weft_workflows.machine.machine import Machine
from weft_workflows.rehearsal import CannotGoOn, Rehearsal, rehearse

from tests.ledger.worlds import Ended, World, compiled, run


def edit(world: World, ended: Ended, source: str, *rerun: str) -> Ended:
    """The run of a changed program."""
    world.taken()
    return run(world, source, record=ended.ledger.edited(rerun))


def rehearsed(ended: Ended, source: str, *rerun: str) -> Rehearsal:
    plan = compiled(source)
    effects = {each.name: each.effect for each in plan.tools}
    record, old = ended.ledger.edited(rerun), ended.ledger.outcomes()
    start = lambda message: Machine.start(message, lambda _: None)  # noqa: E731
    return rehearse(start, plan.canonical_json(), "{}", record, effects, old)


def texts(calls: list[object]) -> list[str]:
    return [f"{call.tool}({', '.join(map(str, json.loads(call.arguments).values()))})" for call in calls]  # type: ignore[attr-defined]


def test_a_read_after_another_write_is_read_anew() -> None:
    world = World(values={"state": "broken"})
    first = run(world, "seen = await read('state')\nawait put('state', 'mended')\nreturn seen\n")
    assert first.result == "broken"
    second = edit(world, first, "await put('state', 'mended')\nseen = await read('state')\nreturn seen\n")
    assert second.result == "mended"
    assert world.taken() == ["read(state)"]


def test_a_write_that_is_not_repeated_is_an_orphan() -> None:
    first = run(World(), "await clear()\nawait put('a', 'wrong')\nreturn await read('a')\n")
    found = rehearsed(first, "await clear()\nawait put('a', 'right')\nreturn await read('a')\n")
    assert texts(found.reused) == ["clear()"]
    assert texts(found.runs) == ["put(a, right)"]
    assert texts(found.orphans) == ["put(a, wrong)"]
    assert found.end is None


def test_a_write_that_comes_later_is_no_orphan() -> None:
    first = run(World(), "await put('a', 1)\nawait put('b', 2)\nreturn 1\n")
    found = rehearsed(first, "await put('a', 1)\nawait put('new', 0)\nawait put('b', 2)\nreturn 1\n")
    assert texts(found.runs) == ["put(new, 0)"]
    assert texts(found.orphans) == []


def test_a_program_that_needs_nothing_new_says_how_it_ends() -> None:
    first = run(World(values={"a": 2}), "a = await read('a')\nreturn a / 0\n")
    found = rehearsed(first, "a = await read('a')\nreturn a / 1\n")
    assert found.end is not None
    assert found.end.kind == "finish"
    assert (found.runs, found.orphans) == ([], [])


LONG = "total = 0\n" + "".join(f"total += await read('n{n}') or {n}\n" for n in range(200)) + "return total\n"


def test_one_changed_line_of_two_hundred_runs_one_step() -> None:
    world = World()
    first = run(world, LONG)
    second = edit(world, first, LONG.replace("read('n100')", "read('other')"))
    assert second.result == first.result
    assert world.taken() == ["read(other)"]


def test_what_follows_from_a_changed_result_runs_too() -> None:
    source = "a = await read('a')\nb = await read(f'b{a}')\nc = await read('c')\nreturn [a, b, c]\n"
    world = World(values={"a": 1, "x": 2})
    first = run(world, source)
    edit(world, first, source.replace("read('a')", "read('x')"))
    assert world.taken() == ["read(x)", "read(b2)"]


def test_calls_are_found_at_another_place() -> None:
    world = World()
    first = run(world, "await put('a', 1)\nreturn await read('b')\n")
    second = edit(
        world,
        first,
        "async def work():\n    await put(value=1, what='a')\n    return await read('b')\nreturn await work()\n",
    )
    assert world.taken() == []
    assert second.run is not None
    assert second.run.reused == 2


def test_as_many_results_as_there_are_are_reused() -> None:
    world = World()
    first = run(world, "for n in range(2):\n    await put('a', 1)\n")
    edit(world, first, "for n in range(3):\n    await put('a', 1)\n")
    assert world.taken() == ["put(a, 1)"]


def test_reads_beside_a_changed_write_are_reused_and_those_after_it_are_not() -> None:
    source = """
async def one(n):
    await read(f"before {n}")
    await put(f"w{n}", 1)
    return await read(f"after {n}")

await asyncio.gather(*[one(n) for n in range(4)])
return await read("end")
"""
    world = World()
    first = run(world, source)
    edit(world, first, source.replace('put(f"w{n}", 1)', 'put(f"w{n}", 1 if n != 2 else 5)'))
    assert world.taken() == ["put(w2, 5)", "read(after 2)", "read(end)"]


def test_a_read_in_one_branch_sees_the_writes_of_the_gather_before() -> None:
    source = """
await asyncio.gather(put("a", 1), put("b", 2))
return await asyncio.gather(read("a"), read("b"))
"""
    world = World()
    first = run(world, source)
    second = edit(world, first, source.replace('put("a", 1)', 'put("a", 7)'))
    assert second.result == [7, 2]
    assert world.taken() == ["put(a, 7)", "read(a)", "read(b)"]


def test_the_order_of_writes_counts() -> None:
    world = World()
    first = run(world, "await put('a', 1)\nawait clear()\nreturn await read('a')\n")
    edit(world, first, "await clear()\nawait put('a', 1)\nreturn await read('a')\n")
    # Both writes are found; what was read between other writes is not.
    assert world.taken() == ["read(a)"]


def test_a_failure_that_was_handled_is_tried_again() -> None:
    source = """
try:
    a = await read("a")
except ValueError:
    a = 0
b = await read("b")
return [a, b]
"""
    world = World(broken={"read(a)": ValueError("no")}, values={"a": 3, "b": 4})
    first = run(world, source)
    assert first.result == [0, 4]
    world.broken.clear()
    assert edit(world, first, source).result == [3, 4]
    assert world.taken() == ["read(a)"]


def test_rerun_forces_steps_by_tool_and_by_id() -> None:
    source = "a = await read('a')\nb = await look('b')\nawait put('c', 1)\nreturn await read('d')\n"
    world = World()
    first = run(world, source)
    edit(world, first, source, "look")
    assert world.taken() == ["look(b)"]
    edit(world, first, source, "put")
    # What is read after a write that runs again is read anew.
    assert world.taken() == ["put(c, 1)", "read(d)"]
    last = first.ledger.calls()[-1].step
    assert last != "read"
    edit(world, first, source, last)
    assert world.taken() == ["read(d)"]
    assert rehearsed(first, source, "put").orphans == []


def test_ids_and_dates_stay_those_of_the_first_run() -> None:
    source = """
import uuid, datetime
key = str(uuid.uuid4())
await put(key, datetime.datetime.now().isoformat())
await asyncio.sleep(3600)
stamp = datetime.datetime.now().isoformat()
await put("stamp", stamp)
return [key, stamp, await read("x")]
"""
    world = World()
    first = run(world, source)
    second = edit(world, first, source.replace('read("x")', 'read("y")'))
    assert world.taken() == ["read(y)"]
    assert second.result[:2] == first.result[:2]
    assert second.run is not None
    assert second.run.elapsed == 1


def test_sleeps_after_a_step_that_runs_anew_are_slept() -> None:
    source = """
job = await touch("job")
while await read(job) is None:
    await asyncio.sleep(10)
return await read(job)
"""
    world = World(values={})
    first = run(world, source, kill_after=5)
    world.values["touch other"] = None
    third = run(world, source.replace('"job"', '"other"'), record=first.ledger.edited(), kill_after=6)
    assert [each for each in world.taken() if "other" in each][:3] == [
        "touch(other)",
        "read(touch other)",
        "read(touch other)",
    ]
    assert third.ledger.until - first.ledger.until > 100_000 + 20


def test_a_write_in_flight_is_asked_for_wherever_it_is_called_again() -> None:
    world = World()
    first = run(world, "await read('a')\nawait put('b', 2)\nreturn 1\n", kill_after=1)
    found = rehearsed(first, "async def work():\n    await put('b', 2)\nawait read('a')\nawait work()\nreturn 2\n")
    assert texts(found.asks) == ["put(b, 2)"]
    assert texts(found.orphans) == []
    changed = rehearsed(first, "await read('a')\nawait put('b', 3)\nreturn 2\n")
    assert (texts(changed.runs), texts(changed.orphans)) == (["put(b, 3)"], ["put(b, 2)"])


def test_an_edit_can_be_taken_back() -> None:
    world = World()
    source = "await read('a')\nawait look('b')\nreturn await read('c')\n"
    first = run(world, source)
    second = edit(world, first, source.replace("look('b')", "look('other')"))
    assert world.taken() == ["look(other)"]
    second.ledger.older(second.left.unclaimed(), second.left.left_open())
    edit(world, second, source)
    assert world.taken() == []


def test_each_strand_is_known_up_to_its_first_missing_result() -> None:
    source = """
async def one(n):
    a = await read(f"a{n}")
    b = await look(f"b{n}")
    return await read(f"c{n}")

return await asyncio.gather(*[one(n) for n in range(3)])
"""
    first = run(World(), source)
    found = rehearsed(first, source.replace('look(f"b{n}")', 'look(f"b{n}" if n != 1 else "new")'))
    assert texts(found.runs) == ["look(new)"]
    assert len(found.reused) == 7


def test_a_rehearsal_that_cannot_go_on_says_what_it_knows() -> None:
    source = "a = await read('a')\nawait put('b', 1)\nreturn a\n"
    first = run(World(), source)
    plan = compiled(source)
    effects = {each.name: each.effect for each in plan.tools}

    class Tired:
        def __init__(self, machine: Machine) -> None:
            self._machine = machine

        def deliver(self, event: bytes) -> bytes:
            if b"read" in event:
                raise CannotGoOn("line 2 computes longer than a rehearsal may")
            return self._machine.deliver(event)

    def start(message: bytes) -> tuple[Tired, bytes]:
        machine, commands = Machine.start(message, lambda _: None)
        return Tired(machine), commands

    found = rehearse(start, plan.canonical_json(), "{}", first.ledger.edited(), effects, first.ledger.outcomes())
    assert found.broken_off == "line 2 computes longer than a rehearsal may"
    # Nobody has seen it repeated.
    assert texts(found.orphans) == ["put(b, 1)"]
