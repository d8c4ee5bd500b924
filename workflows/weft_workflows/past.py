"""What an earlier execution of a run has done, given to a machine again: no finished step runs twice.

A driver that has a `Past` asks it first. `take` is told of each command and says whether the past sees to it; `next` gives
what happens next in the past; when it gives nothing more, `release` gives back what the past has kept waiting and the driver
goes on by itself. Steps that the past does not know are kept waiting until then, because a program that is not yet where it
was may still cancel them.

What always holds: outcomes come in the order in which they were recorded, at their recorded times, and the clock never goes
back; a write that may have been carried out and has no outcome is never started, but parks; one outcome is given to one
step. Which outcome fits which step is said by one of two rules:

- `exact`, for the same program: the step has the same id, tool and arguments. Failures that the program has handled count.
- `edited`, for another program: tool and arguments are the same, and for a read also all writes before it
  (`write_order.py`); the step with the same id is preferred, then the first in the order of the calls. Only results count.

Time spent in the past is not spent again: a sleep that has elapsed fires at once. But deadlines around a step that runs
anew stand still until it runs. Pure: knows no Temporal, no machine and no clock of its own.
"""

from __future__ import annotations

import heapq
import json
from collections import defaultdict, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from weft_workflows.machine import protocol as p
from weft_workflows.past_record import (
    VERSION,
    Entry,
    OldCall,
    Record,
    call_key,
    packed,
    plain_record,
    record_of_plain,
    unpacked,
)
from weft_workflows.write_order import WriteOrder, above

#: Seconds of the shortest timer that is set when the past is over.
_AT_ONCE = 0.001


@dataclass(slots=True, eq=False)
class _Timer:
    """A timer that is the past's. `entry` is the recorded one that it is taken for."""

    command: p.StartTimer
    set_at: float
    entry: int | None = None
    #: What the clock said when a step inside of this deadline was kept waiting.
    stood_at: float | None = None


class Past:
    """The past of one run, as far as it has not been given back. `reads` are the names of the tools that only read."""

    def __init__(self, record: Record, reads: Collection[str]) -> None:
        self.record = record
        self.clock = record.now
        #: Whether there may be something to give.
        self.active = True
        #: How many results of steps were given again.
        self.reused = record.reused
        self._reads = frozenset(reads)
        self._entries = record.entries
        self._claimed = bytearray(len(self._entries))
        self._order = WriteOrder() if record.rule == "edited" else None
        #: Nothing has happened yet but what is past: timers still count.
        self._pristine = True
        #: Entries that are awaited, by their places; and what awaits them.
        self._due: list[int] = []
        self._awaited: dict[int, str] = {}
        self._awaiting: dict[str, int] = {}
        self._held: dict[str, p.CallTool] = {}
        #: The timers that are the past's, the same by strand, and those that it does not know by deadline.
        self._timers: dict[str, _Timer] = {}
        self._by_strand: dict[str, dict[str, _Timer]] = defaultdict(dict)
        self._unknown: list[tuple[float, int, _Timer]] = []
        self._timer_count = 0
        self._settled: set[str] = set()
        self._again: p.Event | None = None
        self._orphans = frozenset(record.orphans)
        self._accepted: frozenset[str] = frozenset()
        self._index()

    # -- what drivers use --------------------------------------------------------------------------------------------

    def take(self, command: p.Command) -> bool:
        """Whether the past sees to a command of the machine."""
        match command:
            case p.CallTool():
                return self._take_call(command)
            case p.StartTimer():
                return self._take_timer(command)
            case p.CancelStep(step):
                return self._held.pop(step, None) is not None or self._drop(step)
            case p.CancelTimer(timer):
                return self._forget_timer(timer)
        return False

    def next(self) -> p.Event | None:
        """What happens next in the past; None where nothing more does for now."""
        if self._again is not None:
            event, self._again = self._again, None
            return event
        place = self._first_due()
        if (timer := self._first_timer(place)) is not None:
            return self._fire(timer.command, timer.command.deadline)
        return None if place is None else self._give(place)

    def put_back(self, event: p.Event) -> None:
        """An event that could not be delivered comes again."""
        self._again = event
        self.active = True

    def release(self) -> list[p.Command]:
        """What the past has kept waiting, in the order of the commands; from now on the driver sees to it."""
        self.active = self._pristine = False
        for call in self._held.values():
            if self._ended_without(call):
                self._note_write(call, fresh=True)
        waiting: list[p.Command] = [*self._remaining_timers(), *self._held.values()]
        self._timers.clear()
        self._by_strand.clear()
        self._unknown.clear()
        self._held.clear()
        return waiting

    def is_unsure(self, call: p.CallTool) -> bool:
        """Whether a write that is to be started may have been carried out already by the execution before."""
        if not self._unsure or not self.would_be_unsure(call):
            return False
        left = self._unsure[self._unsure_key(call.step, call.tool, call.arguments)]
        self._settled.add(left.popleft().id)
        return True

    def would_be_unsure(self, call: p.CallTool) -> bool:
        """The same, without noting that somebody was told."""
        known = not self._is_rerun(call.tool, call.step)
        return known and bool(self._unsure.get(self._unsure_key(call.step, call.tool, call.arguments)))

    def settled(self) -> frozenset[str]:
        """Ids of the writes without outcome that the program has called again."""
        return frozenset(self._settled)

    def taken(self) -> list[Entry]:
        """The entries that the program has taken."""
        return [entry for entry, claimed in zip(self._entries, self._claimed, strict=True) if claimed]

    def ended(self, step: str, now: float) -> None:
        """A step that the driver has carried out has ended."""
        self.clock = max(self.clock, now)
        if self._order is not None:
            self._order.ended(step)

    @property
    def has_orphans(self) -> bool:
        """Whether there are any."""
        return bool(self._orphans) and bool(self.orphans())

    def orphans(self) -> list[OldCall]:
        """The writes of the execution before that the program was not expected to repeat, and has not repeated."""
        left = []
        for place, entry in enumerate(self._entries):
            if entry.id in self._orphans and entry.kind == "value" and not self._claimed[place]:
                left.append(OldCall(entry.id, entry.tool, entry.arguments, entry.line))
        return left + [old for old in self.record.open if old.id in self._orphans and old.id not in self._settled]

    def accept_orphans(self) -> None:
        """The person who decides knows of them: they are nobody's business any more."""
        self._accepted = self._orphans
        self._orphans = frozenset()

    def unclaimed(self) -> list[Entry]:
        """What has not been given to the program, as far as it may still be of use."""
        left = (e for e, claimed in zip(self._entries, self._claimed, strict=True) if not claimed)
        return [entry for entry in left if entry.kind != "cancel" and entry.id not in self._accepted]

    def claimed(self) -> bytes:
        """A bit for each entry that was given again: the first entry is the lowest bit of the first byte."""
        bits = bytearray((len(self._claimed) + 7) // 8)
        for place, claimed in enumerate(self._claimed):
            bits[place // 8] |= claimed << place % 8
        return bytes(bits)

    # -- which outcome fits ------------------------------------------------------------------------------------------

    def _index(self) -> None:
        record = self.record
        self._by_id: dict[str, int] = {}
        self._keys: dict[int, str] = {}
        by_key: dict[str, list[int]] = defaultdict(list)
        by_timer: dict[tuple[str, float], list[int]] = defaultdict(list)
        for place, entry in enumerate(self._entries):
            match entry.kind:
                case "cancel":
                    heapq.heappush(self._due, place)
                case "timer" | "unfired":
                    by_timer[entry.strand, entry.seconds].append(place)
                case _ if not self._is_rerun(entry.tool, entry.id):
                    self._by_id.setdefault(entry.id, place)
                    if record.rule == "edited":
                        key = self._keys[place] = call_key(entry.tool, entry.arguments, entry.before)
                        by_key[key].append(place)
        self._by_key = {key: self._in_order(places) for key, places in by_key.items()}
        self._by_timer = {key: self._in_order(places) for key, places in by_timer.items()}
        self._open = {old.id: old for old in record.open}
        self._unsure: dict[str, deque[OldCall]] = defaultdict(deque)
        for old in record.open:
            if old.unsure:
                self._unsure[self._unsure_key(old.id, old.tool, old.arguments)].append(old)

    def _unsure_key(self, step: str, tool: str, arguments: str) -> str:
        key = call_key(tool, arguments)
        return key if self.record.rule == "edited" else f"{step}\0{key}"

    def _in_order(self, places: Iterable[int]) -> deque[int]:
        return deque(sorted(places, key=lambda place: self._entries[place].called))

    def _is_rerun(self, tool: str, step: str) -> bool:
        return tool in self.record.rerun or step in self.record.rerun

    def _take_call(self, call: p.CallTool) -> bool:
        ended_without = self._ended_without(call)
        place = None if ended_without or self._is_rerun(call.tool, call.step) else self._entry_for(call)
        # One that had no outcome may be cancelled again before it is started: until then nothing is different.
        self._note_write(call, fresh=place is None and not (ended_without and self.active))
        if place is not None:
            self._await(place, call.step)
            return True
        if self.active:
            self._hold(call)
        return self.active

    def _ended_without(self, call: p.CallTool) -> bool:
        """Whether the step was called before and had no outcome: no other step's outcome is its."""
        old = self._open.get(call.step)
        return old is not None and _same_call(old, call)

    def _note_write(self, call: p.CallTool, *, fresh: bool) -> None:
        if self._order is not None and call.tool not in self._reads:
            self._order.write(call.step, call.group, call_key(call.tool, call.arguments), fresh=fresh)

    def _entry_for(self, call: p.CallTool) -> int | None:
        if self._order is None:
            place = self._by_id.get(call.step)
            if place is None or self._claimed[place] or not _same_call(self._entries[place], call):
                return None
            return place
        before = self._order.before(call.group) if call.tool in self._reads else ""
        key = call_key(call.tool, call.arguments, before)
        own = self._by_id.get(call.step)
        if own is not None and not self._claimed[own] and self._keys[own] == key:
            return own
        places = self._by_key.get(key, deque())
        while places and self._claimed[places[0]]:
            places.popleft()
        return places[0] if places else None

    def _take_timer(self, command: p.StartTimer) -> bool:
        if not self._pristine:
            return False
        timer = _Timer(command, self.clock)
        places = self._by_timer.get((command.group, command.seconds))
        if places:
            timer.entry = places.popleft()
            if self._entries[timer.entry].kind == "timer":
                self._await(timer.entry, command.timer)
            else:
                self._claimed[timer.entry] = True
        elif command.deadline <= self.record.until:
            heapq.heappush(self._unknown, (command.deadline, self._timer_count, timer))
            self._timer_count += 1
        self._timers[command.timer] = self._by_strand[command.group][command.timer] = timer
        return True

    def _forget_timer(self, timer_id: str) -> bool:
        timer = self._timers.pop(timer_id, None)
        if timer is None:
            return False
        del self._by_strand[timer.command.group][timer_id]
        self._drop(timer_id)
        return True

    def _await(self, place: int, awaiting: str) -> None:
        self._claimed[place] = True
        self._awaited[place] = awaiting
        self._awaiting[awaiting] = place
        heapq.heappush(self._due, place)
        self.active = True

    def _drop(self, awaiting: str) -> bool:
        """Forgets what awaits an entry that has not been given yet."""
        place = self._awaiting.pop(awaiting, None)
        if place is None:
            return False
        del self._awaited[place]
        return True

    # -- time --------------------------------------------------------------------------------------------------------

    def _hold(self, call: p.CallTool) -> None:
        """Keeps a step waiting; the deadlines around it stand still, but for those that it lived under before."""
        self._held[call.step] = call
        known = self._ended_without(call)
        for strand in above(call.group):
            for timer in self._by_strand.get(strand, {}).values():
                stands = timer.command.guards and timer.stood_at is None
                if stands and not (known and timer.entry is not None):
                    timer.stood_at = self.clock
                    self._drop(timer.command.timer)

    def _first_due(self) -> int | None:
        while self._due:
            place = self._due[0]
            if place in self._awaited or self._entries[place].kind == "cancel":
                return place
            heapq.heappop(self._due)
        return None

    def _first_timer(self, place: int | None) -> _Timer | None:
        """The next timer that fires before that entry and that the earlier execution did not have.

        By the exact rule what was recorded comes first: such a timer follows from something that has changed since.
        """
        while self._unknown:
            deadline, _, timer = self._unknown[0]
            if timer.stood_at is None and self._timers.get(timer.command.timer) is timer:
                if place is None:
                    return timer
                earlier = self.record.rule == "edited" and deadline < self._entries[place].now
                return timer if earlier else None
            heapq.heappop(self._unknown)
        return None

    def _fire(self, command: p.StartTimer, now: float) -> p.Event:
        self._forget_timer(command.timer)
        self.clock = max(self.clock, now)
        return p.TimerFired(command.timer, self.clock)

    def _give(self, place: int) -> p.Event:
        heapq.heappop(self._due)
        entry, awaiting = self._entries[place], self._awaited.get(place, "")
        if entry.kind == "timer":
            return self._fire(self._timers[awaiting].command, entry.now)
        self.clock = max(self.clock, entry.now)
        if entry.kind == "cancel":
            return p.CancelRun(self.clock)
        self._drop(awaiting)
        self.reused += entry.kind == "value"
        if self._order is not None:
            self._order.ended(awaiting)
        return entry.event(awaiting, self.clock)

    def _remaining_timers(self) -> list[p.StartTimer]:
        """Timers with the time that is left of them: the time between two executions is nobody's."""
        remaining = []
        for timer in self._timers.values():
            passed = max(self.record.until, self.clock, timer.set_at) if timer.stood_at is None else timer.stood_at
            seconds = max(timer.command.deadline - passed, _AT_ONCE)
            remaining.append(replace(timer.command, seconds=seconds))
        return remaining

    # -- to be carried -----------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """All that is left of the past, while nothing of it is under way."""
        return packed(
            {
                "version": VERSION,
                "record": plain_record(self._left()),
                "clock": self.clock,
                "active": self.active,
                "pristine": self._pristine,
                "claimed": self.claimed().hex(),
                "order": None if self._order is None else self._order.to_plain(),
            }
        )

    def left_open(self) -> list[OldCall]:
        """The steps that had no outcome; of those that write, what is not known of them still."""
        return [replace(old, unsure=old.unsure and old.id not in self._settled) for old in self.record.open]

    def _left(self) -> Record:
        orphans = tuple(each for each in self.record.orphans if each in self._orphans and each not in self._settled)
        return replace(self.record, reused=self.reused, open=tuple(self.left_open()), orphans=orphans)

    @classmethod
    def from_bytes(cls, data: bytes, reads: Collection[str]) -> Past:
        plain = unpacked(data)
        past = cls(record_of_plain(plain["record"]), reads)
        if "claimed" not in plain:
            return past
        bits = bytes.fromhex(plain["claimed"])
        past._claimed = bytearray(bits[place // 8] >> place % 8 & 1 for place in range(len(past._claimed)))
        past._due.clear()
        past.clock, past.active, past._pristine = plain["clock"], plain["active"], plain["pristine"]
        if plain["order"] is not None:
            past._order = WriteOrder.from_plain(plain["order"])
        return past


def _same_call(entry: Entry | OldCall, call: p.CallTool) -> bool:
    if entry.tool != call.tool:
        return False
    return entry.arguments == call.arguments or json.loads(entry.arguments) == json.loads(call.arguments)
