"""What can go wrong between a run and the host that executes its machine."""

from __future__ import annotations

import json
import traceback

from weft_workflows.host.contract import OVER_BUDGET


class HostUnavailable(Exception):
    """The call was not carried out and nothing is lost: make the same call again."""


class HostRestarted(HostUnavailable):
    """The host died under this call, for the first time, after much of the call's time was gone.

    The machine is rebuilt by the next call. A second death at the same event raises `EvaluatorDied`. Where
    `charged`, it was this run that was being executed, at `line`; else the run is a neighbour of the one that was.
    """

    def __init__(self, message: str, *, line: int = 0, reason: str = "", charged: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.reason = reason
        self.charged = charged


class HostBusy(HostUnavailable):
    """Other machines of the same host took longer than `HostLimits.turn_seconds`."""


class HostStartFailed(HostUnavailable):
    """No host could be started; the message has the child's own error. Usually an environment that lacks a module."""


class PoolClosed(Exception):
    """The pool was closed, before the call or under it."""

    def __init__(self) -> None:
        super().__init__("the pool of host processes is closed")


class EvaluatorDied(Exception):
    """The same event of the same run has killed its host twice.

    `line` is the line of the orchestration that was being executed, 0 where no line was reached; `reason` says how the
    host died, for example `killed by SIGSEGV`, `over 1.5 s of CPU` or `out of memory`. Raised again at each further
    try until `forgive` is called.
    """

    def __init__(self, key: str, line: int, reason: str) -> None:
        super().__init__(key, line, reason)
        self.key = key
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "the run's start"
        return (
            f"run {self.key} killed its host process twice at {where}: {self.reason}; "
            "retry it if the cause was outside, else change that code and resume with the edited source"
        )


class MachineFailed(Exception):
    """The machine itself raised, which is a fault in Weft or a refused query. `trace` is the child's traceback.

    After a failed `deliver` the machine is rebuilt as of before the event; after a failed `snapshot` or
    `inspect` it is untouched.
    """

    def __init__(self, type_name: str, message: str, line: int, trace: str) -> None:
        super().__init__(type_name, message, line, trace)
        self.type = type_name
        self.message = message
        self.line = line
        self.trace = trace

    @classmethod
    def of(cls, error: BaseException, line: int) -> MachineFailed:
        """That error, as far as it can leave its process."""
        trace = "".join(traceback.format_exception(error, limit=-20))
        return cls(type(error).__name__, str(error)[:10_000], line, trace)

    def to_bytes(self) -> bytes:
        return json.dumps(self.args).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> MachineFailed:
        fields = json.loads(data)
        return (OverBudget if fields[0] == OVER_BUDGET else MachineFailed)(*fields)

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" + (f" (line {self.line})" if self.line else "")


class OverBudget(MachineFailed):
    """The call takes more pure code than one activation may run (`HostLimits.activation_fuel`).

    Nothing is lost: the machine is rebuilt as of before it, and `HostPool.take_out` carries the call out in a host of
    its own.
    """
