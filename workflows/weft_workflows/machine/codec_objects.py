"""Kinds of the machine's own objects (futures, timers, frames) and of the sandbox's, most of them by their slots.

An object's slots are all its state, apart from what belongs to the run and caches. What wide runs have thousands of has
kinds of its own (`codec_strands`).
"""

from __future__ import annotations

from typing import Any

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
from weft_workflows.machine.codec_names import Surroundings
from weft_workflows.machine.codec_slots import slots_kind
from weft_workflows.machine.values import Coroutine
from weft_workflows.sandbox.iterators import BigRangeIterator, ItemIterator
from weft_workflows.sandbox.library import contexts, functional, logs, numeric, regex, tables, tracebacks, typed
from weft_workflows.sandbox.safe_builtins import CallIterator

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
    groups.Timeout,
    locks.AcquireLock,
    locks.AcquireSemaphore,
    locks.WaitForCondition,
    locks.WaitForEvent,
    locks.WaitForPredicate,
    queues.GetItem,
    queues.PutItem,
    stepped.MethodFrame,
    operations.CachingFrame,
    operations.ConstructFrame,
    operations.SpecialFrame,
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
    functional.CacheInfo: Kind(
        "CacheInfo",
        "elements",
        lambda _run, v: (tuple(v), None),
        lambda _run, *parts: functional.CacheInfo(parts),
    ),
    regex.Pattern: Kind("pattern", "pattern, flags", _pattern, _make_pattern),
    regex.Match: Kind("match", "pattern, bounds, text, spans", _match, _make_match),
}
