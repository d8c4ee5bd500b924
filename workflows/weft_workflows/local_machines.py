"""The machines of runs in memory: in this process, or in a host of their own.

What is imported for a machine is imported when one starts. Nothing here knows Temporal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

#: More fuel than any run has.
_NO_BUDGET = 10**18


class MachineLike(Protocol):
    """What the driver needs of a machine."""

    def deliver(self, event: bytes) -> bytes: ...


#: Starts a machine with the encoded `Start` message; gives it and its first commands.
StartMachine = Callable[[bytes], tuple[MachineLike, bytes]]


def own_machine(start: bytes) -> tuple[MachineLike, bytes]:
    from weft_workflows.machine.machine import Machine

    return Machine.start(start, lambda _: None)


def host_machine(run_id: str) -> tuple[StartMachine, Callable[[], None]]:
    from weft_workflows.host.pool import HostLimits, HostPool

    limits = HostLimits()
    # The host has no other runs, so that long pure code need not go elsewhere.
    alone = replace(
        limits,
        activation_fuel=_NO_BUDGET,
        cpu_seconds=limits.long_cpu_seconds,
        wall_seconds=limits.long_wall_seconds,
    )
    pool = HostPool(size=1, limits=alone)
    return (lambda start: pool.start(run_id, start)), pool.close
