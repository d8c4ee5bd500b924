"""What people say to runs, by the command line: decisions with and without a step's name, pause, cancel, kill."""

from __future__ import annotations

import json
import signal

import pytest

from tests.cli.conftest import Ended, Weft, await_truth

pytestmark = pytest.mark.server

TOOLS = '''
import asyncio
from pathlib import Path

from weft_activities import tool

HERE = Path(__file__).parent


def note(text):
    with (HERE / "calls.log").open("a") as log:
        log.write(text + "\\n")


async def opened():
    while not (HERE / "open").exists():
        await asyncio.sleep(0.05)


@tool(effect="read", retry={"max_attempts": 1})
async def fetch(name: str) -> str:
    """A page; some cannot be had until the file `up` exists."""
    note(f"fetch {name}")
    if name.startswith("gone") and not (HERE / "up").exists():
        raise ConnectionError(f"no {name}")
    return name.upper()


@tool(effect="write", timeout=2)
async def post(text: str) -> str:
    """Posts a text. One is stuck, and times out, until the file `open` exists."""
    note(f"post {text}")
    if text == "stuck":
        await opened()
    return f"posted {text}"


@tool(effect="write", timeout=120)
async def publish(text: str) -> str:
    """Takes until the file `open` exists."""
    note(f"publish {text}")
    await opened()
    return f"published {text}"
'''


@pytest.fixture
def weft(weft_served: Weft) -> Weft:
    weft_served.write("web.py", TOOLS)
    return weft_served


def run(weft: Weft, run_id: str, source: str) -> Ended:
    weft.write("plan.py", source)
    return weft("run", "plan.py", "--tools", "web.py", "--run-id", run_id, "--json")


def left_in_flight(weft: Weft, run_id: str, source: str, call: str) -> None:
    """Start a run and kill its worker while that call is in flight."""
    weft.write("plan.py", source)
    process = weft.start("run", "plan.py", "--tools", "web.py", "--run-id", run_id)
    weft.await_call(call)
    process.send_signal(signal.SIGKILL)
    process.communicate()


SIBLINGS = """
async def one(n):
    try:
        return await post("stuck" if n == 7 else str(n))
    except TimeoutError as error:
        return f"caught: {error}"

async def main():
    return await asyncio.gather(*[one(n) for n in range(20)])
"""


@pytest.mark.parametrize(
    ("word", "told"),
    [("skip", "by hand"), ("retry", "posted stuck"), ("fail", "caught: post took longer than 2 s")],
)
def test_a_parked_step_among_twenty_siblings(weft: Weft, word: str, told: str) -> None:
    run_id = f"run-siblings-{word}"
    parked = run(weft, run_id, SIBLINGS)
    assert (parked.code, parked.json["status"], parked.json["steps"]) == (3, "parked", 19), parked.stderr
    assert len(weft.calls()) == 20
    if word == "retry":
        weft.write("open", "")
    value = ["--value", '"by hand"'] if word == "skip" else []
    ended = weft(word, run_id, *value, "--json")
    assert (ended.code, ended.json["status"]) == (0, "completed"), ended.stderr
    assert ended.json["result"] == [told if n == 7 else f"posted {n}" for n in range(20)]
    assert len(weft.calls()) == (21 if word == "retry" else 20)


def test_a_parked_run_without_a_worker_says_how_to_go_on(weft: Weft) -> None:
    assert run(weft, "run-alone", "return await asyncio.gather(fetch('gone'), fetch('here'))").code == 3
    status = weft("status", "run-alone")
    assert status.code == 3
    assert "no worker answers" not in status.stderr
    assert status.stderr.splitlines() == [
        "parked: line 1: fetch failed at its last attempt: ConnectionError: no gone",
        "  try it again:        weft retry run-alone 'gather/fetch[0]'",
        "  go on with a result: weft skip run-alone 'gather/fetch[0]' --value JSON",
        "  let it fail:         weft fail run-alone 'gather/fetch[0]'",
    ]
    (row,) = weft("status", "run-alone", "--json").json["parked"]
    assert (row["step"], row["reason"], row["line"]) == ("gather/fetch[0]", "retries-spent", 1)
    assert weft("skip", "run-alone", "gather/fetch[0]", "--value", "1", "--json").json["result"] == [1, "HERE"]


def test_of_several_parked_steps_one_is_named_or_all_are_meant(weft: Weft) -> None:
    assert run(weft, "run-several", "return await asyncio.gather(*[fetch(f'gone {n}') for n in range(3)])").code == 3
    which = weft("skip", "run-several", "--value", "1", "--json")
    assert which.code == 1
    said, *choices = which.json["error"]["message"].splitlines()
    assert said == "3 steps are parked; say which one is meant:"
    # In the order in which they parked, and everything last.
    assert [*sorted(choices[:-1]), choices[-1]] == [
        "  weft skip run-several 'gather/fetch[0]' --value JSON",
        "  weft skip run-several 'gather/fetch[1]' --value JSON",
        "  weft skip run-several 'gather/fetch[2]' --value JSON",
        "  weft skip run-several --all --value JSON",
    ]
    assert weft("retry", "run-several", "gather/fetch[1]", "--all").code == 2
    assert weft("skip", "run-several", "gather/fetch[1]", "--value", "1").code == 3
    weft.write("up", "")
    ended = weft("retry", "run-several", "--all", "--json")
    assert (ended.code, ended.json["result"]) == (0, ["GONE 0", 1, "GONE 2"]), ended.stderr
    assert weft("retry", "run-several").stderr.startswith("error: the run run-several is over")


NOTES_AND_RAISES = """
a = await fetch('first')
try:
    b = await fetch('gone')
except ConnectionError as error:
    await fetch(f'noted {error}')
    raise
return [a, b]
"""


def test_a_run_that_has_ended_of_a_failure_goes_back(weft: Weft) -> None:
    parked = run(weft, "run-back", NOTES_AND_RAISES)
    assert (parked.code, parked.json["status"]) == (3, "parked"), parked.stderr
    (row,) = parked.json["parked"]
    assert (row["step"], row["reason"], row["line"]) == ("@run", "ended-uncaught", 3)
    assert row["message"] == (
        "the program has ended with ConnectionError: no gone, after the last attempt of fetch at line 3"
    )
    assert weft("status", "run-back").stderr.splitlines()[1:] == [
        "  try it again:        weft retry run-back @run",
        "  go on with a result: weft skip run-back @run --value JSON",
        "  let it fail:         weft fail run-back @run",
    ]
    calls = ["fetch first", "fetch gone", "fetch noted no gone"]
    assert weft.calls() == calls
    # Not mended yet: the failure is noted anew only if it is another one.
    again = weft("retry", "run-back", "--json")
    assert (again.code, again.json["status"]) == (3, "parked"), again.stderr
    assert weft.calls() == [*calls, "fetch gone"]
    weft.write("up", "")
    ended = weft("retry", "run-back", "@run", "--json")
    assert (ended.code, ended.json["result"]) == (0, ["FIRST", "GONE"]), ended.stderr
    assert weft.calls() == [*calls, "fetch gone", "fetch gone"]


@pytest.mark.parametrize(("word", "code", "status"), [("skip", 0, "completed"), ("fail", 1, "failed")])
def test_a_run_that_has_ended_of_a_failure_ends(weft: Weft, word: str, code: int, status: str) -> None:
    run_id = f"run-ends-{word}"
    assert run(weft, run_id, NOTES_AND_RAISES).code == 3
    value = ["--value", '["by hand"]'] if word == "skip" else []
    ended = weft(word, run_id, *value, "--json")
    assert (ended.code, ended.json["status"]) == (code, status), ended.stderr
    if word == "skip":
        assert ended.json["result"] == ["by hand"]
        return
    assert (ended.json["error"]["type"], ended.json["error"]["line"]) == ("ConnectionError", 3)
    # Closed as it would have been, and still not lost.
    weft.write("up", "")
    resumed = weft("resume", run_id, "--json")
    assert (resumed.code, resumed.json["result"]) == (0, ["FIRST", "GONE"]), resumed.stderr


def test_a_paused_run_waits_for_unpause(weft: Weft) -> None:
    source = "a = await publish('a')\nreturn [a, await fetch('b')]\n"
    weft.write("plan.py", source)
    process = weft.start("run", "plan.py", "--tools", "web.py", "--run-id", "run-paused", "--json")
    weft.await_call("publish a")
    paused = weft("pause", "run-paused")
    assert paused.code == 0, paused.stderr
    assert "paused: no more steps start until: weft unpause run-paused" in paused.stderr
    weft.write("open", "")
    # Who waits for the run leaves when nothing is in flight any more.
    left = weft.end(process)
    assert (left.code, left.json["status"], left.json["steps"]) == (3, "paused", 1), left.stderr
    assert weft("status", "run-paused", "--json").json["status"] == "paused"

    def listed() -> bool:
        rows = weft("list", "--json").json["runs"]
        return [row["status"] for row in rows if row["run_id"] == "run-paused"] == ["paused"]

    await_truth(listed, "the run is not listed as paused")
    assert weft.calls() == ["publish a"]
    ended = weft("unpause", "run-paused", "--json")
    assert (ended.code, ended.json["result"]) == (0, ["published a", "B"]), ended.stderr


def test_a_run_that_nobody_works_on_can_be_paused(weft: Weft) -> None:
    source = "a = await fetch('a')\nb = await publish('b')\nreturn [a, b, await fetch('c')]\n"
    left_in_flight(weft, "run-left-paused", source, "publish b")
    assert weft("pause", "run-left-paused").code == 0
    weft.write("open", "")
    ended = weft("resume", "run-left-paused", "--json")
    # The write was in flight when its worker died.
    assert (ended.code, ended.json["status"]) == (3, "paused"), ended.stderr
    (row,) = ended.json["parked"]
    assert (row["step"], row["reason"]) == ("publish", "ambiguous")
    assert weft("skip", "run-left-paused", "--value", '"b"', "--json").json["status"] == "paused"
    ended = weft("unpause", "run-left-paused", "--json")
    assert (ended.code, ended.json["result"]) == (0, ["A", "b", "C"]), ended.stderr
    assert weft.calls() == ["fetch a", "publish b", "fetch c"]


def test_cancelling_has_a_limit(weft: Weft) -> None:
    source = "try:\n    await publish('a')\nfinally:\n    await publish('cleanup')\n"
    weft.write("plan.py", source)
    process = weft.start("run", "plan.py", "--tools", "web.py", "--run-id", "run-cut", "--json")
    weft.await_call("publish a")
    ended = weft("cancel", "run-cut", "--limit", "2", "--json")
    assert (ended.code, ended.json["status"]) == (0, "cancelled"), ended.stderr
    assert ended.json["error"]["message"] == "the clean-up was cut off after 2 s; in flight was publish at line 4"
    assert weft.end(process).json["status"] == "cancelled"
    assert weft.calls() == ["publish a", "publish cleanup"]


def test_killing_a_run_takes_no_worker_and_no_clean_up(weft: Weft) -> None:
    source = "try:\n    await asyncio.gather(publish('a'), fetch('b'))\nfinally:\n    await fetch('cleanup')\n"
    left_in_flight(weft, "run-killed-off", source, "publish a")
    killed = weft("kill", "run-killed-off", "--json")
    assert killed.code == 0, killed.stderr
    said = killed.json
    assert (said["status"], said["error"]["type"]) == ("failed", "Terminated")
    assert said["error"]["message"] == "killed by a person (weft kill)"
    assert [(each["tool"], each["line"], each["effect"]) for each in said["in_flight"]][:1] == [("publish", 2, "write")]
    assert "fetch cleanup" not in weft.calls()
    again = weft("kill", "run-killed-off")
    assert again.code == 1
    assert again.stderr.startswith("error: the run run-killed-off is over")


def test_killing_tells_people_what_may_have_happened(weft: Weft) -> None:
    left_in_flight(weft, "run-killed-too", "await publish('a')", "publish a")
    killed = weft("kill", "run-killed-too")
    assert killed.stdout.splitlines()[0] == ("in flight: L1 publish (write); it may or may not have been carried out")
    assert json.loads(weft("status", "run-killed-too", "--json").stdout)["status"] == "failed"


@pytest.mark.parametrize("word", ["pause", "unpause", "kill", "retry"])
def test_words_to_an_unknown_run(weft: Weft, word: str) -> None:
    ended = weft(word, "run-unknown", "--json")
    assert (ended.code, ended.json["error"]["type"]) == (1, "NoSuchRun")
