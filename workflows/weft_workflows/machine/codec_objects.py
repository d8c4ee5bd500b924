"""Kinds of the machine's own objects (tasks, futures, timers, frames) and of the sandbox's, by their slots.

An object's slots are all its state, apart from what belongs to the run (its loop, its meter), which a restored object gets
from the run that it wakes up in, and caches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_compiler import graph

from weft_workflows.machine import (
    asking,
    except_star,
    futures,
    generators,
    groups,
    locks,
    operations,
    queues,
    stepped,
    waiting,
    waits,
)
from weft_workflows.machine import contexts as waiting_contexts
from weft_workflows.machine.codec import Kind, Taken
from weft_workflows.machine.codec_names import UNSET, Surroundings
from weft_workflows.machine.cursors import (
    AttemptCursor,
    BlockCursor,
    Cursor,
    DelegateCursor,
    LoopCursor,
    WithCursor,
)
from weft_workflows.machine.graph_frame import GraphFrame
from weft_workflows.machine.values import Coroutine
from weft_workflows.sandbox.iterators import BigRangeIterator, ItemIterator
from weft_workflows.sandbox.library import contexts, functional, logs, numeric, regex, tables, tracebacks, typed
from weft_workflows.sandbox.safe_builtins import CallIterator

#: What an object gets from its run, by the name of the slot.
_GIVEN: dict[str, Callable[[Surroundings], Any]] = {
    "loop": lambda run: run.program.loop,
    "_meter": lambda run: run.program.meter,
    "_get": lambda run: run.environment.attributes.get,
    "_library": lambda run: run.named("logging", "getLogger").__self__,
}


def _slots(kind: type) -> list[str]:
    return [name for base in reversed(kind.__mro__) for name in base.__dict__.get("__slots__", ())]


def slots_kind(kind: Any) -> Kind:
    """The kind of a class whose slots are its state."""
    names = _slots(kind)
    fields = [name for name in names if name not in _GIVEN]
    given = [(name, _GIVEN[name]) for name in names if name in _GIVEN]

    def take(_run: Surroundings, value: Any) -> Taken:
        return (), [getattr(value, name, UNSET) for name in fields]

    def make(run: Surroundings) -> Any:
        made = object.__new__(kind)
        for name, give in given:
            setattr(made, name, give(run))
        return made

    def fill(_run: Surroundings, target: Any, contents: list[Any]) -> None:
        for name, value in zip(fields, contents, strict=True):
            if value is not UNSET:
                setattr(target, name, value)

    return Kind(f"slots {kind.__qualname__}", " ".join(fields), take, make, fill)


# -- frames of the graph -----------------------------------------------------------------------------------------------------


def _frame(_run: Surroundings, value: GraphFrame) -> Taken:
    nodes = [None if node is None else node.id for node in (value.node, value.awaiting)]
    state = [value.variables, value.temporaries, value.cells]
    return (value.loaded.key,), [*nodes, *state, *(_row(cursor) for cursor in value.cursors)]


def _row(cursor: Cursor) -> tuple[Any, ...]:
    match cursor:
        case BlockCursor():
            return ("block", cursor.owner, cursor.slot, cursor.index)
        case LoopCursor():
            return ("loop", cursor.node.id, cursor.iterator, cursor.count, cursor.phase, cursor.pending)
        case AttemptCursor():
            return (
                "attempt",
                cursor.node.id,
                cursor.phase,
                cursor.handler,
                cursor.error,
                cursor.pending,
                cursor.sorting,
            )
        case WithCursor():
            return ("with", cursor.node.id, cursor.manager, cursor.phase, cursor.pending)
        case DelegateCursor():
            return ("delegate", cursor.node.id, cursor.iterator, cursor.phase, cursor.pending)


def _make_frame(run: Surroundings, key: str) -> GraphFrame:
    return GraphFrame(run.program, run.program.unit.functions[key])


def _fill_frame(_run: Surroundings, target: GraphFrame, contents: list[Any]) -> None:
    outline = target.loaded.outline
    node, awaiting, target.variables, target.temporaries, target.cells, *rows = contents
    target.node = None if node is None else outline.nodes[node]
    target.awaiting = None if awaiting is None else outline.nodes[awaiting]
    target.cursors = [_cursor(target, *row) for row in rows]


def _cursor(frame: GraphFrame, what: str, node_id: str, *state: Any) -> Cursor:
    outline = frame.loaded.outline
    if what == "block":
        return BlockCursor(node_id, state[0], outline.blocks[node_id, state[0]], state[1])
    node = outline.nodes[node_id]
    if what == "loop":
        assert isinstance(node, graph.Loop)
        loop = LoopCursor(node, state[0])
        loop.count, loop.phase, loop.pending = state[1:]
        return loop
    if what == "delegate":
        assert isinstance(node, graph.Yield)
        delegate = DelegateCursor(node, state[0])
        delegate.phase, delegate.pending = state[1:]
        return delegate
    if what == "with":
        assert isinstance(node, graph.With)
        region = WithCursor(node, state[0])
        region.phase, region.pending = state[1:]
        return region
    assert isinstance(node, graph.Attempt)
    attempt = AttemptCursor(node)
    attempt.phase, attempt.handler, attempt.error, attempt.pending, attempt.sorting = state
    return attempt


# -- regular expressions -----------------------------------------------------------------------------------------------------


class KeptMatch:
    """What a `Match` holds of its engine, as plain state: the text and where each group was found."""

    __slots__ = ("spans", "string")

    def __init__(self, string: Any, spans: tuple[tuple[int, int], ...]) -> None:
        self.string = string
        self.spans = spans

    def start(self, group: int = 0) -> int:
        return self.spans[group][0]

    def end(self, group: int = 0) -> int:
        return self.spans[group][1]

    def group(self, group: int = 0) -> Any:
        start, end = self.spans[group]
        return None if start < 0 else self.string[start:end]


def _match(_run: Surroundings, value: regex.Match) -> Taken:
    return (value.re, value.pos, value.endpos, value.string, value.regs), None


def _make_match(_run: Surroundings, pattern: Any, pos: int, endpos: int, string: Any, spans: Any) -> regex.Match:
    return regex.Match(KeptMatch(string, spans), pattern, pos, endpos)


def _pattern(_run: Surroundings, value: regex.Pattern) -> Taken:
    return (value.pattern, int(value.flags)), None


def _make_pattern(run: Surroundings, pattern: Any, flags: int) -> regex.Pattern:
    return regex.Pattern(pattern, flags, run.program.meter)


# -- the table ---------------------------------------------------------------------------------------------------------------

_BY_SLOTS: tuple[type, ...] = (
    *asking.STORED,
    futures.Future,
    futures.StepFuture,
    futures.Task,
    futures.Timer,
    futures.RunCallback,
    futures.UserCallback,
    futures.StepTask,
    futures.Wakeup,
    futures.SetResult,
    waits.GatheringFuture,
    waits.ToolFrame,
    waits.SleepFrame,
    waits.WaitForFrame,
    waits.RunFrame,
    waits.Deadline,
    generators.AskGenerator,
    generators.AsyncGenerator,
    generators.Begun,
    generators.Generator,
    generators.NextOrDefault,
    groups.LeaveTaskGroup,
    groups.TaskGroup,
    groups.Timeout,
    locks.AcquireLock,
    locks.AcquireSemaphore,
    locks.Condition,
    locks.Event,
    locks.Lock,
    locks.Semaphore,
    locks.WaitForCondition,
    locks.WaitForEvent,
    locks.WaitForPredicate,
    queues.GetItem,
    queues.PutItem,
    queues.Queue,
    stepped.MethodFrame,
    operations.CachingFrame,
    operations.ConstructFrame,
    operations.SpecialFrame,
    waiting.AsCompleted,
    waiting.CountDown,
    waiting.ExpireAsCompleted,
    waiting.ForgetShield,
    waiting.NextCompleted,
    waiting.ReleaseWaiter,
    waiting.ShieldedFuture,
    waiting.ToThreadFrame,
    waiting.WaitFrame,
    waits.Release,
    except_star.Sorting,
    waiting_contexts.AsyncClosing,
    waiting_contexts.AsyncDecorated,
    waiting_contexts.AsyncExitStack,
    waiting_contexts.AsyncGeneratorManager,
    waiting_contexts.CallWithin,
    waiting_contexts.Close,
    waiting_contexts.EnterContext,
    waiting_contexts.EnterGenerator,
    waiting_contexts.LeaveGenerator,
    waiting_contexts.LeaveStack,
    Coroutine,
    CallIterator,
    BigRangeIterator,
    ItemIterator,
    tables.Reader,
    tables.DictReader,
    tables.Writer,
    tables.DictWriter,
    tables.Merge,
    functional.CachedFunction,
    functional.CachedProperty,
    functional.SingleDispatch,
    functional.AttributeGetter,
    functional.MethodCaller,
    numeric.LocalContext,
    tracebacks.FrameSummary,
    tracebacks.Rendered,
    contexts.Closing,
    contexts.Decorated,
    contexts.ExitStack,
    contexts.GeneratorManager,
    contexts.Making,
    contexts.NullContext,
    contexts.Standing,
    contexts.Suppress,
    contexts.Unwinding,
    logs.Formatter,
    logs.NullHandler,
    logs.StreamHandler,
    typed.NewKind,
)

KINDS: dict[type, Kind] = {
    **{kind: slots_kind(kind) for kind in _BY_SLOTS},
    GraphFrame: Kind(
        "frame",
        "function; node, awaiting, variables, temporaries, cells, cursors",
        _frame,
        _make_frame,
        _fill_frame,
    ),
    functional.CacheInfo: Kind(
        "CacheInfo",
        "elements",
        lambda _run, v: (tuple(v), None),
        lambda _run, *parts: functional.CacheInfo(parts),
    ),
    regex.Pattern: Kind("pattern", "pattern, flags", _pattern, _make_pattern),
    regex.Match: Kind("match", "pattern, bounds, text, spans", _match, _make_match),
}
