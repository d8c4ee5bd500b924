"""A short disturbance of real runs; `benchmarks/chaos.py` is the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).resolve().parents[2] / "benchmarks" / "chaos.py"


@pytest.mark.server
@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.timeout(240)
def test_disturbed_runs_end_as_undisturbed_ones() -> None:
    command = [sys.executable, str(CHAOS), "--rounds", "3", "--jobs", "3", "--seed", "3", "--late", "1"]
    command += ["--only", "payments,sets,tries", "--kinds", "run,all,host"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=230, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 rounds, 0 wrong" in done.stdout
