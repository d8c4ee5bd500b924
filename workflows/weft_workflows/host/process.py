"""One host process as the worker sees it: start it, ask it, notice its death and say who was being executed.

A process is asked by one thread at a time (`host.py` sees to that) and is not used again after its death. Its worker
trusts nothing that it says: replies are bytes of limited size.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import Final

from weft_workflows.host.errors import HostStartFailed, MachineFailed
from weft_workflows.host.limits import HostLimits
from weft_workflows.host.wire import LONG, OUT_OF_MEMORY, Channel, MessageTooLong, Op, Page, open_page

_BOOT: Final = (
    "import sys; sys.path.extend(sys.argv[3:]); from weft_workflows.host.child import main; "
    "main(int(sys.argv[1]), int(sys.argv[2]))"
)
#: No user site, no unsafe path, no bytecode written, no `site` (the path comes from the worker), always UTF-8.
_FLAGS: Final = ("-s", "-P", "-B", "-S", "-X", "utf8")
#: Without these some interpreters cannot find their own libraries; the child forgets them at once.
_NEEDED_TO_START: Final = (
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "__PYVENV_LAUNCHER__",
)


@dataclass(frozen=True, slots=True)
class Death:
    """How a host ended. `machine` was being executed (0: none), at `line` (0: before any)."""

    reason: str
    machine: int
    line: int


class HostDied(Exception):
    """The process ended under a request. Never leaves this package."""

    def __init__(self, death: Death) -> None:
        super().__init__(death)
        self.death = death


class HostProcess:
    """Starts the child at once and returns; `await_ready` waits until it can be asked.

    Must be made by a thread that outlives the process: Linux ends the child together with the thread that started it.
    """

    def __init__(self, limits: HostLimits, machine: str) -> None:
        self._limits = limits
        page_fd = open_page()
        ours, theirs = socket.socketpair()
        try:
            self._page = Page(page_fd)
            self._process = _start_child(theirs.fileno(), page_fd)
        except BaseException:
            ours.close()
            raise
        finally:
            os.close(page_fd)
            theirs.close()
        ours.settimeout(limits.start_seconds)
        self._channel = Channel(ours, limits.message_bytes)
        self._hello = json.dumps({"limits": asdict(limits), "machine": machine}).encode()
        #: What the request under way may use.
        self._cpu_limit = f"{limits.cpu_seconds:g} s"
        #: The limits that hold in this child, once it is ready: names of resource limits, and `seccomp`.
        self.held: tuple[str, ...] = ()

    @property
    def pid(self) -> int:
        return self._process.pid

    def await_ready(self) -> None:
        """Raises HostStartFailed, with the child's own error where it gave one."""
        try:
            self._channel.send(Op.HELLO, 0, self._hello)
            op, _, body = self._channel.receive(time.monotonic() + self._limits.start_seconds)
        except TimeoutError:
            self.end()
            raise HostStartFailed(f"a host was not ready after {self._limits.start_seconds:g} s") from None
        except (EOFError, OSError, MessageTooLong):
            reason = self._bury(None).reason
            raise HostStartFailed(f"a host ended before it was ready: {reason}") from None
        if op != Op.READY:
            self.end()
            raise HostStartFailed(f"a host could not start: {MachineFailed.from_bytes(body)}")
        self.held = tuple(json.loads(body))

    def request(self, op: Op, machine: int, body: bytes, *, long: bool = False) -> bytes:
        """The reply; `long` gives it the limits of a call that has the host for itself. Raises HostDied; MachineFailed
        where the machine raised or the body is too large.
        """
        if len(body) > self._limits.message_bytes:
            raise MachineFailed.of(MessageTooLong(len(body), self._limits.message_bytes), 0)
        limits = self._limits
        self._cpu_limit = f"{limits.cpu_seconds:g} s"
        if long:
            self._cpu_limit = f"{limits.long_cpu_seconds:g} s, or {limits.stuck_seconds:g} s in one call of C code,"
        wall_seconds = self._limits.long_wall_seconds if long else self._limits.wall_seconds
        deadline = time.monotonic() + wall_seconds
        try:
            self._channel.set_timeout(wall_seconds)
            self._channel.send(op | LONG if long else op, machine, body)
            status, _, reply = self._channel.receive(deadline)
        except TimeoutError:
            raise HostDied(self._bury(f"over {wall_seconds:g} s")) from None
        except (EOFError, OSError):
            raise HostDied(self._bury(None)) from None
        except MessageTooLong as error:
            # The child itself never sends such a reply, so something else speaks for it now.
            raise HostDied(replace(self._bury(str(error)), machine=machine)) from None
        except BaseException:
            # The thread was interrupted between question and answer: nobody could tell whose the next reply is.
            self.end()
            raise
        if status == Op.RAISED:
            raise MachineFailed.from_bytes(reply)
        return reply

    @property
    def line(self) -> int:
        """The line that is being executed, as the child says; 0 before any."""
        return self._page.line

    def forget(self, machine: int) -> None:
        """Drops a machine. Nothing comes back; a dead child is noticed by the next request."""
        try:
            self._channel.send(Op.FORGET, machine, b"")
        except OSError:
            self.kill()

    def kill(self) -> None:
        """From any thread; a request under way ends with HostDied."""
        self._process.kill()

    def end(self) -> None:
        """Kills the child, waits for its end and frees what it used."""
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def _bury(self, reason: str | None) -> Death:
        self.end()
        return Death(reason or self._exit_reason(), self._page.machine, self._page.line)

    def _exit_reason(self) -> str:
        code = self._process.returncode
        if code == OUT_OF_MEMORY:
            return "out of memory"
        if code == -signal.SIGPROF:
            return f"over {self._cpu_limit} of CPU"
        if code < 0:
            return f"killed by {_signal_name(-code)}"
        return f"exit code {code}"


def _start_child(channel_fd: int, page_fd: int) -> subprocess.Popen[bytes]:
    kept = {name: os.environ[name] for name in _NEEDED_TO_START if name in os.environ}
    command = [sys.executable, *_FLAGS, "-c", _BOOT, str(channel_fd), str(page_fd), *_absolute_path()]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PYTHONHASHSEED": "0", **kept},
        pass_fds=(channel_fd, page_fd),
        # Ctrl-C in the terminal is for the worker, which then ends its hosts in order.
        start_new_session=True,
    )


def _absolute_path() -> list[str]:
    """The worker's path without the current directory, behind the child's own so that nothing shadows its library."""
    return [entry for entry in sys.path if os.path.isabs(entry)]  # noqa: PTH117 - entries are text, also of zip files


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
