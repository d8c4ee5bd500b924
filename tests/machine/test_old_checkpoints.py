"""Checkpoints that earlier versions wrote: each is restored and answers the recorded events as the writer did.

The files are never written again to make a test pass; `PROGRAMS` says what each holds, and after how many events.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from weft_compiler.plan import running_python
from weft_workflows.machine.machine import Machine

from tests.machine.running import ignore, remade

RECORDS = sorted((Path(__file__).parent / "checkpoints").glob("version-*.json"))
PROGRAMS = {
    "strands": (
        """\
async def two(x):
    first = await step(x)
    try:
        for extra in [1, 2]:
            second = await step(first + extra)
    finally:
        last = await step("cleaned " + str(second))
    return [first, second, last, "t" * 300]

async def grouped():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(two(x)) for x in range(10, 13)]
    return [task.result() for task in tasks]

async def by_and_by():
    order = []
    for each in asyncio.as_completed([step("c" * 200), two(30), step("d")], timeout=600):
        order.append(await each)
    return order

shared = {"name": "x" * 100}
done = asyncio.create_task(step(shared))
found = await asyncio.gather(step(shared), two(1), grouped(), by_and_by(), asyncio.wait_for(two(5), 60), asyncio.shield(done))
found.append(done.result() is found[5])
return found""",
        9,
    ),
    "waiters": (
        """\
lock, gate, room = asyncio.Lock(), asyncio.Event(), asyncio.Semaphore(2)
ready, work = asyncio.Condition(), asyncio.Queue(1)
log = []

async def locked(n):
    async with lock:
        log.append(("locked", n, await step(n)))

async def bounded(n):
    async with room:
        log.append(("room", n, await step(n)))
        await asyncio.sleep(n)

async def gated(n):
    await gate.wait()
    log.append(("gate", n))

async def conditional():
    async with ready:
        await ready.wait_for(lambda: len(log) > 3)
        log.append(("ready", len(log)))

async def producer():
    for n in range(4):
        await work.put(await step({"n": n}))
    await work.join()
    gate.set()
    async with ready:
        ready.notify_all()

async def consumer():
    while True:
        item = await work.get()
        log.append(("item", await step(item)))
        work.task_done()

consumers = [asyncio.create_task(consumer()) for _ in range(2)]
jobs = [locked(1), locked(2), locked(3), bounded(4), bounded(5), bounded(6), gated(7), gated(8), conditional(), producer()]
await asyncio.gather(*jobs)
for each in consumers:
    each.cancel()
ended = await asyncio.gather(*consumers, return_exceptions=True)
return [log, [type(each).__name__ for each in ended]]""",
        7,
    ),
}


@pytest.mark.parametrize("path", RECORDS, ids=[path.stem for path in RECORDS])
def test_an_old_checkpoint_goes_on_as_its_writer_did(path: Path) -> None:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    # A checkpoint is bound to its Python; the rest of it is the same in all of them.
    record["checkpoint"]["python"] = running_python()
    machine = Machine.restore(json.dumps(record["checkpoint"]).encode(), ignore)
    for event, commands in zip(record["events"], record["commands"], strict=True):
        machine = remade(machine)
        answers = json.loads(machine.deliver(json.dumps([event]).encode()))
        # What later versions say in addition is left out.
        told = [{name: answer[name] for name in each} for answer, each in zip(answers, commands, strict=True)]
        assert told == commands
    assert commands[-1]["kind"] == "finish"


def test_there_is_a_record_of_each_program() -> None:
    assert [path.stem.split("-", 2)[2] for path in RECORDS] == sorted(PROGRAMS)
