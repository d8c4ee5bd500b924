"""A machine in the worker's own process, with a handle's interface; for tests and dry runs.

No limits and no second life: what would kill a host kills the caller.
"""

from __future__ import annotations

from weft_workflows.host.contract import DEFAULT_MACHINE, Machine, load_machine


class InProcessMachine:
    """Made by `start` or `restore`. Errors of the machine come through as they are. Not thread-safe."""

    def __init__(self, key: str) -> None:
        self.key = key
        #: The source line that the machine has reached.
        self.line = 0
        self._machine: Machine | None = None

    @classmethod
    def start(cls, key: str, start: bytes, machine: str = DEFAULT_MACHINE) -> tuple[InProcessMachine, bytes]:
        handle = cls(key)
        handle._machine, commands = load_machine(machine).start(start, handle._trace)
        return handle, commands

    @classmethod
    def restore(cls, key: str, snapshot: bytes, machine: str = DEFAULT_MACHINE) -> InProcessMachine:
        handle = cls(key)
        handle._machine = load_machine(machine).restore(snapshot, handle._trace)
        return handle

    def deliver(self, event: bytes) -> bytes:
        """Without a budget: there are no neighbours."""
        return self._living().deliver(event)

    def snapshot(self) -> bytes:
        return self._living().snapshot()

    def inspect(self, what: str) -> bytes:
        return self._living().inspect(what)

    def forgive(self) -> None:
        """Nothing to forgive: a death here is the caller's own."""

    def close(self) -> None:
        self._machine = None

    def _trace(self, line: int) -> None:
        self.line = line

    def _living(self) -> Machine:
        if self._machine is None:
            raise ValueError(f"the machine of run {self.key} is closed")
        return self._machine
