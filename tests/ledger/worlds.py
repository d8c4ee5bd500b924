"""Runs in memory over a small world that outlives them, so that a run can be ended and gone on with.

A world has tools of each effect and notes what they are called with. A run's steps take a virtual second unless told
otherwise. What the tools do to the world is what a second run finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from weft_compiler.compile import compile_source
from weft_compiler.plan import Plan
from weft_compiler.tool_spec import Effect, Parameter, RetrySpec, ToolSpec
from weft_workflows.ledger import Ledger
from weft_workflows.local import LocalRun, StepInfo, run_plan
from weft_workflows.machine import protocol as p
from weft_workflows.past import Past
from weft_workflows.past_record import Record, record_bytes

BEGAN = 1_767_225_600.0


def spec(name: str, effect: Effect, *parameters: str) -> ToolSpec:
    return ToolSpec(
        name=name,
        effect=effect,
        parameters=tuple(Parameter(name=each, required=False) for each in parameters),
        retry=RetrySpec(max_attempts=1),
        timeout=10_000_000,
    )


SPECS = (
    spec("read", Effect.READ, "what"),
    spec("look", Effect.READ, "what"),
    spec("put", Effect.WRITE, "what", "value"),
    spec("clear", Effect.WRITE),
    spec("touch", Effect.IDEMPOTENT, "what"),
)


@dataclass
class World:
    """What tools read and write, what they were called with, and what goes wrong."""

    values: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    #: Raises what is to go wrong in a call, by its text.
    broken: dict[str, Exception] = field(default_factory=dict)
    seconds: Callable[[str], float] = lambda text: 1.0

    async def call(self, tool: str, arguments: dict[str, Any], info: StepInfo) -> Any:
        text = f"{tool}({', '.join(map(str, arguments.values()))})"
        self.calls.append(text)
        await info.sleep(self.seconds(text))
        if text in self.broken:
            raise self.broken[text]
        return self._do(tool, **arguments)

    def _do(self, tool: str, what: str = "", value: Any = None) -> Any:
        match tool:
            case "read":
                return self.values.get(what)
            case "put":
                self.values[what] = value
            case "clear":
                self.values.clear()
        return f"{tool} {what}".strip()

    def taken(self) -> list[str]:
        """The calls since the last time that this was asked."""
        calls, self.calls = self.calls, []
        return calls


def compiled(source: str) -> Plan:
    return compile_source(source, SPECS, file="plan.py")


@dataclass
class Ended:
    """A run that is over, and what it leaves behind."""

    run: LocalRun | None
    ledger: Ledger
    plan: Plan
    past: Past | None = None

    @property
    def left(self) -> Past:
        """The past that it began with, and has not used up."""
        assert self.past is not None
        return self.past

    @property
    def result(self) -> Any:
        assert self.run is not None
        assert self.run.error is None, self.run.error
        return self.run.result


class _Killed(Exception):
    """Ends a run from outside."""


def run(
    world: World,
    source: str | Plan,
    *,
    record: Record | None = None,
    seed: int = 7,
    kill_after: int | None = None,
    cancel_after: int | None = None,
    call: Callable[[str, dict[str, Any], StepInfo], Awaitable[Any]] | None = None,
) -> Ended:
    """Runs a program in the world. It is killed, or cancelled, after so many events."""
    plan = compiled(source) if isinstance(source, str) else source
    effects = {each.name: each.effect for each in plan.tools}
    ledger = Ledger(effects)
    # As it comes to a worker: through bytes.
    past = None if record is None else Past.from_bytes(record_bytes(record), reads_of(plan))
    cancel = asyncio.Event()
    count = 0

    def on_event(event: p.Event) -> None:
        nonlocal count
        count += 1
        if kill_after is not None and count > kill_after:
            raise _Killed
        if cancel_after is not None and count >= cancel_after:
            cancel.set()

    now = BEGAN if record is None else record.until + 100_000.0

    async def main() -> LocalRun | None:
        try:
            return await run_plan(
                plan,
                {},
                call or world.call,
                clock="virtual",
                seed=seed,
                now=now,
                on_event=on_event,
                cancel=cancel if cancel_after is not None else None,
                past=past,
                ledger=ledger,
            )
        except _Killed:
            return None

    return Ended(asyncio.run(main()), ledger, plan, past)


def reads_of(plan: Plan) -> list[str]:
    return [each.name for each in plan.tools if each.effect is Effect.READ]
