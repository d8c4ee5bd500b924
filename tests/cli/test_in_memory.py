"""Runs without a server: real tools, fakes from JSON and Python files, and the pytest fixture."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from weft_compiler.diagnostics import CompileFailed
from weft_worker.problems import CommandFailed
from weft_worker.pytest_plugin import RunOrchestration

from tests.cli.conftest import Inside, Weft

PLAN = """
rate = await get_rate("EUR")
print("rate", rate)
try:
    await charge(amount=0)
except ValueError as error:
    print("refused:", error)
receipt = await charge(amount=10)
return [rate * 2, receipt]
"""


def test_real_tools_are_called(weft: Weft) -> None:
    weft.write("plan.py", "print('hello')\nreturn await double(21)\n")
    ended = weft("run", "plan.py", "--in-memory", "--tools", "tools.py", "--json")
    assert ended.code == 0
    assert ended.json == {
        "run_id": "local",
        "status": "completed",
        "result": 42,
        "stdout": "hello\n",
        "steps": 1,
        "reused": 0,
        "error": None,
        "ui_url": None,
    }
    assert weft.calls() == ["double 21"]


def test_what_tools_print_does_not_mix_with_the_result(weft: Weft) -> None:
    weft.write(
        "noisy.py",
        """
        import subprocess
        import sys
        from weft_activities import tool

        print("loading")

        @tool
        def shout() -> int:
            print("shouting")
            subprocess.run([sys.executable, "-c", "print('child')"], check=True)
            return 1
        """,
    )
    weft.write("plan.py", "return await shout()\n")
    ended = weft("run", "plan.py", "--in-memory", "--tools", "noisy.py", "--json")
    assert ended.json["result"] == 1
    for words in ("loading", "shouting", "child"):
        assert words in ended.stderr


def test_people_get_output_result_and_a_summary(weft_inside: Inside) -> None:
    weft_inside.write("plan.py", "print('hello')\nreturn {'n': await double(21)}\n")
    ended = weft_inside("run", "plan.py", "--in-memory", "--tools", "tools.py")
    assert ended.stdout == 'hello\n{\n  "n": 42\n}\n\nrun local: completed, 1 step\n'


@pytest.mark.parametrize(
    ("plan", "printed"), [("print('hello')\n", "hello"), ("pass\n", "null"), ("print('')\nreturn 0\n", "\n0")]
)
def test_null_is_no_result_of_a_script_that_only_prints(weft_inside: Inside, plan: str, printed: str) -> None:
    weft_inside.write("plan.py", plan)
    ended = weft_inside("run", "plan.py", "--in-memory")
    assert ended.stdout == f"{printed}\n\nrun local: completed, 0 steps\n"
    assert weft_inside("run", "plan.py", "--in-memory", "--json").json["status"] == "completed"


def test_an_uncaught_exception_exits_with_1(weft_inside: Inside) -> None:
    weft_inside.write("plan.py", "x = 1\nreturn await explode('boom')\n")
    ended = weft_inside("run", "plan.py", "--in-memory", "--tools", "tools.py", "--json")
    assert ended.code == 1
    error = ended.json["error"]
    assert (error["type"], error["message"], error["line"]) == ("ValueError", "boom", 2)
    assert error["step"]


def test_fakes_from_json_answer_in_virtual_time(weft: Weft) -> None:
    weft.write("plan.py", PLAN)
    fakes = {
        "get_rate": 1.5,
        "charge": [
            {"args": {"amount": 0}, "raises": "ValueError: nothing to charge"},
            {"result": {"ok": True}, "delay": 250},
        ],
    }
    (weft.folder / "fakes.json").write_text(json.dumps(fakes))
    began = time.monotonic()
    ended = weft("run", "plan.py", "--fake", "fakes.json", "--json")
    assert ended.code == 0, ended.stderr
    assert ended.json["result"] == [3.0, {"ok": True}]
    assert ended.json["stdout"] == "rate 1.5\nrefused: nothing to charge\n"
    assert time.monotonic() - began < 100


def test_fakes_from_python_are_functions_named_like_the_tools(weft_inside: Inside) -> None:
    weft_inside.write("plan.py", PLAN)
    weft_inside.write(
        "fakes.py",
        """
        import datetime

        get_rate = 1.5

        async def charge(amount):
            if amount == 0:
                raise ValueError("nothing to charge")
            return _receipt(amount)

        def _receipt(amount):
            return {"amount": amount}
        """,
    )
    ended = weft_inside("run", "plan.py", "--fake", "fakes.py", "--json")
    assert ended.code == 0, ended.stderr
    assert ended.json["result"] == [3.0, {"amount": 10}]


def test_with_tools_and_fakes_nothing_real_is_called(weft_inside: Inside) -> None:
    weft_inside.write("plan.py", "return [await double(2), await send('x')]\n")
    (weft_inside.folder / "fakes.json").write_text('{"double": 5}')
    ended = weft_inside("run", "plan.py", "--tools", "tools.py", "--fake", "fakes.json")
    assert ended.code == 2
    assert "there is no fake for send" in ended.stderr
    (weft_inside.folder / "fakes.json").write_text('{"double": 5, "send": "ok"}')
    ended = weft_inside("run", "plan.py", "--tools", "tools.py", "--fake", "fakes.json", "--json")
    assert ended.json["result"] == [5, "ok"]
    assert weft_inside.calls() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        ("[1]", "one object"),
        ('{"double": [{"raises": 3}]}', '"raises"'),
        ('{"double": [{"result": 3, "delay": -1}]}', '"delay"'),
        ('{"double": [{"result": 3, "args": 1}]}', '"args"'),
    ],
)
def test_bad_fakes_are_refused(weft_inside: Inside, text: str, said: str) -> None:
    weft_inside.write("plan.py", "return await double(2)\n")
    (weft_inside.folder / "fakes.json").write_text(text)
    ended = weft_inside("run", "plan.py", "--fake", "fakes.json")
    assert ended.code == 2
    assert said in ended.stderr


def test_a_python_file_of_fakes_that_breaks_names_its_line(weft_inside: Inside) -> None:
    weft_inside.write("plan.py", "return await double(2)\n")
    weft_inside.write("fakes.py", "def double(n):\n    return n\n\n1 / 0\n")
    ended = weft_inside("run", "plan.py", "--fake", "fakes.py")
    assert ended.code == 2
    assert "fakes.py:4: ZeroDivisionError: division by zero" in ended.stderr


def test_the_fixture_runs_source_text(weft_run: RunOrchestration) -> None:
    run = weft_run(PLAN, fakes={"get_rate": 2, "charge": lambda amount: amount})
    assert (run.status, run.result, run.error) == ("completed", [4, 10], None)
    assert run.stdout == "rate 2\n"
    assert [tool for tool, _ in run.steps] == ["get_rate", "charge", "charge"]
    assert run.steps[1] == ("charge", {"amount": 0})


def test_the_fixture_runs_files_with_real_tools(weft_run: RunOrchestration, tmp_path: Path) -> None:
    (tmp_path / "plan.py").write_text("async def main(n):\n    return await add(n, b=2)\n")
    (tmp_path / "tools.py").write_text(
        "from weft_activities import tool\n\n\n@tool\ndef add(a: int, b: int) -> int:\n    return a + b\n"
    )
    run = weft_run(tmp_path / "plan.py", tools=tmp_path / "tools.py", inputs={"n": 1})
    assert run.result == 3
    assert run.steps == [("add", {"a": 1, "b": 2})]


async def test_the_fixture_works_inside_an_event_loop(weft_run: RunOrchestration) -> None:
    assert weft_run("return await f()", fakes={"f": 1}).result == 1


def test_the_fixture_tells_failures(weft_run: RunOrchestration) -> None:
    run = weft_run("x = await f()\nraise KeyError(x)", fakes={"f": "k"})
    assert run.status == "failed"
    assert run.error is not None
    assert (run.error.type, run.error.line) == ("KeyError", 2)
    with pytest.raises(CompileFailed) as refused:
        weft_run("return await g()", fakes={"f": 1})
    shown = refused.traceback.filter(refused)
    assert [entry.path for entry in shown] == [Path(__file__)]
    with pytest.raises(CommandFailed, match="missing input n"):
        weft_run("async def main(n):\n    return n + await f()", fakes={"f": 1})
