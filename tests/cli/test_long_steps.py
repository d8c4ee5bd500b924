"""Steps and runs that take long: what people see of them, and the limits that they set."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Weft, await_truth

TOOLS = '''
import asyncio
import time
from pathlib import Path

from weft_activities import current_step, tool

GATE = Path(__file__).with_name("gate")


@tool(effect="read")
def copy(rows: int) -> str:
    """Copies rows, in a thread."""
    step = current_step()
    while not GATE.exists():
        step.heartbeat({"copied": 10, "of": rows})
        time.sleep(0.05)
    return "copied"


@tool(effect="read")
async def watch() -> str:
    """Watches something."""
    current_step().heartbeat("half-way")
    while not GATE.exists():
        await asyncio.sleep(0.05)
    return "seen"


@tool(effect="write")
def post(seconds: float) -> str:
    """Takes its time."""
    time.sleep(seconds)
    return "posted"
'''
CLEANS_UP = """
try:
    await asyncio.sleep(60)
finally:
    print("cleaned up")
"""


@pytest.mark.server
def test_status_shows_what_long_steps_report(weft_served: Weft) -> None:
    weft_served.write("tools.py", TOOLS)
    weft_served.write("plan.py", "return await asyncio.gather(copy(30), watch())\n")
    run = weft_served.start("run", "plan.py", "--tools", "tools.py", "--run-id", "run-long", "--json")
    await_truth(lambda: "half-way" in weft_served("status", "run-long").stdout, "no progress is shown")
    said = weft_served("status", "run-long").stdout
    assert 'running   L1 copy  {"copied": 10, "of": 30}\nrunning   L1 watch  half-way\n' in said
    copy, watch = weft_served("status", "run-long", "--json").json["running"]
    assert (copy["tool"], copy["attempt"], copy["progress"]) == ("copy", 1, [{"copied": 10, "of": 30}])
    assert (watch["tool"], watch["state"], watch["progress"]) == ("watch", "running", ["half-way"])
    assert re.fullmatch(rf"{run.pid}@\S+", copy["worker"])
    weft_served.write("gate", "")
    assert weft_served.end(run).json["result"] == ["copied", "seen"]


@pytest.mark.server
def test_a_run_ends_with_its_time(weft_served: Weft) -> None:
    weft_served.write("plan.py", CLEANS_UP)
    ended = weft_served("run", "plan.py", "--run-id", "run-over-time", "--run-timeout", "1.5", "--json")
    assert (ended.code, ended.json["status"], ended.json["stdout"]) == (1, "failed", "cleaned up\n")
    said = "the run took longer than the 1.5 s that --run-timeout allows, and was cancelled"
    assert (ended.json["error"]["type"], ended.json["error"]["message"]) == ("TimedOut", said)
    shown = weft_served("result", "run-over-time")
    assert (shown.code, f"TimedOut: {said}" in shown.stderr) == (1, True)


@pytest.mark.server
def test_a_write_that_takes_too_long_parks_and_says_where_it_ran(weft_served: Weft) -> None:
    weft_served.write("tools.py", TOOLS)
    weft_served.write("plan.py", "return await post(3)\n")
    run = weft_served.start("run", "plan.py", "--tools", "tools.py", "--run-id", "run-slow", "--step-timeout", "1")
    parked = weft_served.end(run)
    assert parked.code == 3
    assert "it may or may not have been carried out, and may still be running" in parked.stderr
    assert re.search(rf"its last worker was: {run.pid}@\S+\n", parked.stderr)
    again = weft_served("skip", "run-slow", "post", "--value", '"by hand"', "--json")
    assert (again.code, again.json["result"]) == (0, "by hand")


def test_limits_in_memory(weft: Weft) -> None:
    weft.write("tools.py", TOOLS)
    weft.write("plan.py", CLEANS_UP)
    ended = weft("run", "plan.py", "--in-memory", "--run-timeout", "0.5", "--json")
    assert (ended.code, ended.json["error"]["type"], ended.json["stdout"]) == (1, "TimedOut", "cleaned up\n")
    weft.write("slow.py", "return await post(0.6)\n")
    slow = ("run", "slow.py", "--tools", "tools.py", "--in-memory", "--attempts", "1", "--json")
    ended = weft(*slow, "--step-timeout", "0.2")
    assert (ended.code, ended.json["error"]["message"]) == (1, "post took longer than 0.2 s")
    assert weft(*slow).json["result"] == "posted"


def test_limits_are_positive(weft: Weft) -> None:
    for option in ("--run-timeout", "--step-timeout", "--retry-interval"):
        refused = weft("run", "plan.py", option, "0")
        assert (refused.code, option in refused.stderr) == (2, True)
