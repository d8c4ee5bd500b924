"""asyncio's functions that wait for several: `wait`, `as_completed`, `shield`, `to_thread`, as in CPython 3.13."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.machine.frames import Frame, Outcome
from weft_workflows.machine.futures import Future, Loop, Task, Timer
from weft_workflows.machine.queues import Queue
from weft_workflows.machine.stepped import SteppedFrame
from weft_workflows.machine.values import Coroutine
from weft_workflows.machine.waits import ensure_future
from weft_workflows.sandbox.sets import OrderedSet

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program

RETURN_WHEN = ("FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED")


class WaitFrame(SteppedFrame):
    """`asyncio.wait`: gives the sets of the done and of the pending. Also the callback of what it waits for."""

    __slots__ = ("awaitables", "futures", "left", "return_when", "timeout", "timer", "waiter")

    def __init__(self, awaitables: Any, timeout: float | None, return_when: str) -> None:
        super().__init__()
        self.awaitables = awaitables
        self.timeout = timeout
        self.return_when = return_when
        self.futures: list[Future] = []
        self.left = 0
        self.waiter: Future | None = None
        self.timer: Timer | None = None

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        self.futures = _distinct(self.awaitables, self.return_when)
        self.awaitables = None
        self.left = len(self.futures)
        self.waiter = Future(program.loop)
        if self.timeout is not None:
            self.timer = program.loop.call_later(self.timeout, ReleaseWaiter(self.waiter), task.line_now())
        callback = CountDown(self)
        for future in self.futures:
            future.add_callback(callback)
        return self.wait(self.waiter, "woken")

    def completed(self, future: Future) -> None:
        self.left -= 1
        is_failure = not future.cancelled() and future.error is not None
        wanted = self.return_when
        if self.left <= 0 or wanted == "FIRST_COMPLETED" or (wanted == "FIRST_EXCEPTION" and is_failure):
            self._stop_timer()
            if self.waiter is not None and not self.waiter.done():
                self.waiter.set_result(None)

    def woken(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        self._stop_timer()
        for future in self.futures:
            future.callbacks = [c for c in future.callbacks if not (isinstance(c, CountDown) and c.frame is self)]
        if error is not None:
            raise error
        done = OrderedSet([f for f in self.futures if f.done()])
        pending = OrderedSet([f for f in self.futures if not f.done()])
        return Outcome("done", (done, pending))

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def _distinct(awaitables: Any, return_when: str) -> list[Future]:
    """The futures, each once. Raises what `asyncio.wait` raises for wrong arguments."""
    if isinstance(awaitables, (Future, Coroutine)):
        raise TypeError(f"expect a list of futures, not {type(awaitables).__name__}")
    if not awaitables:
        raise ValueError("Set of Tasks/Futures is empty.")
    if return_when not in RETURN_WHEN:
        raise ValueError(f"Invalid return_when value: {return_when}")
    found = {id(each): each for each in awaitables}
    if any(isinstance(each, Coroutine) for each in found.values()):
        raise TypeError("Passing coroutines is forbidden, use tasks explicitly.")
    return list(found.values())


class CountDown:
    """Callback of the futures of a `wait`."""

    __slots__ = ("frame",)

    def __init__(self, frame: WaitFrame) -> None:
        self.frame = frame

    def run(self, future: Future) -> None:
        self.frame.completed(future)


class ReleaseWaiter:
    """Timer handle that ends a wait."""

    __slots__ = ("waiter",)

    def __init__(self, waiter: Future) -> None:
        self.waiter = waiter

    def run(self) -> None:
        if not self.waiter.done():
            self.waiter.set_result(None)


class AsCompleted:
    """`asyncio.as_completed`: gives, for each awaitable, a coroutine that waits for the next one to finish; in an
    `async for`, the futures themselves."""

    __slots__ = ("finished", "left", "loop", "timer", "todo")
    __weft_names__: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, program: Program, awaitables: Any, timeout: float | None) -> None:
        self.loop: Loop = program.loop
        self.finished = Queue(program.loop, 0, "first")
        self.timer: Timer | None = None
        distinct = {id(each): each for each in awaitables}
        #: In their order; a dict, since one of many leaves at each event.
        self.todo: dict[Future, None] = {ensure_future(program, each): None for each in distinct.values()}
        for future in self.todo:
            future.add_callback(self)
        if self.todo and timeout is not None:
            line = program.loop.current.line_now() if program.loop.current is not None else 0
            self.timer = program.loop.call_later(timeout, ExpireAsCompleted(self), line, guards=True)
        self.left = len(self.todo)

    def __iter__(self) -> Iterator[Coroutine]:
        return self

    def __next__(self) -> Coroutine:
        if not self.left:
            raise StopIteration
        self.left -= 1
        return Coroutine("_wait_for_one", NextCompleted(self, resolve=True))

    def __aiter__(self) -> AsCompleted:
        return self

    def __anext__(self) -> Coroutine:
        return Coroutine("__anext__", NextCompleted(self, resolve=False))

    def run(self, future: Future) -> None:
        """Callback of each future."""
        if not self.todo:
            return
        self.todo.pop(future, None)
        self.finished.put_nowait(future)
        if not self.todo and self.timer is not None:
            self.timer.cancel()

    def expire(self) -> None:
        for future in self.todo:
            future.remove_callback(self)
            self.finished.put_nowait(None)
        self.todo = {}


class ExpireAsCompleted:
    __slots__ = ("iterator",)

    def __init__(self, iterator: AsCompleted) -> None:
        self.iterator = iterator

    def run(self) -> None:
        self.iterator.expire()


class NextCompleted(SteppedFrame):
    __slots__ = ("iterator", "resolve")

    def __init__(self, iterator: AsCompleted, resolve: bool) -> None:
        super().__init__()
        self.iterator = iterator
        self.resolve = resolve

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if not self.resolve:
            if not self.iterator.left:
                raise StopAsyncIteration
            self.iterator.left -= 1
        return self.wait(self.iterator.finished.get(), "got")

    def got(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        if value is None:
            raise TimeoutError
        return Outcome("done", value.result() if self.resolve else value)


class ShieldedFuture(Future):
    """What `shield` returns: cancelling it leaves the inner future alone. Also the callback of the inner one."""

    __slots__ = ("inner",)
    __weft_names__: ClassVar[frozenset[str]] = Future.__weft_names__

    def __init__(self, loop: Loop, inner: Future) -> None:
        super().__init__(loop)
        self.inner = inner

    def cancel(self, msg: Any = None) -> bool:
        if not super().cancel(msg):
            return False
        self.loop.call_soon(ForgetShield(self))
        return True

    def run(self, inner: Future) -> None:
        if self.done():
            return
        if inner.cancelled():
            super().cancel()
        elif inner.error is not None:
            self.set_exception(inner.error)
        else:
            self.set_result(inner.value)


class ForgetShield:
    """Once the outer future is cancelled, nobody listens to the inner one."""

    __slots__ = ("outer",)

    def __init__(self, outer: ShieldedFuture) -> None:
        self.outer = outer

    def run(self) -> None:
        self.outer.inner.remove_callback(self.outer)


def shield(program: Program, awaitable: Any) -> Future:
    inner = ensure_future(program, awaitable)
    if inner.done():
        return inner
    outer = ShieldedFuture(program.loop, inner)
    inner.add_callback(outer)
    return outer


class ToThreadFrame(Frame):
    """`asyncio.to_thread`: pure code has nothing to wait for, so that it runs here, after one turn of the others."""

    __slots__ = ("arguments", "function", "keywords", "started", "waiting")

    def __init__(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.started = False
        #: Whether the function made a coroutine, as a tool does, whose result is the function's.
        self.waiting = False

    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        if not self.started:
            self.started = True
            return Outcome("yield")
        if self.waiting:
            return Outcome("done", value)
        made = self.function(*self.arguments, **self.keywords)
        self.waiting = isinstance(made, Coroutine)
        return Outcome("wait" if self.waiting else "done", made)
