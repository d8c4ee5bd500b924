"""Kinds of what wide runs have thousands of: strands, steps, frames, and what holds many of them.

Nothing that belongs to one of these alone (its callbacks, its cursors, an empty dict) has a record of its own, and a strand
that waits leaves out what is as in every such strand: a record costs microseconds, each time a checkpoint is taken or read.
The `OLD` kinds read what version 1 wrote.
"""

from __future__ import annotations

import contextvars
from collections import deque
from decimal import setcontext
from typing import Any

from weft_compiler import graph

from weft_workflows.machine import groups, locks, queues, waiting
from weft_workflows.machine.codec import Kind, Taken
from weft_workflows.machine.codec_names import Surroundings
from weft_workflows.machine.codec_slots import (
    Wrap,
    blank,
    members_at,
    members_kind,
    never_taken,
    old_members_kind,
    set_fields,
    slots_kind,
)
from weft_workflows.machine.codec_values import decimal_context_of
from weft_workflows.machine.cursors import (
    AttemptCursor,
    BlockCursor,
    Cursor,
    DelegateCursor,
    LoopCursor,
    WithCursor,
)
from weft_workflows.machine.futures import StepFuture, Task, Wakeup
from weft_workflows.machine.graph_frame import GraphFrame
from weft_workflows.machine.waits import ToolFrame

# -- callbacks and frames, as they stand inside the records of those that hold them ---------------------------------------------


def _callbacks(held: list[Any]) -> list[Any]:
    """Callbacks behind their number; a strand stands for its own wake-up."""
    return [len(held), *(each.task if type(each) is Wakeup else each for each in held)]


def _as_callback(kept: Any) -> Any:
    return Wakeup(kept) if type(kept) is Task else kept


def _frame_or_tool(frame: Any) -> Any:
    """A frame, or the name of the tool whose step it waits for."""
    return frame.tool if type(frame) is ToolFrame and frame.started else frame


def _as_frame(kept: Any) -> Any:
    if type(kept) is not str:
        return kept
    frame = ToolFrame(kept, "")
    frame.started = True
    return frame


# -- steps -------------------------------------------------------------------------------------------------------------------

_OUTCOME = ("state", "value", "error", "trace", "cancel_message")
_PENDING: tuple[Any, ...] = ("PENDING", None, None, None, None)


def _outcome(value: Any) -> list[Any]:
    """What there is to keep of how a future ended; nothing while it has not."""
    return [] if value.state == "PENDING" else [getattr(value, name) for name in _OUTCOME]


def _set_outcome(target: Any, kept: list[Any]) -> None:
    target.state, target.value, target.error, target.trace, target.cancel_message = kept or _PENDING


def _step(_run: Surroundings, value: StepFuture) -> Taken:
    return (), [value.step, *_callbacks(value.callbacks), *_outcome(value)]


def _fill_step(_run: Surroundings, target: StepFuture, contents: list[Any]) -> None:
    target.step = contents[0]
    callbacks, at = members_at(contents, 1)
    target.callbacks = [_as_callback(each) for each in callbacks]
    _set_outcome(target, contents[at:])


# -- strands -----------------------------------------------------------------------------------------------------------------

#: What a strand has always, and what only some have, with what it is in all others.
_ALWAYS = ("name", "path", "line", "coroutine", "waiting")
_SOMETIMES = ("must_cancel", "cancel_message", "cancel_requests", "spawn_position")
_USUAL: list[Any] = [False, None, 0, "", None, None, None]


def _strand(_run: Surroundings, value: Task) -> Taken:
    always = [value.name, value.path, value.line, value.coroutine, value.waiting]
    frames = [len(value.frames), *map(_frame_or_tool, value.frames)]
    return (), [*always, *frames, *_callbacks(value.callbacks), *_special(value)]


def _special(value: Task) -> list[Any]:
    """What is not as in every strand that waits, and the outcome; nothing where all is."""
    group = None if value.group == value.path else value.group
    decimal, counts = decimal_context_of(value.context), value.spawn_counts or None
    is_plain = value.cancel_message is None and group is None and decimal is None and counts is None
    busy = value.cancel_requests or value.must_cancel or value.spawn_position
    if value.state == "PENDING" and is_plain and not busy:
        return []
    rare = [value.must_cancel, value.cancel_message, value.cancel_requests, value.spawn_position]
    return [*rare, group, decimal, counts, *_outcome(value)]


def _fill_strand(run: Surroundings, target: Task, contents: list[Any]) -> None:
    at = len(_ALWAYS)
    target.name, target.path, target.line, target.coroutine, target.waiting = contents[:at]
    frames, at = members_at(contents, at)
    callbacks, at = members_at(contents, at)
    target.frames = [_as_frame(each) for each in frames]
    target.callbacks = [_as_callback(each) for each in callbacks]
    special = contents[at:] or _USUAL
    rare, (group, decimal, counts) = special[:4], special[4:7]
    target.must_cancel, target.cancel_message, target.cancel_requests, target.spawn_position = rare
    target.group = target.path if group is None else group
    target.context = _context(run, decimal)
    target.spawn_counts = {} if counts is None else counts
    _set_outcome(target, special[7:])


def _context(run: Surroundings, decimal: Any) -> contextvars.Context:
    context = run.program.context.copy()
    if decimal is not None:
        context.run(setcontext, decimal)
    return context


# -- frames of the graph -----------------------------------------------------------------------------------------------------

#: The kinds of cursors, and what is kept of each behind its kind and its node.
_CURSORS: dict[type, tuple[str, tuple[str, ...]]] = {
    LoopCursor: ("loop", ("iterator", "count", "phase", "pending")),
    AttemptCursor: ("attempt", ("phase", "handler", "error", "pending", "sorting")),
    WithCursor: ("with", ("manager", "phase", "pending")),
    DelegateCursor: ("delegate", ("iterator", "phase", "pending")),
}
#: How many entries a cursor has, with its kind.
_LENGTHS = {"block": 4, **{what: 2 + len(fields) for what, fields in _CURSORS.values()}}


def _frame(_run: Surroundings, value: GraphFrame) -> Taken:
    nodes = [None if node is None else node.id for node in (value.node, value.awaiting)]
    held = [each or None for each in (value.variables, value.temporaries, value.cells)]
    return (value.loaded.key,), [*nodes, *held, *(entry for cursor in value.cursors for entry in _row(cursor))]


def _row(cursor: Cursor) -> tuple[Any, ...]:
    if isinstance(cursor, BlockCursor):
        return ("block", cursor.owner, cursor.slot, cursor.index)
    what, fields = _CURSORS[type(cursor)]
    return (what, cursor.node.id, *(getattr(cursor, name) for name in fields))


def _make_frame(run: Surroundings, key: str) -> GraphFrame:
    return GraphFrame(run.program, run.program.unit.functions[key])


def _fill_frame(_run: Surroundings, target: GraphFrame, contents: list[Any]) -> None:
    rows, at = [], 5
    while at < len(contents):
        end = at + _LENGTHS[contents[at]]
        rows.append(contents[at:end])
        at = end
    _set_frame(target, contents[:5], rows)


def _set_frame(target: GraphFrame, kept: list[Any], rows: list[Any]) -> None:
    nodes = target.loaded.outline.nodes
    node, awaiting, variables, temporaries, cells = kept
    target.node = None if node is None else nodes[node]
    target.awaiting = None if awaiting is None else nodes[awaiting]
    target.variables = {} if variables is None else variables
    target.temporaries = {} if temporaries is None else temporaries
    target.cells = {} if cells is None else cells
    target.cursors = [_cursor(target, *row) for row in rows]


def _cursor(frame: GraphFrame, what: str, node_id: str, *state: Any) -> Cursor:
    outline = frame.loaded.outline
    if what == "block":
        return BlockCursor(node_id, state[0], outline.blocks[node_id, state[0]], state[1])
    made = _new_cursor(what, outline.nodes[node_id])
    set_fields(made, _CURSORS[type(made)][1], state)
    return made


def _new_cursor(what: str, node: graph.Node) -> LoopCursor | AttemptCursor | WithCursor | DelegateCursor:
    match what, node:
        case "loop", graph.Loop():
            return LoopCursor(node, None)
        case "attempt", graph.Attempt():
            return AttemptCursor(node)
        case "with", graph.With():
            return WithCursor(node, None)
        case "delegate", graph.Yield():
            return DelegateCursor(node, None)
    raise AssertionError(f"a cursor of kind {what!r} does not stand at a {type(node).__name__}")


# -- what version 1 wrote ----------------------------------------------------------------------------------------------------


def _fill_old_frame(_run: Surroundings, target: GraphFrame, contents: list[Any]) -> None:
    _set_frame(target, contents[:5], contents[5:])


# -- the tables --------------------------------------------------------------------------------------------------------------

#: Collections of the objects that have some, and what each is made with.
_MEMBERS: dict[type, dict[str, Wrap]] = {
    groups.TaskGroup: {"tasks": dict.fromkeys},
    waiting.AsCompleted: {"todo": dict.fromkeys},
    locks.Condition: {"waiters": deque},
    locks.Event: {"waiters": deque},
    locks.Lock: {"waiters": deque},
    locks.Semaphore: {"waiters": deque},
    queues.Queue: {"getters": deque, "putters": deque},
}

KINDS: dict[type, Kind] = {
    Task: Kind(
        "strand",
        f"{' '.join(_ALWAYS)}, frames, callbacks; {' '.join(_SOMETIMES)} group decimal counts, {' '.join(_OUTCOME)}",
        _strand,
        blank(Task),
        _fill_strand,
        light=True,
    ),
    StepFuture: Kind(
        "step", f"step, callbacks, {' '.join(_OUTCOME)}", _step, blank(StepFuture), _fill_step, light=True
    ),
    GraphFrame: Kind(
        "activation",
        f"function; node, awaiting, variables, temporaries, cells, cursors: {sorted(_LENGTHS.items())}",
        _frame,
        _make_frame,
        _fill_frame,
        light=True,
    ),
    **{kind: members_kind(kind, wraps) for kind, wraps in _MEMBERS.items()},
}

OLD: tuple[Kind, ...] = (
    slots_kind(Task),
    slots_kind(StepFuture),
    Kind(
        "frame",
        "function; node, awaiting, variables, temporaries, cells, cursors",
        never_taken,
        _make_frame,
        _fill_old_frame,
    ),
    *(old_members_kind(kind, wraps) for kind, wraps in _MEMBERS.items()),
)
