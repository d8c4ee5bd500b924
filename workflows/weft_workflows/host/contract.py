"""What a host needs of a machine, and how it finds one. Knows no machine: its class is given by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Final, Protocol

#: The class that hosts execute unless told otherwise.
DEFAULT_MACHINE: Final = "weft_workflows.machine.machine:Machine"

#: Name of the exception by which a machine says that a call takes more than its budget.
OVER_BUDGET: Final = "OverBudget"

#: Called with the source line before each node is executed.
Trace = Callable[[int], None]


class Machine(Protocol):
    """Bytes in, bytes out; see `weft_workflows.machine.protocol` for what they hold."""

    @classmethod
    def start(cls, start: bytes, trace: Trace, budget: int | None = None) -> tuple[Machine, bytes]:
        """A new machine and its first commands. `budget` as for `deliver`."""
        ...

    @classmethod
    def restore(cls, snapshot: bytes, trace: Trace) -> Machine: ...

    def deliver(self, event: bytes, budget: int | None = None) -> bytes:
        """Exactly one event in, commands out.

        `budget` is how much the machine may compute, in units of its own; None sets no bound beyond the run's. Where
        it does not suffice an exception of the name `OVER_BUDGET` is raised.
        """
        ...

    def snapshot(self, known: bytes = b"") -> bytes:
        """The machine's state, as parts (`weft_workflows.machine.snapshots`).

        `known` holds names of parts that the caller has, one behind the other; they may be left out.
        """
        ...

    def inspect(self, what: str) -> bytes:
        """JSON that answers a query: `strands`, `variables`, `failed`, or `guarding` and a JSON list of steps."""
        ...


def load_machine(dotted: str) -> type[Machine]:
    """The class of that name, given as `package.module:Class`."""
    module, _, name = dotted.partition(":")
    found: type[Machine] = getattr(importlib.import_module(module), name)
    return found
