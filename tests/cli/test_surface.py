"""The command line without a server: help, usage, compiling, explaining, tools."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest
import typer
from weft_worker.cli.main import app

from tests.cli.conftest import Inside, Weft

COMMANDS = [
    "run",
    "resume",
    "fork",
    "compile",
    "explain",
    "dev",
    "worker",
    "submit",
    "status",
    "result",
    "steps",
    "source",
    "graph",
    "list",
    "pause",
    "unpause",
    "cancel",
    "kill",
    "retry",
    "skip",
    "fail",
    "tools",
    "storage",
]


def test_help_names_every_command_and_the_exit_codes(weft: Weft) -> None:
    ended = weft("--help")
    assert ended.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in ended.stdout
    assert "3 parked" in ended.stdout
    assert "…" not in ended.stdout
    assert "..." not in ended.stdout.split("Commands:")[1]


def test_every_command_has_help(weft_inside: Inside) -> None:
    assert sorted(typer.main.get_command(app).commands) == sorted(COMMANDS)  # type: ignore[attr-defined]
    for name in ("run", "status", "tools"):
        ended = weft_inside(name, "--help")
        assert ended.code == 0
        assert ended.stdout.startswith(f"Usage: weft {name}")


def test_help_is_quick(weft: Weft) -> None:
    """In CPU time, which the machine's other work does not lengthen; it waits for nothing."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert weft("--help").code == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(4)) < 0.3


def test_help_imports_nothing_heavy(weft: Weft) -> None:
    program = "import sys, weft_worker.cli.main; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for module in ("temporalio", "pydantic", "rich", "asyncio", "weft_compiler"):
        assert f"'{module}'" not in loaded


def test_version(weft: Weft) -> None:
    ended = weft("--version")
    assert (ended.code, ended.stdout.split()[0]) == (0, "weft")


def test_completion_is_offered(weft: Weft) -> None:
    assert "--install-completion" in weft("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Usage: weft"),
        (["nonsense"], "No such command 'nonsense'"),
        (["run"], "Missing argument 'PLAN.py'"),
        (["status", "run-1", "--nonsense"], "No such option: --nonsense"),
        (["run", "plan.py", "--attempts", "0"], "--attempts"),
        (["worker", "--role", "king"], "'king'"),
        (["worker"], "--tools"),
        (["tools", "list"], "--tools"),
        (["explain", "unknown-nmae"], "unknown-name"),
        (["skip", "run-1", "step", "--value", "text"], "--value is not valid JSON"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(weft_inside: Inside, arguments: list[str], said: str) -> None:
    ended = weft_inside(*arguments)
    assert ended.code == 2
    assert said in ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_wrong_usage_with_json_prints_one_object(weft_inside: Inside) -> None:
    ended = weft_inside("status", "--json")
    assert ended.code == 2
    assert ended.json["error"]["type"] == "UsageError"


@pytest.mark.parametrize("given", [["--run-id", "mine"], ["--run-id=mine"]], ids=" ".join)
def test_wrong_usage_with_json_tells_the_run_that_was_meant(weft_inside: Inside, given: list[str]) -> None:
    for arguments in (["run", "gone.py", "--in-memory"], ["run", "gone.py", "--nonsense"], ["submit"]):
        ended = weft_inside(*arguments, *given, "--json")
        assert (ended.code, ended.json["run_id"]) == (2, "mine")


@pytest.mark.parametrize("run_id", ["", "r" * 1001, "ä" * 501], ids=["empty", "long", "long in bytes"])
@pytest.mark.parametrize("command", [["run", "plan.py"], ["submit", "--plan", "plan.py"]], ids=lambda words: words[0])
def test_a_run_id_has_a_length_that_servers_take(weft_inside: Inside, command: list[str], run_id: str) -> None:
    weft_inside.write("plan.py", "return 1\n")
    ended = weft_inside(*command, "--run-id", run_id)
    assert ended.code == 2
    assert f"it has {len(run_id.encode()):,} bytes; a run's id has 1 to 1,000" in ended.stderr


def test_debug_shows_the_traceback(weft: Weft) -> None:
    assert "Traceback" not in weft("tools", "list").stderr
    assert "Traceback" in weft("tools", "list", "--debug").stderr
    assert "Traceback" in weft("--debug", "tools", "list").stderr


def test_explain_prints_the_page_of_a_code(weft_inside: Inside) -> None:
    ended = weft_inside("explain", "unknown-name")
    assert ended.code == 0
    assert "unknown-name" in ended.stdout


def test_compile_prints_the_graph_in_three_forms(weft_inside: Inside) -> None:
    weft_inside.write("plan.py", "x = await double(2)\nreturn x\n")
    tree = weft_inside("compile", "plan.py", "--tools", "tools.py")
    assert (tree.code, tree.stderr) == (0, "")
    assert "call double(2) -> x" in tree.stdout
    mermaid = weft_inside("compile", "plan.py", "--tools", "tools.py", "--format", "mermaid")
    assert mermaid.stdout.startswith("flowchart")
    graph = weft_inside("compile", "plan.py", "--tools", "tools.py", "--format", "json")
    assert json.loads(graph.stdout)["entry"]


def test_compile_prints_the_diagnostics_in_three_forms(weft_inside: Inside) -> None:
    weft_inside.write("plan.py", "x = await dubble(2)\nreturn x\n")
    full = weft_inside("compile", "plan.py", "--tools", "tools.py")
    assert (full.code, full.stdout) == (1, "")
    assert "double" in full.stderr
    concise = weft_inside("compile", "plan.py", "--tools", "tools.py", "--diagnostics", "concise")
    assert concise.stderr.startswith("plan.py:1:11: error[unknown-")
    found = weft_inside("compile", "plan.py", "--tools", "tools.py", "--diagnostics", "json")
    assert json.loads(found.stdout)[0]["span"]["line"] == 1


def test_tools_are_listed_and_shown(weft_inside: Inside) -> None:
    listed = weft_inside("tools", "list", "tools.py")
    assert listed.code == 0
    assert [line.split("(")[0] for line in listed.stdout.splitlines()] == [
        "double",
        "explode",
        "send",
        "slow",
        "unreachable",
    ]
    as_json = weft_inside("tools", "list", "--tools", "tools.py", "--json").json
    assert [tool["effect"] for tool in as_json["tools"]] == ["read", "read", "write", "read", "read"]
    weft_inside.write(
        "limited.py",
        """
        from weft_activities import tool

        @tool(timeout=5, total_timeout=60, retry={"max_attempts": 2, "non_retryable": ["TimeoutError"]})
        def limited() -> None: ...
        """,
    )
    limited = weft_inside("tools", "show", "limited", "--tools", "limited.py").stdout
    assert "timeout   5 s, 60 s in all\n" in limited
    assert "never     TimeoutError: not tried again\n" in limited
    shown = weft_inside("tools", "show", "slow", "--tools", "tools.py")
    assert shown.stdout.startswith("slow(n, seconds=?)\n\nThe number, after a while.")
    assert weft_inside("tools", "show", "slow", "--tools", "tools.py", "--json").json["name"] == "slow"
    unknown = weft_inside("tools", "show", "slwo", "--tools", "tools.py")
    assert unknown.code == 2
    assert "did you mean 'slow'" in unknown.stderr
