"""What a tool may know of the step that it carries out.

A tool asks with `current_step()`, from a coroutine or from the thread in which a plain function runs. The
context is set around each call and is never shared by two calls. Nothing here knows Temporal: whoever runs
the step passes in how a heartbeat travels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from weft_activities.json_values import to_plain

#: Each report is written to the server's database, and none to the storage of large payloads.
HEARTBEAT_BYTES = 16_000

_current: ContextVar[StepContext] = ContextVar("weft_step")


@dataclass(slots=True, eq=False)
class StepContext:
    """One attempt of one step.

    `attempt` counts from 1, and goes on counting where a person has the step tried again: above 1, an attempt before
    this one may have had its effect. `last_heartbeat_details` is what that attempt reported last, so that a long tool
    can go on where it stopped. `cancelled` becomes true when nobody waits for the result any more.

    `idempotency_key` is 64 hexadecimal digits: the same for every attempt of this call in this run, also after a person
    has decided and after the run was taken up again; another one for every other call and every other run.
    """

    run_id: str
    step_id: str
    attempt: int = 1
    last_heartbeat_details: tuple[Any, ...] = ()
    cancelled: bool = False
    on_heartbeat: Callable[[tuple[Any, ...]], None] | None = field(default=None, repr=False)
    #: Made of run and step where whoever runs the step does not give it.
    idempotency_key: str = ""

    def __post_init__(self) -> None:
        if not self.idempotency_key:
            text = f"{self.run_id}\0{self.step_id}"
            self.idempotency_key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def heartbeat(self, *details: Any) -> None:
        """Reports progress; the next attempt reads `details` (JSON values) as `last_heartbeat_details`.

        Weft tells by itself that the tool is alive; a tool calls this only to leave details. People see the newest
        ones with `weft status`. Safe in any thread, and cheap: only the newest are sent, every few seconds. Raises
        ValueError for details that have no JSON form or take more than 16,000 bytes of it.
        """
        plain = tuple(to_plain(detail, "the heartbeat's detail") for detail in details)
        size = len(json.dumps(plain).encode())
        if size > HEARTBEAT_BYTES:
            raise ValueError(
                f"the heartbeat's details take {size:,} bytes of JSON, over the limit of {HEARTBEAT_BYTES:,}: report where "
                "the tool is, not what it has found so far"
            )
        if self.on_heartbeat is not None:
            self.on_heartbeat(plain)


def current_step() -> StepContext:
    """The step that the calling tool carries out.

    Raises RuntimeError where no step is being run, as in a test that calls the tool directly.
    """
    try:
        return _current.get()
    except LookupError:
        raise RuntimeError(
            "current_step() works only while Weft runs a tool as a step. A thread that the tool starts by "
            "itself "
            "does not inherit the step: call current_step() before starting it. A test can set a step with "
            "`with running_step(StepContext(run_id='r', step_id='s')):` from weft_activities.context."
        ) from None


@contextmanager
def running_step(step: StepContext) -> Iterator[StepContext]:
    """Makes `step` the current one for the block."""
    token = _current.set(step)
    try:
        yield step
    finally:
        _current.reset(token)
