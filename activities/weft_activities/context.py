"""What a tool may know of the step that it carries out.

A tool asks with `current_step()`, from a coroutine or from the thread in which a plain function runs. The
context is set around each call and is never shared by two calls. Nothing here knows Temporal: whoever runs
the step passes in how a heartbeat travels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

_current: ContextVar[StepContext] = ContextVar("weft_step")


@dataclass(slots=True, eq=False)
class StepContext:
    """One attempt of one step.

    `attempt` counts from 1. `last_heartbeat_details` is what the attempt before this one reported last, so
    that a long tool can go on where that one stopped. `cancelled` becomes true when nobody waits for the
    result any more.
    """

    run_id: str
    step_id: str
    attempt: int = 1
    last_heartbeat_details: tuple[Any, ...] = ()
    cancelled: bool = False
    on_heartbeat: Callable[[tuple[Any, ...]], None] | None = field(default=None, repr=False)

    @property
    def idempotency_key(self) -> str:
        """64 hexadecimal digits, the same for every attempt of this step, another for every other step."""
        return hashlib.sha256(f"{self.run_id}\0{self.step_id}".encode("utf-8", "surrogatepass")).hexdigest()

    def heartbeat(self, *details: Any) -> None:
        """Reports progress; the next attempt reads `details` (JSON values) as `last_heartbeat_details`.

        Weft tells by itself that the tool is alive; a tool calls this only to leave details. Safe in any
        thread.
        """
        if self.on_heartbeat is not None:
            self.on_heartbeat(details)


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
