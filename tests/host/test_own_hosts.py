"""Calls that take more than their budget, and the hosts of one machine in which they are carried out."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from weft_workflows.host import pool as pool_module
from weft_workflows.host.pool import Handle, HostLimits, HostPool, HostRestarted, OverBudget, Recipe
from weft_workflows.host.wire import Op

from tests.host.fakes import LATE_TO_KEEP, NAME
from tests.host.test_pool import eventually, lives

LIMITS = HostLimits(activation_fuel=100, cpu_seconds=0.5, long_cpu_seconds=3.0, stuck_seconds=1.0, stack_bytes=1024**2)


@pytest.fixture
def pool() -> Iterator[HostPool]:
    pool = HostPool(1, LIMITS, NAME)
    yield pool
    pool.close()


def texts(handle: Handle) -> list[str]:
    found: list[str] = json.loads(handle.inspect("texts"))
    return found


def taken_out(pool: HostPool, handle: Handle, event: bytes) -> tuple[Handle, bytes]:
    own = pool.take_out(handle.key, handle.recipe)
    return own, own.deliver(event)


def test_over_budget_leaves_the_machine_as_it_was(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:a")
    with pytest.raises(OverBudget) as caught:
        handle.deliver(b"7:spend:101")
    assert caught.value.line == 7
    assert texts(handle) == ["1:say:a"]
    assert json.loads(handle.deliver(b"7:spend:100")) == [2, 100]


def test_a_start_over_budget_can_be_made_elsewhere(pool: HostPool) -> None:
    with pytest.raises(OverBudget):
        pool.start("run", b"1:spend:101")
    own = pool.take_out("run", Recipe(Op.START, b"1:spend:101"))
    assert json.loads(own.begin()) == [1, 101]


def test_what_is_taken_out_is_built_of_its_recipe_in_a_process_of_its_own(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:pid:")
    handle.deliver(b"2:say:b")
    own, reply = taken_out(pool, handle, b"3:spend:101")
    assert json.loads(reply) == [3, 101]
    assert json.loads(own.deliver(b"4:pid:"))[1] not in pool.pids()
    assert texts(own) == ["1:pid:", "2:say:b", "3:spend:101", "4:pid:"]
    assert texts(handle) == ["1:pid:", "2:say:b"]


def test_long_calls_have_limits_of_their_own_until_they_are_settled(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:a")
    own, _ = taken_out(pool, handle, b"2:spin:1.0")
    assert json.loads(b"".join(own.settle())) == ["1:say:a", "2:spin:1.0"]
    with pytest.raises(OverBudget):
        own.deliver(b"3:spend:101")
    assert json.loads(own.deliver(b"3:say:c")) == [3, "c"]


def test_neighbours_do_not_wait(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:a")
    neighbour, _ = pool.start("neighbour", b"1:say:a")
    own = pool.take_out("run", handle.recipe)
    busy = threading.Thread(target=own.deliver, args=(b"2:spin:1.5",))
    busy.start()
    eventually(lambda: own.line == 2)
    began = time.monotonic()
    for _ in range(20):
        neighbour.deliver(b"2:say:b")
    took = time.monotonic() - began
    assert busy.is_alive(), "the neighbour had to wait until the long call was over"
    assert took < 1.0
    busy.join()


def test_a_long_call_that_dies_is_not_made_again(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:a")
    with pytest.raises(HostRestarted) as caught:
        taken_out(pool, handle, b"2:segfault:")
    assert (caught.value.reason, caught.value.line, caught.value.charged) == ("killed by SIGSEGV", 2, True)


def test_a_long_call_has_an_end(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:a")
    with pytest.raises(HostRestarted) as caught:
        taken_out(pool, handle, b"2:spin:20")
    assert caught.value.reason == "over 3 s, or 1 s in one call of C code, of CPU"
    assert (caught.value.line, caught.value.charged) == (2, True)


def test_a_long_call_that_is_stuck_in_c_ends_sooner(pool: HostPool) -> None:
    """Two seconds in one call are too many; two seconds of Python in one go are not."""
    handle, _ = pool.start("run", b"1:say:a")
    own, reply = taken_out(pool, handle, b"2:spin:2.0")
    assert json.loads(reply) == [2, None]
    with pytest.raises(HostRestarted, match="in one call of C code"):
        own.deliver(b"3:stuck:60")
    assert texts(own) == ["1:say:a", "2:spin:2.0"]


def test_the_process_ends_with_its_machine(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:a")
    own, reply = taken_out(pool, handle, b"2:pid:")
    pid = json.loads(reply)[1]
    own.close()
    eventually(lambda: not lives(pid))


def test_a_handle_that_is_closed_under_a_long_call_ends_it(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:a")
    own = pool.take_out("run", handle.recipe)
    ended: list[BaseException] = []

    def call() -> None:
        try:
            own.deliver(b"2:spin:2.5")
        except BaseException as error:  # noqa: BLE001 - judged below
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    eventually(lambda: own.line == 2)
    began = time.monotonic()
    own.close()
    thread.join()
    assert time.monotonic() - began < 1.5
    assert [type(each).__name__ for each in ended] == ["PoolClosed"]


def test_a_large_machine_is_left_for_its_run(pool: HostPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "HEAVY_BYTES", 10)
    handle, _ = pool.start("run", b"1:say:a")
    own, reply = taken_out(pool, handle, b"2:pid:")
    snapshot = own.settle()
    pool.keep(own, snapshot)
    again = pool.restore("run", snapshot)
    assert again is own
    assert json.loads(again.deliver(b"3:pid:"))[1] == json.loads(reply)[1]
    # Whoever comes without it has it restored, in a host of its own too.
    other = pool.restore("run", snapshot)
    assert other is not own
    assert json.loads(other.deliver(b"3:pid:"))[1] not in (*pool.pids(), json.loads(reply)[1])
    assert texts(other) == ["1:say:a", "2:pid:", "3:pid:"]


def test_another_snapshot_of_the_same_run_is_restored(pool: HostPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "HEAVY_BYTES", 10)
    handle, _ = pool.start("run", b"1:say:a")
    own, reply = taken_out(pool, handle, b"2:pid:")
    pool.keep(own, own.settle())
    other = pool.restore("run", b'["1:say:a", "2:say:b"]')
    assert texts(other) == ["1:say:a", "2:say:b"]
    pid = json.loads(reply)[1]
    del own
    eventually(lambda: not lives(pid))


def test_a_small_machine_goes_back_among_the_others(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:a")
    own, reply = taken_out(pool, handle, b"2:pid:")
    snapshot = own.settle()
    pool.keep(own, snapshot)
    eventually(lambda: not lives(json.loads(reply)[1]))
    assert json.loads(pool.restore("run", snapshot).deliver(b"3:pid:"))[1] in pool.pids()


def test_few_machines_are_left_at_once(pool: HostPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "HEAVY_BYTES", 10)
    pids = []
    for number in range(3):
        own = pool.take_out(f"run-{number}", Recipe(Op.START, b"1:pid:"))
        pids.append(json.loads(own.begin())[1])
        pool.keep(own, own.settle())
    eventually(lambda: [lives(pid) for pid in pids] == [False, False, True])


def test_a_settled_machine_is_rebuilt_when_its_host_dies(pool: HostPool) -> None:
    handle, _ = pool.start("run", b"1:say:a")
    own, reply = taken_out(pool, handle, b"2:pid:")
    own.settle()
    own.deliver(b"3:say:c")
    os.kill(json.loads(reply)[1], signal.SIGKILL)
    assert json.loads(own.deliver(b"4:say:d")) == [4, "d"]


def test_closing_the_pool_ends_hosts_of_one_machine(pool: HostPool) -> None:
    own = pool.take_out("run", Recipe(Op.START, b"1:pid:"))
    pid = json.loads(own.begin())[1]
    pool.close()
    assert not lives(pid)


def test_a_machine_that_rests_has_no_process(pool: HostPool) -> None:
    own = pool.take_out("run", Recipe(Op.START, b"1:pid:"))
    pid = json.loads(own.begin())[1]
    own.settle()
    assert lives(pid)
    own.rest()
    own.rest()
    assert not lives(pid)
    assert json.loads(own.deliver(b"2:pid:"))[1] not in (pid, *pool.pids())
    assert texts(own) == ["1:pid:", "2:pid:"]


def test_a_machine_among_others_does_not_rest(pool: HostPool) -> None:
    handle, commands = pool.start("run", b"1:pid:")
    handle.rest()
    assert json.loads(handle.deliver(b"2:pid:"))[1] == json.loads(commands)[1]


def test_own_hosts_may_take_long_to_keep_and_to_restore() -> None:
    """Longer than a call may take in a host that others use."""
    pool = HostPool(1, HostLimits(wall_seconds=0.8), LATE_TO_KEEP)
    try:
        own = pool.take_out("run", Recipe(Op.START, b"1:pid:"))
        pid = json.loads(own.begin())[1]
        own.settle()
        assert own.parts() == [b'["1:pid:"]']
        assert json.loads(own.deliver(b"2:pid:"))[1] == pid
    finally:
        pool.close()
