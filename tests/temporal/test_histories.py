"""Runs that older versions of Weft have begun go on: the histories recorded by each of them fit today's code."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import sys
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from weft_compiler.plan import running_python

from tests.temporal import recording
from tests.temporal.recording import HISTORIES, ROOT, readable

VERSIONS = sorted(folder.name for folder in HISTORIES.iterdir() if folder.is_dir())
SEEDS = ("0", "3")
ADVICE = """
Runs that were begun by {version} and are in flight would break on a worker of this code. Make the change conditional on
something that their inputs lack (docs/contributing.md, "Change the machine or the workflow"). These histories are never
recorded again."""


def test_each_version_has_histories() -> None:
    assert VERSIONS[0] == "v1"
    assert all(len(files_of(version)) > 10 for version in VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_histories_tell_of_no_machine(version: str) -> None:
    for file in files_of(version):
        text = readable(gzip.decompress(file.read_bytes()).decode())
        for place in ("/tmp/", "/home/", "/root/", "/Users/", "site-packages", '"stackTrace"'):
            assert place not in text, file.name


async def test_a_version_is_recorded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "HISTORIES", tmp_path)
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "straight.json.gz").touch()
    with pytest.raises(SystemExit, match="v1 has histories already: they are never recorded again"):
        await recording.record("v1", [])
    with pytest.raises(SystemExit, match="recorded already, and never again: straight"):
        await recording.record("v1", ["straight"])


@pytest.mark.parametrize("version", VERSIONS)
async def test_recorded_histories_fit(version: str) -> None:
    files = files_of(version)
    if (python := python_of(files[0])) != running_python():
        pytest.skip(f"recorded on Python {python}, and a run goes on only on its own Python")
    fits = [f"fits {version}/{file.name.partition('.')[0]}" for file in files]
    for said in await asyncio.gather(*(replay(files, seed) for seed in SEEDS)):
        broken = [line for line in said.splitlines() if line not in fits]
        assert not broken, "\n".join(broken) + ADVICE.format(version=version)
        assert said.splitlines() == fits


def files_of(version: str) -> list[Path]:
    return sorted((HISTORIES / version).glob("*.json.gz"))


def python_of(file: Path) -> str:
    """The Python that the run of a history is pinned to."""
    history = WorkflowHistory.from_json(file.stem, gzip.decompress(file.read_bytes()).decode())
    started = history.events[0].workflow_execution_started_event_attributes
    python: str = json.loads(json.loads(started.input.payloads[0].data)["plan"])["python"]
    return python


async def replay(files: list[Path], seed: str) -> str:
    """What `tests.temporal.refitting` says of them in a process with that hash seed."""
    command = [sys.executable, "-m", "tests.temporal.refitting", *map(str, files)]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await process.communicate()
    return said.decode() + ("" if process.returncode == 0 else errors.decode()[-3000:])
