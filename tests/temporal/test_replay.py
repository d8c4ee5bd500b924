"""Histories of every kind of run replay without a difference. (Sets: `test_orchestrations`.)"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.worker import Worker
from weft_workflows.messages import RunOptions, ValueSizes

from tests.temporal.conftest import MACHINE, Handle, StartRun, eventually
from tests.temporal.test_parking import decide, parked

pytestmark = pytest.mark.server


@pytest.fixture
async def histories(worker: Worker, start_run: StartRun, tmp_path: Path) -> list[Path]:
    """One history of each kind of run: steps, windows, timers, failures, decisions, deaths, cancellation."""
    arguments = {"log": str(tmp_path / "log"), "gate": str(tmp_path / "gate")}
    flaky = {"log": str(tmp_path / "flaky"), "failures": 3}
    runs = [
        await start_run("straight"),
        await start_run("parallel", RunOptions(window=5), count=30),
        await start_run("timers"),
        await start_run("caught"),
        await start_run("not_caught"),
        await start_run("cancels_a_step", log=str(tmp_path / "cancels")),
        await start_run("large", RunOptions(sizes=ValueSizes(limit=2_000_000)), huge=2_100_000),
        await start_run("one_call", tool="echo", arguments={"value": "x" * 3_000_000}),
    ]
    parking = [
        (await start_run("one_call", tool="hanging_write", arguments=arguments), "skip"),
        (await start_run("one_call", tool="flaky", arguments=flaky), "retry"),
        (await start_run("crashes"), "fail"),
    ]
    for run, action in parking:
        row = await eventually(lambda run=run: parked(run))  # type: ignore[misc]
        await decide(run, step=row.step, action=action)
    cancelled = await start_run("cleans_up", log=str(tmp_path / "cleans"))
    await eventually(lambda: exists(tmp_path / "cleans"))
    await cancelled.cancel()
    return [await save(run, tmp_path) for run in [*runs, *(run for run, _ in parking), cancelled]]


async def exists(file: Path) -> bool:
    return file.exists()


async def save(run: Handle, folder: Path) -> Path:
    with suppress(WorkflowFailureError):  # failed runs replay as well
        await run.result()
    file = folder / f"{run.id}.json"
    file.write_text((await run.fetch_history()).to_json())
    return file


async def test_histories_replay(histories: list[Path]) -> None:
    command = [sys.executable, "-m", "tests.temporal.replaying", MACHINE, *map(str, histories)]
    for seed in (0, 3):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        done = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.splitlines() == [f"replayed {file.stem}" for file in histories]
