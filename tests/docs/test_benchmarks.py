"""The page of the benchmarks names each of them, and each can still be run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
PAGE = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
#: Parts of others, not commands.
PARTS = {"__init__"}
#: Too long for every day, with what shows that they would run; they have shorter forms among the tests.
LONG = {
    "boundaries": ["-m", "benchmarks.boundaries", "--help"],
    "chaos": ["-m", "benchmarks.chaos", "--help"],
    "interrupted_commands": ["-m", "benchmarks.interrupted_commands", "--help"],
    "compiling": [
        "-c",
        "from benchmarks.compiling import milliseconds, statements; print(milliseconds(statements(30)))",
    ],
    "differential": ["-m", "benchmarks.differential", "--programs", "2", "--jobs", "1"],
    "cancellation": ["benchmarks/cancellation.py", "--times", "1"],
    "payloads": ["benchmarks/payloads.py", "--steps", "2", "--size", "100000"],
    "scale": ["benchmarks/scale.py", "--loop", "3", "--gather", "5"],
    "wide": ["benchmarks/wide.py", "--steps", "30", "--order", "random"],
    "pure_code": ["-c", "from benchmarks.pure_code import compared; print(compared('1 + 1', '1 + 1'))"],
}


def names() -> set[str]:
    return {path.stem for path in BENCHMARKS.glob("*.py")} - PARTS


def test_each_benchmark_is_on_the_page() -> None:
    mentioned = re.findall(r"benchmarks[./](\w+)", PAGE)
    assert names() <= set(mentioned)


@pytest.mark.parametrize("name", sorted(names()))
def test_each_benchmark_runs(name: str) -> None:
    command = [sys.executable, *LONG.get(name, [f"benchmarks/{name}.py"])]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout
