"""Hosts without host processes, for platforms that have none: each machine lives in the worker."""

from __future__ import annotations

from weft_workflows.host.in_process import InProcessMachine


class InProcessHosts:
    """Has a host pool's interface. What would kill a host kills the worker."""

    def start(self, key: str, start: bytes) -> tuple[InProcessMachine, bytes]:
        return InProcessMachine.start(key, start)

    def restore(self, key: str, snapshot: bytes) -> InProcessMachine:
        return InProcessMachine.restore(key, snapshot)

    def close(self) -> None:
        """Nothing outlives the process."""
