"""Runs orchestrations on a machine with scripted answers, straight or made anew from a checkpoint after each event."""

from __future__ import annotations

from typing import Any

from weft_compiler.compile import compile_source
from weft_compiler.plan import Limits
from weft_compiler.tool_spec import Parameter, ToolSpec
from weft_workflows.machine import protocol as p
from weft_workflows.machine.json_values import from_json, to_json
from weft_workflows.machine.machine import Machine

#: `step(x)` gives back what it gets, `fail(kind)` raises an exception of that type.
TOOLS = (
    ToolSpec(name="step", parameters=(Parameter(name="x", required=False),)),
    ToolSpec(name="fail", parameters=(Parameter(name="kind"), Parameter(name="base", required=False))),
)


def start(source: str, limits: Limits | None = None) -> tuple[Machine, list[p.Command]]:
    plan = compile_source(source, list(TOOLS), file="plan.py", limits=limits)
    message = p.Start(plan=plan.canonical_json(), inputs="{}", run_id="run", seed=7, now=1e9)
    machine, commands = Machine.start(p.to_bytes([message]), ignore)
    return machine, p.from_bytes(commands)


def ignore(_line: int) -> None:
    """Takes the trace of lines."""


def run(source: str, *, restored: bool, limits: Limits | None = None) -> list[p.Command]:
    """All commands of a run. Steps are answered in the order in which they were asked for, then timers by deadline."""
    machine, commands = start(source, limits)
    history, waiting, timers = list(commands), [], []
    now = 1e9
    while True:
        _note(commands, waiting, timers)
        if not waiting and not timers:
            return history
        if waiting:
            now += 1
            event: p.Event = _answer(waiting.pop(0), now)
        else:
            timer = min(timers, key=lambda each: each.deadline)
            timers.remove(timer)
            now = max(now, timer.deadline)
            event = p.TimerFired(timer.timer, now)
        if restored:
            machine = remade(machine)
        commands = p.from_bytes(machine.deliver(p.to_bytes([event])))
        history += commands


def remade(machine: Machine) -> Machine:
    """The machine from its checkpoint, which is the same once more."""
    checkpoint = machine.snapshot()
    made = Machine.restore(checkpoint, ignore)
    assert made.snapshot() == checkpoint
    return made


def _note(commands: list[p.Command], waiting: list[p.CallTool], timers: list[p.StartTimer]) -> None:
    for command in commands:
        match command:
            case p.CallTool():
                waiting.append(command)
            case p.StartTimer():
                timers.append(command)
            case p.CancelStep():
                waiting[:] = [each for each in waiting if each.step != command.step]
            case p.CancelTimer():
                timers[:] = [each for each in timers if each.timer != command.timer]


def _answer(call: p.CallTool, now: float) -> p.Event:
    arguments = from_json(call.arguments)
    if call.tool == "step":
        return p.StepSucceeded(call.step, to_json(arguments.get("x")), now)
    kind = arguments["kind"]
    return p.StepFailed(call.step, kind, "no", '["no", 1]', arguments.get("base", kind), now)


def result(commands: list[p.Command]) -> Any:
    """The run's result, which must have one."""
    last = commands[-1]
    assert isinstance(last, p.Finish), last
    return from_json(last.result)


def both(source: str) -> Any:
    """The result of the source, which is the same when the machine is made anew after each event."""
    straight = run(source, restored=False)
    assert run(source, restored=True) == straight
    return result(straight)
