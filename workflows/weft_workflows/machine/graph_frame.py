"""The interpreter: an activation of one of the graph's functions.

A frame holds a stack of cursors: a block with the index of its next node, a loop with its iterator, a try with its phase.
Blocks run from the top; what leaves a block by force (a return, a break, an exception) unwinds the stack until a loop or
a try takes it. Pure code runs natively; only nodes that wait suspend the frame.

    [Block body 2] [Loop for.1 #3] [Block for.1/body 1] [Attempt try.1 body] [Block try.1/body 0]   <- runs here
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weft_compiler import graph

from weft_workflows.machine.cursors import (
    BREAK,
    CONTINUE,
    END,
    AttemptCursor,
    BlockCursor,
    Completion,
    Cursor,
    DelegateCursor,
    LoopCursor,
    WithCursor,
)
from weft_workflows.machine.frames import Frame, Outcome, call_handling
from weft_workflows.machine.generators import Begun, async_iterator, stopped_inside
from weft_workflows.machine.native import NativeCode
from weft_workflows.machine.tracing import note_arrival, note_error
from weft_workflows.machine.values import Coroutine, Immediate
from weft_workflows.machine.waits import ToolFrame
from weft_workflows.sandbox.iterators import iterate
from weft_workflows.sandbox.meter import LimitExceeded

if TYPE_CHECKING:
    from weft_workflows.machine.futures import Task
    from weft_workflows.machine.program import Program
    from weft_workflows.machine.unit import LoadedFunction


#: What executing a node costs, besides its code, in rounds of a loop.
_NODE_FUEL = 20


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

    def resume(self, program: Program, task: Task | None, value: Any, error: BaseException | None) -> Outcome:
        result: Outcome | Completion | None = None
        node, self.awaiting = self.awaiting, None
        if error is not None:
            note_arrival(error, self.loaded.short_name, self.line())
            result = ("raise", error)
        elif node is not None:
            result = self._attempt(self._take_value, node, value)
        while not isinstance(result, Outcome):
            if result is not None and not self.cursors:
                return self._leave(result)
            result = self._attempt(self._advance) if result is None else self._attempt(self._unwind, result)
        return result

    def _attempt(self, go_on: Callable[..., Outcome | Completion | None], *args: Any) -> Outcome | Completion | None:
        """Goes on; an error that comes of it is a completion, which unwinds the frame."""
        try:
            return go_on(*args)
        except LimitExceeded as limit:
            self.note(limit)
            raise
        except BaseException as raised:
            self.note(raised)
            return ("raise", raised)

    def _take_value(self, node: graph.Node, value: Any) -> Outcome | Completion | None:
        """What a node waited for has come."""
        cursor = self.cursors[-1] if self.cursors else None
        if isinstance(cursor, LoopCursor | WithCursor | DelegateCursor) and cursor.node is node:
            return cursor.resumed(self, value)
        target: str | None = getattr(node, "target", None)
        if target is not None:
            self.store(target, value)
        return None

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
                self.program.meter.charge(_NODE_FUEL)
                result = _EXECUTE[type(node)](self, node)
            else:
                self.node = cursor.node
                result = cursor.block_ended(self)
            if result is not None:
                return result
        return END

    def _unwind(self, completion: Completion) -> Outcome | Completion | None:
        """Takes cursors off until one takes the completion, or has to wait; what none takes leaves the frame."""
        left: Outcome | Completion | None = completion
        while self.cursors and left is not None and not isinstance(left, Outcome):
            cursor = self.cursors[-1]
            if isinstance(cursor, BlockCursor):
                self.cursors.pop()
            else:
                left = cursor.take(self, left)
        return left

    def _leave(self, completion: Completion) -> Outcome:
        kind, value = completion
        function = self.loaded.function
        if kind == "raise" and isinstance(value, StopIteration) and function.is_async and not function.is_generator:
            raise stopped_inside("coroutine", value)
        if kind == "raise":
            raise value
        return Outcome("done", value)

    def push_block(self, owner: graph.Node, slot: str, block: graph.Block) -> None:
        if block.nodes:
            self.cursors.append(BlockCursor(owner.id, slot, block))

    def run(self, native: NativeCode, handling: BaseException | None = None) -> Any:
        """Runs native code on this frame's variables, inside the `except` that it stands in."""
        function = native.bind(self.program.namespace, self.cells)
        try:
            return self.call(function, self.variables, self.temporaries, handling=handling)
        except NameError as error:
            unbound = self._as_unbound_local(error, native)
            if unbound is None:
                raise
            context = error.__context__
        try:
            raise unbound
        finally:
            unbound.__context__ = context

    def _as_unbound_local(self, error: NameError, native: NativeCode) -> UnboundLocalError | None:
        """What CPython says of a variable of this function that its inner functions share: to native code it is a free one."""
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        is_own = traceback is not None and traceback.tb_frame.f_code is native.code
        if not is_own or error.name not in self.loaded.function.cells or isinstance(error, UnboundLocalError):
            return None
        text = f"cannot access local variable '{error.name}' where it is not associated with a value"
        return UnboundLocalError(text, name=error.name).with_traceback(error.__traceback__)

    def call(self, function: Callable[..., Any], *args: Any, handling: BaseException | None = None) -> Any:
        """Calls what is native, inside the `except` that the frame stands in."""
        handled = handling if handling is not None else self.program.handled()
        if handled is None:
            return function(*args)
        return call_handling(handled, function, *args)

    def handled(self) -> BaseException | None:
        """The exception that this frame handles at the moment."""
        for cursor in reversed(self.cursors):
            if isinstance(cursor, AttemptCursor | WithCursor) and (error := cursor.handled()) is not None:
                return error
        return None

    # -- where it stands ---------------------------------------------------------------------------------------------

    def line(self) -> int:
        return self.node.span.line if self.node is not None else self.loaded.function.span.line

    def note(self, error: BaseException) -> None:
        """Notes that the error was raised here."""
        note_error(error, self.loaded.short_name, self.line(), again=error is self.program.handled())

    def position(self) -> str:
        loops = [f"{c.node.id}[{c.count}]" for c in self.cursors if isinstance(c, LoopCursor) and c.phase != "orelse"]
        if self.node is None:
            return "/".join(loops)
        top = self.cursors[-1] if self.cursors else None
        leaving = isinstance(top, WithCursor) and top.phase == "exiting"
        return "/".join([*loops, f"{self.node.id}.exit" if leaving else self.node.id])


# -- what each kind of node does -----------------------------------------------------------------------------------------


def _compute(frame: GraphFrame, node: graph.Compute | graph.Spawn) -> Completion | None:
    signal = frame.run(frame.loaded.native(node, "code", node.code, "statements"))
    if signal is None:
        return None
    if signal == "break":
        return BREAK
    return CONTINUE if signal == "continue" else signal


def _wait(frame: GraphFrame, node: Any) -> Outcome:
    awaitable = frame.run(frame.loaded.native(node, "value", node.value, "value"))
    frame.awaiting = node
    return Outcome("wait", awaitable)


def _invoke(frame: GraphFrame, node: graph.Invoke) -> Outcome | None:
    if node.awaited:
        return _wait(frame, node)
    made = frame.run(frame.loaded.native(node, "value", node.value, "invoke"))
    if isinstance(made, Immediate) and not (node.implicit and _is_step(made.value)):
        if node.target is not None:
            frame.store(node.target, made.value)
        return None
    frame.awaiting = node
    return Outcome("wait", made.value if isinstance(made, Immediate) else made)


def _is_step(value: Any) -> bool:
    return isinstance(value, Coroutine) and isinstance(value.frame, ToolFrame)


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
        iterable = frame.run(frame.loaded.native(node, "iterable", node.iterable, "value"))
        if isinstance(iterable, Begun):
            iterator = iterable.iterator
        else:
            iterator = frame.call(async_iterator if node.is_async else iterate, iterable)
    frame.cursors.append(LoopCursor(node, iterator))


def _with(frame: GraphFrame, node: graph.With) -> Outcome | Completion | None:
    manager = frame.run(frame.loaded.native(node, "manager", node.manager, "value"))
    cursor = WithCursor(node, manager)
    cursor.check()
    frame.cursors.append(cursor)
    return cursor.enter(frame)


def _yield(frame: GraphFrame, node: graph.Yield) -> Outcome | None:
    value = None if node.value is None else frame.run(frame.loaded.native(node, "value", node.value, "value"))
    if node.delegate:
        iterator = value if hasattr(type(value), "send") else iterate(value)
        frame.cursors.append(DelegateCursor(node, iterator))
        return None
    frame.awaiting = node
    return Outcome("give", value)


def _attempt(frame: GraphFrame, node: graph.Attempt) -> None:
    frame.cursors.append(AttemptCursor(node))
    frame.push_block(node, "body", node.body)


def _return(frame: GraphFrame, node: graph.Return) -> Completion:
    if node.value is None:
        return END
    return ("return", frame.run(frame.loaded.native(node, "value", node.value, "value")))


def _raise(frame: GraphFrame, node: graph.Raise) -> None:
    codes = tuple(code for code in (node.value, node.cause) if code is not None)
    frame.run(frame.loaded.native(node, "raise", codes, "raise"))


def _break(frame: GraphFrame, node: graph.Break) -> Completion:
    return BREAK


def _continue(frame: GraphFrame, node: graph.Continue) -> Completion:
    return CONTINUE


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
    graph.With: _with,
    graph.Yield: _yield,
    graph.Return: _return,
    graph.Raise: _raise,
    graph.Break: _break,
    graph.Continue: _continue,
}
