"""The ledger of a run: what it called and what came of it, in order, as whoever drives its machine sees it.

A driver, or a replay of a run's history, tells it of each event before it is delivered and of each command that follows.
From it comes what a later execution begins with (`past_record.Record`): `resumed` for the same program, `edited` for
another one, `forked` for a run that goes another way from a step on.

What always holds: a finished step is in each record that may need it; a write that was started and has no outcome is
`unsure` there. Pure: knows no Temporal and reads no clock.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from weft_compiler.tool_spec import Effect

from weft_workflows.machine import protocol as p
from weft_workflows.past_record import Entry, OldCall, Record, Rule, call_key
from weft_workflows.write_order import WriteOrder

_CANCELLED = "cancelled"


class NothingToResume(Exception):
    """The run has ended in a way that going on from there would only repeat."""


@dataclass(slots=True)
class _Call:
    """A step: what the machine asked for, its place among all commands and after how many events it came."""

    command: p.CallTool
    order: int
    after: int
    before: str
    started: bool = False
    #: Whether it may have been carried out although the program was told of a failure.
    ambiguous: bool = False


@dataclass(slots=True)
class _Timer:
    command: p.StartTimer
    order: int
    after: int


class Ledger:
    """One run. `effects` are those of the tools of its plan."""

    def __init__(self, effects: Mapping[str, Effect]) -> None:
        self.start: p.Start | None = None
        self.end: p.Finish | p.Fail | None = None
        #: When the run was last known to be going on, or when it ended.
        self.until = 0.0
        #: Whether a person has asked the run to stop.
        self.cancelled = False
        self._effects = effects
        self._calls: dict[str, _Call] = {}
        self._timers: dict[str, _Timer] = {}
        self._events: dict[str, p.Event] = {}
        #: Outcomes of steps that an earlier execution knew and this one has not come to.
        self._older: list[Entry] = []
        self._older_open: list[OldCall] = []
        self._ended: set[str] = set()
        self._order = WriteOrder()
        self._commands = 0

    # -- told by the driver ------------------------------------------------------------------------------------------

    def delivered(self, event: p.Start | p.Event) -> None:
        """The machine is given an event."""
        self.until = max(self.until, event.now)
        if isinstance(event, p.Start):
            self.start = event
            return
        # An event that comes again takes the place of the first one: what that had led to was taken back.
        key = _key_of(event)
        self._events.pop(key, None)
        # Nor was it the end what had ended the program then, if a person had it go on.
        self.end = None
        self._events[key] = event
        match event:
            case p.StepSucceeded(step) | p.StepFailed(step):
                self._ended.add(step)
                self._order.ended(step)
            case p.CancelRun():
                self.cancelled = True

    def commanded(self, command: p.Command) -> None:
        """The machine has answered with a command."""
        self._commands += 1
        match command:
            case p.CallTool() if command.step not in self._calls:
                reads = self._effects[command.tool] is Effect.READ
                before = self._order.before(command.group) if reads else ""
                if not reads:
                    self._order.write(command.step, command.group, call_key(command.tool, command.arguments))
                self._calls[command.step] = _Call(command, self._commands, len(self._events), before)
            case p.StartTimer():
                self._timers[command.timer] = _Timer(command, self._commands, len(self._events))
            case p.Finish() | p.Fail():
                self.end = command

    def started(self, step: str) -> None:
        """A step has been handed to its tool."""
        self._calls[step].started = True

    def refused(self, step: str) -> None:
        """A tool has said itself that it failed."""
        self._calls[step].started = False

    def ambiguous(self, step: str) -> None:
        """Nobody knows whether a step, which writes, was carried out."""
        self._calls[step].started = self._calls[step].ambiguous = True

    @property
    def last_event(self) -> p.Event | None:
        return next(reversed(self._events.values()), None)

    def has_ended(self, step: str) -> bool:
        return step in self._ended

    def in_flight(self) -> frozenset[str]:
        """Steps that were handed to their tools and have not ended."""
        return frozenset(name for name, call in self._calls.items() if call.started and name not in self._ended)

    def arrived(self, event: p.StepSucceeded) -> None:
        """A result was there when the execution ended; its machine was not given it any more."""
        if event.step in self._calls and event.step not in self._ended:
            self._events[_key_of(event)] = event
            self._ended.add(event.step)
            self.until = max(self.until, event.now)

    def older(self, entries: Iterable[Entry], still_open: Iterable[OldCall]) -> None:
        """What an earlier execution knew of steps that this one has not called."""
        self._older = [each for each in entries if each.kind in ("value", "failure") and not self._called_again(each)]
        self._older_open = [each for each in still_open if each.unsure and not self._called_again(each)]

    def _called_again(self, old: Entry | OldCall) -> bool:
        call = self._calls.get(old.id)
        return call is not None and (call.command.tool, call.command.arguments) == (old.tool, old.arguments)

    # -- what comes of it --------------------------------------------------------------------------------------------

    def calls(self) -> list[p.CallTool]:
        """All steps in the order in which the program called them."""
        return [call.command for call in self._calls.values()]

    def outcomes(self) -> tuple[Entry, ...]:
        """All that came of steps, failures too."""
        return self._entries(without=(), cancel=False, failures=True)

    def resumed(self) -> Record:
        """For the same program, as of before what ended it. Raises NothingToResume."""
        left_out: set[str] = set()
        cancelled = False
        match self.end:
            case p.Finish():
                raise NothingToResume("the run has completed")
            case p.Fail(cancelled=True) if self.cancelled:
                cancelled = True
            case p.Fail() as fail:
                left_out = self._failures_behind(fail)
                if not left_out:
                    where = f" at line {fail.line}" if fail.line else ""
                    raise NothingToResume(
                        f"the program itself failed{where}: {fail.type}: {fail.message}. It would fail again"
                    )
        entries = self._entries(without=left_out, cancel=not cancelled, failures=True)
        return self._record("exact", (*entries, *self._older))

    def edited(self, rerun: Collection[str] = ()) -> Record:
        """For another program: results only."""
        entries = self._entries(without=(), cancel=False, failures=False)
        older = [entry for entry in self._older if entry.kind == "value"]
        return replace(self._record("edited", (*entries, *older)), rerun=tuple(rerun))

    def forked(self, step: str, *, other_inputs: bool) -> Record:
        """For a new run, up to where it calls that step. Raises KeyError where the run has not called it."""
        after = self._calls[step].after
        kept = Ledger(self._effects)
        kept.start, kept._events = self.start, dict(islice(self._events.items(), after))
        kept._calls = {name: call for name, call in self._calls.items() if call.after < after}
        kept._timers = {name: timer for name, timer in self._timers.items() if timer.after < after}
        assert self.start is not None
        kept.until = self.start.now if kept.last_event is None else kept.last_event.now
        entries = kept._entries(without=(), cancel=True, failures=not other_inputs)
        # Another run: what this one has in flight is no business of its.
        return replace(kept._record("edited" if other_inputs else "exact", entries), open=())

    def _failures_behind(self, fail: p.Fail) -> set[str]:
        """The steps by whose failures the program has ended."""
        if fail.step:
            return {fail.step}
        return {step for step in json.loads(fail.failed_steps) if step in self._ended}

    def _record(self, rule: Rule, entries: tuple[Entry, ...]) -> Record:
        assert self.start is not None
        known = {entry.id for entry in entries}
        still_open = [
            self._old_call(name, call)
            for name, call in self._calls.items()
            if name not in self._ended or (call.ambiguous and name not in known)
        ]
        return Record(
            rule=rule,
            seed=self.start.seed,
            now=self.start.now,
            until=self.until,
            entries=entries,
            open=(*still_open, *self._older_open),
        )

    def _old_call(self, name: str, call: _Call) -> OldCall:
        unsure = call.started and self._effects[call.command.tool] is Effect.WRITE
        return OldCall(name, call.command.tool, call.command.arguments, call.command.line, unsure)

    def _entries(self, *, without: Collection[str], cancel: bool, failures: bool) -> tuple[Entry, ...]:
        found = [self._entry_of(event) for event in self._events.values()]
        kept = [
            entry
            for entry in found
            if entry is not None
            and not (entry.kind == "failure" and entry.id in without)
            and (failures or entry.kind != "failure")
            and (cancel or entry.kind != "cancel")
        ]
        fired = {entry.id for entry in kept if entry.kind == "timer"}
        unfired = [
            Entry("unfired", name, called=each.order, strand=each.command.group, seconds=each.command.seconds)
            for name, each in self._timers.items()
            if name not in fired
        ]
        return (*kept, *unfired)

    def _entry_of(self, event: p.Event) -> Entry | None:
        match event:
            case p.StepSucceeded(step, value, now):
                return self._step_entry("value", step, now, value)
            case p.StepFailed(step, type_, message, arguments, base_type, now, spent):
                told = json.dumps([type_, message, arguments, base_type, spent])
                return self._step_entry("failure", step, now, told)
            case p.TimerFired(timer, now):
                if (known := self._timers.get(timer)) is None:
                    return None
                strand, seconds = known.command.group, known.command.seconds
                return Entry("timer", timer, now, called=known.order, strand=strand, seconds=seconds)
            case p.CancelRun(now):
                return Entry("cancel", now=now)

    def _step_entry(self, kind: Literal["value", "failure"], step: str, now: float, value: str) -> Entry | None:
        call = self._calls.get(step)
        if call is None:
            return None
        command = call.command
        return Entry(
            kind,
            step,
            now,
            command.tool,
            command.arguments,
            value,
            call.order,
            command.line,
            command.group,
            call.before,
        )


def _key_of(event: p.Event) -> str:
    """What an event is the event of."""
    match event:
        case p.StepSucceeded() | p.StepFailed():
            return f"step {event.step}"
        case p.TimerFired():
            return f"timer {event.timer}"
        case p.CancelRun():
            return _CANCELLED
