"""Each limit of a run names itself, the line that exceeded it and the setting that raises it."""

from __future__ import annotations

import pytest
from weft_compiler.plan import Limits
from weft_workflows.machine import protocol as p

from tests.machine.running import run

#: Small enough for tests, and other numbers than the usual ones.
LIMITS = Limits(fuel=300_000, value_bytes=10_000_000, call_depth=200, output_chars=50_000)
#: Programs that exceed a limit on their line 4.
EXCEEDING = {
    "fuel": "total = 0\nawait step(1)\nwhile True:\n    total += 1",
    "value_bytes": "await step(1)\ntext = 'a'\nprint(len(text))\ntext = text * 10**10",
    "output_chars": "await step(1)\ntext = 'a' * 1000\nwhile True:\n    print(text)",
    "call_depth": "async def down(n):\n    await step(n) if n == 0 else None\n    # deeper\n    await down(n + 1)\nawait down(0)",
}
#: The same in other places: under `finally`, in a function, where the program tries to go on.
FUEL = {
    "in a function": "def f():\n    x = 0\n    while True:\n        x += 1\nf()",
    "under finally": "try:\n    x = 0\n    while True:\n        x += 1\nfinally:\n    print('cleaned')",
    "caught": "try:\n    x = 0\n    while True:\n        x += 1\nexcept BaseException:\n    print('caught')",
    "in a comprehension": "import itertools\nawait step(1)\nprint('begins')\nx = [n for n in itertools.count()]",
    "in a generator": "def f():\n    x = 0\n    while True:\n        yield x\nsum(f())",
    "in a method": "class A:\n    def f(self):\n        while True:\n            self.x = 1\nA().f()",
}


def test_every_limit_is_tried() -> None:
    assert set(EXCEEDING) == set(Limits.model_fields)


@pytest.mark.parametrize("setting", EXCEEDING)
def test_a_limit_names_its_line_and_setting(setting: str) -> None:
    end = run(EXCEEDING[setting], restored=False, limits=LIMITS)[-1]
    assert isinstance(end, p.Fail)
    assert end.type == ("RecursionError" if setting == "call_depth" else "LimitExceeded")
    assert f"--limit {setting}=N" in end.traceback
    assert 3 <= end.line <= 4
    assert f'"plan.py", line {end.line}, in' in end.traceback
    assert f"{getattr(LIMITS, setting):,}" in end.traceback


@pytest.mark.parametrize("where", FUEL)
def test_the_line_is_where_the_fuel_ended(where: str) -> None:
    end = run(FUEL[where], restored=False, limits=LIMITS)[-1]
    assert isinstance(end, p.Fail)
    assert (end.type, end.line in (3, 4)) == ("LimitExceeded", True), end


def test_the_smallest_limit_ends_the_run_as_any_other() -> None:
    end = run("x = 1\nfor n in range(100):\n    x += n", restored=False, limits=Limits(fuel=1))[-1]
    assert isinstance(end, p.Fail)
    assert (end.type, end.line) == ("LimitExceeded", 1)


def test_a_limit_that_strikes_between_strands_tells_where_the_program_stands() -> None:
    source = "import asyncio\nawait step(1)\nwhile True:\n    await asyncio.sleep(0)"
    end = run(source, restored=False, limits=LIMITS)[-1]
    assert isinstance(end, p.Fail)
    assert end.type == "LimitExceeded"
    assert end.line in (3, 4)
