"""Processes that stay: `weft dev`, `weft worker`, and runs that are submitted to them."""

from __future__ import annotations

import signal
import subprocess

import pytest
from weft_worker.embedded import ServerInfo, running_server

from tests.cli.conftest import Weft, await_truth

pytestmark = pytest.mark.server


def await_line(process: subprocess.Popen[str], words: str) -> None:
    """Read a process's stderr up to the line that has those words."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"the process ended without saying {words!r}")


def test_dev_serves_submitted_runs_until_ctrl_c(weft: Weft) -> None:
    weft.write("plan.py", "async def main(n):\n    return await double(n)\n")
    dev = weft.start("dev", "--tools", "tools.py")
    await_line(dev, "working on weft (all)")
    second = weft("dev")
    assert second.code == 2
    assert "already runs" in second.stderr
    submitted = weft("submit", "--plan", "plan.py", "--tools", "tools.py", "--inputs", '{"n": 4}', "--run-id", "run-s")
    assert submitted.code == 0, submitted.stderr
    run_id, link = submitted.stdout.splitlines()
    assert run_id == "run-s"
    assert link.endswith("/workflows/run-s")
    await_truth(lambda: weft("status", run_id).code == 0, "the submitted run does not complete")
    assert weft("result", run_id, "--json").json["result"] == 8
    assert weft("result", run_id).stdout.endswith(f"see {link}\n")
    dev.send_signal(signal.SIGINT)
    ended = weft.end(dev)
    assert ended.code == 0, ended.stderr
    assert running_server(weft.state) is None


def test_workers_of_two_roles_share_the_work(weft_served: Weft, temporal_server: ServerInfo) -> None:
    queue = {"WEFT_TASK_QUEUE": "roles"}
    address = ("--address", temporal_server.address)
    runs = weft_served.start("worker", "--role", "workflows", *address, **queue)
    steps = weft_served.start("worker", "--role", "activities", "--tools", "tools.py", *address, **queue)
    await_line(runs, "working on roles (workflows)")
    await_line(steps, "working on roles (activities)")
    weft_served.write("plan.py", "return await double(await slow(3, 8.0))\n")
    submit = ("submit", "--plan", "plan.py", "--tools", "tools.py", "--json", *address)
    submitted = weft_served(*submit, **queue)
    run_id = submitted.json["run_id"]
    assert submitted.json["status"] == "running"
    weft_served.await_call("slow 3 begins")
    status = weft_served("status", run_id, "--json", **queue)
    assert (status.code, status.json["status"], status.json["lines"]) == (3, "running", [1])
    await_truth(lambda: weft_served("status", run_id, **queue).code == 0, "the run does not complete")
    assert weft_served("result", run_id, "--json").json["result"] == 6
    assert weft_served("result", run_id, *address).stdout.endswith(f"/workflows/{run_id}\n")
    for worker in (runs, steps):
        worker.send_signal(signal.SIGTERM)
        assert weft_served.end(worker).code == 0


def test_a_cancelled_run_says_so(weft_served: Weft, temporal_server: ServerInfo) -> None:
    weft_served.write("plan.py", "try:\n    await asyncio.sleep(600)\nfinally:\n    print('cleaned up')\nreturn 1\n")
    run = weft_served.start("run", "plan.py", "--run-id", "run-cancelled", "--json")
    await_truth(lambda: weft_served("status", "run-cancelled").code == 3, "the run does not start")
    cancelled = weft_served("cancel", "run-cancelled", "--json")
    assert (cancelled.code, cancelled.json["status"]) == (0, "cancelled")
    ended = weft_served.end(run)
    assert (ended.code, ended.json["status"]) == (1, "cancelled")
    assert ended.json["error"]["type"] == "CancelledError"
    assert ended.json["stdout"] == "cleaned up\n"


def test_a_tool_that_no_worker_has_is_named_with_the_remedy(weft_served: Weft, temporal_server: ServerInfo) -> None:
    queue, address = {"WEFT_TASK_QUEUE": "toolless"}, ("--address", temporal_server.address)
    weft_served.write(
        "other.py", "from weft_activities import tool\n\n\n@tool\ndef other(n: int) -> int:\n    return n\n"
    )
    worker = weft_served.start("worker", "--tools", "other.py", *address, **queue)
    await_line(worker, "working on toolless")
    weft_served.write("plan.py", "return await double(3)\n")
    submitted = weft_served("submit", "--plan", "plan.py", "--tools", "tools.py", "--json", *address, **queue)
    run_id = submitted.json["run_id"]
    remedy = "no tool double on the worker that got the step: start a worker with --tools that has double"
    await_truth(lambda: remedy in weft_served("status", run_id, **queue).stdout, "the missing tool is not named")
    assert "not registered" not in weft_served("status", run_id, **queue).stdout
    assert weft_served("cancel", run_id, **queue).code == 0
    worker.send_signal(signal.SIGTERM)
    assert weft_served.end(worker).code == 0
