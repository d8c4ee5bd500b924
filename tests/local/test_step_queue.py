"""Which steps may start: windows of the run and of tools, in the order of the calls."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from weft_workflows.step_queue import StepQueue


@dataclass(eq=False)
class Waiting:
    id: str
    tool: str


def started(queue: StepQueue[Waiting]) -> list[Waiting]:
    found = []
    while (step := queue.first()) is not None:
        (taken,) = queue.take(step.tool, 1)
        assert taken is step
        queue.occupy(step.tool)
        found.append(step)
    return found


def test_the_oldest_that_has_room_goes_first() -> None:
    queue: StepQueue[Waiting] = StepQueue(4, {"a": 2})
    for n, tool in enumerate("aaabba"):
        queue.push(Waiting(str(n), tool))
    assert [step.id for step in started(queue)] == ["0", "1", "3", "4"]
    queue.vacate("b")
    assert started(queue) == []
    queue.vacate("a")
    assert [step.id for step in started(queue)] == ["2"]
    assert [step.id for step in queue] == ["5"]


def test_what_is_discarded_is_passed_over() -> None:
    queue: StepQueue[Waiting] = StepQueue(1, {})
    first, second = Waiting("1", "a"), Waiting("2", "a")
    queue.push(first)
    queue.push(second)
    queue.discard(first)
    queue.discard(first)
    assert len(queue) == 1
    assert started(queue) == [second]


def test_windows_hold_whatever_comes() -> None:
    chance = random.Random(7)
    queue: StepQueue[Waiting] = StepQueue(5, {"a": 2, "b": 9})
    out: list[Waiting] = []
    order: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    for n in range(2_000):
        queue.push(Waiting(str(n), chance.choice("abc")))
        for step in started(queue):
            out.append(step)
            order[step.tool].append(int(step.id))
        count = Counter(step.tool for step in out)
        assert len(out) <= 5
        assert count["a"] <= 2
        while out and chance.random() < 0.4:
            queue.vacate(out.pop(chance.randrange(len(out))).tool)
    assert all(ids == sorted(ids) for ids in order.values())
