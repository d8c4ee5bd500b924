"""Makes real tools of the fakes with which `tests/orchestrations` describes its tools.

Always holds: what the tools share is what the journal says was done, in its order, so that it outlives every process; a
step's number is the one of that call in the undisturbed run, however often the step is executed and in whatever order
parallel ones begin; answers depend on nothing else.
"""

from __future__ import annotations

import asyncio
import json
import warnings
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from pydantic.json_schema import PydanticJsonSchemaWarning
from weft_activities import Tool
from weft_activities.tool import make_tool
from weft_compiler.tool_spec import Effect

from benchmarks.disturbing.journal import Line
from benchmarks.disturbing.journaled import Journaling
from tests.oracle.cases import Case
from tests.oracle.fakes import FakeTool, State, ToolCall, as_function

#: Milliseconds for a second of the fakes, and the bounds of what comes out.
_SCALE, _SHORTEST, _LONGEST = 0.1, 0.01, 0.2


def numbers_of(case: Case) -> dict[str, list[str]]:
    """The calls of the undisturbed run in virtual time: each tool's arguments as JSON text, in order."""
    # Not for workers, which start often.
    from tests.oracle.machine import compile_for, run_compiled

    calls = run_compiled(compile_for(case.source, case.tools, case.inputs), case.tools, case.inputs).calls
    numbers: dict[str, list[str]] = {}
    for call in calls:
        numbers.setdefault(call.tool, []).append(call.arguments)
    return numbers


def real_tool(fake: FakeTool) -> Tool:
    """A tool with the fake's name, signature and effect; about half of them are plain functions, the others coroutines."""

    async def arguments(given: dict[str, Any]) -> dict[str, Any]:
        return given

    name = fake.spec.name
    bound = as_function(fake.spec, arguments)
    function: Callable[..., Any] = bound
    if zlib.crc32(name.encode()) % 2:

        def function(*args: Any, **kwargs: Any) -> Any:
            return _now(bound(*args, **kwargs))

        function.__name__, function.__annotations__ = name, {}
        function.__wrapped__ = bound  # type: ignore[attr-defined]
    retry = {"max_attempts": 5, "initial_interval": 0.1, "max_interval": 0.5}
    with warnings.catch_warnings():
        # What stands for an argument that was left out has no JSON form.
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        return make_tool(function, {"name": name, "effect": fake.spec.effect, "retry": retry})


class ScriptedDeeds:
    """What the fakes of one run do, told and remembered by its journal."""

    def __init__(self, fakes: Mapping[str, FakeTool], numbers: Mapping[str, list[str]], journaling: Journaling) -> None:
        self._fakes = fakes
        self._numbers = numbers
        self._journaling = journaling

    def seconds(self, began: Line) -> float:
        fake = self._fakes[began.tool]
        seconds = fake.behaviour.delay(json.loads(began.arguments), State(), began.number)
        return min(max(seconds * _SCALE, _SHORTEST), _LONGEST)

    def arguments(self, tool: Tool, *args: Any, **kwargs: Any) -> dict[str, Any]:
        given = tool.function(*args, **kwargs)
        passed = _now(given) if asyncio.iscoroutine(given) else given
        ordered: dict[str, Any] = json.loads(ToolCall.of(0.0, self._fakes[tool.name].spec, passed).arguments)
        return ordered

    def number(self, tool: str, arguments: str, earlier: int, same: int) -> int:
        places = [place for place, text in enumerate(self._numbers.get(tool, []), 1) if text == arguments]
        return places[same] if same < len(places) else earlier + 1

    def prepare(self, began: Line, _call: Callable[[], Any]) -> Callable[[], Any]:
        if self._fakes[began.tool].spec.effect is not Effect.READ:
            return lambda: self._answer(began)
        try:
            seen = self._answer(began)
        except Exception as error:  # noqa: BLE001 (a read looks when it begins, and tells when its time has passed)
            failure = error
            return lambda: _raise(failure)
        return lambda: seen

    def is_atomic(self, _effect: Effect) -> bool:
        return True

    def _answer(self, began: Line) -> Any:
        return self._perform(began, self._state())

    def _state(self) -> State:
        """What all that was done has made of the shared state."""
        state = State()
        for line in self._journaling.journal.lines():
            if line.word == "did" and line.effect != Effect.READ.value:
                self._perform(line, state)
        return state

    def _perform(self, line: Line, state: State) -> Any:
        return self._fakes[line.tool].behaviour.answer(json.loads(line.arguments), state, line.number)


def _now(coroutine: Any) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("this coroutine waits")


def _raise(error: Exception) -> Any:
    raise error
