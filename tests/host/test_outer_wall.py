"""The host as the outer wall: code in it that has passed no guard at all reaches nothing of the worker's or of the computer's."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from weft_workflows.host.pool import Handle, HostPool
from weft_workflows.host.wire import open_page

from tests.host.fakes import NAME
from tests.host.outer_wall import ATTEMPTS, RAW
from tests.host.test_pool import came_to

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be held to all of it")

_TRACE = Path("/tmp/weft-host-was-here")
_ALL = [pytest.param(code, id=f"{kind}: {what}") for kind, table in ATTEMPTS.items() for what, code in table.items()]
_CALLS = RAW.get(platform.machine(), {})


@pytest.fixture(scope="module")
def pool() -> Iterator[HostPool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEFT_SECRET", "of-the-worker")
        pool = HostPool(1, machine=NAME)
        if "seccomp" not in pool.wait_ready():
            pool.close()
            pytest.skip("the kernel offers no system call filter")
        yield pool
        pool.close()


@pytest.fixture
def handle(pool: HostPool) -> Handle:
    return pool.start("run", b"1:say:")[0]


def attempt(handle: Handle, code: str) -> str:
    text: str = came_to(handle.deliver(b"2:attempt:" + code.encode()))
    return text


#: What the library makes of a refused call.
_REFUSALS = (
    "PermissionError",
    "OSError: [Errno 24]",
    "ModuleNotFoundError",
    "ImportError",
    "RuntimeError: can't start new thread",
    "URLError",
    "gaierror",
    "FileNotFoundError: [Errno 2] No usable temporary directory",
    "OperationalError",
    "ValueError: not allowed to raise maximum limit",
)


@pytest.mark.parametrize("code", _ALL)
def test_refused(pool: HostPool, handle: Handle, code: str) -> None:
    before = pool.pids()
    assert attempt(handle, code).startswith(_REFUSALS)
    assert pool.pids() == before
    assert not _TRACE.exists()


@pytest.mark.parametrize("number", [pytest.param(n, id=name) for name, n in _CALLS.items()])
def test_system_calls_by_number_are_refused(handle: Handle, number: int) -> None:
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall({number}, 0, 0, 0, 0, 0, 0) != -1:
    raise SystemExit("succeeded")
raise OSError(ctypes.get_errno(), "refused")
"""
    assert attempt(handle, code) == "PermissionError: [Errno 1] refused"


def test_no_variable_of_the_workers_environment_is_in_the_hosts_memory(handle: Handle) -> None:
    code = """
import ctypes, os
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
found, n = [], 0
while environ[n]:
    found.append(environ[n].decode())
    n += 1
raise KeyError(sorted({*(each.partition("=")[0] for each in found), *os.environ}))
"""
    assert attempt(handle, code) in ("KeyError: ['PYTHONHASHSEED', 'TZ']", "KeyError: ['TZ']")
    assert os.environ["WEFT_SECRET"] == "of-the-worker"


def test_nothing_is_open_but_the_channel_the_page_and_the_standard_streams(handle: Handle) -> None:
    code = """
import errno, os
def is_open(fd):
    for use in (lambda: os.read(fd, 0), lambda: os.write(fd, b"")):
        try:
            use()
            return True
        except OSError as error:
            if error.errno != errno.EBADF:
                return True
    return False
raise KeyError(sum(map(is_open, range(1024))))
"""
    assert attempt(handle, code) == "KeyError: 5"


def test_the_size_of_the_shared_page_is_sealed() -> None:
    fd = open_page()
    try:
        for size in (0, 1 << 20):
            with pytest.raises(PermissionError):
                os.ftruncate(fd, size)
    finally:
        os.close(fd)
