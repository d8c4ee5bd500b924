"""The scripts that runs on the server execute. A host loads this module, so that it must import nothing heavy."""

from __future__ import annotations

import json
import time
from typing import Any

from weft_workflows.machine import protocol as p

from tests.temporal.scripted import Script, ScriptedMachine, call, finish, script, uncaught, value_of

__all__ = ["ScriptedMachine"]


def inputs(start: p.Start) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(start.inputs)
    return data


@script
def straight(start: p.Start) -> Script:
    event = yield [p.Output("begin\n"), call("a", "echo", value={"n": [1, 2.5, None, "ü"]}, secret="hush")]
    event = yield [call("b", "echo", title="Say it twice", value=[value_of(event)] * 2)]
    yield [p.Output("end\n"), finish([start.run_id, value_of(event)])]


@script
def parallel(start: p.Start) -> Script:
    count = inputs(start)["count"]
    event = yield [call(f"g[{i}]", "echo", group=f"branch {i % 10}", value=i) for i in range(count)]
    values = {}
    for _ in range(count - 1):
        values[event.step] = value_of(event)
        event = yield []
    values[event.step] = value_of(event)
    yield [finish([values[f"g[{i}]"] for i in range(count)])]


@script
def caught(start: p.Start) -> Script:
    event = yield [call("a", "refuse", message="no such thing")]
    assert isinstance(event, p.StepFailed)
    seen = [event.type, event.message, json.loads(event.arguments), event.base_type]
    event = yield [call("b", "echo", value=seen)]
    yield [finish(value_of(event))]


@script
def not_caught(start: p.Start) -> Script:
    event = yield [p.Output("so far\n"), call("a", "refuse", message="no such thing")]
    yield [uncaught(event)]


@script
def one_call(start: p.Start) -> Script:
    """Calls what its inputs name; fails where the tool does."""
    data = inputs(start)
    event = yield [call("a", data["tool"], **data["arguments"])]
    if isinstance(event, p.StepFailed):
        yield [uncaught(event)]
    yield [finish(value_of(event))]


@script
def one_call_with_fallback(start: p.Start) -> Script:
    data = inputs(start)
    event = yield [call("a", data["tool"], **data["arguments"])]
    if isinstance(event, p.StepFailed):
        event = yield [call("fallback", "echo", value=event.type)]
    yield [finish(value_of(event))]


@script
def timers(start: p.Start) -> Script:
    deadline = p.StartTimer("deadline", 60, start.now + 60, 2)
    nap = p.StartTimer("nap", 0.2, start.now + 0.2, 3)
    event = yield [deadline, nap]
    assert event.timer == "nap"
    slept = event.now - start.now
    event = yield [p.CancelTimer("deadline"), call("a", "echo", value=0.2 <= slept < 10)]
    yield [finish(value_of(event))]


@script
def cancels_a_step(start: p.Start) -> Script:
    log = inputs(start)["log"]
    event = yield [call("slow", "until_cancelled", log=log), call("gate", "gated_read", log=log, gate=log)]
    event = yield [p.CancelStep("slow"), call("after", "echo", value="after")]
    yield [finish(value_of(event))]


@script
def cleans_up(start: p.Start) -> Script:
    event = yield [call("slow", "until_cancelled", log=inputs(start)["log"])]
    assert isinstance(event, p.CancelRun), event
    event = yield [p.CancelStep("slow"), call("cleanup", "echo", value=1)]
    yield [p.Fail("CancelledError", "", 1, cancelled=True)]


@script
def catches_cancellation(start: p.Start) -> Script:
    event = yield [call("slow", "until_cancelled", log=inputs(start)["log"])]
    assert isinstance(event, p.CancelRun), event
    yield [p.CancelStep("slow"), finish("caught")]


@script
def read_and_write(start: p.Start) -> Script:
    data = inputs(start)
    names = {"read": "gated_read", "write": "gated_write"}
    event = yield [call(step, tool, log=data["log"], gate=data["gate"]) for step, tool in names.items()]
    first = value_of(event)
    event = yield []
    yield [finish([first, value_of(event)])]


@script
def deadlock(start: p.Start) -> Script:
    yield [call("a", "echo", value=1)]
    yield []


@script
def large(start: p.Start) -> Script:
    """Asks for steps whose arguments together exceed one message, and one whose arguments exceed the limit."""
    event = yield [call("huge", "echo", value="x" * inputs(start)["huge"])]
    assert isinstance(event, p.StepFailed)
    refused = event.message
    event = yield [call(f"big{i}", "echo", value="y" * 900_000) for i in range(8)]
    for _ in range(7):
        event = yield []
    yield [finish([refused, len(value_of(event))])]


@script
def large_then_gated(start: p.Start) -> Script:
    """Keeps a step's large result while it waits for another step."""
    data = inputs(start)
    event = yield [call("large", "echo", value="x" * 100_000)]
    kept = value_of(event)
    yield [call("gated", "gated_read", log=data["log"], gate=data["gate"])]
    yield [finish(len(kept))]


@script
def gives(start: p.Start) -> Script:
    """Its result has as many bytes as its input says."""
    yield [finish("z" * (inputs(start)["size"] - 2))]


@script
def crashes(start: p.Start) -> Script:
    """Ends its host by a hash that overflows the stack that the tests allow."""
    event = yield [call("a", "echo", value=1)]
    nested: tuple[Any, ...] = ()
    for _ in range(200_000):
        nested = (nested,)
    yield [finish([value_of(event), hash(nested)])]


@script
def crashes_under_a_deadline(start: p.Start) -> Script:
    event = yield [p.StartTimer("deadline", 60, start.now + 60, 2, guards=True), call("a", "echo", value=1)]
    nested: tuple[Any, ...] = ()
    for _ in range(200_000):
        nested = (nested,)
    yield [finish([event.now, hash(nested)])]


@script
def crashes_at_once(start: p.Start) -> Script:
    nested: tuple[Any, ...] = ()
    for _ in range(200_000):
        nested = (nested,)
    yield [finish(hash(nested))]


@script
def computes(start: p.Start) -> Script:
    """Takes as much CPU time as its inputs say."""
    event = yield [call("a", "echo", value=1)]
    event = yield [p.StartTimer("nap", 0.01, event.now + 0.01, 2)]
    end = time.process_time() + inputs(start)["seconds"]
    while time.process_time() < end:
        pass
    event = yield [call("b", "echo", value="computed")]
    yield [finish(value_of(event))]
