"""The README as its reader follows it: every command runs, in order, and the outputs shown are what is printed.

The two lines that install something are run by `.ci/run` on its own new environment; here they are compared with it,
and the command that the first one ends in is run.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from weft_worker.keeper import LEASES
from weft_worker.locks import is_locked

from tests.docs.blocks import FencedBlock, read_blocks

ROOT = Path(__file__).parents[2]
BLOCKS = read_blocks(ROOT / "README.md")
#: What comes before the command proper in the lines that install.
SET_UP = "python3 -m pip install -q --target .uv uv && .uv/bin/uv run --frozen --extra local "
#: Seconds for what takes a moment, even on a busy machine.
PATIENCE = 90.0

#: Readers judge by eye when to kill; the test waits for the step that they would see.
PRELUDE = 'sleep() { until grep -q "start  L7" "$OUTPUT"; do command sleep 0.1; done; }\n'


class Reader:
    """A shell session in a new folder that holds the examples."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self._background: list[subprocess.Popen[bytes]] = []
        (folder / "examples").symlink_to(ROOT / "examples")
        # Else pytest would search the whole disk for its configuration.
        (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "WEFT_"))}
        self.environment = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "WEFT_STATE_DIR": str(self.state),
            "WEFT_EXAMPLE_DIR": str(folder / "made"),
            "XDG_CONFIG_HOME": str(folder),
        }

    def save(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(self, script: str) -> tuple[int, str]:
        """Run a script. Gives its last exit code, or that of the first command that fails, and all it printed."""
        process, output = self._start("set -e\n" + PRELUDE + script)
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{script} has not ended; it printed:\n{output.read_text()}") from None
        return process.returncode, output.read_text()

    def stay(self, command: str) -> None:
        """Start a command that stays, and return once it works."""
        process, output = self._start(f"exec {command}")
        self._background.append(process)
        deadline = time.monotonic() + PATIENCE
        while "working on" not in output.read_text():
            assert process.poll() is None, f"{command} ended: {output.read_text()}"
            assert time.monotonic() < deadline, f"{command} does not begin to work: {output.read_text()}"
            time.sleep(0.05)

    def close(self) -> None:
        """End what stays as Ctrl-C does."""
        for process in reversed(self._background):
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE) == 0

    def kill(self) -> None:
        """End whatever a failed test left."""
        for process in self._background:
            process.kill()
            process.wait()

    def _start(self, script: str) -> tuple[subprocess.Popen[bytes], Path]:
        output = self.folder / "output"
        output = output.with_suffix(f".{len(list(self.folder.glob('output.*')))}")
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env={**self.environment, "OUTPUT": str(output)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        return process, output


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    session = Reader(tmp_path)
    yield session
    session.kill()


@pytest.mark.server
@pytest.mark.timeout(420)
def test_every_command_does_what_the_page_says(reader: Reader) -> None:
    printed = ""
    for block in BLOCKS:
        where = f"README.md:{block.line}"
        if title := block.options.get("title"):
            reader.save(title, block.text)
        elif block.language == "text":
            assert not (missing := unprinted(block.text, printed)), f"{where}: {missing!r} is not in\n{printed}"
        elif "background" in block.options:
            reader.stay(block.text.strip())
        elif block.language == "sh" and "tests" not in block.options:
            code, printed = reader.run(block.text.removeprefix(SET_UP))
            assert code == int(block.options.get("exits", 0)), f"{where}: exit code {code}\n{printed}"
    reader.close()
    assert not is_locked(reader.state / LEASES), "the server's lease outlives the commands"


def unprinted(sample: str, printed: str) -> str:
    """The first line of a sample that is not printed in its turn, empty where all are; `…` stands for anything."""
    position = 0
    for line in filter(None, (line.strip() for line in sample.splitlines())):
        pattern = ".*".join(re.escape(part) for part in line.split("…"))
        if (found := re.compile(pattern).search(printed, position)) is None:
            return line
        position = found.end() if line != "…" else position
    return ""


def test_a_sample_is_compared_in_order() -> None:
    assert unprinted("a\n…\nc 1…s", "a\nb\nc 1.5 s") == ""
    assert unprinted("c\na", "a\nb\nc") == "a"


def test_ci_runs_the_lines_that_install() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    lines = [block.text.strip() for block in BLOCKS if {"installs", "tests"} & block.options.keys()]
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(SET_UP)
        assert line in script
    assert script.rstrip().endswith(lines[1])


def test_blocks_are_of_known_kinds() -> None:
    known = {"installs", "tests", "background", "exits", "title"}
    for block in BLOCKS:
        assert block.language in {"sh", "text", "python", "json"}, f"README.md:{block.line}"
        assert block.options.keys() <= known, f"README.md:{block.line}"
        assert block.language in {"sh", "text"} or "title" in block.options, f"README.md:{block.line}"


def _blocks_with(option: str) -> list[FencedBlock]:
    return [block for block in BLOCKS if option in block.options]


def test_the_page_has_blocks_of_each_kind() -> None:
    for option in ("installs", "tests", "background", "exits", "title"):
        assert _blocks_with(option)
