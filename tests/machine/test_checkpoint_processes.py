"""A checkpoint has the same bytes in every process, and another process goes on from it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from weft_workflows.machine import protocol as p
from weft_workflows.machine.machine import Machine

from tests.machine.running import ignore, result, start
from tests.machine.test_checkpoint_classes import PROGRAMS

ROOT = Path(__file__).parents[2]
WRITE = """
import sys
from tests.machine.running import start
machine, _ = start(sys.stdin.read())
sys.stdout.buffer.write(machine.snapshot())
"""


def written_elsewhere(source: str, seed: str) -> bytes:
    """The checkpoint of a run at its first step, written by a process with that hash seed."""
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", WRITE], input=source.encode(), env=environment, cwd=ROOT, capture_output=True, check=True
    )
    return done.stdout


def test_the_same_bytes_and_a_machine_that_goes_on() -> None:
    source = textwrap.dedent(PROGRAMS["keys"])
    first, second = (written_elsewhere(source, seed) for seed in ("1", "2"))
    assert first == second
    machine, commands = start(source)
    call = p.from_bytes(p.to_bytes(commands))[-1]
    event = p.to_bytes([p.StepSucceeded(call.step, "null", 1e9 + 1)])
    restored = Machine.restore(first, ignore)
    assert restored.snapshot() == first == machine.snapshot()
    straight = p.from_bytes(machine.deliver(event))
    assert p.from_bytes(restored.deliver(event)) == straight
    assert result(straight)[0] == 1
