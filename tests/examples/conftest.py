"""A folder and a log of executions for each test of an example."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.examples.direct import canonical


@dataclass(frozen=True)
class ExecutionLog:
    """What the examples' tools wrote: one line for each execution, when it began."""

    path: Path

    def lines(self) -> list[dict[str, Any]]:
        """All whole lines so far: at (Unix time), pid, tool, arguments."""
        if not self.path.exists():
            return []
        whole = [
            line for line in self.path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")
        ]
        return [json.loads(line) for line in whole]

    def calls(self) -> list[tuple[str, str]]:
        return [(line["tool"], canonical(line["arguments"])) for line in self.lines()]


@pytest.fixture
def execution_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExecutionLog:
    """The log of this test, with a fresh folder for what the tools make; also in processes that the test starts."""
    log = ExecutionLog(tmp_path / "executions.jsonl")
    monkeypatch.setenv("WEFT_EXAMPLE_LOG", str(log.path))
    monkeypatch.setenv("WEFT_EXAMPLE_DIR", str(tmp_path / "made"))
    monkeypatch.delenv("WEFT_EXAMPLE_DELAY", raising=False)
    return log
