"""A run's limits: exceeded, the error says how to raise them; raised so, the run completes."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Inside, Weft

PLAN = "total = 0\nfor n in range(5000):\n    total += n\nprint(total)\nreturn total\n"


@pytest.mark.parametrize("name", ["fuel", "output_chars"])
def test_what_the_error_says_raises_the_limit(weft_inside: Inside, name: str) -> None:
    weft_inside.write("plan.py", PLAN)
    ended = weft_inside("run", "plan.py", "--in-memory", "--limit", f"{name}=1", "--json")
    assert ended.code == 1
    said = re.search(rf"`--limit ({name})=N`", ended.json["error"]["message"])
    assert said is not None, ended.json["error"]
    again = weft_inside("run", "plan.py", "--in-memory", "--limit", f"{said[1]}=100_000", "--json")
    assert again.json["result"] == 12_497_500, again.stderr


def test_the_environment_says_limits_and_the_command_line_wins(
    weft_inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    weft_inside.write("plan.py", PLAN)
    monkeypatch.setenv("WEFT_LIMITS", "fuel=10, output_chars=100")
    assert "--limit fuel=N" in weft_inside("run", "plan.py", "--in-memory").stderr
    assert weft_inside("run", "plan.py", "--in-memory", "--limit", "fuel=100000").code == 0
    monkeypatch.setenv("WEFT_LIMITS", "fuel")
    wrong = weft_inside("compile", "plan.py")
    assert wrong.code == 2
    assert wrong.stderr == "error: WEFT_LIMITS fuel: not a positive whole number: write for example fuel=1000000000\n"


def test_compile_takes_limits(weft_inside: Inside) -> None:
    weft_inside.write("plan.py", PLAN)
    assert weft_inside("compile", "plan.py", "--limit", "call_depth=10").code == 0
    wrong = weft_inside("compile", "plan.py", "--limit", "10")
    assert wrong.code == 2
    assert "Write NAME=NUMBER with one of fuel, value_bytes, call_depth, output_chars" in wrong.stderr


@pytest.mark.server
def test_a_run_on_a_server_has_the_limits(weft_served: Weft) -> None:
    weft_served.write("plan.py", PLAN)
    ended = weft_served("run", "plan.py", "--limit", "fuel=100", "--json")
    assert (ended.code, ended.json["error"]["type"]) == (1, "LimitExceeded"), ended.stderr
    assert "--limit fuel=N" in ended.json["error"]["message"]
