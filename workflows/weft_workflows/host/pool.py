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

Knows no Temporal and nothing of what the bytes mean. Needs Unix; on Windows use `InProcessMachine`.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import weakref

from weft_workflows.host.charges import Charges
from weft_workflows.host.contract import DEFAULT_MACHINE
from weft_workflows.host.errors import (
    EvaluatorDied,
    HostBusy,
    HostRestarted,
    HostStartFailed,
    HostUnavailable,
    MachineFailed,
    PoolClosed,
)
from weft_workflows.host.handle import Handle
from weft_workflows.host.in_process import InProcessMachine
from weft_workflows.host.limits import HostLimits
from weft_workflows.host.slot import Slot, Starter
from weft_workflows.host.wire import Op

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
    "PoolClosed",
]


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
        starter = Starter(limits, machine)
        self._slots = [Slot(starter, limits) for _ in range(size or _cores())]
        self._machines = itertools.count(1)
        self._assigning = threading.Lock()
        # Runs once: by `close`, when the pool is collected, or when the interpreter ends.
        self._end = weakref.finalize(self, _end_all, self._slots, starter)
        self._slots[0].prepare()

    def start(self, key: str, start: bytes) -> tuple[Handle, bytes]:
        """A new machine for the run of that key, and its first commands. Raises as the methods of `Handle` do."""
        handle = self._assign(key, Op.START, start)
        return handle, handle.begin()

    def restore(self, key: str, snapshot: bytes) -> Handle:
        """A machine as of that snapshot."""
        handle = self._assign(key, Op.RESTORE, snapshot)
        handle.begin()
        return handle

    def forgive(self, key: str) -> None:
        """Lets a run that `EvaluatorDied` was raised for be tried again, twice."""
        self.charges.forgive(key)

    def wait_ready(self, hosts: int = 1) -> tuple[str, ...]:
        """Waits until that many hosts are ready; names the limits that hold in them. Raises HostStartFailed."""
        chosen = self._slots[:hosts]
        for slot in chosen:
            slot.prepare()
        processes = [slot.ready() for slot in chosen]
        return processes[0].held

    def pids(self) -> tuple[int, ...]:
        """Process ids of the hosts that are ready."""
        return tuple(pid for slot in self._slots if (pid := slot.pid) is not None)

    def close(self) -> None:
        """Ends all children and waits for their end. Idempotent; calls under way end with PoolClosed."""
        self._end()

    def _assign(self, key: str, op: Op, body: bytes) -> Handle:
        with self._assigning:
            if not self._end.alive:
                raise PoolClosed
            slot = self._least_loaded()
            machine = next(self._machines)
            slot.members.add(machine)
        return Handle(self, slot, key, machine, (op, body))

    def _least_loaded(self) -> Slot:
        """The host with the fewest machines. If it is not ready, it is started and another serves this time."""
        slot = min(self._slots, key=_load)
        if slot.is_ready:
            return slot
        slot.prepare()
        return min((s for s in self._slots if s.is_ready), key=_load, default=slot)


def _load(slot: Slot) -> int:
    return len(slot.members)


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _end_all(slots: list[Slot], starter: Starter) -> None:
    for slot in slots:
        slot.close()
    starter.stop()
