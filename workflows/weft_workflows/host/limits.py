"""What one host may use. Plain data, known to both sides of the channel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Limits of a host process and of one call into it. Seconds and bytes.

    `cpu_seconds` and `turn_seconds` together stay below the eight seconds after which an activation of Weft's worker
    ends (`evaluators.ACTIVATION_SECONDS`), so that a first death is seen as a failed task and not as a deadlock.
    """

    #: CPU time, of the child, that one call may use; whatever else runs on the computer does not count.
    cpu_seconds: float = 1.5
    #: Time by the clock that one call may take; catches a host that hangs without computing.
    wall_seconds: float = 10.0
    #: Fuel that one call may use (`Limits.fuel` in the plan has its unit): about a fifth of a second, after which the
    #: other runs of the host have their turn. Histories depend on it, so that it is the same on all workers.
    activation_fuel: int = 500_000
    #: As `cpu_seconds` and `wall_seconds`, for what is carried out in a host of its own.
    long_cpu_seconds: float = 900.0
    long_wall_seconds: float = 1800.0
    #: CPU time that a long call may stay inside one call of C code, where no fuel is spent and nothing can be stopped.
    stuck_seconds: float = 15.0
    #: Added to the process's niceness.
    niceness: int = 0
    #: How long a call waits while other machines of its host are being executed. A host that dies twice under one of
    #: them takes 4 s, which the others should sit out: a failed task has its run built again from all its history.
    turn_seconds: float = 5.0
    #: How long a new host may take until it is ready.
    start_seconds: float = 30.0
    #: Address space of the child (RLIMIT_AS).
    memory_bytes: int = 4 * 1024**3
    #: Stack of the thread that executes machines. Only touched pages take memory.
    stack_bytes: int = 256 * 1024**2
    #: Python's own recursion limit in the child; low enough that RecursionError comes before the stack's end.
    recursion_limit: int = 10_000
    #: Size of one message in either direction.
    message_bytes: int = 256 * 1024**2
