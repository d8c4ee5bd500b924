"""Runs on the embedded server, as people start, watch, leave, kill and resume them."""

from __future__ import annotations

import signal
import time
from collections import Counter
from urllib.request import urlopen

import pytest
from weft_worker.keeper import KEEPER, LEASES
from weft_worker.locks import is_locked

from tests.cli.conftest import Weft, await_truth

pytestmark = pytest.mark.server

THREE_STEPS = """
# First the quick one
a = await double(1)
print("a is", a)
b = await slow(a, 2.0)
return await double(b)
"""


def test_a_run_prints_one_json_object_and_steps_on_stderr(weft_served: Weft) -> None:
    weft_served.write("plan.py", "print('hello')\nreturn await double(21)\n")
    ended = weft_served("run", "plan.py", "--tools", "tools.py", "--json", "--run-id", "run-json")
    assert ended.code == 0, ended.stderr
    said = ended.json
    assert said.pop("ui_url").startswith("http://127.0.0.1:")
    assert said == {
        "run_id": "run-json",
        "status": "completed",
        "result": 42,
        "stdout": "hello\n",
        "steps": 1,
        "reused": 0,
        "error": None,
    }
    lines = ended.stderr.splitlines()
    assert lines[0].startswith("run run-json: http://")
    assert lines[1] == "start  L2 double(n=21)"
    assert lines[2].startswith("done   L2 double(n=21) ")


def test_people_get_the_result_the_id_and_a_link_that_works(weft_served: Weft) -> None:
    weft_served.write("plan.py", "print('hello')\nreturn await double(21)\n")
    ended = weft_served("run", "plan.py", "--tools", "tools.py")
    assert ended.code == 0, ended.stderr
    output, result, _, summary, link = ended.stdout.splitlines()
    assert (output, result) == ("hello", "42")
    assert summary.startswith(("run project-", "run plan-"))
    see, url, while_ = link.split(" ", 2)
    assert (see, while_) == ("see", "(while `weft dev` runs)")
    with urlopen(url, timeout=10) as page:
        assert page.status == 200
    run_id = url.rpartition("/")[2]
    for command in ("status", "result"):
        assert weft_served(command, run_id).stdout.endswith(f"/{run_id} (while `weft dev` runs)\n")


def test_a_failed_run_exits_with_1_and_names_the_line(weft_served: Weft) -> None:
    weft_served.write("plan.py", "x = await double(1)\nreturn await explode('boom')\n")
    ended = weft_served("run", "plan.py", "--tools", "tools.py", "--json")
    assert ended.code == 1
    said = ended.json
    assert (said["status"], said["steps"]) == ("failed", 1)
    error = said["error"]
    assert (error["type"], error["message"], error["line"]) == ("ValueError", "boom", 2)
    assert error["step"]


def test_a_run_id_is_used_once(weft_served: Weft) -> None:
    weft_served.write("plan.py", "return await double(1)\n")
    arguments = ("run", "plan.py", "--tools", "tools.py", "--run-id", "run-once", "--json")
    assert weft_served(*arguments).code == 0
    again = weft_served(*arguments)
    assert again.code == 2
    assert "weft resume run-once" in again.stderr
    assert weft_served.calls() == ["double 1"]


def test_a_run_id_may_be_as_long_as_the_server_takes(weft_served: Weft) -> None:
    weft_served.write("plan.py", "return await double(1)\n")
    ended = weft_served("run", "plan.py", "--tools", "tools.py", "--run-id", "r" * 1000, "--json")
    assert (ended.code, ended.json["result"]) == (0, 2), ended.stderr


def test_what_is_known_of_a_run_that_is_over(weft_served: Weft) -> None:
    source = "# Twice\nx = await double(4)\nreturn await send('hi', secret='pass')\n"
    weft_served.write("plan.py", source)
    assert weft_served("run", "plan.py", "--tools", "tools.py", "--run-id", "run-over").code == 0
    # No worker is left: all of this comes from history.
    status = weft_served("status", "run-over", "--json")
    assert (status.code, status.json["status"], status.json["result"]) == (0, "completed", "sent hi")
    result = weft_served("result", "run-over")
    assert result.stdout.startswith("sent hi\n")
    steps = weft_served("steps", "run-over", "--json").json["steps"]
    assert [(s["tool"], s["line"], s["state"]) for s in steps] == [
        ("double", 2, "completed"),
        ("send", 3, "completed"),
    ]
    assert steps[0]["arguments"] == {"n": 4}
    assert steps[0]["title"] == "Twice"
    assert steps[1]["arguments"] == {"text": "hi", "secret": "•••"}
    assert all(s["ended"] >= s["started"] for s in steps)
    assert "pass" not in weft_served("steps", "run-over").stdout
    assert weft_served("source", "run-over").stdout == source
    assert weft_served("source", "run-over", "--json").json["file"] == "plan.py"
    assert "call double(4) -> x" in weft_served("graph", "run-over").stdout
    assert weft_served("graph", "run-over", "--format", "mermaid").stdout.startswith("flowchart")

    def listed() -> bool:
        runs = weft_served("list", "--json").json["runs"]
        return any((r["run_id"], r["status"], r["file"]) == ("run-over", "completed", "plan.py") for r in runs)

    await_truth(listed, "the run is not listed")
    resumed = weft_served("resume", "run-over", "--json")
    assert (resumed.code, resumed.json["result"]) == (0, "sent hi")
    for command in (["cancel", "run-over"], ["retry", "run-over", "send"], ["fail", "run-over", "send"]):
        late = weft_served(*command)
        assert late.code == 1
        assert late.stderr.startswith("error: the run run-over is over")


@pytest.mark.parametrize("command", ["status", "result", "steps", "source", "graph", "cancel", "resume"])
def test_an_unknown_run_is_one_message(weft_served: Weft, command: str) -> None:
    ended = weft_served(command, "run-unknown", "--json")
    assert ended.code == 1
    assert ended.json["error"]["type"] == "NoSuchRun"
    assert ended.stderr.startswith("error: there is no run run-unknown")


def test_ctrl_c_keeps_the_run_and_resume_finishes_it(weft_served: Weft) -> None:
    weft_served.write("plan.py", THREE_STEPS)
    process = weft_served.start("run", "plan.py", "--tools", "tools.py", "--run-id", "run-left", "--json")
    weft_served.await_call("slow 2 begins")
    process.send_signal(signal.SIGINT)
    left = weft_served.end(process)
    assert left.code == 3, left.stderr
    assert (left.json["status"], left.json["steps"]) == ("running", 2)
    assert "weft resume run-left" in left.stderr
    # What was in flight was let end, and is recorded.
    assert "slow 2 ends" in weft_served.calls()
    resumed = weft_served("resume", "run-left", "--json")
    assert resumed.code == 0, resumed.stderr
    assert (resumed.json["result"], resumed.json["stdout"], resumed.json["steps"]) == (4, "a is 2\n", 3)
    assert weft_served.calls() == ["double 1", "slow 2 begins", "slow 2 ends", "double 2"]


def test_ctrl_c_twice_leaves_at_once_and_tells_the_steps_that_are_done(weft_served: Weft) -> None:
    weft_served.write("plan.py", THREE_STEPS.replace("2.0", "30.0"))
    process = weft_served.start("run", "plan.py", "--tools", "tools.py", "--run-id", "run-hurried", "--json")
    weft_served.await_call("slow 2 begins")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "stopping" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    left = weft_served.end(process)
    assert time.monotonic() - began < 8
    assert (left.code, left.json["status"], left.json["steps"]) == (3, "running", 1)
    assert "weft resume run-hurried" in left.stderr


def test_a_killed_run_is_resumed_and_finished_steps_do_not_run_again(weft_served: Weft) -> None:
    weft_served.write("plan.py", THREE_STEPS)
    process = weft_served.start("run", "plan.py", "--tools", "tools.py", "--run-id", "run-killed")
    weft_served.await_call("slow 2 begins")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    status = weft_served("status", "run-killed")
    assert status.code == 3
    assert "no worker answers" in status.stderr
    assert "weft resume run-killed" in status.stderr
    (weft_served.folder / "elsewhere").mkdir()
    resumed = weft_served("resume", "run-killed", "--json")
    assert resumed.code == 0, resumed.stderr
    assert (resumed.json["result"], resumed.json["steps"]) == (4, 3)
    assert Counter(weft_served.calls()) == Counter(
        ["double 1", "slow 2 begins", "slow 2 begins", "slow 2 ends", "double 2"]
    )


def test_resume_says_which_tools_are_missing(weft_served: Weft) -> None:
    weft_served.write("plan.py", THREE_STEPS)
    process = weft_served.start("run", "plan.py", "--tools", "tools.py", "--run-id", "run-toolless")
    weft_served.await_call("slow 2 begins")
    process.send_signal(signal.SIGINT)
    weft_served.end(process)
    weft_served.write(
        "other.py", "from weft_activities import tool\n\n\n@tool\ndef double(n: int) -> int:\n    return n\n"
    )
    ended = weft_served("resume", "run-toolless", "--tools", "other.py")
    assert ended.code == 1
    assert "the run calls slow, not found in other.py" in ended.stderr
    (weft_served.folder / "tools.py").unlink()
    ended = weft_served("resume", "run-toolless")
    assert ended.code == 1
    assert "name their new place with --tools" in ended.stderr


def park(weft: Weft, run_id: str) -> str:
    """Start a run whose only step parks; gives the step's id."""
    weft.write("plan.py", "x = await unreachable()\nreturn x\n")
    run = weft("run", "plan.py", "--tools", "tools.py", "--run-id", run_id, "--json")
    assert run.code == 3, run.stderr
    assert run.json["status"] == "parked"
    (parked,) = run.json["parked"]
    assert (parked["reason"], parked["line"]) == ("retries-spent", 1)
    return str(parked["step"])


def test_a_parked_run_says_how_to_go_on(weft_served: Weft) -> None:
    step = park(weft_served, "run-parked")
    again = weft_served("retry", "run-parked", step)
    assert again.code == 3
    for command in ("retry", "skip", "fail"):
        assert f"weft {command} run-parked {step}" in again.stderr
    wrong = weft_served("skip", "run-parked", "nonsense", "--value", "1")
    assert wrong.code == 1
    assert "no step nonsense" in wrong.stderr


def test_the_list_says_which_runs_are_parked(weft_served: Weft) -> None:
    step = park(weft_served, "run-waits")

    def listed(status: str) -> bool:
        rows = weft_served("list", "--json").json["runs"]
        return [row["status"] for row in rows if row["run_id"] == "run-waits"] == [status]

    await_truth(lambda: listed("parked"), "the run is not listed as parked")
    (line,) = [each for each in weft_served("list").stdout.splitlines() if each.startswith("run-waits ")]
    assert line.split()[1] == "parked"
    assert weft_served("skip", "run-waits", step, "--value", "1").code == 0
    await_truth(lambda: listed("completed"), "the run is not listed as completed")


@pytest.mark.parametrize(
    ("command", "code", "status", "result"),
    [("skip", 0, "completed", "by hand"), ("retry", 0, "completed", "up"), ("fail", 1, "failed", None)],
)
def test_each_decision_goes_on_with_the_run(
    weft_served: Weft, command: str, code: int, status: str, result: str | None
) -> None:
    step = park(weft_served, f"run-{command}")
    weft_served.write("up", "")
    value = ["--value", '"by hand"'] if command == "skip" else []
    ended = weft_served(command, f"run-{command}", step, *value, "--json")
    assert (ended.code, ended.json["status"], ended.json["result"]) == (code, status, result)


def test_two_runs_at_once_share_the_server_which_ends_after_the_last(weft: Weft) -> None:
    weft.write("plan.py", "x = await slow(1, 1.0)\nreturn await double(x)\n")
    weft.write("other.py", "return await double(await slow(5, 0.2))\n")
    # Different tools: neither may be given the other's steps.
    weft.write("others_tools.py", (weft.folder / "tools.py").read_text().replace("2 * n", "10 * n"))
    one = weft.start("run", "plan.py", "--tools", "tools.py", "--json")
    two = weft.start("run", "other.py", "--tools", "others_tools.py", "--json")
    assert weft.end(one).json["result"] == 2
    assert weft.end(two).json["result"] == 50
    assert not is_locked(weft.state / KEEPER)


def test_a_killed_run_in_a_state_directory_of_its_own_is_resumed(weft: Weft) -> None:
    """Nobody holds the server any more: it ends, and the next command finds the run in its database."""
    weft.write("plan.py", "a = await double(1)\nreturn await slow(a, 1.0)\n")
    process = weft.start("run", "plan.py", "--tools", "tools.py", "--run-id", "run-alone")
    weft.await_call("slow 2 begins")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    await_truth(lambda: not is_locked(weft.state / KEEPER), "the server outlives its last lease")
    resumed = weft("resume", "run-alone", "--json")
    assert (resumed.code, resumed.json["result"]) == (0, 2), resumed.stderr
    assert weft.calls().count("double 1") == 1


def test_ten_steps_side_by_side_take_the_time_of_one(weft_served: Weft) -> None:
    weft_served.write("plan.py", "return sum(await asyncio.gather(*[slow(n, 2.0) for n in range(10)]))\n")
    run = weft_served("run", "plan.py", "--tools", "tools.py", "--run-id", "run-wide", "--json")
    assert run.json["result"] == 45
    steps = weft_served("steps", "run-wide", "--json").json["steps"]
    assert max(s["ended"] for s in steps) - min(s["started"] for s in steps) < 3


@pytest.mark.long
def test_the_first_step_starts_within_two_and_a_half_seconds(weft: Weft) -> None:
    """Server start included. Needs a machine with nothing else to do, hence not in the normal run."""
    weft.write("plan.py", "return await double(1)\n")
    waits = []
    for name in ("run-1", "run-2", "run-3"):
        began = time.time()
        assert weft("run", "plan.py", "--tools", "tools.py", "--run-id", name).code == 0
        step = weft("steps", name, "--json").json["steps"][0]
        waits.append(step["started"] - began)
    assert min(waits) < 2.5, waits


@pytest.mark.parametrize("signals", [1, 2])
def test_the_exit_code_is_ours_with_many_steps_in_flight(weft: Weft, signals: int) -> None:
    """The SDK has aborted processes that went down with a backlog."""
    weft.write("plan.py", "return await asyncio.gather(*[slow(n, 3.0) for n in range(400)])\n")
    process = weft.start("run", "plan.py", "--tools", "tools.py", "--run-id", "run-backlog", "--json", WEFT_GRACE="0")
    weft.await_call("slow 99 begins")
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
    ended = weft.end(process)
    assert (ended.code, ended.json["run_id"], ended.json["status"]) == (3, "run-backlog", "running")
    assert "weft resume run-backlog" in ended.stderr
    await_truth(lambda: not is_locked(weft.state / KEEPER), "the server outlives its last lease")


def test_ctrl_c_before_there_is_a_run_is_one_message(weft: Weft) -> None:
    weft.write("plan.py", "return await double(1)\n")
    process = weft.start("run", "plan.py", "--tools", "tools.py", "--json")
    await_truth((weft.state / LEASES).exists, "the server is not leased")
    process.send_signal(signal.SIGINT)
    ended = weft.end(process)
    assert (ended.code, ended.json["status"], ended.json["error"]["type"]) == (1, "failed", "Interrupted")
    assert ended.stderr == "error: interrupted; a run that had begun is kept: see `weft list`\n"
    assert weft.calls() == []
