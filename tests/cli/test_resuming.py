"""`weft resume` of runs that have ended: what is done stays done."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import Client
from weft_worker.embedded import ServerInfo

from tests.cli.conftest import Weft

pytestmark = pytest.mark.server

TOUCHY = '''
from pathlib import Path
from weft_activities import tool
from tools import *
from tools import note


@tool(effect="read")
def touchy(n: int) -> int:
    """Fails until the file `mended` exists."""
    note(f"touchy {n}")
    if not Path(__file__).with_name("mended").exists():
        raise ValueError("not yet")
    return n


@tool(effect="write")
def post(text: str) -> str:
    """Writes."""
    note(f"post {text}")
    return text
'''


def terminate(server: ServerInfo, run_id: str) -> None:
    """Ends a run from outside."""

    async def end() -> None:
        client = await Client.connect(server.address)
        await client.get_workflow_handle(run_id).terminate("for the test")

    asyncio.run(end())


def test_a_failed_run_goes_on_at_the_step_that_failed(weft_served: Weft) -> None:
    weft_served.write("more.py", TOUCHY)
    weft_served.write(
        "plan.py",
        """
        import uuid
        a = await double(1)
        key = str(uuid.uuid4())
        await post(key)
        b = await touchy(a)
        return [a, b, key == str(await post(key))]
        """,
    )
    ended = weft_served("run", "plan.py", "--tools", "more.py", "--run-id", "resume-failed")
    assert ended.code == 1, ended.stderr
    done = weft_served.calls()
    assert [each.split()[0] for each in done] == ["double", "post", "touchy"]
    (weft_served.folder / "mended").touch()
    resumed = weft_served("resume", "resume-failed", "--json")
    assert resumed.code == 0, resumed.stderr
    said = resumed.json
    assert (said["status"], said["result"], said["steps"], said["reused"]) == ("completed", [2, 2, True], 4, 2)
    assert weft_served.calls() == [*done, "touchy 2", done[1]]


def test_what_was_reused_is_told(weft_served: Weft) -> None:
    weft_served.write("more.py", TOUCHY)
    weft_served.write("plan.py", "a = await double(1)\nawait post('x')\nreturn await touchy(a)\n")
    assert weft_served("run", "plan.py", "--tools", "more.py", "--run-id", "resume-told").code == 1
    (weft_served.folder / "mended").touch()
    resumed = weft_served("resume", "resume-told")
    assert resumed.code == 0, resumed.stderr
    assert "2 finished steps are kept from before" in resumed.stderr
    assert "run resume-told: completed, 3 steps (2 of an earlier execution)" in resumed.stdout
    steps = weft_served("steps", "resume-told").stdout.splitlines()
    assert [line.split()[0] for line in steps] == ["reused", "reused", "completed"]
    rows = weft_served("steps", "resume-told", "--json").json["steps"]
    assert [(row["tool"], row["state"], row["reused"]) for row in rows] == [
        ("double", "completed", True),
        ("post", "completed", True),
        ("touchy", "completed", False),
    ]
    assert weft_served("status", "resume-told", "--json").json["reused"] == 2
    # Over, it is shown as it is.
    assert weft_served("resume", "resume-told", "--json").json["reused"] == 2
    assert weft_served.calls() == ["double 1", "post x", "touchy 2", "touchy 2"]


def test_a_bug_of_the_program_points_to_the_edit(weft_served: Weft) -> None:
    weft_served.write("plan.py", "a = await double(1)\nreturn a / 0\n")
    assert weft_served("run", "plan.py", "--tools", "tools.py", "--run-id", "resume-bug").code == 1
    resumed = weft_served("resume", "resume-bug", "--json")
    assert resumed.code == 1
    error = resumed.json["error"]["message"]
    assert "the program itself failed at line 2: ZeroDivisionError: division by zero. It would fail again" in error
    assert "weft resume resume-bug --edit NEW.py" in error


def test_a_write_in_flight_at_a_termination_asks(weft_served: Weft, temporal_server: ServerInfo) -> None:
    weft_served.write(
        "more.py",
        TOUCHY.replace(
            'note(f"post {text}")', 'note(f"post {text}")\n    import time\n    time.sleep(2 if text == "slow" else 0)'
        ),
    )
    weft_served.write("plan.py", "a = await double(1)\nb = await post('slow')\nreturn [a, b]\n")
    process = weft_served.start("run", "plan.py", "--tools", "more.py", "--run-id", "resume-killed")
    weft_served.await_call("post slow")
    terminate(temporal_server, "resume-killed")
    weft_served.end(process)
    resumed = weft_served("resume", "resume-killed", "--json")
    assert resumed.code == 3, resumed.stderr
    (parked,) = resumed.json["parked"]
    assert parked["reason"] == "ambiguous"
    assert "may or may not have been carried out" in parked["message"]
    skipped = weft_served("skip", "resume-killed", parked["step"], "--value", '"by hand"', "--json")
    assert skipped.json["result"] == [2, "by hand"]
    assert weft_served.calls() == ["double 1", "post slow"]


def test_a_cancelled_run_goes_on_where_it_was_cancelled(weft_served: Weft) -> None:
    weft_served.write(
        "plan.py",
        """
        try:
            a = await double(1)
            b = await slow(a, 3.0)
            return [a, b]
        finally:
            await double(100)
        """,
    )
    process = weft_served.start("run", "plan.py", "--tools", "tools.py", "--run-id", "resume-cancelled")
    weft_served.await_call("slow 2 begins")
    assert weft_served("cancel", "resume-cancelled").code == 0
    assert weft_served.end(process).code == 1
    resumed = weft_served("resume", "resume-cancelled", "--json")
    assert resumed.code == 0, resumed.stderr
    assert resumed.json["result"] == [2, 2]
    calls = weft_served.calls()
    assert calls.count("double 1") == calls.count("double 100") == 1
    assert calls.count("slow 2 begins") == 2
