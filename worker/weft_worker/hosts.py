"""The hosts in which a worker's machines live, and what stands for them where there are no host processes.

Cheap to import, so that hosts are started before Temporal's client library is imported.
"""

from __future__ import annotations

from typing import Any

from weft_workflows.host.in_process import InProcessMachine
from weft_workflows.host.pool import HostPool


def open_hosts(size: int | None) -> Any:
    """The pool of host processes, by default one for each core; they start in the background.

    On Windows, which has no such processes, machines live in the worker itself: only the sandbox confines
    them there.
    """
    try:
        return HostPool(size)
    except OSError:
        return InProcessHosts()


class InProcessHosts:
    """Has a host pool's interface. What would kill a host kills the worker."""

    def start(self, key: str, start: bytes) -> tuple[InProcessMachine, bytes]:
        return InProcessMachine.start(key, start)

    def restore(self, key: str, snapshot: bytes) -> InProcessMachine:
        return InProcessMachine.restore(key, snapshot)

    def wait_ready(self) -> None:
        """There is nothing to start."""

    def forgive(self, _key: str) -> None:
        """No death is ever charged: there is nobody left to charge it."""

    def close(self) -> None:
        """Nothing outlives the process."""
