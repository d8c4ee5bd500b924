"""A run's machine as the worker holds it: asks its host, and rebuilds the machine where that host has died.

What always holds: `base` and `log` together give the machine as of the last event whose commands the caller has seen. A
machine counts as living in a process only between two requests that both went well.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from weft_workflows.host.charges import Place
from weft_workflows.host.errors import HostRestarted, HostUnavailable, MachineFailed
from weft_workflows.host.process import Death, HostDied, HostProcess
from weft_workflows.host.wire import Op
from weft_workflows.machine.snapshots import DamagedSnapshot, Parts, parts_of, snapshot_of

if TYPE_CHECKING:
    from weft_workflows.host.pool import HostPool
    from weft_workflows.host.slot import Slot

#: Events after which a snapshot may take the place of the log.
SNAPSHOT_AFTER: Final = 256
#: How many times a snapshot's own time the events of a log have taken before one is worth it: snapshots of wide runs take
#: long, and all of them together are to be a small part of a run's time.
_WORTH: Final = 10
#: Seconds of events, and bytes of them, after which the log gives way to a snapshot at any price: a rebuilt machine
#: gets all of them again within one call, and they stay in the worker's memory.
_LONGEST_LOG: Final = 3.0
_LARGEST_LOG: Final = 32_000_000
#: Seconds of a snapshot beyond which a call, which has eight for all, should not be burdened with another; as on a busy
#: computer. The log may then take this many times the bytes.
_BEARABLE: Final = 4.0
_PATIENT: Final = 4
#: Deaths in one call that were nobody's fault, before the call gives up.
_PATIENCE: Final = 3


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a machine is built of: how it begins, and the events since.

    `body` is a start message, a snapshot, or a snapshot's checkpoint, and `blocks` are its other parts.
    """

    op: Op
    body: bytes
    events: tuple[bytes, ...] = ()
    blocks: tuple[bytes, ...] = ()


class Handle:
    """One machine. Thread-safe, though a run has no use for two threads. Made by `HostPool`.

    Every method raises HostUnavailable (call again), EvaluatorDied (give up, or `forgive` and call again),
    MachineFailed, PoolClosed, and ValueError after `close`.
    """

    def __init__(
        self, pool: HostPool, slot: Slot, key: str, machine: int, recipe: Recipe, *, long: bool = False
    ) -> None:
        self.key = key
        # The pool lives at least as long as its handles.
        self._pool = pool
        self._slot = slot
        self._machine = machine
        self._begins_with = recipe.op
        #: What the machine is built of before the log: a snapshot, or its start, which is all checkpoint then. Later snapshots
        #: share blocks with this one, so that each is in memory once.
        self._base = Parts.of([*parts_of(recipe.body), *recipe.blocks])
        self._log = list(recipe.events)
        #: Whether calls have the limits of those that have a host for themselves.
        self._long = long
        self._log_seconds = 0.0
        self._log_bytes = sum(map(len, recipe.events))
        self._snapshot_after = SNAPSHOT_AFTER
        #: What the last snapshot took, or the restoring of the one that the machine began with.
        self._snapshot_seconds = 0.0
        #: Events since the handle was made; tells places apart.
        self._delivered = 0
        self._living_in: HostProcess | None = None
        self._lock = threading.Lock()
        self._forget = weakref.finalize(self, slot.forget, machine)
        self._forget.atexit = False

    def begin(self) -> bytes:
        """Starts or restores the machine. Called once, by the pool."""
        with self._lock:
            began = time.monotonic()
            reply = self._ask(self._begins_with, self._base.packed())
            if self._begins_with is Op.RESTORE:
                self._snapshot_seconds = time.monotonic() - began
            return reply

    def deliver(self, event: bytes) -> bytes:
        """One event in, commands out."""
        with self._lock:
            began = time.monotonic()
            commands = self._ask(Op.DELIVER, event)
            self._keep_log_short(time.monotonic() - began)
            return commands

    def snapshot(self) -> bytes:
        """The machine as it is now."""
        return snapshot_of(self.parts())

    def parts(self) -> list[bytes]:
        """The same in parts, without a copy of those that are here."""
        with self._lock:
            return list(self._take_snapshot(self._ask))

    def inspect(self, what: str) -> bytes:
        with self._lock:
            return self._ask(Op.INSPECT, what.encode())

    @property
    def recipe(self) -> Recipe:
        """What the machine is built of, as of the last event whose commands the caller has seen."""
        return Recipe(self._begins_with, self._base.checkpoint, tuple(self._log), tuple(self._base.blocks.values()))

    @property
    def line(self) -> int:
        """The line that the host is executing."""
        return self._slot.line

    def settle(self) -> list[bytes]:
        """Ends a time of long calls: from now on the machine is built of its snapshot, whose parts are returned."""
        with self._lock:
            began = time.monotonic()
            snapshot = self._take_snapshot(self._ask)
            self._begin_log(snapshot, time.monotonic() - began)
            self._long = False
        return list(snapshot)

    def rest(self) -> None:
        """Frees the memory of a machine in a host of its own for as long as it is not called; the next call builds it again."""
        if self._slot.is_own:
            with self._lock:
                self._living_in = None
                self._slot.rest()

    def forgive(self) -> None:
        """Lets the event that has killed two hosts be tried again, twice."""
        self._pool.forgive(self.key)

    def close(self) -> None:
        """Forgets the machine. Idempotent, from any thread."""
        self._forget()

    def _ask(self, op: Op, body: bytes) -> bytes:
        if not self._forget.alive:
            raise ValueError(f"the machine of run {self.key} is closed")
        charges = self._pool.charges
        place = Place(op, self._delivered)
        charges.check(self.key, place, body)
        began = time.monotonic()
        patience = _PATIENCE
        while True:
            try:
                reply = self._attempt(op, body)
            except HostDied as died:
                if died.death.machine == self._machine:
                    charges.charge(self.key, place, body, died.death)
                self._give_up_late(died.death, began, patience)
                patience -= 1
            else:
                charges.survived(self.key, place)
                return reply

    def _attempt(self, op: Op, body: bytes) -> bytes:
        with self._slot.turn() as process:
            try:
                if op in (Op.START, Op.RESTORE):
                    self._living_in = None
                elif self._living_in is not process:
                    self._rebuild(process)
                return self._exchange(process, op, body)
            except HostDied:
                self._slot.lost(process)
                raise

    def _rebuild(self, process: HostProcess) -> None:
        """The machine as it was, in another process. Commands were carried out long ago and are dropped."""
        self._living_in = None
        process.request(self._begins_with, self._machine, self._base.packed(), long=self._may_last(self._begins_with))
        for event in self._log:
            process.request(Op.DELIVER, self._machine, event, long=self._long)
        self._living_in = process

    def _exchange(self, process: HostProcess, op: Op, body: bytes) -> bytes:
        long = self._may_last(op)
        if op in (Op.SNAPSHOT, Op.INSPECT):
            return process.request(op, self._machine, body, long=long)
        self._living_in = None
        began = time.monotonic()
        reply = process.request(op, self._machine, body, long=long)
        if op == Op.DELIVER:
            self._log.append(body)
            self._log_seconds += time.monotonic() - began
            self._log_bytes += len(body)
            self._delivered += 1
        self._living_in = process
        return reply

    def _may_last(self, op: Op) -> bool:
        """Whether an operation has the limits of long calls. To keep or restore a wide run takes seconds, on a busy computer
        many; no other run waits for a host of its own.
        """
        return self._long or (self._slot.is_own and op in (Op.SNAPSHOT, Op.RESTORE))

    def _give_up_late(self, death: Death, began: float, patience: int) -> None:
        """Raises HostRestarted where the call has no time left to try again in, or was long."""
        if patience == 0 or self._long or time.monotonic() - began > self._pool.limits.cpu_seconds / 3:
            at = f" at line {death.line}" if death.line else ""
            raise HostRestarted(
                f"the host process of run {self.key} ended{at} ({death.reason}); make the call again",
                line=death.line,
                reason=death.reason,
                charged=death.machine == self._machine,
            )

    def _keep_log_short(self, seconds: float) -> None:
        """A snapshot in place of the log, where that is due and this call, which took so long, has the time."""
        if self._long or seconds > self._brief or not self._is_snapshot_due():
            return
        began = time.monotonic()
        try:
            snapshot = self._take_snapshot(self._attempt)
        except (HostDied, HostUnavailable, MachineFailed):
            # The log is as good, only longer; the machine may be in a better mood later.
            self._snapshot_after = 2 * len(self._log)
            self._log_seconds = 0.0
            self._log_bytes = 0
        else:
            self._begin_log(snapshot, time.monotonic() - began)

    def _is_snapshot_due(self) -> bool:
        """Whether delivering the log again would take long, and much longer than a snapshot does."""
        if self._snapshot_seconds > _BEARABLE:
            return self._log_bytes >= _PATIENT * _LARGEST_LOG
        if self._log_bytes >= _LARGEST_LOG:
            return True
        worth = min(_WORTH * self._snapshot_seconds, _LONGEST_LOG)
        is_long = len(self._log) >= self._snapshot_after or self._log_seconds >= self._brief
        return is_long and self._log_seconds >= worth

    @property
    def _brief(self) -> float:
        return self._pool.limits.cpu_seconds / 3

    def _take_snapshot(self, ask: Callable[[Op, bytes], bytes]) -> Parts:
        """The machine as it is now; of blocks that the base has, only the names cross."""
        reply = ask(Op.SNAPSHOT, self._base.names)
        try:
            return self._base.next(reply)
        except DamagedSnapshot as damaged:
            raise MachineFailed.of(damaged, 0) from None

    def _begin_log(self, snapshot: Parts, seconds: float) -> None:
        self._begins_with, self._base = Op.RESTORE, snapshot
        self._log.clear()
        self._log_seconds = 0.0
        self._log_bytes = 0
        self._snapshot_after = SNAPSHOT_AFTER
        self._snapshot_seconds = seconds
