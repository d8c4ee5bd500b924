"""asyncio's locks: `Lock`, `Event`, `Semaphore`, `BoundedSemaphore`, `Condition`, fair as in CPython 3.13.

Who waits stands in a line, first come, first served; a waiter that is cancelled passes on what it was given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.machine.frames import Outcome
from weft_workflows.machine.futures import CancelledError, Future, Loop, Task
from weft_workflows.machine.stepped import MethodFrame, SteppedFrame, wake_first
from weft_workflows.machine.values import Coroutine

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program


class _Held(ABC):
    """What can be held in an `async with`: acquired on entering, released on leaving."""

    __slots__ = ()

    @abstractmethod
    def acquiring(self, result: Any) -> SteppedFrame:
        """The frame that acquires and gives that result."""

    def acquire(self) -> Coroutine:
        return Coroutine("acquire", self.acquiring(True))

    def __aenter__(self) -> Coroutine:
        return Coroutine("__aenter__", self.acquiring(None))

    def __aexit__(self, *_details: Any) -> Coroutine:
        return Coroutine("__aexit__", MethodFrame(self, "release"))

    @abstractmethod
    def release(self) -> None:
        """Gives up what was acquired."""


class Lock(_Held):
    __slots__ = ("is_locked", "loop", "waiters")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"acquire", "locked", "release"})

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.is_locked = False
        self.waiters: deque[Future] = deque()

    def __repr__(self) -> str:
        return f"<asyncio.locks.Lock [{'locked' if self.is_locked else 'unlocked'}]>"

    def locked(self) -> bool:
        return self.is_locked

    def acquiring(self, result: Any) -> AcquireLock:
        return AcquireLock(self, result)

    def release(self) -> None:
        if not self.is_locked:
            raise RuntimeError("Lock is not acquired.")
        self.is_locked = False
        self.wake_first()

    def wake_first(self) -> None:
        """Wakes the first waiter unless it is woken already."""
        if self.waiters and not self.waiters[0].done():
            self.waiters[0].set_result(True)


class AcquireLock(SteppedFrame):
    __slots__ = ("lock", "result", "waiter")

    def __init__(self, lock: Lock, result: Any) -> None:
        super().__init__()
        self.lock = lock
        self.result = result
        self.waiter: Future | None = None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        lock = self.lock
        if not lock.is_locked and all(waiter.cancelled() for waiter in lock.waiters):
            lock.is_locked = True
            return Outcome("done", self.result)
        self.waiter = Future(program.loop)
        lock.waiters.append(self.waiter)
        return self.wait(self.waiter, "woken")

    def woken(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        assert self.waiter is not None
        self.lock.waiters.remove(self.waiter)
        if error is not None:
            if isinstance(error, CancelledError) and not self.lock.is_locked:
                self.lock.wake_first()
            raise error
        self.lock.is_locked = True
        return Outcome("done", self.result)


class Semaphore(_Held):
    """`bound` is the value that a `BoundedSemaphore` must not exceed, None for a plain one."""

    __slots__ = ("bound", "loop", "value", "waiters")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"acquire", "locked", "release"})

    def __init__(self, loop: Loop, value: int, bounded: bool) -> None:
        if value < 0:
            raise ValueError("Semaphore initial value must be >= 0")
        self.loop = loop
        self.value = value
        self.bound = value if bounded else None
        self.waiters: deque[Future] = deque()

    def __repr__(self) -> str:
        kind = "Semaphore" if self.bound is None else "BoundedSemaphore"
        return f"<asyncio.locks.{kind} [{'locked' if self.locked() else f'unlocked, value:{self.value}'}]>"

    def locked(self) -> bool:
        return self.value == 0 or any(not waiter.cancelled() for waiter in self.waiters)

    def acquiring(self, result: Any) -> AcquireSemaphore:
        return AcquireSemaphore(self, result)

    def release(self) -> None:
        if self.bound is not None and self.value >= self.bound:
            raise ValueError("BoundedSemaphore released too many times")
        self.value += 1
        self.wake_next()

    def wake_next(self) -> bool:
        """Hands one unit to the first that still waits."""
        if not wake_first(self.waiters, True):
            return False
        self.value -= 1
        return True


class AcquireSemaphore(SteppedFrame):
    __slots__ = ("result", "semaphore", "waiter")

    def __init__(self, semaphore: Semaphore, result: Any) -> None:
        super().__init__()
        self.semaphore = semaphore
        self.result = result
        self.waiter: Future | None = None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        semaphore = self.semaphore
        if not semaphore.locked():
            semaphore.value -= 1
            return Outcome("done", self.result)
        self.waiter = Future(program.loop)
        semaphore.waiters.append(self.waiter)
        return self.wait(self.waiter, "woken")

    def woken(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        semaphore, waiter = self.semaphore, self.waiter
        assert waiter is not None
        semaphore.waiters.remove(waiter)
        if isinstance(error, CancelledError) and waiter.done() and not waiter.cancelled():
            # It was given its unit and then cancelled: the unit goes to the next.
            semaphore.value += 1
        while semaphore.value > 0 and semaphore.wake_next():
            pass
        if error is not None:
            raise error
        return Outcome("done", self.result)


class Event:
    __slots__ = ("flag", "loop", "waiters")
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"clear", "is_set", "set", "wait"})

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.flag = False
        self.waiters: deque[Future] = deque()

    def __repr__(self) -> str:
        return f"<asyncio.locks.Event [{'set' if self.flag else 'unset'}]>"

    def is_set(self) -> bool:
        return self.flag

    def set(self) -> None:
        if not self.flag:
            self.flag = True
            for waiter in self.waiters:
                if not waiter.done():
                    waiter.set_result(True)

    def clear(self) -> None:
        self.flag = False

    def wait(self) -> Coroutine:
        return Coroutine("wait", WaitForEvent(self))


class WaitForEvent(SteppedFrame):
    __slots__ = ("event", "waiter")

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event
        self.waiter: Future | None = None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if self.event.flag:
            return Outcome("done", True)
        self.waiter = Future(program.loop)
        self.event.waiters.append(self.waiter)
        return self.wait(self.waiter, "woken")

    def woken(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        assert self.waiter is not None
        self.event.waiters.remove(self.waiter)
        if error is not None:
            raise error
        return Outcome("done", True)


class Condition(_Held):
    __slots__ = ("lock", "loop", "waiters")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        {"acquire", "locked", "notify", "notify_all", "release", "wait", "wait_for"}
    )

    def __init__(self, loop: Loop, lock: Lock | None) -> None:
        self.loop = loop
        self.lock = lock if lock is not None else Lock(loop)
        self.waiters: deque[Future] = deque()

    def __repr__(self) -> str:
        return f"<asyncio.locks.Condition [{'locked' if self.lock.is_locked else 'unlocked'}]>"

    def acquiring(self, result: Any) -> AcquireLock:
        return AcquireLock(self.lock, result)

    def locked(self) -> bool:
        return self.lock.locked()

    def release(self) -> None:
        self.lock.release()

    def wait(self) -> Coroutine:
        return Coroutine("wait", WaitForCondition(self))

    def wait_for(self, predicate: Any) -> Coroutine:
        return Coroutine("wait_for", WaitForPredicate(self, predicate))

    def notify(self, n: int = 1) -> None:
        if not self.locked():
            raise RuntimeError("cannot notify on un-acquired lock")
        self.wake(n)

    def notify_all(self) -> None:
        self.notify(len(self.waiters))

    def wake(self, count: int) -> None:
        """Wakes that many of those that still wait."""
        for waiter in [w for w in self.waiters if not w.done()][:count]:
            waiter.set_result(False)


class WaitForCondition(SteppedFrame):
    """Gives the lock up, waits, and takes the lock again, however often it is cancelled meanwhile."""

    __slots__ = ("cancelled", "condition", "failed", "waiter")

    def __init__(self, condition: Condition) -> None:
        super().__init__()
        self.condition = condition
        self.waiter: Future | None = None
        self.failed: BaseException | None = None
        self.cancelled: BaseException | None = None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if not self.condition.locked():
            raise RuntimeError("cannot wait on un-acquired lock")
        self.waiter = Future(program.loop)
        self.condition.release()
        self.condition.waiters.append(self.waiter)
        return self.wait(self.waiter, "woken")

    def woken(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        assert self.waiter is not None
        self.condition.waiters.remove(self.waiter)
        self.failed = error
        return self.wait(self.condition.acquire(), "acquired")

    def acquired(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if isinstance(error, CancelledError):
            self.cancelled = error
            return self.wait(self.condition.acquire(), "acquired")
        failure = error or self.cancelled or self.failed
        if failure is not None:
            self.condition.wake(1)
            raise failure
        return Outcome("done", True)


class WaitForPredicate(SteppedFrame):
    __slots__ = ("condition", "predicate")

    def __init__(self, condition: Condition, predicate: Any) -> None:
        super().__init__()
        self.condition = condition
        self.predicate = predicate

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        result = self.predicate()
        return Outcome("done", result) if result else self.wait(self.condition.wait(), "begin")
