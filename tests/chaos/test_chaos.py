"""Real runs whose workers, hosts and servers are killed, at sizes for every day; `benchmarks/` has the long ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc"),
    pytest.mark.timeout(300),
]


def benchmark(module: str, *arguments: str) -> str:
    """What the command prints; it must find nothing wrong."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_killed_processes_do_not_show() -> None:
    chosen = "falls,ticket_routing"
    report = json.loads(benchmark("chaos", "--only", chosen, "--kills", "2", "--jobs", "2", "--seed", "5", "--json"))
    assert sorted(row["name"] for row in report["rows"]) == chosen.split(",")
    assert [row["strikes"] for row in report["rows"]] == [2, 2]
    assert sum(row["effects"] for row in report["rows"]) > 6
    assert report["faults"] == 0


@pytest.mark.parametrize(("boundary", "victim"), [("began", "worker"), ("recorded", "hosts")])
def test_a_kill_at_each_of_ten_boundaries_does_not_show(boundary: str, victim: str) -> None:
    passes: list[dict[str, Any]] = json.loads(
        benchmark("boundaries", "--program", "ten", "--boundaries", boundary, "--victim", victim, "--quiet", "--json")
    )
    (only,) = passes
    assert (only["steps"], only["struck"], only["faults"]) == (10, 10, [])
    assert only["executions"] >= 10


def test_disturbed_commands_end_as_undisturbed_ones() -> None:
    rounds = ["--rounds", "3", "--jobs", "3", "--seed", "3", "--late", "1"]
    said = benchmark("interrupted_commands", *rounds, "--only", "payments,sets,tries", "--kinds", "run,all,host")
    assert "3 rounds, 0 wrong" in said
