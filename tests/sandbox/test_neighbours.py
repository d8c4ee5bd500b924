"""Exhausting attempts in one host with a neighbour: the neighbour's deliveries keep working."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator

import pytest
from weft_compiler.compile import compile_source
from weft_workflows.host.pool import EvaluatorDied, HostLimits, HostPool, HostUnavailable
from weft_workflows.machine import protocol as p

from tests.sandbox.attempts import GET, Attempt, attempts, outcome_of

#: Of each class of exhausting attempts, so many.
_OF_EACH = 2
_NEIGHBOUR = """
total = 0
for n in range(1_000_000):
    total += await get(n)
"""
#: Attempts that spend their time inside C, where no fuel is counted: the host's CPU time is the limit that ends them.
_IN_C = {
    "an alias of a constructor": "t = ()\nfor i in range(60): t = (t, t)\nS = str\nS(t)\n",
    "a key that shares its parts": "t = ()\nfor i in range(60): t = (t, t)\n{t: 1}\n",
    "a sort of what shares its parts": "a = b = ()\nfor i in range(60): a = (a, a); b = (b, b)\nsorted([a, b])\n",
}


def _sample() -> Iterator[Attempt]:
    taken: dict[str, int] = {}
    for attempt in attempts():
        if attempt.expected.startswith("limit ") and taken.setdefault(attempt.kind, 0) < _OF_EACH:
            taken[attempt.kind] += 1
            yield attempt


@pytest.fixture(scope="module")
def pool() -> Iterator[HostPool]:
    pool = HostPool(1)
    pool.wait_ready()
    yield pool
    pool.close()


class Neighbour:
    """A run that has one event delivered after the other while others run, and notes how long each takes."""

    def __init__(self, pool: HostPool) -> None:
        plan = compile_source(_NEIGHBOUR, [GET]).canonical_json()
        start = p.to_bytes([p.Start(plan, inputs="{}", run_id="neighbour", seed=1, now=1e9)])
        self._handle, self._commands = pool.start("neighbour", start)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self.seconds: list[float] = []
        self.errors: list[BaseException] = []

    def __enter__(self) -> Neighbour:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._handle.close()

    def _serve(self) -> None:
        try:
            while not self._over.is_set():
                self._deliver()
        except BaseException as error:  # noqa: BLE001 - judged by the test
            self.errors.append(error)

    def _deliver(self) -> None:
        (call,) = p.from_bytes(self._commands)
        assert isinstance(call, p.CallTool)
        value = json.dumps(json.loads(call.arguments)["x"])
        event = p.to_bytes([p.StepSucceeded(call.step, value, 1e9)])
        began = time.monotonic()
        while True:
            try:
                self._commands = self._handle.deliver(event)
                break
            except HostUnavailable:
                continue  # nothing is lost: make the same call again
        self.seconds.append(time.monotonic() - began)


def _spared(neighbour: Neighbour) -> None:
    assert neighbour.errors == []
    assert len(neighbour.seconds) > 1
    limits = HostLimits()
    assert max(neighbour.seconds) < limits.turn_seconds + limits.wall_seconds


@pytest.mark.parametrize("attempt", _sample(), ids=lambda attempt: attempt.id)
def test_a_limit_spares_the_neighbour(pool: HostPool, attempt: Attempt) -> None:
    before = pool.pids()
    with Neighbour(pool) as neighbour:
        assert outcome_of(attempt.source, pool.start) == attempt.expected
    _spared(neighbour)
    assert max(neighbour.seconds) < HostLimits().turn_seconds
    assert pool.pids() == before


@pytest.mark.parametrize("what", _IN_C)
def test_time_spent_in_c_ends_by_the_hosts_clock(pool: HostPool, what: str) -> None:
    def again_and_again() -> None:
        """A first death late in a call leaves the second to the next call."""
        with contextlib.suppress(HostUnavailable):
            outcome_of(_IN_C[what], lambda _, start: pool.start(what, start))
        outcome_of(_IN_C[what], lambda _, start: pool.start(what, start))

    with Neighbour(pool) as neighbour, pytest.raises(EvaluatorDied, match=r"over 1\.5 s of CPU"):
        again_and_again()
    _spared(neighbour)
