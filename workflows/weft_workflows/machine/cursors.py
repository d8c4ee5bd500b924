"""Cursors: where a frame stands in its function's regions, and what a region does when its block ends or is left.

A cursor answers with a `Completion` (how control leaves it), an `Outcome` (it has to wait first), or None (the frame goes
on with what is now on top).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weft_compiler import graph

from weft_workflows.machine.asking import ask, close_dropped
from weft_workflows.machine.except_star import Sorting
from weft_workflows.machine.frames import Outcome
from weft_workflows.machine.futures import CancelledError
from weft_workflows.machine.lazy_iterators import is_stepped
from weft_workflows.machine.values import MachineFunction
from weft_workflows.sandbox.classes import special_method
from weft_workflows.sandbox.meter import LimitExceeded

if TYPE_CHECKING:
    from weft_workflows.machine.graph_frame import GraphFrame

#: How control leaves a block: ("return", value), ("raise", error), ("break", None) or ("continue", None).
Completion = tuple[str, Any]
BREAK: Completion = ("break", None)
CONTINUE: Completion = ("continue", None)
END: Completion = ("return", None)


class BlockCursor:
    """A block that runs. `owner` is the node that holds it and `slot` which of its blocks it is."""

    __slots__ = ("block", "index", "owner", "slot")

    def __init__(self, owner: str, slot: str, block: graph.Block, index: int = 0) -> None:
        self.owner = owner
        self.slot = slot
        self.block = block
        self.index = index


class LoopCursor:
    """A loop. `phase` says which of its blocks runs above it; `count` is the number of the iteration, from 0.

    `pending` is how control leaves the body while the generator that it walked is closed.
    """

    __slots__ = ("count", "iterator", "node", "pending", "phase")

    def __init__(self, node: graph.Loop, iterator: Iterator[Any] | None) -> None:
        self.node = node
        self.iterator = iterator
        self.count = -1
        self.phase = "body"
        self.pending: Completion | None = None

    def block_ended(self, frame: GraphFrame) -> Outcome | Completion | None:
        if self.phase == "orelse":
            frame.cursors.pop()
        elif self.phase == "head":
            self._test(frame)
        elif self.iterator is None:
            self.count += 1
            self.phase = "head"
            frame.push_block(self.node, "head", self.node.head)
        elif self.node.is_async or is_stepped(self.iterator):
            return self._ask(frame)
        else:
            self._next(frame)
        return None

    def _test(self, frame: GraphFrame) -> None:
        assert self.node.test is not None
        if frame.run(frame.loaded.native(self.node, "test", self.node.test, "test")):
            self.phase = "body"
            frame.push_block(self.node, "body", self.node.body)
        else:
            self._exhausted(frame)

    def _next(self, frame: GraphFrame) -> None:
        assert self.iterator is not None
        try:
            item = next(self.iterator)
        except StopIteration:
            self._exhausted(frame)
            return
        self._begin(frame, item)

    def _ask(self, frame: GraphFrame) -> Outcome:
        """`async for`, or a generator that holds steps: waits for the next element."""
        self.phase = "asking"
        frame.awaiting = self.node
        if not self.node.is_async:
            return Outcome("wait", ask(self.iterator))
        following = special_method(self.iterator, "__anext__")
        assert following is not None
        return Outcome("wait", frame.call(following, self.iterator))

    def resumed(self, frame: GraphFrame, value: Any) -> Completion | None:
        """The next element has come, or the generator is closed."""
        if self.phase == "closing":
            frame.cursors.pop()
            return self._left()
        self.phase = "body"
        self._begin(frame, value)
        return None

    def _begin(self, frame: GraphFrame, item: Any) -> None:
        assert self.node.target is not None
        self.count += 1
        frame.store(self.node.target, item)
        frame.push_block(self.node, "body", self.node.body)

    def _exhausted(self, frame: GraphFrame) -> None:
        self.phase = "orelse"
        self.iterator = None
        frame.push_block(self.node, "orelse", self.node.orelse)

    def take(self, frame: GraphFrame, completion: Completion) -> Outcome | Completion | None:
        """Takes a break or continue of its body, and the end of what it asked; anything else passes."""
        end = StopAsyncIteration if self.node.is_async else StopIteration
        if self.phase == "asking" and completion[0] == "raise" and isinstance(completion[1], end):
            self._exhausted(frame)
            return None
        if self.phase == "body" and completion[0] == "continue":
            return None
        if self.phase == "closing":
            # As when Python drops a generator: what closing it raises is nobody's error, unless it was cancelled.
            frame.cursors.pop()
            return completion if isinstance(completion[1], CancelledError) else self._left()
        if self.phase == "body" and self.node.owns:
            return self._close(frame, completion)
        frame.cursors.pop()
        return None if self.phase != "orelse" and completion[0] == "break" else completion

    def _close(self, frame: GraphFrame, completion: Completion) -> Outcome | Completion | None:
        """Closes the generator that the loop leaves half-way."""
        self.phase, self.pending = "closing", completion
        closing = frame.call(close_dropped, frame.program, self.iterator)
        if closing is None:
            frame.cursors.pop()
            return self._left()
        frame.awaiting = self.node
        return Outcome("wait", closing)

    def _left(self) -> Completion | None:
        assert self.pending is not None
        return None if self.pending[0] == "break" else self.pending


class AttemptCursor:
    """A try. `error` is what a running handler handles; `pending` is how control leaves when the `finally` ends.

    `sorting` is the exception that goes through the handlers of an `except*`.
    """

    __slots__ = ("error", "handler", "node", "pending", "phase", "sorting")

    def __init__(self, node: graph.Attempt) -> None:
        self.node = node
        self.phase = "body"
        self.handler = -1
        self.error: BaseException | None = None
        self.pending: Completion | None = None
        self.sorting: Sorting | None = None

    def handled(self) -> BaseException | None:
        """The exception that code running here handles, as `sys.exception()` says."""
        if self.sorting is not None:
            return self.sorting.handled()
        if self.phase == "handler":
            return self.error
        if self.phase == "final" and self.pending is not None and self.pending[0] == "raise":
            error: BaseException = self.pending[1]
            return error
        return None

    def block_ended(self, frame: GraphFrame) -> Completion | None:
        if self.phase == "body":
            self.phase = "orelse"
            frame.push_block(self.node, "orelse", self.node.orelse)
            return None
        if self.phase == "final":
            frame.cursors.pop()
            return self.pending
        self._leave_handler(frame)
        return self._finally(frame, None) if self.sorting is None else self._sort(frame, self.sorting)

    def take(self, frame: GraphFrame, completion: Completion) -> Completion | None:
        """Lets a handler have an error of the body; runs the `finally` before anything leaves."""
        if self.phase == "final":
            frame.cursors.pop()
            return completion
        if self.phase == "body" and completion[0] == "raise":
            self.phase = "matching"
            try:
                return self._handle(frame, completion)
            except LimitExceeded:
                raise
            except BaseException as error:
                frame.note(error)
                completion = ("raise", error)
        self._leave_handler(frame)
        if self.phase == "handler" and self.sorting is not None:
            self.sorting.raised.append(completion[1])
            return self._sort(frame, self.sorting)
        self.sorting = None
        return self._finally(frame, completion)

    def _handle(self, frame: GraphFrame, completion: Completion) -> Completion | None:
        if self.node.is_star:
            self.sorting = Sorting(completion[1])
            return self._sort(frame, self.sorting)
        return None if self._match(frame, completion[1]) else self._finally(frame, completion)

    def _sort(self, frame: GraphFrame, sorting: Sorting) -> Completion | None:
        """Begins the next handler of an `except*` that takes something; after the last one, raises what is left."""
        self.phase = "matching"
        while self.handler + 1 < len(self.node.handlers):
            self.handler += 1
            handled = sorting.handled()
            part = frame.call(sorting.take, self._types(frame, self.handler, handled), handling=handled)
            if part is not None:
                self._begin(frame, self.handler, part)
                return None
        self.sorting = None
        left = sorting.outcome()
        return self._finally(frame, None if left is None else ("raise", left))

    def _types(self, frame: GraphFrame, index: int, error: BaseException) -> Any:
        types_ = self.node.handlers[index].types
        if types_ is None:
            return BaseException
        return frame.run(frame.loaded.native(self.node, f"types{index}", types_, "value"), handling=error)

    def _begin(self, frame: GraphFrame, index: int, error: BaseException) -> None:
        handler = self.node.handlers[index]
        self.phase, self.handler, self.error = "handler", index, error
        if handler.name is not None:
            frame.store(handler.name, error)
        frame.push_block(self.node, f"handler{index}", handler.body)

    def _match(self, frame: GraphFrame, error: BaseException) -> bool:
        for index in range(len(self.node.handlers)):
            types_ = self._types(frame, index, error)
            if frame.call(_is_caught, error, types_, handling=error):
                self._begin(frame, index, error)
                return True
        return False

    def _leave_handler(self, frame: GraphFrame) -> None:
        if self.phase == "handler":
            name = self.node.handlers[self.handler].name
            if name is not None:
                frame.unbind(name)
            self.error = None

    def _finally(self, frame: GraphFrame, completion: Completion | None) -> Completion | None:
        if not self.node.final.nodes:
            frame.cursors.pop()
            return completion
        self.phase, self.pending = "final", completion
        frame.push_block(self.node, "final", self.node.final)
        return None


class WithCursor:
    """A `with`. `pending` is how control leaves the body while the manager's exit runs."""

    __slots__ = ("manager", "node", "pending", "phase")

    def __init__(self, node: graph.With, manager: Any) -> None:
        self.node = node
        self.manager = manager
        self.phase = "entering"
        self.pending: Completion | None = None

    def handled(self) -> BaseException | None:
        """The exception that the manager's exit handles."""
        if self.phase == "exiting" and self.pending is not None and self.pending[0] == "raise":
            error: BaseException = self.pending[1]
            return error
        return None

    def check(self) -> None:
        """Raises TypeError where the manager is none."""
        kind = "asynchronous context manager" if self.node.is_async else "context manager"
        message = f"'{type(self.manager).__name__}' object does not support the {kind} protocol"
        if self._method("enter") is None:
            raise TypeError(message)
        if self._method("exit") is None:
            raise TypeError(f"{message} (missed {self._name('exit')} method)")

    def _name(self, what: str) -> str:
        return f"__a{what}__" if self.node.is_async else f"__{what}__"

    def _method(self, what: str) -> Any:
        return special_method(self.manager, self._name(what))

    def enter(self, frame: GraphFrame) -> Outcome | Completion | None:
        made = None if self.node.is_async else frame.program.waiting_entry(self.manager)
        if made is None:
            return self._call(frame, self._method("enter"))
        frame.awaiting = self.node
        return Outcome("wait", made)

    def _call(self, frame: GraphFrame, method: Any, *args: Any) -> Outcome | Completion | None:
        """Calls a method of the manager; one that waits, or holds steps, suspends the frame."""
        if isinstance(method, MachineFunction) and method.loaded.holds_steps:
            made: Any = frame.call(method.start, (self.manager, *args), {})
        else:
            made = frame.call(method, self.manager, *args)
            if not self.node.is_async:
                return self.resumed(frame, made)
        frame.awaiting = self.node
        return Outcome("wait", made)

    def resumed(self, frame: GraphFrame, value: Any) -> Completion | None:
        """Entering, or the exit, has given its result."""
        if self.phase == "exiting":
            frame.cursors.pop()
            is_error = self.pending is not None and self.pending[0] == "raise"
            return None if is_error and value else self.pending
        self.phase = "body"
        if self.node.target is not None:
            frame.store(self.node.target, value)
        frame.push_block(self.node, "body", self.node.body)
        return None

    def block_ended(self, frame: GraphFrame) -> Outcome | Completion | None:
        return self._exit(frame, None)

    def take(self, frame: GraphFrame, completion: Completion) -> Outcome | Completion | None:
        """Runs the manager's exit before anything leaves the body; an error of entering or of the exit passes."""
        if self.phase != "body":
            frame.cursors.pop()
            return completion
        return self._exit(frame, completion)

    def _exit(self, frame: GraphFrame, completion: Completion | None) -> Outcome | Completion | None:
        self.phase, self.pending = "exiting", completion
        frame.node = self.node
        error = completion[1] if completion is not None and completion[0] == "raise" else None
        made = None if self.node.is_async else frame.program.waiting_exit(self.manager, error)
        if made is None:
            return self._call(frame, self._method("exit"), *frame.program.details_of(error))
        frame.awaiting = self.node
        return Outcome("wait", made)


class DelegateCursor:
    """A `yield from`: hands on what is sent and thrown to another iterator.

    `phase` is `asking` while a plain call asks it, `waiting` while a frame does, `suspended` after it gave an element, and
    `closing` while it is closed before `pending` goes on.
    """

    __slots__ = ("iterator", "node", "pending", "phase")

    def __init__(self, node: graph.Yield, iterator: Any) -> None:
        self.node = node
        self.iterator = iterator
        self.phase = "asking"
        self.pending: Completion | None = None

    def block_ended(self, frame: GraphFrame) -> Outcome | None:
        """Begins the delegation."""
        return self._ask(frame, "__next__")

    def resumed(self, frame: GraphFrame, value: Any) -> Outcome | Completion | None:
        if self.phase == "closing":
            frame.cursors.pop()
            return self.pending
        if self.phase == "waiting":
            return self._give(frame, value)
        return self._ask(frame, "__next__") if value is None else self._ask(frame, "send", value)

    def take(self, frame: GraphFrame, completion: Completion) -> Outcome | Completion | None:
        """An error thrown into the generator goes to the iterator, if it takes errors."""
        error = completion[1]
        if self.phase == "waiting" and isinstance(error, StopIteration):
            self._ended(frame, error)
            return None
        if self.phase == "suspended" and isinstance(error, GeneratorExit):
            return self._close(frame, completion)
        if self.phase != "suspended" or completion[0] != "raise" or getattr(self.iterator, "throw", None) is None:
            frame.cursors.pop()
            return completion
        return self._ask(frame, "throw", error)

    def _close(self, frame: GraphFrame, completion: Completion) -> Outcome | Completion:
        if is_stepped(self.iterator):
            self.phase, self.pending = "closing", completion
            frame.awaiting = self.node
            return Outcome("wait", ask(self.iterator, "close"))
        frame.cursors.pop()
        close = getattr(self.iterator, "close", None)
        if close is not None:
            frame.call(close)
        return completion

    def _ask(self, frame: GraphFrame, method: str, *args: Any) -> Outcome | None:
        if is_stepped(self.iterator):
            self.phase = "waiting"
            frame.awaiting = self.node
            return Outcome("wait", ask(self.iterator, method, *args))
        self.phase = "asking"
        function = next if method == "__next__" else getattr(self.iterator, method)
        try:
            item = frame.call(function, *([self.iterator] if method == "__next__" else args))
        except StopIteration as stopped:
            self._ended(frame, stopped)
            return None
        return self._give(frame, item)

    def _give(self, frame: GraphFrame, item: Any) -> Outcome:
        self.phase = "suspended"
        frame.awaiting = self.node
        return Outcome("give", item)

    def _ended(self, frame: GraphFrame, stopped: StopIteration) -> None:
        frame.cursors.pop()
        if self.node.target is not None:
            frame.store(self.node.target, stopped.value)


Cursor = BlockCursor | LoopCursor | AttemptCursor | WithCursor | DelegateCursor


def _is_caught(error: BaseException, types_: Any) -> bool:
    """`except types_`: by the class hierarchy, whatever a class says of itself."""
    listed = types_ if isinstance(types_, tuple) else (types_,)
    for kind in listed:
        if not isinstance(kind, type) or BaseException not in kind.__mro__:
            raise TypeError("catching classes that do not inherit from BaseException is not allowed")
    return any(kind in type(error).__mro__ for kind in listed)
