"""Which deadlines stand around a step.

A deadline is around a step if the waiting that it would end is, directly or through others, a waiting for that step:

    async with timeout(60):                     the deadline of 60 s is around `get` and around `put`,
        async with TaskGroup() as group:        that of 5 s is around `put` alone
            group.create_task(get())
            async with timeout(5):
                await put()

The search goes from the step to those who wait for it, by the callbacks of what they wait for. Only `as_completed` is a
deadline by itself; what `wait(timeout=…)` does then is a look at what is there, and ends nobody's waiting but its own.
A strand that waits for another's doing (a queue, a lock, an event) waits for no step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft_workflows.machine.cursors import WithCursor
from weft_workflows.machine.futures import Future, Loop, Task, Wakeup
from weft_workflows.machine.graph_frame import GraphFrame
from weft_workflows.machine.groups import TaskGroup, Timeout
from weft_workflows.machine.waiting import AsCompleted, CountDown, ShieldedFuture
from weft_workflows.machine.waits import Deadline, GatheringFuture, Release, WaitForFrame


def guarding(loop: Loop, steps: Sequence[str]) -> list[str]:
    """The ids of the timers that are deadlines around any of these steps, in the order in which they were set."""
    search = _Search()
    for step in steps:
        if (future := loop.steps.get(step)) is not None:
            search.wait_for(future)
    return [timer.id for timer in loop.timers.values() if search.is_around(timer.handle)]


class _Search:
    def __init__(self) -> None:
        self._seen: dict[int, Future] = {}
        self._pending: list[Future] = []
        #: Strands all of whose deadlines are around a step.
        self._waiting: dict[int, Task] = {}
        #: Strands inside the body of a group that waits, with those of their deadlines that stand inside of it too.
        self._inside: dict[int, list[Any]] = {}
        self._iterators: dict[int, AsCompleted] = {}

    def wait_for(self, step: Future) -> None:
        """Finds who waits for the step."""
        self._reach(step)
        while self._pending:
            for callback in self._pending.pop().callbacks:
                self._follow(callback)

    def is_around(self, handle: Any) -> bool:
        """Whether a timer's handle is a deadline around what was searched for."""
        if not isinstance(handle, Deadline | Timeout):
            return id(getattr(handle, "iterator", None)) in self._iterators
        task = id(handle.task)
        if task in self._waiting:
            return True
        return task in self._inside and not any(each is handle for each in self._inside[task])

    def _reach(self, future: Future | None) -> None:
        if future is not None and id(future) not in self._seen:
            self._seen[id(future)] = future
            self._pending.append(future)

    def _follow(self, callback: Any) -> None:
        match callback:
            case Wakeup(task=task):
                self._waiting[id(task)] = task
                self._reach(task)
            case GatheringFuture() | ShieldedFuture():
                self._reach(callback)
            case CountDown(frame=frame):
                self._reach(frame.waiter)
            case Release(waiter=waiter):
                self._reach(waiter)
            case AsCompleted():
                self._iterators[id(callback)] = callback
                for getter in callback.finished.getters:
                    self._reach(getter)
            case TaskGroup():
                self._leave(callback)

    def _leave(self, group: TaskGroup) -> None:
        """A group's strand waits for its tasks: at the group's end, or by and by, while it is still in the body."""
        if group.completed is not None:
            self._reach(group.completed)
        elif group.parent is not None:
            inner = _inside(group.parent, group)
            known = self._inside.get(id(group.parent))
            # Of two groups of one strand, what is around the inner one is around.
            self._inside[id(group.parent)] = inner if known is None or len(inner) < len(known) else known
            self._reach(group.parent)


def _inside(parent: Task, group: TaskGroup) -> list[Any]:
    """The deadlines of a group's strand that stand inside the group's body."""
    found: list[Any] = []
    for frame in parent.frames:
        if isinstance(frame, WaitForFrame):
            found.append(frame.deadline)
        elif isinstance(frame, GraphFrame):
            found += [cursor.manager for cursor in frame.cursors if isinstance(cursor, WithCursor)]
    at = next((index for index, each in enumerate(found) if each is group), len(found))
    return found[at + 1 :]
