"""The in-memory driver: carries out a machine's commands on asyncio, for tests and dry runs.

What always holds: the machine gets one event at a time, in the order in which things happened; retries and
failures follow the rules of durable runs, except that nothing parks: with nobody to ask and nothing kept, a
failure whose retries are spent goes to the program, and a `write` that was cut off is a failure too. This
file knows no Temporal and nothing of graphs; it only moves messages.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, is_dataclass
from decimal import Decimal
from typing import Any, Literal, TypeVar
from uuid import UUID

from weft_compiler.plan import Plan
from weft_compiler.tool_spec import RetrySpec, ToolSpec

from weft_workflows.clocks import Alarm, Clock, RealClock, VirtualClock
from weft_workflows.failures import Failure, describe
from weft_workflows.host.errors import EvaluatorDied, HostUnavailable
from weft_workflows.ledger import Ledger
from weft_workflows.local_machines import StartMachine, host_machine, own_machine
from weft_workflows.machine import protocol as p
from weft_workflows.messages import RunError, RunOptions, RunStatus
from weft_workflows.past import Past
from weft_workflows.step_limits import limited, timed_out_text

#: How often a machine's host may have to be replaced under one event.
_HOST_TRIES = 5
_Reply = TypeVar("_Reply")

#: Where virtual time begins unless told otherwise: 2026-01-01T00:00:00Z.
VIRTUAL_EPOCH = 1_767_225_600.0


@dataclass
class StepInfo:
    """What a tool's caller may know of the step, and its way to let the run's time pass."""

    run_id: str
    step: str
    spec: ToolSpec
    line: int
    attempt: int
    _driver: _Driver = field(repr=False)

    async def sleep(self, seconds: float) -> None:
        """Waits `seconds` of the run's time: real seconds, or none at all where time is virtual."""
        await self._driver.rest(self.step, seconds)


#: Runs a tool: name, arguments, where it stands. Returns a JSON-able result or raises the tool's exception or
#: a `Failure`.
CallTool = Callable[[str, dict[str, Any], StepInfo], Awaitable[Any]]


@dataclass
class LocalStep:
    """One step of a finished run. Times are seconds since the run's start."""

    id: str
    tool: str
    arguments: dict[str, Any]
    line: int
    started: float
    outcome: Literal["completed", "failed", "cancelled"] = "cancelled"
    value: Any = None
    error: Failure | None = None
    ended: float | None = None
    attempts: int = 0


@dataclass
class LocalRun:
    """How a run in memory ended. `steps` are in the order in which the program called them."""

    status: RunStatus
    result: Any
    stdout: str
    steps: list[LocalStep]
    error: RunError | None
    elapsed: float
    #: How many outcomes of steps were those of an earlier run.
    reused: int = 0


async def run_plan(
    plan: Plan,
    inputs: dict[str, Any],
    call: CallTool,
    *,
    in_host: bool = False,
    clock: Literal["real", "virtual"] = "real",
    run_id: str = "local",
    seed: int = 0,
    now: float | None = None,
    options: RunOptions | None = None,
    describe_failure: Callable[[BaseException], Failure] = describe,
    on_command: Callable[[p.Command], None] | None = None,
    on_event: Callable[[p.Event], None] | None = None,
    cancel: asyncio.Event | None = None,
    machine: StartMachine | None = None,
    past: Past | None = None,
    ledger: Ledger | None = None,
) -> LocalRun:
    """Runs a plan to its end and tells how it went; exceptions of the orchestration are part of the answer.

    `in_host` puts the machine into a host process. Of the `options` those count that say how long and how often is
    tried. `now` is the Unix time at the start. `cancel`, once set, cancels the run as a
    person would. `machine` starts a machine other than the usual one. `past` is what an earlier run has done, `ledger` is
    told what this one does.
    """
    driver = _Driver(plan, call, describe_failure, options or RunOptions(), run_id, on_command, on_event)
    driver.past, driver.ledger = past, ledger
    driver.begin(VirtualClock() if clock == "virtual" else RealClock(), now, clock)
    if past is None:
        start = p.Start(plan.canonical_json(), to_json(inputs), run_id, seed, driver.now())
    else:
        record = past.record
        start = p.Start(plan.canonical_json(), to_json(inputs), run_id, record.seed, record.now)
    close: Callable[[], None] | None = None
    if machine is None:
        machine, close = host_machine(run_id) if in_host else (own_machine, None)
    try:
        return await driver.run(machine, start, cancel)
    finally:
        await driver.end()
        if close is not None:
            close()


def to_json(value: Any) -> str:
    """The JSON text of a result or of inputs. Raises TypeError or ValueError for what has none."""
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


class _Driver:
    """One run: its machine, the steps and timers in flight, and the events that wait to be delivered."""

    def __init__(
        self,
        plan: Plan,
        call: CallTool,
        describe_failure: Callable[[BaseException], Failure],
        options: RunOptions,
        run_id: str,
        on_command: Callable[[p.Command], None] | None,
        on_event: Callable[[p.Event], None] | None,
    ) -> None:
        self._specs = {spec.name: limited(spec, options) for spec in plan.tools}
        self._run_timeout = options.run_timeout
        self._call = call
        self._describe = describe_failure
        self._run_id = run_id
        self._on_command = on_command or _ignore
        self._on_event = on_event or _ignore
        self._events: deque[tuple[str, p.Event]] = deque()
        #: Steps and timers that the program waits for; an event of any other has been overtaken by its
        #: cancelling.
        self._awaited: set[str] = set()
        self._rests: dict[str, list[Callable[[], None]]] = {}
        self._stirred = asyncio.Event()
        self._steps: dict[str, LocalStep] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._timers: dict[str, Alarm] = {}
        #: Steps that run and do not rest on the clock; virtual time moves only at zero.
        self._busy = 0
        self._stdout: list[str] = []
        self._cancelled = False
        self._timed_out = False
        self._end: p.Finish | p.Fail | None = None
        self.past: Past | None = None
        self.ledger: Ledger | None = None

    def begin(self, clock: Clock, now: float | None, kind: Literal["real", "virtual"]) -> None:
        self._clock = clock
        self._virtual = kind == "virtual"
        self._epoch = now if now is not None else VIRTUAL_EPOCH if self._virtual else time.time()

    def now(self) -> float:
        now = self._epoch + self._clock.elapsed()
        return now if self.past is None else max(now, self.past.clock)

    async def run(self, machine: StartMachine, start: p.Start, cancel: asyncio.Event | None) -> LocalRun:
        watcher = asyncio.create_task(self._watch(cancel)) if cancel is not None else None
        alarm = self._clock.call_at(self._run_timeout, self._time_out) if self._run_timeout is not None else None
        try:
            if self.ledger is not None:
                self.ledger.delivered(start)
            evaluator, commands = _evaluated(machine, start)
            self._perform(commands)
            while self._end is None:
                event = self._next_of_the_past() or await self._next()
                self._on_event(event)
                if self.ledger is not None:
                    self.ledger.delivered(event)
                self._perform(_evaluated(evaluator.deliver, event))
        except _Stuck:
            self._end = p.Fail("Deadlock", "the program waits for something that can no longer happen", 0)
        except EvaluatorDied as died:
            text = f"the process that evaluates the program was ended twice: {died.reason}"
            self._end = p.Fail("EvaluatorDied", text, died.line)
        finally:
            if watcher is not None:
                watcher.cancel()
            if alarm is not None:
                alarm.cancel()
        return self._outcome()

    async def end(self) -> None:
        """Cancels what is still in flight and waits until it has stopped."""
        for alarm in self._timers.values():
            alarm.cancel()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def rest(self, step: str, seconds: float) -> None:
        """Lets a step rest on the clock: while all rest, virtual time moves."""
        over = asyncio.get_running_loop().create_future()
        awake = False

        def wake() -> None:
            # Counted as busy from the alarm itself, so that time cannot move before the step has come to run.
            nonlocal awake
            self._busy += not awake
            awake = True
            if not over.done():
                over.set_result(None)

        alarm = self._clock.call_at(self._clock.elapsed() + seconds, wake)
        rests = self._rests.setdefault(step, [])
        rests.append(wake)
        self._busy -= 1
        self._stirred.set()
        try:
            await over
        finally:
            alarm.cancel()
            wake()
            rests.remove(wake)

    def _interrupt(self, step: str, task: asyncio.Task[None]) -> None:
        """Cancels a step; what rests is awake at once, so that time stands still until it has cleaned up."""
        for wake in self._rests.get(step, ()):
            wake()
        task.cancel()

    async def _watch(self, cancel: asyncio.Event) -> None:
        await cancel.wait()
        self._cancelled = True
        self._put("", p.CancelRun(self.now()))

    def _time_out(self) -> None:
        if not self._cancelled:
            self._timed_out = True
            self._put("", p.CancelRun(self.now()))

    def _put(self, source: str, event: p.Event) -> None:
        self._events.append((source, event))
        self._stirred.set()

    def _next_of_the_past(self) -> p.Event | None:
        if self.past is None or not self.past.active:
            return None
        if (event := self.past.next()) is None:
            for command in self.past.release():
                self._carry_out(command)
        return event

    async def _next(self) -> p.Event:
        """The next thing that happened."""
        while True:
            while self._events:
                source, event = self._events.popleft()
                if not source or source in self._awaited:
                    self._awaited.discard(source)
                    return event
            if not self._awaited:
                raise _Stuck
            if not (self._virtual and self._busy == 0 and self._clock.advance()):
                self._stirred.clear()
                await self._stirred.wait()

    def _perform(self, commands: bytes) -> None:
        for command in p.from_bytes(commands):
            self._on_command(command)
            if self.ledger is not None:
                self.ledger.commanded(command)
            if self.past is None or not self.past.take(command):
                self._carry_out(command)

    def _carry_out(self, command: p.Command) -> None:
        match command:
            case p.CallTool():
                self._start_step(command)
            case p.StartTimer():
                self._start_timer(command)
            case p.CancelStep(step):
                if (task := self._tasks.pop(step, None)) is not None:
                    self._steps[step].ended = self._clock.elapsed()
                    self._interrupt(step, task)
                self._awaited.discard(step)
            case p.CancelTimer(timer):
                if (alarm := self._timers.pop(timer, None)) is not None:
                    alarm.cancel()
                self._awaited.discard(timer)
            case p.Output(text):
                self._stdout.append(text)
            case p.Finish() | p.Fail():
                self._end = command
            case _:
                raise TypeError(f"the machine gave an unknown command: {command!r}")

    def _start_timer(self, command: p.StartTimer) -> None:
        self._awaited.add(command.timer)

        def fire() -> None:
            del self._timers[command.timer]
            self._put(command.timer, p.TimerFired(command.timer, self.now()))

        # After a past the deadline is one of the time when the timer was first set.
        exact = not self._virtual and self.past is None
        when = command.deadline - self._epoch if exact else self._clock.elapsed() + command.seconds
        self._timers[command.timer] = self._clock.call_at(when, fire)

    def _start_step(self, command: p.CallTool) -> None:
        step = LocalStep(command.step, command.tool, json.loads(command.arguments), command.line, self._clock.elapsed())
        self._steps[command.step] = step
        self._awaited.add(step.id)
        if self.past is not None and self.past.is_unsure(command):
            text = f"{command.tool} writes, and an earlier run was ended while it ran: it may or may not have been carried out"
            self._end_step(step, error=Failure("ConnectionError", text))
            return
        if self.ledger is not None:
            self.ledger.started(command.step)
        self._busy += 1
        task = self._tasks[command.step] = asyncio.create_task(self._run_step(step))
        # Not at the end of the task's own code, which never runs where it is cancelled before it has begun.
        task.add_done_callback(self._come_to_rest)

    def _come_to_rest(self, _: asyncio.Task[None]) -> None:
        self._busy -= 1
        self._stirred.set()

    async def _run_step(self, step: LocalStep) -> None:
        try:
            value = to_json(await self._attempts_of(step))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - a tool may raise anything; it is its answer
            self._finish_step(step, error=self._describe(error))
        else:
            self._finish_step(step, value=value)

    async def _attempts_of(self, step: LocalStep) -> Any:
        """Calls the tool until it answers, under the tool's retry policy."""
        spec, begun = self._specs[step.tool], self._clock.elapsed()
        while True:
            step.attempts += 1
            left = math.inf if spec.total_timeout is None else begun + spec.total_timeout - self._clock.elapsed()
            try:
                return await self._attempt(step, spec, left)
            except Exception as error:
                failure = self._describe(error)
                pause = failure.retry_after or delay_after(spec.retry, step.attempts)
                over = begun + (spec.total_timeout or math.inf) <= self._clock.elapsed() + pause
                if not _goes_on(failure, spec.retry, step.attempts) or over:
                    raise
            await self.rest(step.id, pause)

    async def _attempt(self, step: LocalStep, spec: ToolSpec, left: float) -> Any:
        """One attempt; `left` is what is left of the step's time in all."""
        task, expired = asyncio.current_task(), False
        assert task is not None

        def expire() -> None:
            nonlocal expired
            expired = True
            self._interrupt(step.id, task)

        alarm = self._clock.call_at(self._clock.elapsed() + min(spec.timeout, left), expire)
        try:
            info = StepInfo(self._run_id, step.id, spec, step.line, step.attempts, self)
            return await self._call(step.tool, step.arguments, info)
        except asyncio.CancelledError:
            if expired and task.uncancel() == 0:
                limit = f"{spec.timeout:g} s" if spec.timeout <= left else f"{spec.total_timeout:g} s in all"
                raise TimeoutError(f"{step.tool} took longer than {limit}") from None
            raise
        finally:
            alarm.cancel()

    def _finish_step(self, step: LocalStep, value: str = "", error: Failure | None = None) -> None:
        if self._tasks.pop(step.id, None) is not None:  # else cancelled: its late answer is nobody's
            self._end_step(step, value, error)

    def _end_step(self, step: LocalStep, value: str = "", error: Failure | None = None) -> None:
        step.ended = self._clock.elapsed()
        if self.past is not None:
            self.past.ended(step.id, self.now())
        if error is None:
            step.outcome, step.value = "completed", json.loads(value)
            self._put(step.id, p.StepSucceeded(step.id, value, self.now()))
            return
        step.outcome, step.error = "failed", error
        arguments = to_json(error.arguments)
        self._put(step.id, p.StepFailed(step.id, error.type, error.message, arguments, error.base_type, self.now()))

    def _outcome(self) -> LocalRun:
        steps, stdout = list(self._steps.values()), "".join(self._stdout)
        reused = 0 if self.past is None else self.past.reused
        match self._end:
            case p.Finish(result):
                return LocalRun("completed", json.loads(result), stdout, steps, None, self._clock.elapsed(), reused)
            case p.Fail(cancelled=True) if self._timed_out and self._run_timeout is not None:
                text = timed_out_text(self._run_timeout)
                timed_out = RunError(type="TimedOut", message=text, line=self._end.line)
                return LocalRun("failed", None, stdout, steps, timed_out, self._clock.elapsed(), reused)
            case p.Fail() as fail:
                status: RunStatus = "cancelled" if fail.cancelled and self._cancelled else "failed"
                error = RunError(
                    type=fail.type,
                    message=fail.message,
                    line=fail.line,
                    step=fail.step,
                    traceback=fail.traceback,
                )
                return LocalRun(status, None, stdout, steps, error, self._clock.elapsed(), reused)
            case None:
                raise RuntimeError("the run was left before its end")


class _Stuck(Exception):
    """Nothing is in flight that could wake the program."""


def _evaluated(call: Callable[[bytes], _Reply], message: p.Start | p.Event) -> _Reply:
    """The machine's answer. A host that had to be started anew is asked once more, as often as that may happen."""
    for _ in range(_HOST_TRIES - 1):
        with suppress(HostUnavailable):
            return call(p.to_bytes([message]))
    return call(p.to_bytes([message]))


def _goes_on(failure: Failure, retry: RetrySpec, attempts: int) -> bool:
    """Whether there is another attempt, as far as failure and number decide."""
    never = {failure.type, failure.base_type} & set(retry.non_retryable)
    return failure.transient and not never and attempts < retry.max_attempts


def delay_after(retry: RetrySpec, attempt: int) -> float:
    """Seconds between an attempt (from 1) and the next one."""
    return min(retry.initial_interval * retry.backoff ** (attempt - 1), retry.max_interval)


def _ignore(_: Any) -> None:
    return None


def _plain(value: Any) -> Any:
    """What `json` calls for values that it does not know; the same conversions as for arguments of steps."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return list(value)
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")
