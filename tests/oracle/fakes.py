"""Fake tools: scripted answers after scripted delays, over state that all of them share.

A read looks at the shared state when it starts and a write acts when it ends, so that a read which was
moved past a write gives another answer. The same fakes serve a program under CPython and under the machine;
a world is used for one run. Nothing here knows how the program is executed or where time comes from.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weft_compiler.tool_spec import Effect, ToolSpec

from tests.oracle.values import to_json_value

#: Arguments of a call by name, as plain JSON values; what was left out is absent.
Arguments = dict[str, Any]
#: Lets so many seconds of the run's time pass.
Rest = Callable[[float], Awaitable[None]]


class State(dict[str, Any]):
    """What the tools of one run share."""


@dataclass(frozen=True)
class Behaviour:
    """What a fake does, given the arguments, the shared state and how often it has been called (from 1).

    `answer` returns the result or raises; `delay` gives seconds of the run's time.
    """

    answer: Callable[[Arguments, State, int], Any]
    delay: Callable[[Arguments, State, int], float] = lambda _arguments, _state, _count: 1.0


@dataclass(frozen=True)
class FakeTool:
    spec: ToolSpec
    behaviour: Behaviour


@dataclass(frozen=True)
class ToolCall:
    """One call: seconds of the run's time at its start, the tool, and its arguments as JSON text in
    signature order.
    """

    at: float
    tool: str
    arguments: str

    @classmethod
    def of(cls, at: float, spec: ToolSpec, arguments: Arguments) -> ToolCall:
        text = json.dumps(_in_signature_order(spec, arguments), ensure_ascii=False)
        return cls(round(at, 6), spec.name, text)

    def __str__(self) -> str:
        items = json.loads(self.arguments).items()
        inside = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in items)
        return f"{self.at:g} {self.tool}({inside})"


@dataclass(frozen=True)
class Begun:
    """A call that has begun: which one it is of its tool, how long it takes, and what a read has seen."""

    tool: FakeTool
    arguments: Arguments
    count: int
    delay: float
    seen: tuple[Any, Exception | None] = (None, None)


@dataclass
class World:
    """The tools of one run and what they share."""

    tools: Mapping[str, FakeTool]
    state: State = field(default_factory=State)
    _counts: dict[str, int] = field(default_factory=dict)

    async def perform(self, name: str, arguments: Arguments, rest: Rest) -> Any:
        """Carries out one call; returns a JSON value that shares nothing with the state, or raises the
        tool's exception.
        """
        return await self.finish(self.begin(name, arguments), rest)

    def begin(self, name: str, arguments: Arguments) -> Begun:
        """What happens of a call in the instant in which the program makes it, even if it is cancelled in the same instant."""
        tool = self.tools[name]
        count = self._counts[name] = self._counts.get(name, 0) + 1
        delay = tool.behaviour.delay(arguments, self.state, count)
        if tool.spec.effect is not Effect.READ:
            return Begun(tool, arguments, count, delay)
        return Begun(tool, arguments, count, delay, self._look(tool.behaviour, arguments, count))

    async def finish(self, begun: Begun, rest: Rest) -> Any:
        await rest(begun.delay)
        if begun.tool.spec.effect is not Effect.READ:
            return to_json_value(begun.tool.behaviour.answer(begun.arguments, self.state, begun.count))
        answer, failure = begun.seen
        if failure is not None:
            raise failure
        return answer

    def _look(self, behaviour: Behaviour, arguments: Arguments, count: int) -> tuple[Any, Exception | None]:
        try:
            return to_json_value(behaviour.answer(arguments, self.state, count)), None
        except Exception as failure:  # noqa: BLE001  (raised again when the call ends)
            return None, failure


def as_function(spec: ToolSpec, call: Callable[[Arguments], Awaitable[Any]]) -> Callable[..., Any]:
    """The tool as a coroutine function with the signature, and so the errors, of a real Python function.

    It is made from source text because only CPython's own binding gives CPython's own messages.
    """
    given = ", ".join(f"{p.name!r}: {p.name}" for p in spec.parameters)
    text = f"async def {spec.name}({_signature(spec)}):\n    return await _call({{{given}}})\n"

    async def bound(values: dict[str, Any]) -> Any:
        return await call(to_json_value(_passed(spec, values)))

    namespace: dict[str, Any] = {"_call": bound, "_ABSENT": _ABSENT}
    exec(compile(text, f"<tool {spec.name}>", "exec"), namespace)
    function: Callable[..., Any] = namespace[spec.name]
    return function


_ABSENT = object()
_STARS = {"var_positional": "*", "var_keyword": "**"}


def _passed(spec: ToolSpec, values: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call as a step carries them: `*args` as a list under its name, `**kwargs` merged."""
    passed: dict[str, Any] = {}
    for parameter in spec.parameters:
        value = values[parameter.name]
        if parameter.kind == "var_keyword":
            passed.update(value)
        elif value is not _ABSENT and not (parameter.kind == "var_positional" and not value):
            passed[parameter.name] = value
    return passed


def _signature(spec: ToolSpec) -> str:
    parts: list[str] = []
    kinds = [p.kind for p in spec.parameters]
    for index, parameter in enumerate(spec.parameters):
        before, after = kinds[:index], kinds[index + 1 :]
        if parameter.kind == "keyword_only" and not {"var_positional", "keyword_only"} & set(before):
            parts.append("*")
        default = "" if parameter.required or parameter.kind in _STARS else "=_ABSENT"
        parts.append(f"{_STARS.get(parameter.kind, '')}{parameter.name}{default}")
        if parameter.kind == "positional_only" and "positional_only" not in after:
            parts.append("/")
    return ", ".join(parts)


def _in_signature_order(spec: ToolSpec, arguments: Arguments) -> Arguments:
    order = spec.parameter_names()
    return dict(sorted(arguments.items(), key=lambda item: _position(order, item[0])))


def _position(order: Sequence[str], name: str) -> tuple[int, str]:
    return (order.index(name), "") if name in order else (len(order), name)
