"""The embedded server: a real Temporal server with its UI on this machine, one per state directory.

`weft` processes lease it. The first lease starts a keeper (`keeper.py`), which starts the server; later
leases share it; when the last has gone, by `close` or by the death of its holder, the keeper ends it. Runs
live on in the database file.

This module must stay cheap to import and know nothing of Temporal's API: a server is started before the
client library is imported, so that both take their time together.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any

from weft_worker.keeper import DEV, INFO, KEEPER, LEASES, LOG, START
from weft_worker.locks import FileLock, is_locked

_START_TIMEOUT = 40.0
_POLL = 0.01


class EmbeddedServerError(Exception):
    """The embedded server cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class ServerInfo:
    """Where a running embedded server is. `address` is host:port of the gRPC service, `ui_url` has no slash
    at its end.
    """

    address: str
    ui_url: str
    pid: int
    keeper: int


class ServerLease:
    """The right to use the embedded server of a state directory for as long as this object is open.

    The lease goes with the process that holds it. `ServerLease(...)` returns at once; `wait` returns when the
    server answers.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self._lease = FileLock(state / LEASES)
        self._started: Future[ServerInfo] = Future()
        Thread(target=self._start, name="weft-server-start", daemon=True).start()

    def wait(self) -> ServerInfo:
        """Where the server is, once it answers. Raises EmbeddedServerError where it cannot be started."""
        return self._started.result()

    def ensure(self) -> ServerInfo:
        """Start the keeper again if somebody killed it, and wait for its server. Costs two system calls if
        all is well.
        """
        self.wait()
        if not is_locked(self.state / KEEPER):
            _start_keeper(self.state)
        return _await_server(self.state)

    def close(self) -> None:
        """Give the lease up. If it was the last one, the server has ended when this returns. Idempotent."""
        self._started.exception()
        if self._lease.held:
            self._lease.release()
            _await_keeper_if_last(self.state)

    def _start(self) -> None:
        try:
            self._started.set_result(self._take())
        except EmbeddedServerError as error:
            self._started.set_exception(error)
        except OSError as error:
            message = f"the state directory {self.state} cannot be used: {error.strerror or error}"
            self._started.set_exception(EmbeddedServerError(f"{message}. Name another with --state-dir"))

    def _take(self) -> ServerInfo:
        self.state.mkdir(parents=True, exist_ok=True)
        if not self._lease.acquire(shared=True, timeout=_START_TIMEOUT):
            raise EmbeddedServerError(
                f"the server of {self.state} is being stopped and does not end; see {self.state / LOG}"
            )
        try:
            _start_keeper(self.state)
            return _await_server(self.state)
        except BaseException:
            self._lease.release()
            raise

    def __enter__(self) -> ServerLease:
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def running_server(state: Path) -> ServerInfo | None:
    """The embedded server of that state directory if one answers now; takes no lease and starts nothing."""
    return _read_info(state) if is_locked(state / KEEPER) else None


def is_kept_up(state: Path) -> bool:
    """Whether `weft dev` keeps that directory's server, which else ends with the last command that uses it."""
    return is_locked(state / DEV)


def _start_keeper(state: Path) -> None:
    with FileLock(state / START):
        if is_locked(state / KEEPER):
            return
        # What a killed keeper announced is no longer true.
        (state / INFO).unlink(missing_ok=True)
        keeper = _spawn_keeper(state, find_binary(state))
        while not is_locked(state / KEEPER) and keeper.poll() is None:
            time.sleep(_POLL)


def _spawn_keeper(state: Path, binary: Path) -> subprocess.Popen[bytes]:
    packages = str(Path(__file__).resolve().parent.parent)
    program = (
        "import sys, pathlib; sys.path.append(sys.argv[1]); from weft_worker.keeper import main;"
        " sys.exit(main(pathlib.Path(sys.argv[2]), sys.argv[3]))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    with (state / LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program, packages, str(state), str(binary)],
            cwd=state,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **_detached(),
        )


def _detached() -> dict[str, Any]:
    """A session of its own: Ctrl-C and a closing terminal do not reach the server that commands share."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}


def _await_server(state: Path) -> ServerInfo:
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        if info := _read_info(state):
            return info
        if not is_locked(state / KEEPER):
            raise EmbeddedServerError(
                f"the embedded server does not start: {_last_line(state / LOG)}\nIts log is {state / LOG}"
            )
        time.sleep(_POLL)
    raise EmbeddedServerError(
        f"the embedded server does not answer after {_START_TIMEOUT:.0f} s; its log is {state / LOG}"
    )


def _await_keeper_if_last(state: Path) -> None:
    """Return when the server has ended, or at once when others hold leases."""
    deadline = time.monotonic() + _START_TIMEOUT
    others = FileLock(state / LEASES)
    while is_locked(state / KEEPER) and time.monotonic() < deadline:
        if others.acquire(timeout=0):
            # No lease is left and the keeper has not yet noticed.
            others.release()
        elif not is_locked(state / LEASES):
            return
        time.sleep(_POLL)


def _read_info(state: Path) -> ServerInfo | None:
    try:
        return ServerInfo(**json.loads((state / INFO).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _last_line(path: Path) -> str:
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 4000))
        lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word"


def find_binary(state: Path) -> Path:
    """The `temporal` program: of this environment, else on PATH, else (Windows) the SDK's download into the
    state directory.

    Raises EmbeddedServerError where there is none.
    """
    name = "temporal.exe" if sys.platform == "win32" else "temporal"
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if (folder / name).is_file():
            return folder / name
    if on_path := shutil.which("temporal"):
        return Path(on_path)
    if sys.platform == "win32":
        from weft_worker.server_download import download_server

        return download_server(state / "bin")
    raise EmbeddedServerError(
        "there is no Temporal server on this machine. Install the embedded one with:"
        " pip install 'weft[local]', or name a running one with --address HOST:PORT"
    )
