"""Hosts that live: what a handle answers, how runs are spread, what `close` and the end of a worker leave behind."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from weft_workflows.host.handle import SNAPSHOT_AFTER
from weft_workflows.host.pool import (
    HostBusy,
    HostLimits,
    HostPool,
    HostStartFailed,
    InProcessMachine,
    MachineFailed,
    PoolClosed,
)
from weft_workflows.host.process import HostProcess

from tests.host.fakes import NAME, SLOW_TO_KEEP, FakeMachine


@pytest.fixture
def pool() -> Iterator[HostPool]:
    pool = HostPool(1, machine=NAME)
    yield pool
    pool.close()


def came_to(commands: bytes) -> Any:
    """What the fake machine's event came to."""
    return json.loads(commands)[1]


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """False also for a process that has ended and that its new parent has not reaped yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.parent.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_start_deliver_snapshot_restore(pool: HostPool) -> None:
    handle, commands = pool.start("run", b"1:say:hello")
    assert json.loads(commands) == [1, "hello"]
    assert json.loads(handle.deliver(b"2:say:again")) == [2, "again"]
    assert json.loads(handle.inspect("texts")) == ["1:say:hello", "2:say:again"]

    copy = pool.restore("copy", handle.snapshot())
    assert json.loads(copy.deliver(b"3:say:more")) == [3, "more"]
    assert json.loads(handle.inspect("texts")) == ["1:say:hello", "2:say:again"]


def test_large_messages_go_both_ways(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:")
    text = "é" * 3_000_000
    assert came_to(handle.deliver(f"2:say:{text}".encode())) == text


def test_a_message_over_the_limit_is_refused_by_name() -> None:
    pool = HostPool(1, HostLimits(message_bytes=10_000), NAME)
    try:
        handle, _ = pool.start("run", b"1:say:")
        with pytest.raises(MachineFailed, match=r"exceeds the host's limit of 10,000"):
            handle.deliver(b"2:long:20000")
        with pytest.raises(MachineFailed, match=r"exceeds the host's limit of 10,000"):
            handle.deliver(b"2:say:" + b"x" * 20_000)
        assert json.loads(handle.deliver(b"2:say:short")) == [2, "short"]
    finally:
        pool.close()


def test_an_error_of_the_machine_leaves_it_as_before_the_event(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:")
    with pytest.raises(MachineFailed, match="boom") as caught:
        handle.deliver(b"7:raise:boom")
    assert (caught.value.type, caught.value.line) == ("RuntimeError", 7)
    assert "in deliver" in caught.value.trace
    with pytest.raises(MachineFailed, match="KeyError"):
        handle.inspect("nonsense")
    assert json.loads(handle.inspect("texts")) == ["1:say:"]


def test_the_log_gives_way_to_a_snapshot(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:")
    for n in range(SNAPSHOT_AFTER + 3):
        handle.deliver(f"2:say:{n}".encode())
    assert len(handle._log) == 3
    os.kill(came_to(handle.deliver(b"3:pid:")), signal.SIGKILL)
    assert json.loads(handle.deliver(b"4:say:"))[0] == SNAPSHOT_AFTER + 6


def test_snapshots_that_take_long_are_seldom_taken() -> None:
    pool = HostPool(1, machine=SLOW_TO_KEEP)
    try:
        handle, _ = pool.start("run", b"1:say:")
        began = time.monotonic()
        for n in range(3 * SNAPSHOT_AFTER):
            handle.deliver(f"2:say:{n}".encode())
        if time.monotonic() - began < 1:
            # The first one had to be taken to know what it costs.
            assert len(handle._log) == 2 * SNAPSHOT_AFTER
        handle.deliver(b"2:spin:1.1")
        handle.deliver(b"2:say:")
        assert len(handle._log) == 0
    finally:
        pool.close()


def test_a_log_of_many_bytes_gives_way_to_a_snapshot_at_any_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft_workflows.host.handle._LARGEST_LOG", 100_000)
    pool = HostPool(1, machine=SLOW_TO_KEEP)
    try:
        handle, _ = pool.start("run", b"1:say:")
        for n in range(10):
            handle.deliver(b"2:say:" + b"x" * 30_000)
            assert len(handle._log) == (n + 1) % 4
    finally:
        pool.close()


def test_snapshots_that_no_call_has_time_for_are_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft_workflows.host.handle._LARGEST_LOG", 100_000)
    monkeypatch.setattr("weft_workflows.host.handle._BEARABLE", 0.05)
    pool = HostPool(1, machine=SLOW_TO_KEEP)
    try:
        handle, _ = pool.start("run", b"1:say:")
        lengths = []
        for _ in range(20):
            handle.deliver(b"2:say:" + b"x" * 30_000)
            lengths.append(len(handle._log))
        # The first one shows what it costs.
        assert lengths == [1, 2, 3, 0, *range(1, 14), 0, 1, 2]
    finally:
        pool.close()


def test_a_closed_handle_is_forgotten_by_its_host(pool: HostPool) -> None:
    kept, _ = pool.start("kept", b"1:say:")
    closed, _ = pool.start("closed", b"1:say:")
    dropped, _ = pool.start("dropped", b"1:say:")
    assert came_to(kept.deliver(b"2:census:")) == 3
    closed.close()
    closed.close()
    with pytest.raises(ValueError, match="run closed is closed"):
        closed.deliver(b"2:say:")
    del dropped
    gc.collect()
    assert came_to(kept.deliver(b"2:census:")) == 1


def test_runs_are_spread_over_hosts() -> None:
    pool = HostPool(2, machine=NAME)
    try:
        pool.wait_ready(2)
        started = [pool.start(f"run-{n}", b"1:pid:") for n in range(6)]
        assert sorted(came_to(c) for _, c in started) == sorted(pool.pids() * 3)
    finally:
        pool.close()


def test_a_host_that_is_killed_while_it_starts_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    await_ready = HostProcess.await_ready
    killed: list[int] = []

    def killed_once(process: HostProcess) -> None:
        if not killed:
            killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)
        await_ready(process)

    monkeypatch.setattr(HostProcess, "await_ready", killed_once)
    pool = HostPool(1, machine=NAME)
    try:
        pool.wait_ready()
        assert killed
        assert pool.pids() not in ((), tuple(killed))
    finally:
        pool.close()


def test_only_hosts_that_are_used_are_started(pool: HostPool) -> None:
    wide = HostPool(4, machine=NAME)
    try:
        wide.wait_ready()
        handle, _ = wide.start("run", b"1:say:")
        handle.deliver(b"2:say:")
        assert len(wide.pids()) == 1
    finally:
        wide.close()


def test_many_threads_and_a_host_that_dies_under_them() -> None:
    pool = HostPool(2, HostLimits(turn_seconds=30), NAME)
    finished: list[str] = []

    def run(key: str) -> None:
        handle, _ = pool.start(key, b"1:say:start")
        for n in range(60):
            assert came_to(handle.deliver(f"2:say:{key}-{n}".encode())) == f"{key}-{n}"
        assert json.loads(handle.inspect("texts")) == ["1:say:start", *(f"2:say:{key}-{n}" for n in range(60))]
        finished.append(key)

    try:
        threads = [threading.Thread(target=run, args=(f"run-{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        pool.wait_ready(2)
        os.kill(pool.pids()[0], signal.SIGKILL)
        for thread in threads:
            thread.join()
        assert sorted(finished) == [f"run-{n}" for n in range(8)]
    finally:
        pool.close()


def test_a_busy_host_is_said_to_be_busy() -> None:
    pool = HostPool(1, HostLimits(turn_seconds=0.05), NAME)
    try:
        slow, _ = pool.start("slow", b"1:say:")
        other, _ = pool.start("other", b"1:say:")
        thread = threading.Thread(target=slow.deliver, args=(b"2:sleep:1",))
        thread.start()
        eventually(lambda: slow._slot._turn.locked())
        with pytest.raises(HostBusy, match="can be made again"):
            other.deliver(b"2:say:")
        thread.join()
        assert other.deliver(b"2:say:")
    finally:
        pool.close()


def test_a_host_outlives_the_thread_that_asked_for_it(pool: HostPool) -> None:
    started: list[Any] = []
    thread = threading.Thread(target=lambda: started.append(pool.start("run", b"1:pid:")))
    thread.start()
    thread.join()
    handle, commands = started[0]
    assert came_to(handle.deliver(b"2:pid:")) == came_to(commands)


def test_close_leaves_no_child_and_interrupts_calls() -> None:
    pool = HostPool(2, machine=NAME)
    pool.wait_ready(2)
    handle, _ = pool.start("run", b"1:say:")
    pids = pool.pids()
    errors: list[BaseException] = []

    def call() -> None:
        try:
            handle.deliver(b"2:sleep:8")
        except PoolClosed as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    # Long enough that a death would no longer be tried again in the same call.
    time.sleep(0.6)
    pool.close()
    pool.close()
    thread.join()
    assert len(errors) == 1
    assert not any(lives(pid) for pid in pids)
    assert pool.pids() == ()
    with pytest.raises(PoolClosed):
        pool.start("late", b"1:say:")
    with pytest.raises(PoolClosed):
        handle.inspect("texts")
    handle.close()


def test_close_before_the_first_host_is_ready() -> None:
    pool = HostPool(1, machine=NAME)
    pool.close()
    with pytest.raises(PoolClosed):
        pool.start("late", b"1:say:")


def test_a_host_that_cannot_start_says_why() -> None:
    pool = HostPool(1, machine="tests.host.nowhere:Machine")
    try:
        with pytest.raises(HostStartFailed, match=r"ModuleNotFoundError: No module named 'tests.host.nowhere'"):
            pool.start("run", b"1:say:")
    finally:
        pool.close()


def test_hosts_are_out_of_reach_of_an_interrupt_at_the_terminal(pool: HostPool) -> None:
    pool.wait_ready()
    assert os.getsid(pool.pids()[0]) != os.getsid(0)


_WORKER = f"""
import sys, threading
from weft_workflows.host.pool import HostPool
pool = HostPool(2, machine={NAME!r})
pool.wait_ready(2)
busy = pool.start("busy", b"1:say:")[0]
threading.Thread(target=busy.deliver, args=(b"2:sleep:9",), daemon=True).start()
print(*pool.pids(), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("ending", ["killed", "returns"])
def test_a_worker_takes_its_hosts_with_it(ending: str) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert worker.stdout is not None
    assert worker.stdin is not None
    pids = [int(pid) for pid in worker.stdout.readline().split()]
    assert len(pids) == 2
    if ending == "killed":
        worker.kill()
    worker.stdin.close()
    assert worker.wait() == (-signal.SIGKILL if ending == "killed" else 0)
    worker.stdout.close()
    # The death signal needs Linux; elsewhere the sleeping host notices the closed channel only when it wakes.
    eventually(lambda: not any(lives(pid) for pid in pids))


def test_a_machine_in_process_has_the_same_interface() -> None:
    handle, commands = InProcessMachine.start("run", b"1:say:hi", NAME)
    assert json.loads(commands) == [1, "hi"]
    assert came_to(handle.deliver(b"5:pid:")) == os.getpid()
    assert handle.line == 5
    copy = InProcessMachine.restore("copy", handle.snapshot(), NAME)
    assert json.loads(copy.inspect("texts")) == ["1:say:hi", "5:pid:"]
    copy.forgive()
    copy.close()
    with pytest.raises(ValueError, match="closed"):
        copy.deliver(b"6:say:")
    assert isinstance(handle._machine, FakeMachine)
