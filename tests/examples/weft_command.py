"""Runs the `weft` command on a state directory of the tests, in processes of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.examples.catalog import Example

#: Seconds within which anything that a test waits for has happened, even on a busy machine.
PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    """What a command said: its exit code and the JSON object that it printed."""

    code: int
    json: dict[str, Any]


@dataclass(frozen=True)
class Weft:
    state_dir: Path

    def run(self, example: Example, run_id: str) -> Answer:
        return self.ask(*self._run_arguments(example, run_id))

    def ask(self, *arguments: str) -> Answer:
        """A command that is waited for; `--json` and the state directory are added."""
        process = self.start(*arguments)
        stdout, stderr = outputs(process)
        try:
            return Answer(process.returncode, json.loads(stdout))
        except ValueError:
            raise AssertionError(f"weft {' '.join(arguments)} printed {stdout!r} and {stderr!r}") from None

    def start_run(self, example: Example, run_id: str) -> subprocess.Popen[str]:
        return self.start(*self._run_arguments(example, run_id))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "weft_worker.cli.main", *arguments]
        command += ["--json", "--state-dir", str(self.state_dir)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def _run_arguments(self, example: Example, run_id: str) -> list[str]:
        inputs = json.dumps(example.inputs)
        return ["run", str(example.plan), "--tools", str(example.tools), "--run-id", run_id, "--inputs", inputs]


def outputs(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What the process printed until its end; a process that does not end in time is ended and is a failure."""
    try:
        return process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(f"did not end within {PATIENCE:g} s; it printed {stdout}{stderr}") from None


def kill_when(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    """Kills the process, as `kill -9` does, as soon as `ready`; a process that ends before is a failure."""
    end = time.monotonic() + PATIENCE
    while not (over := process.poll() is not None) and time.monotonic() < end:
        if ready():
            break
        time.sleep(0.01)
    process.kill()
    stdout, stderr = outputs(process)
    assert not over, f"the run ended before it could be killed: {stdout}{stderr}"
    assert ready(), f"the run did not come to the point at which it was to be killed: {stdout}{stderr}"
