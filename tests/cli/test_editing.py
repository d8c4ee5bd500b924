"""`weft resume --edit`, `--rerun` and `--dry`: a changed orchestration goes on with what the old one has done."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Weft
from tests.cli.test_resuming import TOUCHY

pytestmark = pytest.mark.server

WORLD = '''
import json
from pathlib import Path
from weft_activities import tool

HERE = Path(__file__).parent


def note(text):
    with (HERE / "calls.log").open("a") as log:
        log.write(text + "\\n")


def world():
    file = HERE / "world.json"
    return json.loads(file.read_text()) if file.exists() else {}


def change(**values):
    (HERE / "world.json").write_text(json.dumps({**world(), **values}))


@tool(effect="read")
def status(name: str) -> str:
    """How something stands."""
    note(f"status {name}")
    return world().get(name, "broken")


@tool(effect="write")
def fix(name: str) -> str:
    """Mends something."""
    note(f"fix {name}")
    change(**{name: "mended"})
    return "fixed"


@tool(effect="write")
def clear() -> str:
    """Removes all."""
    note("clear")
    (HERE / "world.json").write_text("{}")
    return "cleared"


@tool(effect="write")
def insert(row: str) -> str:
    """Adds a row."""
    note(f"insert {row}")
    change(**{row: "there"})
    return row
'''


def test_a_read_after_a_write_is_read_anew(weft_served: Weft) -> None:
    weft_served.write("world.py", WORLD)
    weft_served.write("plan.py", "seen = await status('disk')\nawait fix('disk')\nreturn seen\n")
    weft_served.write("better.py", "await fix('disk')\nseen = await status('disk')\nreturn seen\n")
    ended = weft_served("run", "plan.py", "--tools", "world.py", "--run-id", "edit-read", "--json")
    assert ended.json["result"] == "broken"
    edited = weft_served("resume", "edit-read", "--edit", "better.py", "--json")
    assert edited.code == 0, edited.stderr
    assert edited.json["result"] == "mended"
    assert (edited.json["steps"], edited.json["reused"]) == (2, 1)
    assert weft_served.calls() == ["status disk", "fix disk", "status disk"]


def test_orphans_are_shown_and_park(weft_served: Weft) -> None:
    weft_served.write("world.py", WORLD)
    weft_served.write("plan.py", "await clear()\nawait insert('wrong')\nreturn 1\n")
    weft_served.write("right.py", "await clear()\nawait insert('right')\nreturn 2\n")
    assert weft_served("run", "plan.py", "--tools", "world.py", "--run-id", "edit-orphan").code == 0
    dry = weft_served("resume", "edit-orphan", "--edit", "right.py", "--dry", "--json")
    assert dry.code == 0, dry.stderr
    assert [row["call"] for row in dry.json["orphans"]] == ['insert(row="wrong")']
    assert [row["call"] for row in dry.json["runs"]] == ['insert(row="right")']
    # Nothing has changed: the run is completed as before.
    assert weft_served("result", "edit-orphan", "--json").json["result"] == 1
    parked = weft_served("resume", "edit-orphan", "--edit", "right.py")
    assert parked.code == 3, parked.stderr
    assert "does not repeat what the old one wrote: insert (line 2, insert)" in parked.stderr
    assert "weft retry edit-orphan @orphans" in parked.stderr
    assert weft_served.calls() == ["clear", "insert wrong"]
    accepted = weft_served("resume", "edit-orphan", "--accept-orphans", "--json")
    assert accepted.code == 0, accepted.stderr
    assert accepted.json["result"] == 2
    assert weft_served.calls() == ["clear", "insert wrong", "insert right"]


def test_a_parked_run_goes_on_as_edited(weft_served: Weft) -> None:
    weft_served.write("plan.py", "a = await double(1)\nb = await unreachable()\nreturn [a, b]\n")
    weft_served.write("around.py", "a = await double(1)\nb = await double(a)\nreturn [a, b]\n")
    parked = weft_served("run", "plan.py", "--tools", "tools.py", "--run-id", "edit-parked")
    assert parked.code == 3, parked.stderr
    edited = weft_served("resume", "edit-parked", "--edit", "around.py", "--json")
    assert edited.code == 0, edited.stderr
    assert edited.json["result"] == [2, 4]
    assert weft_served.calls() == ["double 1", "double 2"]


def test_one_changed_line_of_two_hundred_runs_one_step(weft_served: Weft) -> None:
    lines = [f"total += await double({n})" for n in range(200)]
    weft_served.write("plan.py", "\n".join(["total = 0", *lines, "return total / 0", ""]))
    lines[100] = "total += await double(1000)"
    weft_served.write("fixed.py", "\n".join(["total = 0", *lines, "return total", ""]))
    assert weft_served("run", "plan.py", "--tools", "tools.py", "--run-id", "edit-long").code == 1
    before = len(weft_served.calls())
    dry = weft_served("resume", "edit-long", "--edit", "fixed.py", "--dry")
    assert dry.stdout.splitlines()[-1] == (
        "dry run of edit-long: 100 reused, 1 to run; what comes after these cannot be known before they have run"
    )
    edited = weft_served("resume", "edit-long", "--edit", "fixed.py", "--json")
    assert edited.code == 0, edited.stderr
    assert edited.json["result"] == 2 * (sum(range(200)) - 100 + 1000)
    assert (edited.json["steps"], edited.json["reused"]) == (200, 199)
    assert weft_served.calls()[before:] == ["double 1000"]


def test_rerun_and_inputs(weft_served: Weft) -> None:
    weft_served.write("more.py", TOUCHY)
    weft_served.write(
        "plan.py", "async def main(n: int):\n    a = await double(n)\n    b = await double(7)\n    return [a, b]\n"
    )
    given = ("--inputs", '{"n": 1}')
    assert weft_served("run", "plan.py", "--tools", "more.py", "--run-id", "edit-inputs", *given).code == 0
    again = weft_served("resume", "edit-inputs", "--rerun", "double", "--json")
    assert (again.json["result"], again.json["reused"]) == ([2, 14], 0)
    other = weft_served("resume", "edit-inputs", "--inputs", '{"n": 5}', "--json")
    assert (other.json["result"], other.json["reused"]) == ([10, 14], 1)
    wrong = weft_served("resume", "edit-inputs", "--inputs", '{"m": 5}')
    assert wrong.code == 2
    assert weft_served.calls() == ["double 1", "double 7", "double 1", "double 7", "double 5"]
