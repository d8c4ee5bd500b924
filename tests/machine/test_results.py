"""Results that nobody has taken: they leave checkpoints for blocks, and are the same objects for all who take them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from weft_workflows.machine import protocol as p
from weft_workflows.machine import results
from weft_workflows.machine.json_values import to_json
from weft_workflows.machine.machine import Machine
from weft_workflows.machine.results import Block, Unread, fuel_to_read
from weft_workflows.machine.snapshots import DamagedSnapshot, Parts, parts_of, snapshot_of

from tests.machine.running import ignore, remade, start

WIDE = "found = await asyncio.gather(*[step(i) for i in range(40)])\nreturn found"


def row(number: int) -> dict[str, Any]:
    """A result of about 3 kB that no compression makes small."""
    return {"n": number, "text": random.Random(number).randbytes(1500).hex()}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "BLOCK_BYTES", 15_000)


class Answering:
    """A machine whose steps are answered with `row` of their argument."""

    def __init__(self, source: str) -> None:
        self.machine, commands = start(source)
        self.waiting = [each for each in commands if isinstance(each, p.CallTool)]
        self.end: p.Command | None = None

    def answer(self, count: int = 1, take: Callable[[list[p.CallTool]], int] = lambda _waiting: 0) -> None:
        for _ in range(count):
            call = self.waiting.pop(take(self.waiting))
            event = p.StepSucceeded(call.step, to_json(row(json.loads(call.arguments)["x"])), 1e9)
            commands = p.from_bytes(self.machine.deliver(p.to_bytes([event])))
            self.waiting += [each for each in commands if isinstance(each, p.CallTool)]
            self.end = next((each for each in commands if isinstance(each, p.Finish | p.Fail)), None)

    @property
    def result(self) -> Any:
        assert isinstance(self.end, p.Finish), self.end
        return json.loads(self.end.result)


def test_blocks_stay_as_they_are_while_results_arrive() -> None:
    run = Answering(WIDE)
    earlier: list[bytes] = []
    for _ in range(4):
        run.answer(9)
        checkpoint, *blocks = parts_of(run.machine.snapshot())
        assert blocks[: len(earlier)] == earlier
        assert len(blocks) > len(earlier)
        # What does not fill a block stands in the checkpoint.
        assert len(checkpoint) < 15_000 + 10_000
        earlier = blocks
        run.machine = remade(run.machine)
    run.answer(4)
    assert run.result == [row(number) for number in range(40)]


def test_blocks_hold_results_that_arrive_in_any_order() -> None:
    run = Answering(WIDE)
    chance = random.Random(5)
    known: set[bytes] = set()
    while run.waiting:
        run.answer(min(7, len(run.waiting)), lambda waiting: chance.randrange(len(waiting)))
        blocks = set(parts_of(run.machine.snapshot())[1:])
        assert known <= blocks or not run.waiting
        known = blocks
        run.machine = remade(run.machine)
    assert run.result == [row(number) for number in range(40)]


def test_blocks_of_the_same_texts_are_one() -> None:
    source = "return len({row['text'] for row in await asyncio.gather(*[step(7) for i in range(40)])})"
    run = Answering(source)
    for _ in range(3):
        run.answer(13)
        run.machine = remade(run.machine)
    assert len(parts_of(run.machine.snapshot())) == 2
    run.answer()
    assert run.result == 1


def test_a_block_goes_when_its_results_are_taken() -> None:
    source = """\
tasks = [asyncio.create_task(step(i)) for i in range(30)]
await asyncio.wait(tasks)
for number in range(30):
    row = (tasks.pop(0)).result()
    del row
    await step(100 + number)
"""
    run = Answering(source)
    run.answer(30)
    before = len(parts_of(run.machine.snapshot()))
    assert before > 5
    sizes = []
    for _ in range(29):
        run.answer()
        sizes.append(sum(map(len, parts_of(remade(run.machine).snapshot()))))
    assert sizes == sorted(sizes, reverse=True)
    assert len(parts_of(run.machine.snapshot())) == 1


def test_results_of_blocks_that_hardly_anybody_wants_are_put_together() -> None:
    source = """\
tasks = [asyncio.create_task(step(i)) for i in range(40)]
await asyncio.wait(tasks)
rows = [task.result()["n"] for task in tasks if int(task.get_name()[5:]) % 5]
kept, tasks = [task for task in tasks if not int(task.get_name()[5:]) % 5], None
await step(100)
return [task.result() for task in kept]
"""
    run = Answering(source)
    run.answer(39)
    assert len(parts_of(run.machine.snapshot())) == 8
    run.answer()
    assert len(parts_of(run.machine.snapshot())) == 2
    run.machine = remade(run.machine)
    run.answer()
    assert run.result == [row(number) for number in range(40) if (number + 2) % 5 == 0]


@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize(
    "expression",
    [
        "await task",
        "task.result()",
        "(await asyncio.gather(task))[0]",
        "(await asyncio.gather(task, return_exceptions=True))[0]",
        "await asyncio.shield(task)",
        "await asyncio.wait_for(task, 5)",
        "[each.result() for each in (await asyncio.wait([task]))[0]][0]",
        "await next(iter(asyncio.as_completed([task])))",
        "await asyncio.create_task(handed(task))",
        "taken[0]",
    ],
)
def test_everybody_gets_the_same_object(expression: str, restored: bool) -> None:
    source = f"""\
async def handed(task):
    return await task

taken = []
task = asyncio.create_task(asyncio.wait_for(step(1), 60))
outer = asyncio.shield(task)
task.add_done_callback(lambda done: taken.append(done.result()))
other = await step(2)
first = {expression}
second = await outer
third = await task
first["changed"] = True
return [first is second, second is third, third is task.result(), third["changed"], third["n"], other["n"]]
"""
    run = Answering(source)
    # The main strand waits for the second one.
    for place in (1, 0):
        run.answer(take=lambda _waiting, place=place: place)
        if restored:
            run.machine = remade(run.machine)
    assert run.result == [True, True, True, True, 1, 2]


def test_a_result_is_read_when_the_program_takes_it() -> None:
    run = Answering("task = asyncio.create_task(step(1))\nawait step(2)\nawait step(3)\nreturn (await task)['n']")
    run.answer()
    run.answer()
    (task,) = (each for each in [run.machine._program.namespace["task"]])
    assert type(task.value) is Unread
    assert not task.value.is_read
    run.answer()
    assert run.result == 1
    assert type(task.value) is dict or task.value.is_read


def test_texts_of_a_block_come_back() -> None:
    texts = ["", "a", "é" * 7, "\ud800", "x" * 1000]
    block = Block.of(texts)
    assert [block.text(index) for index in range(5)] == texts
    block.close()
    assert block.text(3) == texts[3]
    assert block.lengths == (0, 1, 14, 3, 1000)


def test_the_size_of_a_result_is_the_same_inside_and_outside_of_a_block() -> None:
    """Fuel depends on it, and where a text is depends on when a snapshot was taken."""
    texts = ['"' + "é" * 300 + '"', '"' + "x" * 300 + '"', '"\ud800"']
    assert tuple(Unread(text).size for text in texts) == Block.of(texts).lengths


def test_reading_very_much_at_once_costs_fuel() -> None:
    unread = [Unread('"' + "x" * 10_000_000 + '"') for _ in range(6)]
    assert fuel_to_read([*unread[:5], 1, "text", None]) == 0
    assert fuel_to_read(unread) == (60_000_012 - 50_000_000) // 100
    for each in unread:
        each.read()
    assert fuel_to_read(unread) == 0


def test_a_reader_that_has_blocks_gets_their_names() -> None:
    run = Answering(WIDE)
    run.answer(20)
    first = Parts.of(parts_of(run.machine.snapshot()))
    run.answer(10)
    whole = run.machine.snapshot()
    short = run.machine.snapshot(first.names)
    assert len(short) < len(whole) - sum(map(len, first.blocks.values())) + 1000
    assert first.next(short).packed() == whole
    with pytest.raises(DamagedSnapshot):
        Parts(b"{}", {}).next(short)


def test_blocks_that_are_not_the_checkpoints_own_are_refused() -> None:
    run = Answering(WIDE)
    run.answer(20)
    checkpoint, *blocks = parts_of(run.machine.snapshot())
    for wrong in (blocks[1:], blocks[::-1], [*blocks[:-1], b"other"]):
        with pytest.raises(DamagedSnapshot):
            Machine.restore(snapshot_of([checkpoint, *wrong]), ignore)
