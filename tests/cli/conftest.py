"""The command line as its users have it: `weft` in a process of its own, with files in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from weft_worker.cli import main, output

TOOLS = '''
import os
import time
from pathlib import Path

from weft_activities import tool

LOG = Path(__file__).with_name("calls.log")


def note(text):
    with LOG.open("a") as log:
        log.write(text + "\\n")


@tool(effect="read")
async def double(n: int) -> int:
    """Twice the number."""
    note(f"double {n}")
    return 2 * n


@tool(effect="read")
def slow(n: int, seconds: float = 1.0) -> int:
    """The number, after a while."""
    note(f"slow {n} begins")
    time.sleep(seconds)
    note(f"slow {n} ends")
    return n


@tool(effect="write", redact=["secret"])
def send(text: str, secret: str = "") -> str:
    """Sends a text."""
    note(f"send {text}")
    return f"sent {text}"


@tool(effect="read")
def explode(text: str) -> str:
    """Raises."""
    raise ValueError(text)


@tool(effect="read", retry={"max_attempts": 1})
def unreachable() -> str:
    """A service that does not answer until the file `up` exists."""
    if not Path(__file__).with_name("up").exists():
        raise ConnectionError("nobody answers")
    return "up"
'''


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        value = json.loads(self.stdout)
        assert isinstance(value, dict)
        return value


class Weft:
    """Runs `weft` in a folder with the file `tools.py`."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder = folder
        self.state = state
        self._started: list[subprocess.Popen[str]] = []
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "WEFT_"))}
        # No configuration of the person who runs the tests.
        self.environment = {**kept, "WEFT_STATE_DIR": str(state), "XDG_CONFIG_HOME": str(folder)}
        self.write("tools.py", TOOLS)

    def write(self, name: str, text: str) -> str:
        """A file of the folder; gives its name."""
        (self.folder / name).write_text(textwrap.dedent(text).lstrip("\n"))
        return name

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command and do not wait for it; it is ended with the test."""
        process = subprocess.Popen(
            [sys.executable, "-m", "weft_worker.cli.main", *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        """Run a command to its end."""
        return self.end(self.start(*arguments, **environment))

    def end(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for a command that was started."""
        stdout, stderr = process.communicate(timeout=90)
        return Ended(process.returncode, stdout, stderr)

    def calls(self) -> list[str]:
        """What the tools did so far, one line each."""
        log = self.folder / "calls.log"
        return log.read_text().splitlines() if log.exists() else []

    def await_call(self, line: str) -> None:
        """Return once a tool has noted that line."""
        await_truth(lambda: line in self.calls(), f"no tool has noted {line!r}; there are {self.calls()}")

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()


class Inside:
    """Runs `weft` in the process of the tests, which is far cheaper: for what needs no process of its own."""

    def __init__(self, weft: Weft, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.folder = weft.folder
        self.write = weft.write
        self.calls = weft.calls
        self._capture = capture
        patch.chdir(weft.folder)
        for name in [each for each in os.environ if each.startswith(("TEMPORAL_", "WEFT_"))]:
            patch.delenv(name)
        patch.setenv("WEFT_STATE_DIR", str(weft.state))
        patch.setenv("XDG_CONFIG_HOME", str(weft.folder))

    def __call__(self, *arguments: str) -> Ended:
        """Run a command to its end."""
        self._capture.readouterr()
        real_stdout = os.dup(1)
        try:
            code = main.run(arguments)
        finally:
            if output._results is not None:
                output._results.close()
                output._results = None
            os.dup2(real_stdout, 1)
            os.close(real_stdout)
        said = self._capture.readouterr()
        return Ended(code, said.out, said.err)


def await_truth(condition: Callable[[], bool], failure: str, seconds: float = 90.0) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, failure
        time.sleep(0.02)


@pytest.fixture
def weft(tmp_path: Path) -> Iterator[Weft]:
    """`weft` with a state directory of its own, for commands that need no server or start one."""
    folder = tmp_path / "project"
    folder.mkdir()
    runner = Weft(folder, tmp_path / "state")
    yield runner
    runner.close()


@pytest.fixture
def weft_inside(weft: Weft, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    """`weft` without a process of its own."""
    return Inside(weft, capfd, monkeypatch)


@pytest.fixture
def weft_served(tmp_path: Path, temporal_server: object, server_state: Path) -> Iterator[Weft]:
    """`weft` on the session's embedded server."""
    folder = tmp_path / "project"
    folder.mkdir()
    runner = Weft(folder, server_state)
    yield runner
    runner.close()
