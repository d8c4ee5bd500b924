"""Hosts that die: who is charged, who is rebuilt, and what the caller sees. Real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from weft_workflows.host.pool import EvaluatorDied, Handle, HostLimits, HostPool, HostRestarted

from tests.host.fakes import NAME
from tests.host.test_pool import came_to, eventually, lives

#: A stack on which the hash of a tuple nested 200,000 deep cannot succeed.
#: Time enough for a second try, however busy the computer is.
SMALL_STACK = HostLimits(stack_bytes=1024**2, cpu_seconds=15)


@pytest.fixture
def pool() -> Iterator[HostPool]:
    pool = HostPool(1, SMALL_STACK, NAME)
    yield pool
    pool.close()


def texts(handle: Handle) -> list[str]:
    found: list[str] = json.loads(handle.inspect("texts"))
    return found


def test_an_idle_host_that_is_killed_is_replaced_and_nobody_is_charged(pool: HostPool) -> None:
    one, _ = pool.start("one", b"1:say:a")
    two, _ = pool.start("two", b"1:say:b")
    for _ in range(4):
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda pid=pid: not lives(pid))  # type: ignore[misc]
        one.deliver(b"2:say:")
    assert texts(one) == ["1:say:a", *["2:say:"] * 4]
    assert texts(two) == ["1:say:b"]


def test_a_host_that_is_killed_under_an_event_gets_the_event_again(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:")
    (pid,) = pool.pids()
    killer = threading.Timer(0.1, os.kill, (pid, signal.SIGKILL))
    killer.start()
    assert json.loads(handle.deliver(b"2:sleep:0.4")) == [2, None]
    killer.join()
    assert texts(handle) == ["1:say:", "2:sleep:0.4"]
    assert pool.pids() != (pid,)


def test_two_segfaults_at_the_same_event_are_the_runs_own(pool: HostPool) -> None:
    neighbour, _ = pool.start("neighbour", b"1:say:a")
    handle, _ = pool.start("run", b"1:say:")
    with pytest.raises(EvaluatorDied) as caught:
        handle.deliver(b"12:segfault:")
    assert (caught.value.key, caught.value.line, caught.value.reason) == ("run", 12, "killed by SIGSEGV")
    assert "twice at line 12: killed by SIGSEGV" in str(caught.value)

    pool.wait_ready()
    (pid,) = pool.pids()
    with pytest.raises(EvaluatorDied, match="line 12"):
        handle.deliver(b"12:segfault:")
    assert pool.pids() == (pid,), "it was tried again"

    assert json.loads(neighbour.deliver(b"2:say:b")) == [2, "b"]
    assert texts(handle) == ["1:say:"]
    assert json.loads(handle.deliver(b"13:say:another event")) == [2, "another event"]


def test_forgive_lets_it_be_tried_again(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:")
    with pytest.raises(EvaluatorDied):
        handle.deliver(b"2:segfault:")
    pool.wait_ready()
    (before,) = pool.pids()
    handle.forgive()
    with pytest.raises(EvaluatorDied):
        handle.deliver(b"2:segfault:")
    pool.wait_ready()
    assert pool.pids() != (before,)


def test_a_death_at_the_start_is_charged_to_the_key(pool: HostPool) -> None:
    for _ in range(2):
        with pytest.raises(EvaluatorDied, match="line 3"):
            pool.start("run", b"3:segfault:")
    pool.start("other", b"1:say:")


def test_a_query_that_kills_is_charged_to_the_query(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:")
    with pytest.raises(EvaluatorDied, match="the run's start: killed by SIGSEGV"):
        handle.inspect("crash")
    assert json.loads(handle.deliver(b"2:say:")) == [2, ""]


def test_the_default_stack_holds_what_a_thread_of_python_would_not() -> None:
    pool = HostPool(1, machine=NAME)
    try:
        _, commands = pool.start("run", b"1:segfault:")
        assert isinstance(came_to(commands), int)
        _, commands = pool.start("run", b"1:recurse:")
        assert came_to(commands) == "RecursionError"
    finally:
        pool.close()


def test_too_much_cpu_restarts_the_host_and_the_second_time_is_fatal() -> None:
    pool = HostPool(1, HostLimits(cpu_seconds=0.3), NAME)
    try:
        neighbour, _ = pool.start("neighbour", b"1:say:")
        handle, _ = pool.start("run", b"1:say:")
        with pytest.raises(HostRestarted, match=r"line 5 \(over 0.3 s of CPU\)"):
            handle.deliver(b"5:spin:20")
        assert json.loads(neighbour.deliver(b"2:say:")) == [2, ""]

        # Temporal would answer the failed task with a new instance of the workflow: another handle, the same history,
        # the same event but for the time that it holds.
        handle.close()
        again, _ = pool.start("run", b"1:say:")
        with pytest.raises(EvaluatorDied, match=r"line 5: over 0.3 s of CPU"):
            again.deliver(b"5:spin:21")
        with pytest.raises(EvaluatorDied, match=r"line 5: over 0.3 s of CPU"):
            again.deliver(b"5:spin:22")
        assert json.loads(again.deliver(b"6:spin:0.05")) == [2, None]
    finally:
        pool.close()


def test_time_in_which_the_host_does_not_compute_costs_no_cpu() -> None:
    pool = HostPool(1, HostLimits(cpu_seconds=0.2), NAME)
    try:
        handle, _ = pool.start("run", b"1:say:")
        assert json.loads(handle.deliver(b"2:sleep:0.6")) == [2, None]
        for _ in range(4):
            handle.deliver(b"2:spin:0.08")
        assert len(texts(handle)) == 6
    finally:
        pool.close()


def test_a_host_that_hangs_is_killed_by_the_clock() -> None:
    pool = HostPool(1, HostLimits(wall_seconds=0.8), NAME)
    try:
        handle, _ = pool.start("run", b"1:say:")
        began = time.monotonic()
        with pytest.raises(HostRestarted, match=r"line 5 \(over 0.8 s\)"):
            handle.deliver(b"5:sleep:30")
        with pytest.raises(EvaluatorDied, match=r"line 5: over 0.8 s"):
            handle.deliver(b"5:sleep:30")
        assert time.monotonic() - began < 20
    finally:
        pool.close()


def test_a_machine_that_takes_all_memory_is_out_of_memory() -> None:
    pool = HostPool(1, HostLimits(memory_bytes=1024**3), NAME)
    try:
        neighbour, _ = pool.start("neighbour", b"1:say:")
        handle, _ = pool.start("run", b"1:say:")
        assert came_to(handle.deliver(f"3:allocate:{100 * 1024**2}".encode())) == 100 * 1024**2
        with pytest.raises(EvaluatorDied, match="line 4: out of memory"):
            handle.deliver(f"4:allocate:{2 * 1024**3}".encode())
        assert json.loads(neighbour.deliver(b"2:say:")) == [2, ""]
    finally:
        pool.close()


def test_a_death_that_does_not_repeat_is_not_held_against_the_run(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:")
    for _ in range(3):
        (pid,) = pool.pids()
        killer = threading.Timer(0.1, os.kill, (pid, signal.SIGKILL))
        killer.start()
        handle.deliver(b"2:sleep:0.3")
        killer.join()
    assert texts(handle) == ["1:say:", *["2:sleep:0.3"] * 3]
