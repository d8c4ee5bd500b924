"""The image's health check against a real server: healthy with a worker, unhealthy without one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from weft_worker.embedded import ServerInfo

from tests.deploy.files import DEPLOY

pytestmark = pytest.mark.server

TOOLS = '''
from weft_activities import tool


@tool(effect="read")
def ping() -> str:
    """Answers."""
    return "pong"
'''


def check(address: str, *roles: str, **environment: str) -> tuple[int, str]:
    """Exit code and message of the health check for the task queue of these tests."""
    ended = subprocess.run(
        [sys.executable, DEPLOY / "healthcheck.py", *roles],
        env={**_environment(address), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stderr


@pytest.fixture
def worker(tmp_path: Path, temporal_server: ServerInfo) -> Iterator[subprocess.Popen[str]]:
    """A worker for steps in a process of its own, once it works."""
    (tmp_path / "tools.py").write_text(TOOLS)
    command = [sys.executable, "-m", "weft_worker.cli.main", "worker", "--role", "activities", "--tools", "tools.py"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=_environment(temporal_server.address),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("working on" in line for line in process.stderr), "the worker ended"
    yield process
    process.kill()
    process.communicate()


def test_a_host_is_healthy_for_the_roles_that_work(worker: subprocess.Popen[str], temporal_server: ServerInfo) -> None:
    assert check(temporal_server.address, "activities") == (0, "")
    assert check(temporal_server.address) == (0, "")
    code, why = check(temporal_server.address, "workflows")
    assert (code, why) == (1, "no worker of this host asks for workflows on the task queue health\n")


def test_a_server_that_does_not_answer_is_named_as_the_cause() -> None:
    code, why = check("127.0.0.1:1", "workflows")
    assert code == 1
    assert why.startswith("the server does not answer")


def test_a_server_that_refuses_is_quoted(temporal_server: ServerInfo) -> None:
    code, why = check(temporal_server.address, "workflows", TEMPORAL_NAMESPACE="nowhere")
    assert code == 1
    assert why.startswith("the server refuses to answer: ")
    assert "nowhere" in why


def test_an_unknown_role_is_wrong_usage() -> None:
    assert check("127.0.0.1:1", "steps")[0] == 2


def _environment(address: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "WEFT_"))}
    return {**kept, "TEMPORAL_ADDRESS": address, "WEFT_TASK_QUEUE": "health"}
