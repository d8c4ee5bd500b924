"""A machine that does what its events say, so that tests can make a host die in every way."""

from __future__ import annotations

import json
import os
import time
import weakref
from collections.abc import Callable
from typing import Any

NAME = "tests.host.fakes:FakeMachine"
LATE_TO_KEEP = "tests.host.fakes:LateToKeep"
SLOW_TO_KEEP = "tests.host.fakes:SlowToKeep"


_LIVING: weakref.WeakSet[FakeMachine] = weakref.WeakSet()


class OverBudget(Exception):
    """The event takes more than its budget."""


class FakeMachine:
    """State is the list of its events; commands are that list's length and what the event came to.

    An event is `line:verb:argument`; the line is traced, then the verb does something.
    """

    def __init__(self, texts: list[str], trace: Callable[[int], None]) -> None:
        self.texts = texts
        self._trace = trace
        _LIVING.add(self)

    @classmethod
    def start(cls, start: bytes, trace: Callable[[int], None], budget: int | None = None) -> tuple[FakeMachine, bytes]:
        machine = cls([], trace)
        return machine, machine.deliver(start, budget)

    @classmethod
    def restore(cls, snapshot: bytes, trace: Callable[[int], None]) -> FakeMachine:
        return cls(json.loads(snapshot), trace)

    def deliver(self, event: bytes, budget: int | None = None) -> bytes:
        text = event.decode()
        line, verb, argument = text.split(":", 2)
        self._trace(int(line))
        if verb == "spend" and budget is not None and int(argument) > budget:
            raise OverBudget
        result = _VERBS[verb](argument)
        self.texts.append(text)
        return json.dumps([len(self.texts), result]).encode()

    def snapshot(self, known: bytes = b"") -> bytes:
        return json.dumps(self.texts).encode()

    def inspect(self, what: str) -> bytes:
        if what == "crash":
            _hash_nested("")
        return json.dumps({"texts": self.texts}[what]).encode()


class SlowToKeep(FakeMachine):
    """Takes a tenth of a second for a snapshot, as a wide run does."""

    def snapshot(self, known: bytes = b"") -> bytes:
        time.sleep(0.1)
        return super().snapshot(known)


class LateToKeep(FakeMachine):
    """Takes a second for a snapshot."""

    def snapshot(self, known: bytes = b"") -> bytes:
        time.sleep(1)
        return super().snapshot(known)


def _hash_nested(_: str) -> int:
    value: Any = ()
    for _step in range(200_000):
        value = (value,)
    return hash(value)


def _recurse(_: str) -> str:
    def down(n: int) -> int:
        return down(n + 1) + 1

    try:
        down(0)
    except RecursionError:
        return "RecursionError"
    return ""


def _spin(seconds: str) -> None:
    end = time.process_time() + float(seconds)
    while time.process_time() < end:
        pass


def _attempt(code: str) -> str:
    """The class name of the error that the code raises, else `done`."""
    try:
        exec(code, {})
    except BaseException as error:  # noqa: BLE001 - the test judges it
        return f"{type(error).__name__}: {error}"
    return "done"


def _allocate(size: str) -> int:
    return len(bytearray(int(size)))


_VERBS: dict[str, Callable[[str], Any]] = {
    "say": lambda argument: argument,
    "pid": lambda _: os.getpid(),
    "segfault": _hash_nested,
    "recurse": _recurse,
    "spin": _spin,
    "stuck": lambda seconds: sum(range(int(float(seconds) * 20_000_000))),
    "spend": lambda amount: int(amount),
    "sleep": lambda seconds: time.sleep(float(seconds)),
    "allocate": _allocate,
    "attempt": _attempt,
    "raise": lambda message: exec("raise RuntimeError(m)", {"m": message}),
    "census": lambda _: len(_LIVING),
    "long": lambda size: "x" * int(size),
}
