"""`weft resume` of runs that have ended: what is done stays done."""

from __future__ import annotations

import pytest

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
