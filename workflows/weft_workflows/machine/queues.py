"""asyncio's queues: `Queue`, `PriorityQueue`, `LifoQueue`, as in CPython 3.13."""

from __future__ import annotations

import asyncio.queues
import heapq
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from weft_workflows.machine.frames import Outcome
from weft_workflows.machine.futures import Future, Loop, Task
from weft_workflows.machine.locks import Event
from weft_workflows.machine.stepped import SteppedFrame, wake_first
from weft_workflows.machine.values import Coroutine

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program

QueueEmpty = asyncio.queues.QueueEmpty
QueueFull = asyncio.queues.QueueFull


class QueueShutDown(Exception):
    """Raised when getting from an empty, or putting into any, queue that was shut down (Python 3.13)."""


QueueShutDown = getattr(asyncio.queues, "QueueShutDown", QueueShutDown)  # type: ignore[misc]


class Queue:
    """`order` says which item comes first: `first`, `last` or `least`."""

    __slots__ = ("finished", "getters", "is_shut", "items", "limit", "loop", "order", "putters", "unfinished")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        {"empty", "full", "get", "get_nowait", "join", "maxsize", "put", "put_nowait", "qsize", "shutdown", "task_done"}
    )

    def __init__(self, loop: Loop, maxsize: int, order: Literal["first", "last", "least"]) -> None:
        self.loop = loop
        self.limit = maxsize
        self.order = order
        self.items: Any = [] if order != "first" else deque()
        self.getters: deque[Future] = deque()
        self.putters: deque[Future] = deque()
        self.unfinished = 0
        self.finished = Event(loop)
        self.finished.set()
        self.is_shut = False

    def __repr__(self) -> str:
        name = {"first": "Queue", "last": "LifoQueue", "least": "PriorityQueue"}[self.order]
        return f"<{name} maxsize={self.limit}>"

    @property
    def maxsize(self) -> int:
        return self.limit

    def qsize(self) -> int:
        return len(self.items)

    def empty(self) -> bool:
        return not self.items

    def full(self) -> bool:
        return 0 < self.limit <= len(self.items)

    def put(self, item: Any) -> Coroutine:
        return Coroutine("put", PutItem(self, item))

    def put_nowait(self, item: Any) -> None:
        if self.is_shut:
            raise QueueShutDown
        if self.full():
            raise QueueFull
        if self.order == "least":
            heapq.heappush(self.items, item)
        else:
            self.items.append(item)
        self.unfinished += 1
        self.finished.clear()
        wake_first(self.getters, None)

    def get(self) -> Coroutine:
        return Coroutine("get", GetItem(self))

    def get_nowait(self) -> Any:
        if not self.items:
            if self.is_shut:
                raise QueueShutDown
            raise QueueEmpty
        if self.order == "least":
            item = heapq.heappop(self.items)
        else:
            item = self.items.popleft() if self.order == "first" else self.items.pop()
        wake_first(self.putters, None)
        return item

    def task_done(self) -> None:
        if self.unfinished <= 0:
            raise ValueError("task_done() called too many times")
        self.unfinished -= 1
        if self.unfinished == 0:
            self.finished.set()

    def join(self) -> Coroutine:
        return self.finished.wait()

    def shutdown(self, immediate: bool = False) -> None:
        self.is_shut = True
        if immediate:
            while self.items:
                self.get_nowait()
                if self.unfinished > 0:
                    self.unfinished -= 1
            if self.unfinished == 0:
                self.finished.set()
        for waiter in [*self.getters, *self.putters]:
            if not waiter.done():
                waiter.set_result(None)


class GetItem(SteppedFrame):
    __slots__ = ("queue", "waiter")

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self.queue = queue
        self.waiter: Future | None = None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        queue = self.queue
        if queue.items or queue.is_shut:
            return Outcome("done", queue.get_nowait())
        self.waiter = Future(program.loop)
        queue.getters.append(self.waiter)
        return self.wait(self.waiter, "woken")

    def woken(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        queue, waiter = self.queue, self.waiter
        assert waiter is not None
        queue.getters.remove(waiter)
        if error is None:
            return self.begin(program, task, None, None)
        was_woken = not waiter.cancel() and not waiter.cancelled()
        if queue.items and was_woken:
            wake_first(queue.getters, None)
        raise error


class PutItem(SteppedFrame):
    __slots__ = ("item", "queue", "waiter")

    def __init__(self, queue: Queue, item: Any) -> None:
        super().__init__()
        self.queue = queue
        self.item = item
        self.waiter: Future | None = None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        queue = self.queue
        if not queue.full() or queue.is_shut:
            queue.put_nowait(self.item)
            return Outcome("done", None)
        self.waiter = Future(program.loop)
        queue.putters.append(self.waiter)
        return self.wait(self.waiter, "woken")

    def woken(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        queue, waiter = self.queue, self.waiter
        assert waiter is not None
        queue.putters.remove(waiter)
        if error is None:
            return self.begin(program, task, None, None)
        was_woken = not waiter.cancel() and not waiter.cancelled()
        if not queue.full() and was_woken:
            wake_first(queue.putters, None)
        raise error
