"""The worker's pool of hosts: child processes in which machines live, many in each, one process a core.

    pool = HostPool()
    handle, commands = pool.start("run-1", start)
    commands = handle.deliver(event)

What always holds:

- Machines of a process run one at a time; a call blocks its thread until its machine is quiescent.
- A dead host is replaced and its machines are rebuilt, each at its next use, from start or snapshot and the events
  since.
- A run is charged with a death only if the page that it shares with the child says that it was being executed. Two
  deaths at the same event raise `EvaluatorDied`.

Knows no Temporal, and of what the bytes mean only that a snapshot has parts. Needs Unix; on Windows use `InProcessMachine`.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from weft_workflows.host.charges import Charges
from weft_workflows.host.contract import DEFAULT_MACHINE
from weft_workflows.host.errors import (
    EvaluatorDied,
    HostBusy,
    HostRestarted,
    HostStartFailed,
    HostUnavailable,
    MachineFailed,
    OverBudget,
    PoolClosed,
)
from weft_workflows.host.handle import Handle, Recipe
from weft_workflows.host.in_process import InProcessMachine
from weft_workflows.host.limits import HostLimits
from weft_workflows.host.process import HostProcess
from weft_workflows.host.slot import Slot, Starter
from weft_workflows.host.wire import Op
from weft_workflows.machine.snapshots import name_of_all, unpacked

__all__ = [
    "EvaluatorDied",
    "Handle",
    "HostBusy",
    "HostLimits",
    "HostPool",
    "HostRestarted",
    "HostStartFailed",
    "HostUnavailable",
    "InProcessMachine",
    "MachineFailed",
    "OverBudget",
    "PoolClosed",
    "Recipe",
]

#: Size of a checkpoint from which it takes long to restore: some 100,000 small records, a fifth of a second.
HEAVY_BYTES: Final = 1_000_000
#: CPU seconds of a call in a host of its own that is not a long one: a large machine may have to be restored in it.
OWN_CPU_SECONDS: Final = 5.0
#: How far hosts of their own stand back behind the others, where cores are scarce.
OWN_NICENESS: Final = 5


class HostPool:
    """Thread-safe. Returns at once: one host is started in the background, others when there are runs for them.

    `size` is the number of hosts, by default one for each core; `machine` names the class that they execute. Raises
    OSError where the platform has no such processes.
    """

    def __init__(
        self, size: int | None = None, limits: HostLimits | None = None, machine: str = DEFAULT_MACHINE
    ) -> None:
        if sys.platform == "win32":
            raise OSError("host processes need Unix; use InProcessMachine")
        self.limits = limits = limits or HostLimits()
        self.charges = Charges()
        self._starter = starter = Starter(machine)
        self._slots = [Slot(starter, limits) for _ in range(size or _cores())]
        self._own_limits = replace(limits, cpu_seconds=OWN_CPU_SECONDS, niceness=OWN_NICENESS)
        #: Hosts of one machine each.
        self._own: weakref.WeakSet[Slot] = weakref.WeakSet()
        #: Machines in hosts of their own whose runs have not come back for them, with their snapshots' names, oldest first.
        self._kept: OrderedDict[str, tuple[bytes, Handle]] = OrderedDict()
        self._machines = itertools.count(1)
        self._assigning = threading.Lock()
        # Runs once: by `close`, when the pool is collected, or when the interpreter ends.
        self._end = weakref.finalize(self, _end_all, self._slots, self._own, starter)
        self._slots[0].prepare()

    def start(self, key: str, start: bytes) -> tuple[Handle, bytes]:
        """A new machine for the run of that key, and its first commands. Raises as the methods of `Handle` do."""
        handle = self._assign(key, Recipe(Op.START, start))
        return handle, handle.begin()

    def restore(self, key: str, snapshot: bytes | Sequence[bytes]) -> Handle:
        """A machine as of that snapshot, or its parts: the very one that was left with `keep`, if it is still there.

        What takes long to restore gets a host of its own, so that no other run waits for it.
        """
        parts = unpacked(snapshot)
        with self._assigning:
            left, handle = self._kept.pop(key, (b"", None))
        if handle is not None and left == name_of_all(parts):
            return handle
        recipe = Recipe(Op.RESTORE, parts[0], blocks=tuple(parts[1:]))
        handle = self._assign_own(key, recipe) if _is_heavy(parts) else self._assign(key, recipe)
        handle.begin()
        return handle

    def take_out(self, key: str, recipe: Recipe) -> Handle:
        """A machine in a host of its own, built at its first call, with limits for long calls until it is settled."""
        return self._assign_own(key, recipe, long=True)

    def keep(self, handle: Handle, snapshot: Sequence[bytes]) -> None:
        """Leaves a settled machine with the pool for its run's `restore`; the pool keeps a few, the newest."""
        ended = [] if _is_heavy(snapshot) else [handle]
        with self._assigning:
            if not ended:
                self._kept.pop(handle.key, None)
                self._kept[handle.key] = (name_of_all(snapshot), handle)
            while len(self._kept) > len(self._slots):
                ended.append(self._kept.popitem(last=False)[1][1])
        for each in ended:
            each.close()

    def forgive(self, key: str) -> None:
        """Lets a run that `EvaluatorDied` was raised for be tried again, twice."""
        self.charges.forgive(key)

    def wait_ready(self, hosts: int = 1) -> tuple[str, ...]:
        """Waits until that many hosts are ready; names the limits that hold in them.

        One that ends while it starts, as when somebody kills it, is started once more. Raises HostStartFailed.
        """
        chosen = self._slots[:hosts]
        for slot in chosen:
            slot.prepare()
        processes = [_ready_at_last(slot) for slot in chosen]
        return processes[0].held

    def pids(self) -> tuple[int, ...]:
        """Process ids of the hosts that are ready."""
        return tuple(pid for slot in self._slots if (pid := slot.pid) is not None)

    def close(self) -> None:
        """Ends all children and waits for their end. Idempotent; calls under way end with PoolClosed."""
        self._end()

    def _assign(self, key: str, recipe: Recipe) -> Handle:
        with self._assigning:
            if not self._end.alive:
                raise PoolClosed
            slot = self._least_loaded()
            machine = next(self._machines)
            slot.members.add(machine)
        return Handle(self, slot, key, machine, recipe)

    def _assign_own(self, key: str, recipe: Recipe, *, long: bool = False) -> Handle:
        with self._assigning:
            if not self._end.alive:
                raise PoolClosed
            slot = Slot(self._starter, self._own_limits, own=True)
            self._own.add(slot)
            machine = next(self._machines)
        return Handle(self, slot, key, machine, recipe, long=long)

    def _least_loaded(self) -> Slot:
        """The host with the fewest machines. If it is not ready, it is started and another serves this time."""
        slot = min(self._slots, key=_load)
        if slot.is_ready:
            return slot
        slot.prepare()
        return min((s for s in self._slots if s.is_ready), key=_load, default=slot)


def _ready_at_last(slot: Slot) -> HostProcess:
    try:
        return slot.ready()
    except HostStartFailed:
        return slot.ready()


def _is_heavy(parts: Sequence[bytes]) -> bool:
    """Whether the checkpoint is: blocks are opened when their results are wanted."""
    return len(parts[0]) >= HEAVY_BYTES


def _load(slot: Slot) -> int:
    return len(slot.members)


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _end_all(slots: list[Slot], own: weakref.WeakSet[Slot], starter: Starter) -> None:
    for slot in (*slots, *own):
        slot.close()
    starter.stop()
