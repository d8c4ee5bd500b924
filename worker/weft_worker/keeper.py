"""The keeper: the process that starts the embedded server, watches it, and ends it when its last lease has
gone.

One keeper per state directory, detached from the terminal. What always holds:

- It holds `keeper.lock` as long as it lives; whoever finds that lock free knows that there is no keeper.
- The server inherits `server.lock`; whoever finds that lock taken knows that a server still has the database
  open.
- A lease is a shared lock on `leases.lock`. The keeper waits for an exclusive one, so it wakes when the last
  lease goes, a killed holder's too, and while it ends the server nobody can take a new lease.
- `server.json` exists exactly while a server answers that this keeper started.

It runs with the standard library alone (`python -I -S`), so that it starts in a few milliseconds and imports
nothing of the environment. It must not know Temporal beyond the binary's command line.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from weft_worker.locks import FileLock

LEASES, KEEPER, SERVER, START = "leases.lock", "keeper.lock", "server.lock", "start.lock"
#: Held by `weft dev`: its server stays, so runs may be left to it.
DEV = "dev.lock"
INFO, PORTS, PID, LOG, DATABASE = "server.json", "ports.json", "server.pid", "server.log", "temporal.db"
PORT_NAMES = ("port", "ui-port", "http-port", "metrics-port")
HOST = "127.0.0.1"

#: Settings that differ from the server's defaults, with the reason.
SETTINGS = (
    # The defaults of 20 polls a second make each step take 45 to 50 ms; with these it takes 8.5 ms.
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=5000"),
    *("--dynamic-config-value", "history.timerProcessorMaxPollRPS=5000"),
    # Else a run that moves within a second of its last move waits for the rest of that second.
    *("--dynamic-config-value", 'history.workflowIdReuseMinimalInterval="0s"'),
    # A cancelled tool hears of it in 20 ms rather than with its worker's next heartbeat, some seconds later.
    *("--dynamic-config-value", "system.enableCancelActivityWorkerCommand=true"),
    *("--dynamic-config-value", "frontend.WorkerCommandsEnabled=true"),
    # Parallel steps take 2.6 ms rather than 6.9 ms; `normal` would be faster still and can lose commits at a
    # power cut.
    *("--sqlite-pragma", "journal_mode=wal"),
    *("--sqlite-pragma", "synchronous=full"),
)
#: A server that starts and dies more often than this within `CRASH_WINDOW` seconds is given up.
CRASHES, CRASH_WINDOW = 5, 60.0
START_TIMEOUT = 30.0
LOG_BYTES = 5_000_000


def main(state: Path, binary: str) -> int:
    """Keep the server of that state directory until no lease is left. Returns the process's exit code."""
    lock = FileLock(state / KEEPER)
    # A prober may hold the lock for an instant; another keeper holds it for long.
    if not lock.acquire(timeout=1.0):
        return 0
    events: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: events.put("stop"))
    try:
        return Keeper(state, binary, events).run()
    except OSError as error:
        with _open_log(state) as log:
            log.write(f"{error}\n".encode())
        return 1


class Keeper:
    """Starts the server again whenever it ends before it should, at the same ports."""

    def __init__(self, state: Path, binary: str, events: queue.SimpleQueue[str]) -> None:
        self._state = state
        self._binary = binary
        self._events = events
        self._server_lock = FileLock(state / SERVER)

    def run(self) -> int:
        (self._state / INFO).unlink(missing_ok=True)
        self._take_database()
        threading.Thread(target=self._await_last_lease, daemon=True).start()
        crashes: list[float] = []
        while len(crashes) <= CRASHES:
            server = self._start()
            threading.Thread(target=self._await_end, args=(server,), daemon=True).start()
            happened = self._events.get()
            (self._state / INFO).unlink(missing_ok=True)
            if happened == "stop":
                _end(server)
                return 0
            now = time.monotonic()
            crashes = [at for at in crashes if at > now - CRASH_WINDOW] + [now]
        return 1

    def _take_database(self) -> None:
        """Lock the database, ending the server that a killed keeper may have left.

        While the lock is taken the recorded process is alive and is that server: the record is removed before
        each start.
        """
        deadline = time.monotonic() + START_TIMEOUT
        while not self._server_lock.acquire(timeout=0.1):
            with contextlib.suppress(ProcessLookupError, ValueError, FileNotFoundError):
                os.kill(
                    int((self._state / PID).read_text()),
                    signal.SIGTERM if os.name == "nt" else signal.SIGKILL,
                )
            if time.monotonic() > deadline:
                raise OSError(f"another server still has {self._state / DATABASE} open: end it and try again")

    def _await_last_lease(self) -> None:
        leases = FileLock(self._state / LEASES)
        leases.acquire()
        # Held until this process ends: nobody can lease a server that is being stopped.
        self._events.put("stop")
        threading.Event().wait()

    def _await_end(self, server: subprocess.Popen[bytes]) -> None:
        server.wait()
        self._events.put("crashed")

    def _start(self) -> subprocess.Popen[bytes]:
        """Start a server and announce it once it answers. One that lost a port to somebody else dies, and is
        replaced.
        """
        ports = _choose_ports(self._state)
        _write_json(self._state / PORTS, ports)
        (self._state / PID).unlink(missing_ok=True)
        server = self._spawn(ports)
        (self._state / PID).write_text(str(server.pid))
        deadline = time.monotonic() + START_TIMEOUT
        while server.poll() is None and self._events.empty():
            if _answers(ports["port"]):
                self._announce(server, ports)
                return server
            if time.monotonic() > deadline:
                _end(server)
            time.sleep(0.01)
        return server

    def _spawn(self, ports: dict[str, int]) -> subprocess.Popen[bytes]:
        flags = [part for name in PORT_NAMES for part in (f"--{name}", str(ports[name]))]
        database = str(self._state / DATABASE)
        command = [
            self._binary,
            "server",
            "start-dev",
            "--db-filename",
            database,
            "--ip",
            HOST,
            *flags,
            *SETTINGS,
        ]
        command += [
            "--log-level",
            "error",
            "--ui-disable-news-fetch",
            "--disable-config-env",
            "--disable-config-file",
        ]
        with _open_log(self._state) as log:
            return subprocess.Popen(
                command,
                cwd=self._state,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **_inheritance(self._server_lock),
            )

    def _announce(self, server: subprocess.Popen[bytes], ports: dict[str, int]) -> None:
        info = {
            "address": f"{HOST}:{ports['port']}",
            "ui_url": f"http://{HOST}:{ports['ui-port']}",
            "pid": server.pid,
            "keeper": os.getpid(),
        }
        _write_json(self._state / INFO, info)


def _inheritance(lock: FileLock) -> dict[str, Any]:
    """How a server is tied to its keeper: it inherits the lock on the database and, on Linux, dies with the
    keeper.
    """
    if sys.platform == "win32":
        return {}
    return {"pass_fds": (lock.fileno(),), "preexec_fn": _die_with_parent}


def _die_with_parent() -> None:
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _end(server: subprocess.Popen[bytes]) -> None:
    # Every commit is on disk when the server acknowledges it, and with no lease there is no client: an
    # orderly stop takes 1.2 s and keeps nothing that a kill loses.
    server.kill()
    server.wait()


def _open_log(state: Path) -> IO[bytes]:
    path = state / LOG
    too_long = path.exists() and path.stat().st_size > LOG_BYTES
    return path.open("wb" if too_long else "ab")


def _choose_ports(state: Path) -> dict[str, int]:
    """The ports of last time, so that printed links and running clients stay valid; a new one for each that
    is taken.
    """
    try:
        before = json.loads((state / PORTS).read_text())
    except (OSError, ValueError):
        before = {}
    held: list[socket.socket] = []
    try:
        return {name: _bind(before.get(name), held) for name in PORT_NAMES}
    finally:
        for each in held:
            each.close()


def _bind(wanted: Any, held: list[socket.socket]) -> int:
    for port in (wanted, 0):
        if not isinstance(port, int):
            continue
        listener = socket.socket()
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.append(listener)
        with contextlib.suppress(OSError, OverflowError):
            listener.bind((HOST, port))
            return int(listener.getsockname()[1])
    raise OSError("no free port on the loopback interface")


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _write_json(path: Path, data: dict[str, Any]) -> None:
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(data))
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
