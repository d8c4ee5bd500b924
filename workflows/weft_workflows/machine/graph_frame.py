"""The interpreter: an activation of one of the graph's functions.

A frame holds a stack of cursors: a block with the index of its next node, a loop with its iterator, a try with its phase.
Blocks run from the top; what leaves a block by force (a return, a break, an exception) unwinds the stack until a loop or
a try takes it. Pure code runs natively; only nodes that wait suspend the frame.

    [Block body 2] [Loop for.1 #3] [Block for.1/body 1] [Attempt try.1 body] [Block try.1/body 0]   <- runs here
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from weft_compiler import graph

from weft_workflows.machine.frames import Frame, Outcome
from weft_workflows.machine.native import NativeCode
from weft_workflows.machine.tracing import note_error
from weft_workflows.sandbox.iterators import iterate
from weft_workflows.sandbox.meter import LimitExceeded

if TYPE_CHECKING:
    from weft_workflows.machine.futures import Task
    from weft_workflows.machine.program import Program
    from weft_workflows.machine.unit import LoadedFunction

#: How control leaves a block: ("return", value), ("raise", error), ("break", None) or ("continue", None).
Completion = tuple[str, Any]
_BREAK: Completion = ("break", None)
_CONTINUE: Completion = ("continue", None)
_END: Completion = ("return", None)


class BlockCursor:
    """A block that runs. `owner` is the node that holds it and `slot` which of its blocks it is."""

    __slots__ = ("block", "index", "owner", "slot")

    def __init__(self, owner: str, slot: str, block: graph.Block, index: int = 0) -> None:
        self.owner = owner
        self.slot = slot
        self.block = block
        self.index = index


class LoopCursor:
    """A loop. `phase` says which of its blocks runs above it; `count` is the number of the iteration, from 0."""

    __slots__ = ("count", "iterator", "node", "phase")

    def __init__(self, node: graph.Loop, iterator: Iterator[Any] | None) -> None:
        self.node = node
        self.iterator = iterator
        self.count = -1
        self.phase = "body"

    def block_ended(self, frame: GraphFrame) -> Completion | None:
        if self.phase == "orelse":
            frame.cursors.pop()
        elif self.phase == "head":
            self._test(frame)
        elif self.iterator is None:
            self.count += 1
            self.phase = "head"
            frame.push_block(self.node, "head", self.node.head)
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
        assert self.node.target is not None
        try:
            item = next(self.iterator)
        except StopIteration:
            self._exhausted(frame)
            return
        self.count += 1
        frame.store(self.node.target, item)
        frame.push_block(self.node, "body", self.node.body)

    def _exhausted(self, frame: GraphFrame) -> None:
        self.phase = "orelse"
        self.iterator = None
        frame.push_block(self.node, "orelse", self.node.orelse)

    def take(self, frame: GraphFrame, completion: Completion) -> Completion | None:
        """Takes a break or continue of its body; anything else passes."""
        if self.phase != "orelse" and completion[0] == "continue":
            self.phase = "body"
            return None
        frame.cursors.pop()
        if self.phase != "orelse" and completion[0] == "break":
            return None
        return completion


class AttemptCursor:
    """A try. `error` is what a running handler handles; `pending` is how control leaves when the `finally` ends."""

    __slots__ = ("error", "handler", "node", "pending", "phase")

    def __init__(self, node: graph.Attempt) -> None:
        self.node = node
        self.phase = "body"
        self.handler = -1
        self.error: BaseException | None = None
        self.pending: Completion | None = None

    def handled(self) -> BaseException | None:
        """The exception that code running here handles, as `sys.exception()` says."""
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
        return self._finally(frame, None)

    def take(self, frame: GraphFrame, completion: Completion) -> Completion | None:
        """Lets a handler have an error of the body; runs the `finally` before anything leaves."""
        if self.phase == "final":
            frame.cursors.pop()
            return completion
        if self.phase == "body" and completion[0] == "raise":
            self.phase = "matching"
            try:
                if self._match(frame, completion[1]):
                    return None
            except LimitExceeded:
                raise
            except BaseException as error:
                frame.note(error)
                completion = ("raise", error)
        self._leave_handler(frame)
        return self._finally(frame, completion)

    def _match(self, frame: GraphFrame, error: BaseException) -> bool:
        for index, handler in enumerate(self.node.handlers):
            types_ = BaseException
            if handler.types is not None:
                native = frame.loaded.native(self.node, f"types{index}", handler.types, "value")
                types_ = frame.run(native, handling=error)
            if _is_caught(error, types_):
                self.phase, self.handler, self.error = "handler", index, error
                if handler.name is not None:
                    frame.store(handler.name, error)
                frame.push_block(self.node, f"handler{index}", handler.body)
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


Cursor = BlockCursor | LoopCursor | AttemptCursor


class GraphFrame(Frame):
    """An activation. `variables` are the plain locals by name; `temporaries` the compiler's own; `awaiting` the node
    whose outcome the frame waits for."""

    __slots__ = ("awaiting", "cells", "cursors", "loaded", "node", "program", "temporaries", "variables")

    def __init__(self, program: Program, loaded: LoadedFunction) -> None:
        self.program = program
        self.loaded = loaded
        self.variables: dict[str, Any] = {}
        self.temporaries: dict[str, Any] = {}
        self.cells: dict[str, types.CellType] = {}
        self.cursors: list[Cursor] = [BlockCursor("", "body", loaded.function.body)]
        self.node: graph.Node | None = None
        self.awaiting: graph.Node | None = None

    @classmethod
    def of_call(
        cls, program: Program, loaded: LoadedFunction, binder: types.FunctionType, bound: dict[str, Any]
    ) -> GraphFrame:
        """The frame of a call with bound arguments; the binder's closure holds the captured variables."""
        frame = cls(program, loaded)
        for name in loaded.function.cells:
            frame.cells[name] = types.CellType()
        closure = binder.__closure__ or ()
        frame.cells.update(zip(binder.__code__.co_freevars, closure, strict=True))
        for name, value in bound.items():
            frame.store(name, value)
        return frame

    # -- variables ---------------------------------------------------------------------------------------------------

    def store(self, name: str, value: Any) -> None:
        if name in self.loaded.captured:
            self.cells[name].cell_contents = value
        elif name in self.loaded.locals:
            self.variables[name] = value
        elif name.startswith("__weft_"):
            self.temporaries[name] = value
        else:
            self.program.namespace[name] = value

    def unbind(self, name: str) -> None:
        """`del name`, where it may be unbound already."""
        if name in self.loaded.captured:
            self.cells[name] = self._emptied(self.cells[name])
        elif name in self.loaded.locals:
            self.variables.pop(name, None)
        else:
            self.program.namespace.pop(name, None)

    def _emptied(self, cell: types.CellType) -> types.CellType:
        try:
            del cell.cell_contents
        except ValueError:
            pass
        return cell

    # -- running -----------------------------------------------------------------------------------------------------

    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        completion: Completion | None = None
        node, self.awaiting = self.awaiting, None
        if error is not None:
            self.note(error)
            completion = ("raise", error)
        elif node is not None and (target := getattr(node, "target", None)) is not None:
            self.store(target, value)
        while True:
            if completion is not None:
                completion = self._unwind(completion)
                if completion is not None:
                    return self._leave(completion)
            try:
                result = self._advance()
            except LimitExceeded as limit:
                self.note(limit)
                raise
            except BaseException as raised:
                self.note(raised)
                completion = ("raise", raised)
                continue
            if isinstance(result, Outcome):
                return result
            completion = result

    def _advance(self) -> Outcome | Completion:
        """Runs nodes until one waits or control leaves a block by force."""
        cursors = self.cursors
        while cursors:
            cursor = cursors[-1]
            result: Outcome | Completion | None
            if isinstance(cursor, BlockCursor):
                if cursor.index == len(cursor.block.nodes):
                    cursors.pop()
                    continue
                node = cursor.block.nodes[cursor.index]
                cursor.index += 1
                self.node = node
                self.program.trace(node.span.line)
                result = _EXECUTE[type(node)](self, node)
            else:
                result = cursor.block_ended(self)
            if result is not None:
                return result
        return _END

    def _unwind(self, completion: Completion) -> Completion | None:
        """Takes cursors off until one takes the completion; what is left when none does leaves the frame."""
        left: Completion | None = completion
        while self.cursors and left is not None:
            cursor = self.cursors[-1]
            if isinstance(cursor, BlockCursor):
                self.cursors.pop()
            else:
                left = cursor.take(self, left)
        return left

    def _leave(self, completion: Completion) -> Outcome:
        kind, value = completion
        if kind == "raise":
            raise value
        return Outcome("done", value)

    def push_block(self, owner: graph.Node, slot: str, block: graph.Block) -> None:
        if block.nodes:
            self.cursors.append(BlockCursor(owner.id, slot, block))

    def run(self, native: NativeCode, handling: BaseException | None = None) -> Any:
        """Runs native code on this frame's variables, inside the `except` that it stands in."""
        function = native.bind(self.program.namespace, self.cells)
        handled = handling if handling is not None else self.program.handled()
        if handled is None:
            return function(self.variables, self.temporaries)
        return _run_handling(handled, function, self.variables, self.temporaries)

    def handled(self) -> BaseException | None:
        """The exception that this frame handles at the moment."""
        for cursor in reversed(self.cursors):
            if isinstance(cursor, AttemptCursor) and (error := cursor.handled()) is not None:
                return error
        return None

    # -- where it stands ---------------------------------------------------------------------------------------------

    def line(self) -> int:
        return self.node.span.line if self.node is not None else self.loaded.function.span.line

    def note(self, error: BaseException) -> None:
        note_error(error, self.loaded.qualname, self.line(), self.program.unit.file)

    def position(self) -> str:
        loops = [f"{c.node.id}[{c.count}]" for c in self.cursors if isinstance(c, LoopCursor) and c.phase != "orelse"]
        return "/".join([*loops, self.node.id] if self.node is not None else loops)


def _run_handling(handled: BaseException, function: Any, variables: Any, temporaries: Any) -> Any:
    """Calls native code as if inside `except handled`: for a bare `raise`, and for the context of new exceptions."""
    traceback, context = handled.__traceback__, handled.__context__
    try:
        try:
            raise handled
        except BaseException:
            return function(variables, temporaries)
    finally:
        handled.__traceback__ = traceback
        handled.__context__ = context


def _is_caught(error: BaseException, types_: Any) -> bool:
    """`except types_`: by the class hierarchy, whatever a class says of itself."""
    listed = types_ if isinstance(types_, tuple) else (types_,)
    for kind in listed:
        if not isinstance(kind, type) or BaseException not in kind.__mro__:
            raise TypeError("catching classes that do not inherit from BaseException is not allowed")
    return any(kind in type(error).__mro__ for kind in listed)


# -- what each kind of node does -----------------------------------------------------------------------------------------


def _compute(frame: GraphFrame, node: graph.Compute | graph.Spawn) -> Completion | None:
    signal = frame.run(frame.loaded.native(node, "code", node.code, "statements"))
    if signal is None:
        return None
    if signal == "break":
        return _BREAK
    return _CONTINUE if signal == "continue" else signal


def _wait(frame: GraphFrame, node: Any) -> Outcome:
    awaitable = frame.run(frame.loaded.native(node, "value", node.value, "value"))
    frame.awaiting = node
    return Outcome("wait", awaitable)


def _invoke(frame: GraphFrame, node: graph.Invoke) -> Outcome | None:
    if node.awaited:
        return _wait(frame, node)
    made = frame.run(frame.loaded.native(node, "value", node.value, "invoke"))
    if isinstance(made, Immediate):
        if node.target is not None:
            frame.store(node.target, made.value)
        return None
    frame.awaiting = node
    return Outcome("wait", made)


class Immediate:
    """The result of a call that turned out to be pure."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _branch(frame: GraphFrame, node: graph.Branch) -> None:
    if frame.run(frame.loaded.native(node, "test", node.test, "test")):
        frame.push_block(node, "then", node.then)
    else:
        frame.push_block(node, "orelse", node.orelse)


def _loop(frame: GraphFrame, node: graph.Loop) -> None:
    for name in node.fresh:
        frame.cells[name] = types.CellType()
    iterator = None
    if node.iterable is not None:
        iterator = iterate(frame.run(frame.loaded.native(node, "iterable", node.iterable, "value")))
    frame.cursors.append(LoopCursor(node, iterator))


def _attempt(frame: GraphFrame, node: graph.Attempt) -> None:
    frame.cursors.append(AttemptCursor(node))
    frame.push_block(node, "body", node.body)


def _return(frame: GraphFrame, node: graph.Return) -> Completion:
    if node.value is None:
        return _END
    return ("return", frame.run(frame.loaded.native(node, "value", node.value, "value")))


def _raise(frame: GraphFrame, node: graph.Raise) -> None:
    codes = tuple(code for code in (node.value, node.cause) if code is not None)
    frame.run(frame.loaded.native(node, "raise", codes, "raise"))


def _break(frame: GraphFrame, node: graph.Break) -> Completion:
    return _BREAK


def _continue(frame: GraphFrame, node: graph.Continue) -> Completion:
    return _CONTINUE


_EXECUTE: dict[type, Callable[[GraphFrame, Any], Outcome | Completion | None]] = {
    graph.Compute: _compute,
    graph.Spawn: _compute,
    graph.Call: _wait,
    graph.Invoke: _invoke,
    graph.Parallel: _wait,
    graph.Map: _wait,
    graph.Join: _wait,
    graph.Scope: _wait,
    graph.Sleep: _wait,
    graph.Branch: _branch,
    graph.Loop: _loop,
    graph.Attempt: _attempt,
    graph.Return: _return,
    graph.Raise: _raise,
    graph.Break: _break,
    graph.Continue: _continue,
}
