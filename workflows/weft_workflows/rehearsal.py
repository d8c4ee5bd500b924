"""What a program would do with a past, found out without doing anything: which steps it reuses, which it would run.

A rehearsal drives a machine through its past up to the first missing result of each strand; there its knowledge ends. To
tell which old writes the program does not repeat (orphans) it goes on by guessing: a step that would run is taken to give
what the old one with its id gave, else what its tool gave last. What it learns so is never more than a reason to ask a person.

What always holds: nothing is called and nothing waits. Pure: knows no Temporal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from weft_compiler.tool_spec import Effect

from weft_workflows.machine import protocol as p
from weft_workflows.past import Past
from weft_workflows.past_record import Entry, OldCall, Record

#: Guesses beyond the number of old steps after which a program is taken to go on for ever.
_MORE_GUESSES = 1_000


class MachineLike(Protocol):
    """What a rehearsal needs of a machine."""

    def deliver(self, event: bytes) -> bytes: ...


#: Starts a machine with the encoded `Start` message; gives it and its first commands.
StartMachine = Callable[[bytes], tuple[MachineLike, bytes]]


class CannotGoOn(Exception):
    """A machine cannot be driven any further here: what it computes takes too long, or ends its process."""


@dataclass
class Rehearsal:
    """What is known of the program before it runs. Steps and outcomes in the order in which they would come."""

    reused: list[p.CallTool] = field(default_factory=list)
    #: Steps that would run at once, one for each strand that cannot go on without.
    runs: list[p.CallTool] = field(default_factory=list)
    #: Writes that may have been carried out already: a person is asked.
    asks: list[p.CallTool] = field(default_factory=list)
    #: Sleeps and deadlines that would be waited for.
    waits: list[p.StartTimer] = field(default_factory=list)
    #: How the program ends where it needs nothing that is missing.
    end: p.Finish | p.Fail | None = None
    orphans: list[OldCall] = field(default_factory=list)
    #: Why the rehearsal was broken off; what it had not come to by then is in none of the lists, but all old writes
    #: that it had not seen repeated are orphans.
    broken_off: str = ""


def rehearse(
    start_machine: StartMachine,
    plan: str,
    inputs: str,
    record: Record,
    effects: Mapping[str, Effect],
    old: Iterable[Entry],
) -> Rehearsal:
    """What the program of `plan` does with that past. `old` are all outcomes of the run before, failures too."""
    reads = [name for name, effect in effects.items() if effect is Effect.READ]
    rehearsing = _Rehearsing(Past(record, reads), start_machine)
    found = rehearsing.found
    try:
        found = rehearsing.known(p.Start(plan, inputs, "", record.seed, record.now))
        if found.end is None:
            rehearsing.guess(_Guesses(old), limit=len(record.entries) + _MORE_GUESSES)
    except CannotGoOn as why:
        found.broken_off = str(why)
    repeated = rehearsing.repeated()
    found.orphans = [each for each in _writes(record, effects) if (each.id, each.arguments) not in repeated]
    return found


def _writes(record: Record, effects: Mapping[str, Effect]) -> list[OldCall]:
    """The writes of the run before, as far as nobody wants them to run again; unknown tools are taken to write."""
    done = [
        OldCall(each.id, each.tool, each.arguments, each.line)
        for each in record.entries
        if each.kind == "value" and effects.get(each.tool) is not Effect.READ
    ]
    unsure = [each for each in record.open if each.unsure]
    return [each for each in (*done, *unsure) if not {each.id, each.tool} & set(record.rerun)]


class _Rehearsing:
    def __init__(self, past: Past, start_machine: StartMachine) -> None:
        self._past = past
        self._start_machine = start_machine
        self.found = Rehearsal()
        self._calls: dict[str, p.CallTool] = {}
        self._waiting: deque[p.Command] = deque()
        self._machine: MachineLike

    def known(self, start: p.Start) -> Rehearsal:
        """Goes on as far as the past leads."""
        self._machine, commands = self._start_machine(p.to_bytes([start]))
        self._take(commands)
        self._through_the_past()
        found = self.found
        for command in self._waiting:
            match command:
                case p.CallTool() if self._past.would_be_unsure(command):
                    found.asks.append(command)
                case p.CallTool():
                    found.runs.append(command)
                case p.StartTimer():
                    found.waits.append(command)
        return replace(found, reused=list(found.reused))

    def guess(self, guesses: _Guesses, limit: int) -> None:
        """Goes on with made up results until the program ends or has had enough of them."""
        while self._waiting and limit and self.found.end is None:
            limit -= 1
            command = self._waiting.popleft()
            now = self._past.clock
            match command:
                case p.CallTool():
                    self._past.is_unsure(command)
                    self._past.ended(command.step, now)
                    self._deliver(guesses.outcome(command, now))
                case p.StartTimer(timer):
                    self._deliver(p.TimerFired(timer, now))
            self._through_the_past()

    def repeated(self) -> set[tuple[str, str]]:
        """Ids and arguments of the old steps that the program has repeated."""
        settled = self._past.settled()
        unsure = {(old.id, old.arguments) for old in self._past.record.open if old.id in settled}
        return unsure | {(entry.id, entry.arguments) for entry in self._past.taken()}

    def _through_the_past(self) -> None:
        while self._past.active and self.found.end is None:
            if (event := self._past.next()) is None:
                self._waiting.extend(self._past.release())
                return
            if isinstance(event, p.StepSucceeded | p.StepFailed):
                self.found.reused.append(self._calls[event.step])
            self._deliver(event)

    def _deliver(self, event: p.Event) -> None:
        self._take(self._machine.deliver(p.to_bytes([event])))

    def _take(self, commands: bytes) -> None:
        for command in p.from_bytes(commands):
            match command:
                case p.Finish() | p.Fail():
                    self.found.end = command
                case p.CancelStep(name) | p.CancelTimer(name):
                    self._past.take(command)
                    self._waiting = deque(each for each in self._waiting if _name_of(each) != name)
                case p.CallTool() | p.StartTimer():
                    if isinstance(command, p.CallTool):
                        self._calls[command.step] = command
                    if not self._past.take(command):
                        self._waiting.append(command)


class _Guesses:
    """What steps are taken to give."""

    def __init__(self, old: Iterable[Entry]) -> None:
        self._by_id: dict[str, Entry] = {}
        self._by_tool: dict[str, Entry] = {}
        for entry in old:
            if entry.kind in ("value", "failure"):
                self._by_id[entry.id] = entry
            if entry.kind == "value":
                self._by_tool[entry.tool] = entry

    def outcome(self, call: p.CallTool, now: float) -> p.Event:
        entry = self._by_id.get(call.step)
        if entry is None or entry.tool != call.tool:
            entry = self._by_tool.get(call.tool)
        return p.StepSucceeded(call.step, "null", now) if entry is None else entry.event(call.step, now)


def _name_of(command: p.Command) -> str:
    match command:
        case p.CallTool(step):
            return step
        case p.StartTimer(timer):
            return timer
    return ""
