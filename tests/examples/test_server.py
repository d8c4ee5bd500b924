"""Each example on the embedded server: what plain CPython gives; and when its process is killed and the run resumed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from weft_worker.embedded import ServerInfo

from tests.examples.catalog import EXAMPLES, Example
from tests.examples.conftest import ExecutionLog
from tests.examples.direct import canonical, run_direct
from tests.examples.weft_command import Weft, kill_when

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

Calls = list[tuple[str, str]]


@pytest.fixture(scope="module")
def weft(server_state: Path, temporal_server: ServerInfo) -> Weft:
    """The command on the session's server, which stays up while runs are killed."""
    return Weft(server_state)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_equals_direct_run(
    example: Example, weft: Weft, execution_log: ExecutionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = weft.run(example, f"example-{example.name}")
    assert (answer.code, answer.json["status"], answer.json["error"]) == (0, "completed", None)
    executed = sorted(execution_log.calls())
    steps = steps_of(weft, f"example-{example.name}")
    monkeypatch.setenv("WEFT_EXAMPLE_DIR", str(tmp_path / "direct"))
    direct = run_direct(example)
    assert answer.json["result"] == direct.result
    assert answer.json["stdout"] == direct.stdout
    assert answer.json["steps"] == example.steps - example.failing
    assert example.comparable(steps) == example.comparable(direct.calls)
    assert executed == sorted(direct.calls)


@dataclass(frozen=True)
class Killed:
    """A run whose process was killed. `finished` are the steps that the server knows to have ended."""

    run_id: str
    log: ExecutionLog
    before: Calls
    finished: Calls


@pytest.fixture(scope="module")
def killed(weft: Weft, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Killed | AssertionError]:
    """All examples, killed one after the other: the server notices all losses while the first is resumed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEFT_EXAMPLE_DELAY", "0.4")
        folders = {example.name: tmp_path_factory.mktemp(example.name) for example in EXAMPLES}
        return {e.name: kill_in_the_middle(e, weft, set_up(folders[e.name], patch)) for e in EXAMPLES}


def kill_in_the_middle(example: Example, weft: Weft, log: ExecutionLog) -> Killed | AssertionError:
    """The killed run, or why there is none: that is a failure of the one example only."""
    run_id = f"killed-{example.name}"
    try:
        kill_when(weft.start_run(example, run_id), lambda: len(log.lines()) >= example.kill_after)
        return Killed(run_id, log, log.calls(), steps_of(weft, run_id))
    except AssertionError as failure:
        return failure


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_resume_after_kill(
    example: Example,
    weft: Weft,
    killed: dict[str, Killed | AssertionError],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = killed[example.name]
    if isinstance(run, AssertionError):
        raise run
    set_up(run.log.path.parent, monkeypatch)
    answer = weft.ask("resume", run.run_id)
    assert (answer.code, answer.json["status"], answer.json["error"]) == (0, "completed", None)
    set_up(tmp_path, monkeypatch)
    direct = run_direct(example)
    assert answer.json["result"] == direct.result
    assert answer.json["stdout"] == direct.stdout
    assert answer.json["steps"] == example.steps - example.failing
    # What had finished has run once; everything else ran (again, where it was in flight) after the kill.
    assert 0 < len(run.finished) < example.steps
    after = Counter(run.log.calls()) - Counter(run.before)
    assert after == Counter(direct.calls) - Counter(run.finished)


def test_a_write_in_flight_parks_and_is_retried_on_demand(
    weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = next(e for e in EXAMPLES if e.name == "customer_analysis")
    log = set_up(tmp_path, monkeypatch)
    monkeypatch.setenv("WEFT_EXAMPLE_DELAY", "0.4")
    process = weft.start_run(example, "parked-write")
    kill_when(process, lambda: any(tool == "escalate_to_manager" for tool, _ in log.calls()))
    answer = weft.ask("resume", "parked-write")
    assert (answer.code, answer.json["status"]) == (3, "parked")
    (parked,) = answer.json["parked"]
    assert parked["reason"] == "ambiguous"
    assert Counter(tool for tool, _ in log.calls())["escalate_to_manager"] == 1
    retried = weft.ask("retry", "parked-write", parked["step"])
    assert (retried.code, retried.json["error"], retried.json["result"]) == (0, None, example.expected)
    assert Counter(tool for tool, _ in log.calls())["escalate_to_manager"] == 2


def set_up(folder: Path, patch: pytest.MonkeyPatch) -> ExecutionLog:
    """Makes a folder the place of the tools' log and files, also for processes that are started from now on."""
    log = ExecutionLog(folder / "executions.jsonl")
    patch.setenv("WEFT_EXAMPLE_LOG", str(log.path))
    patch.setenv("WEFT_EXAMPLE_DIR", str(folder / "made"))
    return log


def steps_of(weft: Weft, run_id: str) -> Calls:
    """A run's finished steps, in the order in which they were scheduled: those that the server has recorded."""
    rows: list[dict[str, Any]] = weft.ask("steps", run_id).json["steps"]
    return [(row["tool"], canonical(row["arguments"])) for row in rows if row["state"] in ("completed", "failed")]
