"""Ctrl-C without a server: in the middle of a run in memory, and before the command has even begun."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from tests.cli.conftest import Weft

PLAN = """
await double(1)
try:
    await slow(2, 1.0)
finally:
    print("tidied")
"""


def test_ctrl_c_cancels_a_run_in_memory(weft: Weft) -> None:
    weft.write("plan.py", PLAN)
    process = weft.start("run", "plan.py", "--in-memory", "--tools", "tools.py", "--json")
    weft.await_call("slow 2 begins")
    process.send_signal(signal.SIGINT)
    ended = weft.end(process)
    said = ended.json
    assert (ended.code, said["status"], said["steps"], said["stdout"]) == (1, "cancelled", 1, "tidied\n")
    assert "kept" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_ctrl_c_twice_ends_a_run_in_memory_that_does_not_stop(weft: Weft) -> None:
    weft.write("plan.py", PLAN.replace('print("tidied")', "await slow(3, 60.0)"))
    process = weft.start("run", "plan.py", "--in-memory", "--tools", "tools.py", "--json")
    weft.await_call("slow 2 begins")
    process.send_signal(signal.SIGINT)
    weft.await_call("slow 3 begins")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    ended = weft.end(process)
    assert time.monotonic() - began < 10
    said = ended.json
    assert (ended.code, said["status"], said["steps"]) == (1, "cancelled", 1)
    assert "kept" not in ended.stderr


def test_ctrl_c_while_a_tool_is_loaded_is_one_message(weft: Weft) -> None:
    weft.write("plan.py", "return await double(1)\n")
    tools = (weft.folder / "tools.py").read_text()
    weft.write("tools.py", tools + '\nnote("loading")\ntime.sleep(60)\n')
    process = weft.start("run", "plan.py", "--in-memory", "--tools", "tools.py", "--json", "--run-id", "r-1")
    weft.await_call("loading")
    process.send_signal(signal.SIGINT)
    ended = weft.end(process)
    assert (ended.code, ended.json["error"]["type"], ended.json["run_id"]) == (1, "Interrupted", "r-1")
    assert ended.stderr == "error: interrupted\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot signal itself so there")
def test_ctrl_c_while_the_command_is_imported_is_one_message(weft: Weft) -> None:
    weft.write("typer.py", "import os\nimport signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    ended = weft("list", "--json", PYTHONPATH=str(weft.folder))
    assert (ended.code, ended.json["error"]["type"]) == (1, "Interrupted")
    assert ended.stderr == "error: interrupted before anything was done\n"
