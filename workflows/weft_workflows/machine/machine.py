"""The machine: runs a plan's graph, one event at a time. Bytes in, bytes out; no I/O, no clock of its own.

    start(Start) -> commands          deliver(event) -> commands          snapshot() <-> restore()

Each delivery runs to quiescence: until every strand waits. The commands of a delivery are in the order in which the
program gave them. After `Finish` or `Fail` nothing more comes.
"""

from __future__ import annotations

import datetime
import decimal
import itertools
import json
from collections.abc import Callable
from typing import Any

from weft_workflows.machine.checkpoint import read_checkpoint, write_checkpoint
from weft_workflows.machine.deadlocks import deadlock, is_deadlock, standing
from weft_workflows.machine.futures import CancelledError, StepFuture, Task
from weft_workflows.machine.guards import guarding
from weft_workflows.machine.json_values import from_json, result_json
from weft_workflows.machine.program import Program
from weft_workflows.machine.protocol import (
    FAILED,
    GUARDING,
    CancelRun,
    Command,
    Event,
    Fail,
    Finish,
    Output,
    Start,
    StepFailed,
    StepSucceeded,
    TimerFired,
    from_bytes,
    to_bytes,
)
from weft_workflows.machine.results import arrived
from weft_workflows.machine.tool_errors import error_of
from weft_workflows.machine.tracing import (
    format_error,
    line_of,
    mark_step,
    spent_step_of,
    step_of,
    steps_behind,
)
from weft_workflows.machine.unit import load_unit
from weft_workflows.machine.waits import end_tasks
from weft_workflows.sandbox.environment import environment_of, take_over
from weft_workflows.sandbox.meter import LimitExceeded, OverBudget
from weft_workflows.sandbox.tracing import joined, set_traceback

#: Characters of an error's message that leave the machine.
_LONGEST_MESSAGE = 100_000


class Machine:
    """One run of a plan. `trace` is called with the source line before each node."""

    def __init__(self, program: Program, main: Task, plan_json: str) -> None:
        self._program = program
        self._main = main
        self._plan_json = plan_json
        self._ending = False
        self._over = False

    @classmethod
    def start(cls, start: bytes, trace: Callable[[int], None], budget: int | None = None) -> tuple[Machine, bytes]:
        """A new machine and its first commands. `start` is one encoded `Start` message; `budget` as for `deliver`."""
        (message,) = from_bytes(start)
        assert isinstance(message, Start)
        program = Program(load_unit(message.plan), message.seed, trace)
        program.loop.now = message.now
        main = program.start(from_json(message.inputs))
        machine = cls(program, main, message.plan)
        return machine, machine._run(budget)

    def deliver(self, event: bytes, budget: int | None = None) -> bytes:
        """Hands over exactly one event; the commands that follow from it.

        `budget` is the fuel that this may use; None leaves it to the run's own limit. Raises OverBudget where it does
        not suffice: this machine is then of no use any more.
        """
        (message,) = from_bytes(event)
        if self._over:
            return to_bytes([])
        self._program.loop.now = message.now
        self._apply(message)
        return self._run(budget)

    def snapshot(self, known: bytes = b"") -> bytes:
        """The machine's whole state between two events, without the blocks that the caller has (`snapshots.Parts.names`).

        Raises Unstorable where a value cannot be kept.
        """
        return write_checkpoint(self._program, self._main, [self._ending, self._over], self._plan_json, known)

    @classmethod
    def restore(cls, snapshot: bytes, trace: Callable[[int], None]) -> Machine:
        """A machine that goes on exactly as the one that the snapshot was taken of."""
        program, main, flags, plan_json = read_checkpoint(snapshot, trace)
        machine = cls(program, main, plan_json)
        machine._ending, machine._over = flags
        return machine

    def inspect(self, what: str) -> bytes:
        """Answers queries as JSON: `strands` (where each stands), `variables` (of the main strand's frames),
        `guarding [step, …]` (the timers that are deadlines around those steps), `failed` (whether the main strand has).
        """
        if what.startswith(GUARDING):
            return _json(guarding(self._program.loop, json.loads(what.removeprefix(GUARDING))))
        match what:
            case "strands":
                return _json([self._strand(task) for task in self._program.loop.tasks])
            case "variables":
                return _json(self._variables())
            case _ if what == FAILED:
                return _json(self._main.done() and not self._main.cancelled() and self._main.error is not None)
            case _:
                raise ValueError(f"there is nothing to inspect called {what!r}")

    # -- events ------------------------------------------------------------------------------------------------------

    def _apply(self, event: Event) -> None:
        loop = self._program.loop
        match event:
            case StepSucceeded():
                future = loop.steps.pop(event.step, None)
                if future is not None:
                    future.set_result(arrived(event.value))
            case StepFailed():
                future = loop.steps.pop(event.step, None)
                if future is not None:
                    error = error_of(event, _tool_of(event.step))
                    mark_step(error, event.step, spent=event.spent)
                    future.set_exception(error)
            case TimerFired():
                timer = loop.timers.pop(event.timer, None)
                if timer is not None:
                    timer.handle.run()
            case CancelRun():
                self._main.cancel()

    def _run(self, budget: int | None) -> bytes:
        program = self._program
        take_over(program)
        program.meter.refill(budget)
        try:
            program.context.run(self._run_to_rest)
        except OverBudget as over:
            # Nearer than the node that was traced last: the line that was being executed.
            program.trace(line_of(over))
            raise
        except LimitExceeded as limit:
            self._over = True
            # What was being handled when the limit struck is no part of it, and asking for its text could run the program.
            limit.__cause__ = limit.__context__ = None
            if not line_of(limit):
                # It struck between two strands: the oldest one tells where the program stands.
                oldest = next(iter(program.loop.tasks), self._main)
                set_traceback(limit, joined(standing(oldest)))
            program.loop.commands.append(self._failure(limit))
        commands, program.loop.commands = program.loop.commands, []
        return to_bytes(_merged(commands))

    def _run_to_rest(self) -> None:
        self._program.loop.run_ready(None if self._ending else self._main)
        self._program.meter.check()
        self._finish()
        if not self._over and is_deadlock(self._program.loop):
            self._over = True
            self._program.loop.commands.append(deadlock(self._program.loop, self._program.unit.origin))

    def _finish(self) -> None:
        """Ends the run once the main strand has; strands that it left behind are cancelled first."""
        if not self._main.done():
            return
        loop = self._program.loop
        if not self._ending:
            self._ending = True
            end_tasks(self._program, apart_from=None)
            loop.run_ready()
        if not loop.tasks:
            self._over = True
            loop.commands.append(self._outcome())

    def _outcome(self) -> Command:
        main = self._main
        if main.cancelled():
            return self._failure(main.cancelled_error())
        if main.error is None:
            return Finish(self._result(main.value))
        if isinstance(main.error, SystemExit) and main.error.code in (None, 0):
            return Finish("null")
        return self._failure(main.error)

    def _failure(self, error: BaseException) -> Fail:
        trace = format_error(error, environment_of(self._program))
        return Fail(
            type(error).__name__,
            self._message(error),
            line_of(error),
            step_of(error),
            trace,
            cancelled=isinstance(error, CancelledError),
            spent=spent_step_of(error),
            failed_steps=json.dumps(steps_behind(error)),
        )

    def _message(self, error: BaseException) -> str:
        """The error's own text, which may run the program: its size is measured before, and it costs fuel."""
        if isinstance(error, LimitExceeded):
            return str(error)
        try:
            return str(environment_of(self._program).formatting.plain(error))[:_LONGEST_MESSAGE]
        except Exception:
            return "<exception str() failed>"

    def _result(self, value: Any) -> str:
        try:
            environment_of(self._program).formatting.weigh(value)
        except RecursionError:
            return json.dumps(f"<{type(value).__name__} object that is nested too deeply>")
        return result_json(value)

    # -- views -------------------------------------------------------------------------------------------------------

    def _strand(self, task: Task) -> dict[str, Any]:
        lines = [frame.line() for frame in task.frames if frame.line()]
        step = task.waiting.step if isinstance(task.waiting, StepFuture) else ""
        return {"id": task.path or "main", "lines": lines, "waits_for": step}

    def _variables(self) -> dict[str, str]:
        namespace = self._program.namespace
        own = [name for name in namespace if not name.startswith("__") and name not in self._program.unit.tools]
        return {name: _short(namespace[name]) for name in own}


def _tool_of(step: str) -> str:
    return step.rpartition("/")[2].partition("[")[0].partition(".")[0]


def _merged(commands: list[Command]) -> list[Command]:
    """The commands with neighbouring output joined."""
    merged: list[Command] = []
    for command in commands:
        if isinstance(command, Output) and merged and isinstance(merged[-1], Output):
            merged[-1] = Output(merged[-1].text + command.text)
        else:
            merged.append(command)
    return merged


#: Elements of a container, and levels of them, that a view of a variable shows.
_SHOWN_ELEMENTS, _SHOWN_LEVELS = 20, 4
_SIMPLE = frozenset((bool, float, type(None), datetime.date, datetime.datetime, datetime.timedelta, decimal.Decimal))


def _short(value: Any) -> str:
    text = _view(value, _SHOWN_LEVELS)
    return text if len(text) <= 200 else text[:199] + "…"


def _view(value: Any, levels: int) -> str:
    """About what `repr` gives. A question must not run the program, so its own classes show their name only."""
    kind = type(value)
    if kind in (str, bytes):
        return repr(value[:200])
    if kind is int:
        return repr(value) if value.bit_length() < 1000 else "<large int>"
    if kind in _SIMPLE:
        return repr(value)
    if not levels or kind not in (list, tuple, dict):
        return f"<{kind.__name__}>"
    if kind is dict:
        inner = [
            f"{_view(key, levels - 1)}: {_view(each, levels - 1)}"
            for key, each in itertools.islice(list(value.items()), _SHOWN_ELEMENTS)
        ]
        return "{" + ", ".join(inner) + "}"
    inner = [_view(each, levels - 1) for each in value[:_SHOWN_ELEMENTS]]
    if kind is list:
        return "[" + ", ".join(inner) + "]"
    return "(" + ", ".join(inner) + ("," if len(value) == 1 else "") + ")"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
