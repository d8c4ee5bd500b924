"""A run that goes on from what an earlier execution has done: the past as the workflow uses it.

What always holds: what was given again stands in the run's memo, as the places of its entries in the workflow's second
argument, so that whoever reads the history knows it without a worker; and no workflow task goes through more than
`_AT_ONCE` events of the past.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Collection, Mapping

from temporalio import workflow
from weft_compiler.tool_spec import Effect, ToolSpec

from weft_workflows.machine import protocol as p
from weft_workflows.messages import MEMO_REUSED
from weft_workflows.past import Past
from weft_workflows.past_record import Entry, OldCall

#: Events of the past in one workflow task: one costs about as much as any event, and a task has some seconds.
_AT_ONCE = 250
_MAX_SHOWN = 20


class Reliving:
    """The past of one run, and how far the run has gone through it."""

    @classmethod
    def of(cls, past: bytes, tools: Mapping[str, ToolSpec]) -> Reliving:
        """From the past's bytes; `tools` are those of the run's plan."""
        reads = frozenset(name for name, tool in tools.items() if tool.effect is Effect.READ)
        return cls(Past.from_bytes(past, reads), reads)

    def __init__(self, past: Past, reads: Collection[str]) -> None:
        self._past = past
        self._reads = reads
        self._given = 0
        self._published = past.record.reused
        #: Writes that wait for a person's word on orphans, in the order of their calls.
        self._kept_back: dict[str, p.CallTool] = {}

    @property
    def beginning(self) -> tuple[int, float]:
        """Seed and time of the run's start."""
        return self._past.record.seed, self._past.record.now

    @property
    def active(self) -> bool:
        return self._past.active

    @property
    def clock(self) -> float:
        return self._past.clock

    def left(self) -> tuple[list[Entry], list[OldCall]]:
        """What the run has not come to: outcomes, and steps that had none."""
        return self._past.unclaimed(), list(self._past.left_open())

    def take(self, command: p.Command) -> bool:
        """Whether the past sees to a command, or has kept back what it cancels."""
        if isinstance(command, p.CancelStep) and self._kept_back.pop(command.step, None) is not None:
            return True
        return self._past.take(command)

    def keep_back(self, call: p.CallTool) -> bool:
        """Keeps a write from starting while nobody has said what is to become of old writes that are not repeated."""
        if call.tool in self._reads or not self._past.has_orphans:
            return False
        self._kept_back[call.step] = call
        return True

    def orphans_text(self) -> str:
        """What a person has to know of them."""
        orphans = self._past.orphans()
        shown = ", ".join(f"{each.tool} (line {each.line}, {each.id})" for each in orphans[:_MAX_SHOWN])
        more = f" and {len(orphans) - _MAX_SHOWN} more" if len(orphans) > _MAX_SHOWN else ""
        return f"the changed program does not repeat what the old one wrote: {shown}{more}; its own next write waits"

    def let_go(self, *, accepted: bool) -> list[p.CallTool]:
        """The writes that were kept back; where the old ones are accepted, no more are."""
        if accepted:
            self._past.accept_orphans()
        kept, self._kept_back = list(self._kept_back.values()), {}
        return kept

    def is_unsure(self, call: p.CallTool) -> bool:
        return self._past.is_unsure(call)

    def ended(self, step: str, now: float) -> None:
        self._past.ended(step, now)

    def put_back(self, event: p.Start | p.Event) -> bool:
        """Whether an event that could not be delivered comes again from here: it goes before what else is past."""
        if not self.active or isinstance(event, p.Start):
            return False
        self._past.put_back(event)
        return True

    def next(self) -> tuple[p.Event | None, int]:
        """What happens next in the past, and how many results of steps that gives: one or none."""
        reused = self._past.reused
        event = self._past.next()
        self._given += event is not None
        return event, self._past.reused - reused

    @property
    def is_settled(self) -> bool:
        """Whether the past has nothing under way: what is left of it can be carried over."""
        return not self._past.active and not self._kept_back

    def carry(self) -> bytes:
        """What is left of the past, for the execution that goes on with the run."""
        self.publish()
        return self._past.to_bytes()

    def is_tired(self) -> bool:
        """Whether this workflow task has had enough of the past: it must be short, however long that is."""
        return self._given % _AT_ONCE == 0

    def release(self) -> list[p.Command]:
        """What is to be carried out, now that the past has nothing more to give."""
        if self._past.reused >= 2 * self._published:
            self.publish()
        return self._past.release()

    def publish(self) -> int:
        """Writes into the memo what was given again. Gives how many results of steps that is."""
        reused = self._past.reused
        if reused > self._published:
            self._published = reused
            bits = base64.b64encode(zlib.compress(self._past.claimed())).decode()
            workflow.upsert_memo({MEMO_REUSED: {"count": reused, "entries": bits}})
        return reused
