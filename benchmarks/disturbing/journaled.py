"""Wraps a tool so that each execution is told to a journal, takes its time, and can be held while somebody kills.

Always holds: what an `idempotent` tool has done for a key it does not do again, it gives the same answer; what a tool did
and the line that says so are one (for a plain `write` of real code: as long as who kills takes the journal's lock); an
exception is a refusal, after which nothing has been done. It knows of a step what `current_step()` tells.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from weft_activities import Tool, current_step, json_values
from weft_compiler.tool_spec import Effect

from benchmarks.disturbing.journal import Journal, Line, Word

_LOOK = 0.005


class Deed(Protocol):
    """What stands behind a tool."""

    def arguments(self, tool: Tool, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The arguments as the journal shows them."""

    def number(self, tool: str, arguments: str, earlier: int, same: int) -> int:
        """Which step of its tool a new one is, after `earlier` others, `same` of them with the same arguments."""

    def seconds(self, began: Line) -> float:
        """How long an execution takes before it does anything."""

    def prepare(self, began: Line, call: Callable[[], Any]) -> Callable[[], Any]:
        """Called under the journal's lock when an execution has begun: gives what to do when its time has passed."""

    def is_atomic(self, effect: Effect) -> bool:
        """Whether what is done, and the line that says so, are to be one."""


@dataclass(frozen=True)
class RealCode:
    """The tool's own function. A plain write is one with its line for whoever waits for the journal's lock."""

    #: By which each execution is slowed down.
    delay: float

    def seconds(self, _began: Line) -> float:
        return self.delay

    def arguments(self, tool: Tool, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return dict(inspect.signature(tool.function).bind(*args, **kwargs).arguments)

    def number(self, _tool: str, _arguments: str, earlier: int, _same: int) -> int:
        return earlier + 1

    def prepare(self, _began: Line, call: Callable[[], Any]) -> Callable[[], Any]:
        return call

    def is_atomic(self, effect: Effect) -> bool:
        return effect is Effect.WRITE


@dataclass(frozen=True)
class Journaling:
    """How the executions of one run's tools are told."""

    folder: Path
    #: The word at which the first execution of each step is held until `release`; empty for none.
    hold_at: str = ""

    @property
    def journal(self) -> Journal:
        return Journal(self.folder / "journal.jsonl")

    def gate(self, key: str) -> Path:
        return self.folder / f"{key}.go"

    def release(self, key: str) -> None:
        self.gate(key).touch()


def journaled(tool: Tool, journaling: Journaling, deed: Deed) -> Tool:
    """The tool, told."""
    function = tool.function

    def execution(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        arguments = json_values.to_plain(deed.arguments(tool, *args, **kwargs))
        text = json.dumps(arguments, ensure_ascii=False)
        return _Execution(tool, journaling, deed, text).run(functools.partial(function, *args, **kwargs))

    @functools.wraps(function)
    async def told_async(*args: Any, **kwargs: Any) -> Any:
        moves = execution(*args, **kwargs)
        return await _drive(moves)

    @functools.wraps(function)
    def told(*args: Any, **kwargs: Any) -> Any:
        moves = execution(*args, **kwargs)
        try:
            pause = next(moves)
            while True:
                time.sleep(pause)
                pause = next(moves)
        except StopIteration as end:
            return end.value

    return replace(tool, function=told_async if inspect.iscoroutinefunction(function) else told)


async def _drive(moves: Generator[Any, Any, Any]) -> Any:
    """Performs what an execution asks for: seconds to wait, or something to await."""
    try:
        asked = next(moves)
        while True:
            if isinstance(asked, float):
                await asyncio.sleep(asked)
                asked = next(moves)
                continue
            try:
                given = await asked
            except Exception as error:  # noqa: BLE001 (the execution has to tell of it)
                asked = moves.throw(error)
            else:
                asked = moves.send(given)
    except StopIteration as end:
        return end.value


class _Execution:
    """One execution of a tool for one attempt of a step."""

    def __init__(self, tool: Tool, journaling: Journaling, deed: Deed, arguments: str) -> None:
        self._tool = tool
        self._journaling = journaling
        self._journal = journaling.journal
        self._deed = deed
        self._atomic = deed.is_atomic(tool.spec.effect)
        step, effect = current_step(), tool.spec.effect.value
        self._line = Line(
            "began", step.idempotency_key, step.step_id, tool.name, effect, arguments, 0, os.getpid(), 0.0
        )

    def run(self, call: Callable[[], Any]) -> Generator[Any, Any, Any]:
        done, carry_out = self._begin(call)
        if done is not None and self._tool.spec.effect is Effect.IDEMPOTENT:
            self._tell("again", done.value)
            return json.loads(done.value)
        yield self._deed.seconds(self._line)
        yield from self._held("began")
        with self._journal.locked() if self._atomic else nullcontext():
            try:
                value = carry_out()
                if inspect.isawaitable(value):
                    value = yield value
            except Exception:
                self._tell("refused", locked=self._atomic)
                raise
            text = json_values.encode(self._tool.outputs.settle(value)).decode()
            self._tell("did", text, locked=self._atomic)
        yield from self._held("did")
        self._tell("ended", text)
        return value

    def _begin(self, call: Callable[[], Any]) -> tuple[Line | None, Callable[[], Any]]:
        """Tells of the beginning. Gives the line of what was done for this key before, if it was."""
        with self._journal.locked():
            before = list(self._journal.lines())
            self._line = replace(self._line, number=self._number_in(before))
            self._write("began")
            done = next((line for line in before if line.word == "did" and line.key == self._line.key), None)
            return done, self._deed.prepare(self._line, call)

    def _number_in(self, before: list[Line]) -> int:
        first: dict[str, Line] = {}
        for line in before:
            if line.tool == self._tool.name:
                first.setdefault(line.key, line)
        if self._line.key in first:
            return first[self._line.key].number
        same = sum(line.arguments == self._line.arguments for line in first.values())
        return self._deed.number(self._tool.name, self._line.arguments, len(first), same)

    def _held(self, word: str) -> Iterator[float]:
        if self._journaling.hold_at != word:
            return
        gate = self._journaling.gate(self._line.key)
        while not gate.exists():
            yield _LOOK

    def _tell(self, word: Word, value: str = "null", *, locked: bool = False) -> None:
        with nullcontext() if locked else self._journal.locked():
            self._write(word, value)

    def _write(self, word: Word, value: str = "null") -> None:
        self._journal.write(replace(self._line, word=word, value=value, at=time.time()))
