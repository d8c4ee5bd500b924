"""A machine whose program is a Python generator: it lets the drivers be tested without a compiler.

A script is a generator function: it receives the `Start` message, yields lists of commands, and is sent one
event at a time. The plan's source is the script's name. Its checkpoint is the start and the events so far.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Generator
from typing import Any

from weft_compiler.graph import Block, Function, Graph, Span
from weft_compiler.plan import Plan
from weft_compiler.tool_spec import Effect, RetrySpec, ToolSpec
from weft_workflows.machine import protocol as p

Script = Generator[list[p.Command], p.Event, None]
SCRIPTS: dict[str, Callable[[p.Start], Script]] = {}


def script(function: Callable[[p.Start], Script]) -> Callable[[p.Start], Script]:
    assert function.__name__ not in SCRIPTS, f"two scripts are called {function.__name__}"
    SCRIPTS[function.__name__] = function
    return function


class ScriptedMachine:
    """Follows the contract of a machine."""

    def __init__(self, start: bytes, trace: Callable[[int], None]) -> None:
        self._start = start
        self._events: list[bytes] = []
        self._trace = trace
        message = p.from_bytes(start)[0]
        self._script = SCRIPTS[json.loads(message.plan)["source"]](message)
        self._trace(1)
        self._first = p.to_bytes(next(self._script))

    @classmethod
    def start(
        cls, start: bytes, trace: Callable[[int], None], budget: int | None = None
    ) -> tuple[ScriptedMachine, bytes]:
        machine = cls(start, trace)
        return machine, machine._first

    def deliver(self, event: bytes, budget: int | None = None) -> bytes:
        self._events.append(event)
        (message,) = p.from_bytes(event)
        self._trace(2)
        try:
            return p.to_bytes(self._script.send(message))
        except StopIteration:
            raise AssertionError("the run has ended; no event may follow") from None

    def snapshot(self, known: bytes = b"") -> bytes:
        texts = [base64.b64encode(b).decode() for b in (self._start, *self._events)]
        return json.dumps(texts).encode()

    @classmethod
    def restore(cls, snapshot: bytes, trace: Callable[[int], None]) -> ScriptedMachine:
        start, *events = [base64.b64decode(text) for text in json.loads(snapshot)]
        machine = cls(start, trace)
        for event in events:
            machine.deliver(event)
        return machine

    def inspect(self, what: str) -> bytes:
        if what == p.FAILED:
            return b"false"
        assert what == "strands"
        return json.dumps([{"id": "main", "lines": [2], "waits_for": ""}]).encode()


def tool(name: str, effect: Effect = Effect.READ, **fields: Any) -> ToolSpec:
    retry = fields.pop("retry", RetrySpec(max_attempts=3, initial_interval=0.1))
    return ToolSpec(name=name, effect=effect, retry=retry, **fields)


def plan(script_name: str, *tools: ToolSpec, python: str | None = None) -> Plan:
    entry = Function(
        name="<module>",
        qualname="<module>",
        is_async=True,
        span=Span(line=1, col=0, end_line=1, end_col=1),
        body=Block(),
    )
    graph = Graph(entry="<module>", functions={"<module>": entry})
    extra = {"python": python} if python else {}
    return Plan(file="plan.py", source=script_name, graph=graph, tools=tools, **extra)


def call(step: str, tool_name: str, line: int = 1, group: str = "", title: str = "", **arguments: Any) -> p.CallTool:
    return p.CallTool(step, tool_name, json.dumps(arguments), line, title, group)


def finish(value: Any) -> p.Finish:
    return p.Finish(json.dumps(value))


def value_of(event: p.Event) -> Any:
    assert isinstance(event, p.StepSucceeded), event
    return json.loads(event.value)


def uncaught(event: p.StepFailed) -> p.Fail:
    return p.Fail(event.type, event.message, 3, event.step, f"{event.type}: {event.message}")
