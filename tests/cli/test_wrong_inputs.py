"""Wrong input is refused before anything runs: one clear message each, all of them together, the right exit
code.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.cli.conftest import Inside, Weft

GOOD = "async def main(n: int):\n    return await double(n)\n"


@dataclass(frozen=True)
class Case:
    """A command line that is wrong. `codes` are those of the diagnostics, in their order."""

    name: str
    says: list[str]
    exit_code: int
    codes: list[str]
    plan: str = GOOD
    arguments: list[str] = field(default_factory=list)
    tools: str = "tools.py"
    line: int = 0


CASES = [
    Case("unknown tool", ["dubble", "double"], 1, ["unknown-tool"], "return await dubble(1)\n", line=1),
    Case("wrong argument name", ["`m`", "double"], 1, ["wrong-argument"], "return await double(1, m=1)\n", line=1),
    Case("missing argument", ["n"], 1, ["missing-argument"], "return await double()\n", line=1),
    Case("syntax error", ["'('"], 1, ["syntax-error"], "x = (1\n", line=1),
    Case("refused construct", ["eval"], 1, ["refused-builtin"], "return eval('1')\n", line=1),
    Case("missing input", ["missing input n", "--inputs"], 2, ["missing-input"]),
    Case("unknown input", ["no input m; it takes n"], 2, ["unknown-input"], arguments=["--inputs", '{"n": 1, "m": 2}']),
    Case(
        "input that top-level code does not read",
        ["no inputs m, d: nothing in it reads them"],
        2,
        ["unknown-input"],
        "def f(d):\n    return d + n\nm = await double(f(1))\nreturn 1\n",
        arguments=["--inputs", '{"m": 1, "n": 1, "d": 2}'],
    ),
    Case("bad JSON", ["--inputs is not valid JSON"], 2, ["usage"], arguments=["--inputs", "{n: 1}"]),
    Case("NaN", ["NaN is not JSON"], 2, ["usage"], arguments=["--inputs", '{"n": NaN}']),
    Case("not an object", ["an array, not an object"], 2, ["usage"], arguments=["--inputs", "[1]"]),
    Case("no inputs' file", ["gone.json cannot be read"], 2, ["usage"], arguments=["--inputs", "@gone.json"]),
    Case(
        "wrong limits",
        ["--limit feul=1: there is no limit 'feul', did you mean fuel?", "--limit value_bytes=0: not a positive whole"],
        2,
        ["usage", "usage"],
        arguments=["--inputs", '{"n": 1}', "--limit", "feul=1", "--limit", "value_bytes=0"],
    ),
    Case("unreadable tools", ["gone.py"], 2, ["usage"], tools="gone.py", arguments=["--inputs", '{"n": 1}']),
    Case("no tools in it", ["has no tools"], 2, ["usage"], tools="plan.py", arguments=["--inputs", '{"n": 1}']),
    Case(
        "several at once",
        ["dubble", "eval", "--inputs is not valid JSON"],
        1,
        ["unknown-tool", "refused-builtin", "usage"],
        "x = await dubble(1)\nreturn eval('1')\n",
        arguments=["--inputs", "{"],
        line=1,
    ),
    Case(
        "several of the command line",
        ["gone.py", "gone.json"],
        2,
        ["usage", "usage"],
        tools="gone.py",
        arguments=["--inputs", "@gone.json"],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_input_is_told_before_anything_runs(weft_inside: Inside, case: Case) -> None:
    plan = weft_inside.write("plan.py", case.plan)
    ended = weft_inside("run", plan, "--in-memory", "--tools", case.tools, "--json", *case.arguments)
    assert ended.code == case.exit_code
    for words in case.says:
        assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    said = ended.json
    assert said["status"] == "failed"
    assert said["error"]["type"] == ("CompileError" if case.exit_code == 1 else "UsageError")
    assert said["error"]["line"] == case.line
    assert [each["code"] for each in said["diagnostics"]] == case.codes
    assert weft_inside.calls() == []


@pytest.mark.parametrize(
    "plan",
    ["return n\n", "def f():\n    return n\nreturn f()\n", "print([n for _ in '1'])\nreturn 1\n", "n += 1\nreturn 1\n"],
)
def test_inputs_that_top_level_code_reads_somewhere_are_taken(weft_inside: Inside, plan: str) -> None:
    weft_inside.write("plan.py", plan)
    ended = weft_inside("run", "plan.py", "--in-memory", "--inputs", '{"n": 1}', "--json")
    assert (ended.code, ended.json["result"]) == (0, 1), ended.stderr


def test_an_unreadable_orchestration(weft_inside: Inside) -> None:
    ended = weft_inside("run", "gone.py", "--in-memory")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == "error: the orchestration gone.py cannot be read: No such file or directory\n"


def test_an_orchestration_that_is_not_text(weft_inside: Inside) -> None:
    (weft_inside.folder / "plan.py").write_bytes(b"x = '\xff'\n")
    ended = weft_inside("run", "plan.py", "--in-memory")
    assert ended.code == 2
    assert "not UTF-8" in ended.stderr


def test_no_server_at_the_address_is_said_within_seconds(weft_inside: Inside) -> None:
    weft_inside.write("plan.py", "return 1\n")
    for arguments in (["run", "plan.py"], ["list"], ["status", "run-1"], ["cancel", "run-1"]):
        ended = weft_inside(*arguments, "--address", "127.0.0.1:9", "--json")
        assert ended.code == 1
        assert ended.json["error"]["type"] == "ConnectionError"
        assert ended.stderr.startswith("error: no Temporal server at 127.0.0.1:9 (connection refused)")
        assert ended.stderr.count("\n") == 1


def test_the_address_may_come_from_temporals_own_variable(weft: Weft) -> None:
    ended = weft("list", TEMPORAL_ADDRESS="127.0.0.1:9")
    assert "127.0.0.1:9" in ended.stderr


def test_wrong_settings_are_told_together(weft: Weft) -> None:
    ended = weft("list", WEFT_GRACE="long", WEFT_MAX_STEPS="0")
    assert ended.code == 2
    assert "WEFT_GRACE" in ended.stderr
    assert "WEFT_MAX_STEPS" in ended.stderr


def test_submitting_needs_a_server_that_stays(weft_inside: Inside) -> None:
    weft_inside.write("plan.py", "return 1\n")
    ended = weft_inside("submit", "--plan", "plan.py")
    assert ended.code == 1
    assert "weft dev" in ended.stderr
    assert "--address" in ended.stderr
