"""The machine: runs a plan's graph, one event at a time. Bytes in, bytes out; no I/O, no clock of its own.

    start(Start) -> commands          deliver(event) -> commands          snapshot() <-> restore()

Each delivery runs to quiescence: until every strand waits. The commands of a delivery are in the order in which the
program gave them. After `Finish` or `Fail` nothing more comes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from weft_workflows.machine.checkpoint import read_checkpoint, write_checkpoint
from weft_workflows.machine.deadlocks import deadlock, is_deadlock
from weft_workflows.machine.futures import CancelledError, Task
from weft_workflows.machine.json_values import from_json, result_json
from weft_workflows.machine.program import Program
from weft_workflows.machine.protocol import (
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
from weft_workflows.machine.tool_errors import error_of
from weft_workflows.machine.tracing import format_error, line_of, mark_step, step_of
from weft_workflows.machine.unit import load_unit
from weft_workflows.machine.waits import end_tasks
from weft_workflows.sandbox.meter import LimitExceeded


class Machine:
    """One run of a plan. `trace` is called with the source line before each node."""

    def __init__(self, program: Program, main: Task, plan_json: str) -> None:
        self._program = program
        self._main = main
        self._plan_json = plan_json
        self._ending = False
        self._over = False

    @classmethod
    def start(cls, start: bytes, trace: Callable[[int], None]) -> tuple[Machine, bytes]:
        """A new machine and its first commands. `start` is one encoded `Start` message."""
        (message,) = from_bytes(start)
        assert isinstance(message, Start)
        program = Program(load_unit(message.plan), message.seed, trace)
        program.loop.now = message.now
        main = program.start(from_json(message.inputs))
        machine = cls(program, main, message.plan)
        return machine, machine._run()

    def deliver(self, event: bytes) -> bytes:
        """Hands over exactly one event; the commands that follow from it."""
        (message,) = from_bytes(event)
        if self._over:
            return to_bytes([])
        self._program.loop.now = message.now
        self._apply(message)
        return self._run()

    def snapshot(self) -> bytes:
        """The machine's whole state between two events. Raises Unstorable where a value cannot be kept."""
        return write_checkpoint(self._program, self._main, [self._ending, self._over], self._plan_json)

    @classmethod
    def restore(cls, snapshot: bytes, trace: Callable[[int], None]) -> Machine:
        """A machine that goes on exactly as the one that the snapshot was taken of."""
        program, main, flags, plan_json = read_checkpoint(snapshot, trace)
        machine = cls(program, main, plan_json)
        machine._ending, machine._over = flags
        return machine

    def inspect(self, what: str) -> bytes:
        """Answers queries as JSON: `strands` (where each stands), `variables` (of the main strand's frames)."""
        match what:
            case "strands":
                return _json([self._strand(task) for task in self._program.loop.tasks])
            case "variables":
                return _json(self._variables())
            case _:
                raise ValueError(f"there is nothing to inspect called {what!r}")

    # -- events ------------------------------------------------------------------------------------------------------

    def _apply(self, event: Event) -> None:
        loop = self._program.loop
        match event:
            case StepSucceeded():
                future = loop.steps.pop(event.step, None)
                if future is not None:
                    future.set_result(from_json(event.value))
            case StepFailed():
                future = loop.steps.pop(event.step, None)
                if future is not None:
                    error = error_of(event, _tool_of(event.step))
                    mark_step(error, event.step)
                    future.set_exception(error)
            case TimerFired():
                timer = loop.timers.pop(event.timer, None)
                if timer is not None:
                    timer.handle.run()
            case CancelRun():
                self._main.cancel()

    def _run(self) -> bytes:
        program = self._program
        program.meter.refill()
        try:
            program.context.run(self._run_to_rest)
        except LimitExceeded as limit:
            self._over = True
            program.loop.commands.append(self._failure(limit))
        commands, program.loop.commands = program.loop.commands, []
        return to_bytes(_merged(commands))

    def _run_to_rest(self) -> None:
        self._program.loop.run_ready()
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
            return Finish(result_json(main.value))
        if isinstance(main.error, SystemExit) and main.error.code in (None, 0):
            return Finish("null")
        return self._failure(main.error)

    def _failure(self, error: BaseException) -> Fail:
        trace = format_error(error, self._program.unit.origin)
        return Fail(
            type(error).__name__,
            _message(error),
            line_of(error),
            step_of(error),
            trace,
            cancelled=isinstance(error, CancelledError),
        )

    # -- views -------------------------------------------------------------------------------------------------------

    def _strand(self, task: Task) -> dict[str, Any]:
        lines = [frame.line() for frame in task.frames if frame.line()]
        return {"id": task.path or "main", "lines": lines, "waits_for": getattr(task.waiting, "step", "")}

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


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:199] + "…"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
