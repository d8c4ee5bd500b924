"""How a run reaches the machine that evaluates it: the hosts of this worker process, and what happens when
one dies.

A worker installs its hosts once (`install`); each `RunWorkflow` in the process then makes an `Evaluator` for
itself. What always holds: an evaluator gets the same messages in the same order when a run is replayed, and
nothing here adds to the run's history except the signal about a death, which comes from outside the workflow
and is therefore recorded before anything depends on it. This module knows no graphs and no orchestration.

A death goes like this: the event kills its host twice, `EvaluatorDied` is raised, the worker signals the run and the
workflow task fails. The server repeats the task; now the signal stands in history before anything that follows the
event, so that the workflow parks instead of delivering it, in this attempt and in every later replay. A first death
that leaves no time for a second try is signalled too, as one that is not fatal, and so is what other runs of the same
host do to this one (its host restarted or busy): a signal makes the repeated task a new one for the server, while the
SDK lets a task that fails a second time in a row run into its timeout of ten seconds.

Long pure code goes elsewhere: an event that takes more than an activation's budget, or that has killed a host by which
other runs are served, raises `TooLong`. The workflow then has it carried out by an activity, in a host of its own
(`advance.py`), and gives what comes back to `resume`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict
from temporalio.worker import Worker

from weft_workflows.host.errors import EvaluatorDied, HostBusy, HostRestarted, MachineFailed, OverBudget
from weft_workflows.host.handle import Recipe
from weft_workflows.machine import protocol as p

#: The signal by which a worker tells a run that its evaluator died.
EVALUATOR_DIED = "evaluator_died"
#: Seconds that an activation may take, in place of the SDK's two; below the ten that the server gives a task.
ACTIVATION_SECONDS = 8.0
#: Seconds that a delivery and the signal about its death may take together.
_REPORTED_WITHIN = 6.0


class Death(BaseModel):
    """The argument of the signal. `event` is its `event_key`, `tries` how often a person had it tried again."""

    model_config = ConfigDict(frozen=True)

    event: str
    tries: int
    line: int
    reason: str
    fatal: bool
    #: Whether it was this run that was being executed, and no neighbour.
    own: bool = True


class TooLong(Exception):
    """An event takes more than one activation. `recipe` builds the machine as of before it, None before its start."""

    def __init__(self, recipe: Recipe | None, line: int) -> None:
        super().__init__(recipe, line)
        self.recipe = recipe
        self.line = line


class Handle(Protocol):
    """One machine in a host."""

    def deliver(self, event: bytes) -> bytes: ...

    def parts(self) -> list[bytes]: ...

    def inspect(self, what: str) -> bytes: ...

    @property
    def recipe(self) -> Recipe: ...

    def rest(self) -> None: ...

    def close(self) -> None: ...


class Pool(Protocol):
    """The hosts of a worker process."""

    def start(self, key: str, start: bytes) -> tuple[Handle, bytes]: ...

    def restore(self, key: str, snapshot: bytes | Sequence[bytes]) -> Handle: ...

    def forgive(self, key: str) -> None: ...


#: Sends the signal: workflow id, run id, death.
SendDeath = Callable[[str, str, Death], Awaitable[None]]


@dataclass
class _Installed:
    pool: Pool
    send_death: SendDeath | None
    loop: asyncio.AbstractEventLoop | None


_installed: _Installed | None = None


def install(pool: Pool, send_death: SendDeath | None = None, loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Gives the runs of this process their hosts; replaces what was installed before.

    `send_death` is run on `loop` (default: the running one). Without it a death only fails the workflow task,
    again and again: right for replaying histories, wrong for a worker.
    """
    global _installed
    if send_death is not None and loop is None:
        loop = asyncio.get_running_loop()
    _installed = _Installed(pool, send_death, loop)


def allow_busy_computers(worker: Worker) -> None:
    """Gives the activations of this worker `ACTIVATION_SECONDS` before the SDK takes them for a deadlock.

    The SDK counts two seconds by the clock. Hosts limit what a run computes by its CPU time, and on a busy computer
    much less than that can take more than two seconds; a task that fails as a deadlock teaches the run nothing and
    leaves its thread behind. The SDK (1.35) has no setting for it, hence the private names; a test watches them.
    """
    runs = worker._workflow_worker
    if runs is not None and runs._deadlock_timeout_seconds is not None:
        runs._deadlock_timeout_seconds = ACTIVATION_SECONDS  # type: ignore[assignment]


def signals_through(client: Any) -> SendDeath:
    """Sends deaths through that Temporal client."""

    async def send(workflow_id: str, run_id: str, death: Death) -> None:
        await client.get_workflow_handle(workflow_id, run_id=run_id).signal(EVALUATOR_DIED, death)

    return send


def event_key(message: p.Start | p.Event) -> str:
    """What names an event within its run."""
    match message:
        case p.StepSucceeded(step=step) | p.StepFailed(step=step):
            return f"step {step}"
        case p.TimerFired(timer=timer):
            return f"timer {timer}"
        case _:
            return message.kind


class Evaluator:
    """The machine of one run in one workflow instance."""

    def __init__(self, workflow_id: str, run_id: str) -> None:
        if _installed is None:
            raise RuntimeError("no hosts in this process: call weft_workflows.evaluators.install in the worker")
        self._hosts = _installed
        self._workflow_id = workflow_id
        self._run_id = run_id
        self._handle: Handle | None = None
        #: How often a person has asked to try an event again.
        self._tries: dict[str, int] = {}
        self._deaths: dict[str, Death] = {}
        #: Events under which a host has died, with their lines: not to be delivered among other runs again.
        self._dangerous: dict[str, int] = {}

    def learn(self, death: Death) -> None:
        """Takes the signal's word that an event kills hosts."""
        if death.fatal:
            self._deaths[death.event] = death
        elif death.own:
            self._dangerous[death.event] = death.line

    def memory(self) -> dict[str, Any]:
        """What is known of events that kill hosts, as JSON values, for the execution that goes on with the run."""
        deaths = {key: death.model_dump(mode="json") for key, death in self._deaths.items()}
        return {"tries": self._tries, "deaths": deaths, "dangerous": self._dangerous}

    def remember(self, memory: dict[str, Any]) -> None:
        """Takes over what `memory` gave."""
        self._tries = dict(memory["tries"])
        self._deaths = {key: Death.model_validate(death) for key, death in memory["deaths"].items()}
        self._dangerous = dict(memory["dangerous"])

    def parts(self) -> list[bytes] | None:
        """The parts of a snapshot of the machine as of the last event; None where a value cannot be kept, which is so on
        every worker.
        """
        assert self._handle is not None
        try:
            return self._handle.parts()
        except MachineFailed:
            return None

    def fatal(self, message: p.Start | p.Event) -> Death | None:
        """The death that this event is known to cause and that nobody has asked to risk again."""
        key = event_key(message)
        death = self._deaths.get(key)
        return death if death is not None and death.tries >= self._tries.get(key, 0) else None

    def forgive(self, message: p.Start | p.Event) -> None:
        """Lets a fatal event be tried once more."""
        key = event_key(message)
        self._tries[key] = self._tries.get(key, 0) + 1
        self._hosts.pool.forgive(self._run_id)

    def deliver(self, message: p.Start | p.Event, *, replaying: bool) -> list[p.Command]:
        """The commands that answer one message. Raises TooLong where they take more than one activation, else what
        fails the workflow task, so that it is tried again.
        """
        line = self._dangerous.get(event_key(message))
        if line is not None:
            raise self._too_long(line)
        began = time.monotonic()
        try:
            commands = self._pass(p.to_bytes([message]))
        except OverBudget as over:
            raise self._too_long(over.line) from None
        except HostRestarted as restart:
            if not replaying:
                death = self._death(message, restart.line, restart.reason, fatal=False, own=restart.charged)
                self._report(death, began)
            raise
        except HostBusy as busy:
            if not replaying:
                self._report(self._death(message, 0, str(busy), fatal=False, own=False), began)
            raise
        except EvaluatorDied as died:
            # A replay reports nothing: its history already says how the event went.
            if not replaying:
                self._report(self._death(message, died.line, died.reason, fatal=True), began)
            raise
        return p.from_bytes(commands)

    def resume(self, snapshot: bytes | Sequence[bytes]) -> None:
        """Goes on with the machine of that snapshot, or of its parts, which an event that took too long has led to."""
        self.close()
        self._handle = self._hosts.pool.restore(self._run_id, snapshot)

    def would_end(self, event: p.Event, *, cleaning_up: bool) -> bool:
        """Whether a copy of the machine ends uncaught of the event before it calls another tool. `cleaning_up`: the calls
        of strands that are only ended, because the main one has ended, do not count. False where no copy can be made or
        it dies.
        """
        assert self._handle is not None
        try:
            copy = self._hosts.pool.restore(f"{self._run_id} copy", self._handle.parts())
        except MachineFailed:
            return False
        try:
            commands = p.from_bytes(copy.deliver(p.to_bytes([event])))
            if any(isinstance(command, p.CallTool) for command in commands):
                return cleaning_up and bool(json.loads(copy.inspect(p.FAILED)))
            return any(isinstance(command, p.Fail) for command in commands)
        except (EvaluatorDied, OverBudget):
            return False
        finally:
            copy.close()

    def guarding(self, steps: Sequence[str]) -> list[str]:
        """The timers that are deadlines around any of these steps."""
        assert self._handle is not None
        found: list[str] = json.loads(self._handle.inspect(p.GUARDING + json.dumps(steps)))
        return found

    def close(self) -> None:
        """Forgets the machine. Sends no commands, so it is right at eviction too."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def _pass(self, message: bytes) -> bytes:
        if self._handle is not None:
            return self._handle.deliver(message)
        self._handle, commands = self._hosts.pool.start(self._run_id, message)
        return commands

    def _too_long(self, line: int) -> TooLong:
        """What sends an event away. The machine rests meanwhile: a large one would be in memory twice."""
        if self._handle is None:
            return TooLong(None, line)
        recipe = self._handle.recipe
        self._handle.rest()
        return TooLong(recipe, line)

    def _death(self, message: p.Start | p.Event, line: int, reason: str, *, fatal: bool, own: bool = True) -> Death:
        key = event_key(message)
        return Death(event=key, tries=self._tries.get(key, 0), line=line, reason=reason, fatal=fatal, own=own)

    def _report(self, death: Death, began: float) -> None:
        """Signals the run."""
        hosts = self._hosts
        if hosts.send_death is None or hosts.loop is None:
            return
        sent: Future[None] = asyncio.run_coroutine_threadsafe(
            _awaited(hosts.send_death(self._workflow_id, self._run_id, death)), hosts.loop
        )
        # The server keeps a signal that comes during a task until the task has failed. Waiting here spares a
        # repetition that would meet the same death without knowing of it; where the wait is too short, that
        # repetition reports again.
        with suppress(NotYet):
            sent.result(max(0.1, _REPORTED_WITHIN - (time.monotonic() - began)))


async def _awaited(sending: Awaitable[None]) -> None:
    await sending
