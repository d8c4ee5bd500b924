"""`weft fork`: a new run that begins with the past of an old one."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Weft

pytestmark = pytest.mark.server


def test_a_fork_runs_anew_from_a_step_on(weft_served: Weft) -> None:
    weft_served.write("plan.py", "a = await double(1)\nb = await slow(a, 0.0)\nawait send('done')\nreturn [a, b]\n")
    assert weft_served("run", "plan.py", "--tools", "tools.py", "--run-id", "fork-old").code == 0
    before = weft_served.calls()
    forked = weft_served("fork", "fork-old", "--at", "slow", "--run-id", "fork-new", "--json")
    assert forked.code == 0, forked.stderr
    said = forked.json
    assert (said["run_id"], said["result"], said["steps"], said["reused"]) == ("fork-new", [2, 2], 3, 1)
    assert weft_served.calls()[len(before) :] == before[1:]
    # The old run is as it was.
    assert weft_served("result", "fork-old", "--json").json["reused"] == 0
    again = weft_served("fork", "fork-old", "--at", "slow", "--run-id", "fork-new")
    assert again.code == 2
    assert "there is a run fork-new already" in again.stderr


def test_a_fork_may_have_other_inputs(weft_served: Weft) -> None:
    weft_served.write(
        "plan.py", "async def main(n: int):\n    a = await double(7)\n    b = await double(n)\n    return [a, b]\n"
    )
    assert weft_served("run", "plan.py", "--tools", "tools.py", "--run-id", "fork-in", "--inputs", '{"n": 1}').code == 0
    wrong = weft_served("fork", "fork-in", "--at", "main/dobule")
    assert wrong.code == 2
    assert "has not called a step main/dobule; close to it: main/double" in wrong.stderr
    steps = weft_served("steps", "fork-in", "--json").json["steps"]
    forked = weft_served("fork", "fork-in", "--at", steps[1]["id"], "--inputs", '{"n": 5}', "--json")
    assert forked.code == 0, forked.stderr
    assert (forked.json["result"], forked.json["reused"]) == ([14, 10], 1)
    assert weft_served.calls() == ["double 7", "double 1", "double 5"]
