"""Runs an orchestration the way Weft does, in memory and in virtual time, with the oracle's fake tools."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from weft_compiler.compile import compile_source
from weft_compiler.plan import Plan
from weft_workflows.local import LocalRun, StartMachine, StepInfo, run_plan
from weft_workflows.machine import results
from weft_workflows.machine.machine import Machine
from weft_workflows.machine.protocol import CallTool, Command
from weft_workflows.messages import RunOptions

from tests.oracle.fakes import Begun, FakeTool, ToolCall, World
from tests.oracle.run import Outcome


def run_machine(
    source: str,
    tools: Mapping[str, FakeTool],
    inputs: Mapping[str, Any] | None = None,
    *,
    restored: bool = False,
) -> Outcome:
    """The outcome under the machine; where `restored`, the machine is rebuilt from a checkpoint before each event.

    Raises CompileFailed.
    """
    return run_compiled(compile_for(source, tools, inputs), tools, inputs, restored=restored)


def compile_for(source: str, tools: Mapping[str, FakeTool], inputs: Mapping[str, Any] | None = None) -> Plan:
    """Raises CompileFailed."""
    return compile_source(source, [tool.spec for tool in tools.values()], file="plan.py", inputs=tuple(inputs or {}))


def run_compiled(
    plan: Plan,
    tools: Mapping[str, FakeTool],
    inputs: Mapping[str, Any] | None = None,
    *,
    restored: bool = False,
    machine: StartMachine | None = None,
) -> Outcome:
    """The same for a plan; `machine` starts another machine than the usual ones."""
    world = World(tools)
    begun: dict[str, Begun] = {}

    def begin(command: Command) -> None:
        if isinstance(command, CallTool):
            begun[command.step] = world.begin(command.tool, json.loads(command.arguments))

    async def call(name: str, arguments: dict[str, Any], step: StepInfo) -> Any:
        return await world.finish(begun.pop(step.step), step.sleep)

    machine = Restored.start if restored else machine
    run = asyncio.run(
        run_plan(
            plan,
            dict(inputs or {}),
            call,
            clock="virtual",
            machine=machine,
            options=RunOptions(attempts=1),
            on_command=begin,
        )
    )
    return _outcome(run, tools)


class Restored:
    """A machine that lives for one event only: before each it is made anew from the checkpoint of the one before."""

    def __init__(self, checkpoint: bytes) -> None:
        self._checkpoint = checkpoint

    @classmethod
    def start(cls, start: bytes) -> tuple[Restored, bytes]:
        machine, commands = Machine.start(start, ignore_lines)
        return cls(machine.snapshot()), commands

    def deliver(self, event: bytes) -> bytes:
        with every_result_in_blocks():
            return self._deliver(event)

    def _deliver(self, event: bytes) -> bytes:
        machine = Machine.restore(self._checkpoint, ignore_lines)
        if machine.snapshot() != self._checkpoint:
            raise AssertionError("the checkpoint of a restored machine differs from the one it was made from")
        commands = machine.deliver(event)
        self._checkpoint = machine.snapshot()
        return commands


@contextlib.contextmanager
def every_result_in_blocks() -> Iterator[None]:
    """Treats short results as long ones: they are read when the program takes them, and leave checkpoints for blocks."""
    usual = results.SHORT_BYTES, results.BLOCK_BYTES
    results.SHORT_BYTES, results.BLOCK_BYTES = 0, 40
    try:
        yield
    finally:
        results.SHORT_BYTES, results.BLOCK_BYTES = usual


def ignore_lines(_line: int) -> None:
    """Takes the trace of lines, which nobody reads here."""


def _outcome(run: LocalRun, tools: Mapping[str, FakeTool]) -> Outcome:
    calls = tuple(ToolCall.of(step.started, tools[step.tool].spec, step.arguments) for step in run.steps)
    error = (run.error.type, run.error.message) if run.error is not None else None
    said = run.error.traceback if run.error is not None else ""
    return Outcome(run.result, run.stdout, error, calls, round(run.elapsed, 6), traceback=said)
