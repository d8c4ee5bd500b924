"""What code in a host cannot reach, even with all of Python at its disposal; and what it still can do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

import pytest
from weft_compiler.allowed_names import ALLOWED_MODULES
from weft_workflows.host.pool import Handle, HostPool

from tests.host.fakes import NAME
from tests.host.test_pool import came_to

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be held to all of it")


@pytest.fixture(scope="module")
def pool() -> Iterator[HostPool]:
    pool = HostPool(1, machine=NAME)
    yield pool
    pool.close()


@pytest.fixture
def handle(pool: HostPool) -> Handle:
    return pool.start("run", b"1:say:")[0]


def attempt(handle: Handle, code: str) -> str:
    """How the code ended in the host."""
    text: str = came_to(handle.deliver(b"2:attempt:" + code.encode()))
    return text


def has_seccomp(pool: HostPool) -> bool:
    return "seccomp" in pool.wait_ready()


def test_every_limit_holds(pool: HostPool) -> None:
    held = pool.wait_ready()
    assert {"RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_NOFILE"} <= set(held)
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{pool.pids()[0]}/status") if ":\t" in line)  # noqa: PTH123, SIM115
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == ("2" if has_seccomp(pool) else "0")


#: Refused by resource limits alone, so on any kernel.
WITHOUT_SECCOMP = {
    "open a file": "open('/etc/hostname')",
    "write a file": "open('/tmp/weft-host-was-here', 'w')",
    "list a folder": "import os; os.listdir('/')",
    "make a socket": "import socket; socket.socket()",
    "make a pipe": "import os; os.pipe()",
    "duplicate a descriptor": "import os; os.dup(0)",
    "make a file without a name": "import os; os.memfd_create('x')",
}
#: Refused by the filter.
WITH_SECCOMP = {
    "fork": "import os; os.fork()",
    "run a program": "import os; os.posix_spawn('/bin/true', ['true'], {})",
    "become a program": "import os; os.execv('/bin/true', ['true'])",
    "start a thread": "import threading; threading.Thread(target=print).start()",
    "signal another process": "import os; os.kill(os.getppid(), 0)",
    "signal itself": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "look at a file": "import os; os.stat('/')",
    "change directory": "import os; os.chdir('/')",
    "remove a file": "import os; os.remove('/tmp/weft-host-was-here')",
    "lift a limit": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
    "map memory as code": "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
}


@pytest.mark.parametrize("what", WITHOUT_SECCOMP)
def test_refused_on_any_kernel(handle: Handle, what: str) -> None:
    assert attempt(handle, WITHOUT_SECCOMP[what]).startswith(("PermissionError", "OSError: [Errno 24]")), what


@pytest.mark.parametrize("what", WITH_SECCOMP)
def test_refused_by_the_filter(pool: HostPool, handle: Handle, what: str) -> None:
    if not has_seccomp(pool):
        pytest.skip("the kernel offers no system call filter")
    assert attempt(handle, WITH_SECCOMP[what]).startswith(
        ("PermissionError", "ValueError", "RuntimeError: can't start new thread")
    ), what


_RAW = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.{call} != -1:
    raise SystemExit("succeeded")
raise OSError(ctypes.get_errno(), "refused")
"""


@pytest.mark.parametrize(
    "call",
    [
        "open(b'/etc/hostname', 0)",
        "ptrace(0, 0, 0, 0)",
        "kill(1, 0)",
        "prctl(1, 0, 0, 0, 0)",
        "process_vm_readv(1, None, 0, None, 0, 0)",
        "syscall(435, None, 0)",  # clone3, the same number everywhere
        "syscall(425, 1, None)",  # io_uring_setup, likewise
        "mprotect(ctypes.c_void_p(id(libc) & ~4095), 4096, 7)",
    ],
)
def test_native_code_has_no_more_rights(pool: HostPool, handle: Handle, call: str) -> None:
    if not has_seccomp(pool):
        pytest.skip("the kernel offers no system call filter")
    assert attempt(handle, _RAW.format(call=call)) == "PermissionError: [Errno 1] refused"


def test_nothing_of_the_workers_environment_arrives(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_SECRET", "secret")
    pool = HostPool(1, machine=NAME)
    try:
        fresh, _ = pool.start("run", b"1:say:")
        assert attempt(fresh, "import os; raise KeyError(*os.environ)") == "KeyError: 'TZ'"
    finally:
        pool.close()


def test_output_goes_nowhere_and_nothing_can_be_read(handle: Handle, capfd: pytest.CaptureFixture[str]) -> None:
    code = "import sys; print('x', flush=True); print('x', file=sys.stderr, flush=True); assert sys.stdin.read() == ''"
    assert attempt(handle, code) == "done"
    assert capfd.readouterr() == ("", "")


LIBRARY = {
    "strptime": "import datetime; assert datetime.datetime.strptime('3 May 2024', '%d %b %Y').day == 3",
    "zones": """
import datetime, zoneinfo as z
noon = datetime.datetime(2024, 7, 1, 12, tzinfo=z.ZoneInfo('Europe/Berlin'))
assert noon.astimezone(z.ZoneInfo('America/New_York')).hour == 6
assert {'UTC', 'Asia/Tokyo'} <= z.available_timezones()
try:
    z.ZoneInfo('Europe/Nowhere')
except z.ZoneInfoNotFoundError:
    pass
else:
    raise AssertionError
""",
    "local time is UTC": """
import datetime
assert datetime.datetime(2024, 7, 1).astimezone().utcoffset() == datetime.timedelta()
""",
    "hashlib": """
import hashlib
for name in ('md5', 'sha1', 'sha256', 'sha3_512', 'blake2b'):
    assert hashlib.new(name, b'').hexdigest()
""",
    "codecs": "assert 'é'.encode('cp1252') and 'bücher.example'.encode('idna') and '\\N{BULLET}'.encode('utf-16')",
    "numbers": "import statistics, decimal; assert statistics.stdev([1, 2, 4]) and decimal.Decimal(2).sqrt()",
    "random": "import random, uuid; assert random.Random(1).random() and uuid.uuid4()",
    "text": """
import re, json, csv, io, html, textwrap, difflib, pprint, urllib.parse
assert html.unescape('&eacute;') == 'é'
""",
    "traceback": """
import traceback
try:
    1 / 0
except ZeroDivisionError:
    assert 'ZeroDivisionError' in traceback.format_exc()
""",
    "logging": "import logging; logging.getLogger('x').warning('y')",
    "classes": "from typing import NamedTuple; from dataclasses import dataclass; from enum import Enum",
    "locale": "import locale, calendar; assert f'{12345:n}' and calendar.month(2024, 2)",
}


@pytest.mark.parametrize("what", LIBRARY)
def test_the_library_works_without_a_file_system(handle: Handle, what: str) -> None:
    assert attempt(handle, LIBRARY[what]) == "done"


def test_every_module_that_a_program_may_use_is_there(handle: Handle) -> None:
    # `asyncio` is the machine's own.
    for name in sorted(set(ALLOWED_MODULES) - {"asyncio"}):
        assert attempt(handle, f"import {name}") == "done"


def test_hashes_are_the_same_in_every_host(handle: Handle) -> None:
    other = HostPool(1, machine=NAME)
    try:
        _, commands = other.start("run", b"1:attempt:raise ValueError(hash('weft'))")
        assert came_to(commands) == attempt(handle, "raise ValueError(hash('weft'))")
    finally:
        other.close()


def test_what_was_refused_did_not_harm_the_machine(handle: Handle) -> None:
    attempt(handle, "open('/etc/hostname')")
    assert json.loads(handle.inspect("texts"))[-1] == "2:attempt:open('/etc/hostname')"
    assert os.path.exists("/tmp/weft-host-was-here") is False  # noqa: PTH110
