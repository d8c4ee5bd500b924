"""What a host needs of a machine, and how it finds one. Knows no machine: its class is given by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Final, Protocol

#: The class that hosts execute unless told otherwise.
DEFAULT_MACHINE: Final = "weft_workflows.machine.machine:Machine"

#: Called with the source line before each node is executed.
Trace = Callable[[int], None]


class Machine(Protocol):
    """Bytes in, bytes out; see `weft_workflows.machine.protocol` for what they hold."""

    @classmethod
    def start(cls, start: bytes, trace: Trace) -> tuple[Machine, bytes]:
        """A new machine and its first commands."""
        ...

    @classmethod
    def restore(cls, snapshot: bytes, trace: Trace) -> Machine: ...

    def deliver(self, event: bytes) -> bytes:
        """Exactly one event in, commands out."""
        ...

    def snapshot(self) -> bytes: ...

    def inspect(self, what: str) -> bytes:
        """JSON that answers a query: `strands` or `variables`."""
        ...


def load_machine(dotted: str) -> type[Machine]:
    """The class of that name, given as `package.module:Class`."""
    module, _, name = dotted.partition(":")
    found: type[Machine] = getattr(importlib.import_module(module), name)
    return found
