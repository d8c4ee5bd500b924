"""What a hop to a host and back costs, and how long a host takes to start.

    python benchmarks/host_hop.py [--machine package.module:Class]

Prints microseconds for each hop (the best of several rounds, and the median round) and milliseconds for the start. The
machine does nothing, so all of it is the channel, the CPU timer and the bookkeeping for a rebuild.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from weft_workflows.host.pool import Handle, HostPool

ROUNDS = 15
HOPS = 1000


class EmptyMachine:
    """Has no state and answers nothing."""

    @classmethod
    def start(cls, start: bytes, trace: Callable[[int], None], budget: int | None = None) -> tuple[EmptyMachine, bytes]:  # noqa: ARG003
        return cls(), b""

    @classmethod
    def restore(cls, snapshot: bytes, trace: Callable[[int], None]) -> EmptyMachine:  # noqa: ARG003
        return cls()

    def deliver(self, event: bytes, budget: int | None = None) -> bytes:  # noqa: ARG002
        return b""

    def snapshot(self, known: bytes = b"") -> bytes:  # noqa: ARG002
        return b""

    def inspect(self, what: str) -> bytes:
        return what.encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machine", default="host_hop:EmptyMachine", help="the class whose import is timed")
    arguments = parser.parse_args()
    for name in (arguments.machine, "host_hop:EmptyMachine"):
        print(f"start of a host with {name}: {_start_seconds(name) * 1e3:.0f} ms")
    pool = HostPool(1, machine="host_hop:EmptyMachine")
    handle, _ = pool.start("benchmark", b"")
    rounds = [_hop_seconds(handle) for _ in range(ROUNDS)]
    pool.close()
    print(f"hop: {min(rounds) * 1e6:.1f} µs at best, {statistics.median(rounds) * 1e6:.1f} µs in the median round")


def _start_seconds(machine: str) -> float:
    began = time.perf_counter()
    pool = HostPool(1, machine=machine)
    pool.wait_ready()
    seconds = time.perf_counter() - began
    pool.close()
    return seconds


def _hop_seconds(handle: Handle) -> float:
    began = time.perf_counter()
    for _ in range(HOPS):
        handle.deliver(b"")
    return (time.perf_counter() - began) / HOPS


if __name__ == "__main__":
    main()
