"""How a run's end is told."""

from __future__ import annotations

import pytest
from temporalio.exceptions import ApplicationError
from weft_workflows.machine import protocol as p
from weft_workflows.run_results import result_of


def test_a_long_traceback_keeps_its_beginning_and_its_end() -> None:
    frames = "".join(f'  File "plan.py", line {n}, in f\n' for n in range(5000))
    text = f"Traceback (most recent call last):\n{frames}ValueError: ä"
    with pytest.raises(ApplicationError) as caught:
        result_of(p.Fail("ValueError", "ä", 4999, traceback=text), "", 0, cancelled=False)
    told = caught.value.details[0].error.traceback
    assert len(told.encode()) < 21_000
    assert told.startswith("Traceback (most recent call last):\n")
    assert told.endswith("line 4999, in f\nValueError: ä")
