"""Parts of a snapshot: out of it and back, and what is none."""

from __future__ import annotations

import pytest
from weft_workflows.machine.snapshots import DamagedSnapshot, parts_of, snapshot_of

from tests.machine.running import start


@pytest.mark.parametrize("parts", [[b"{}"], [b"x\x9c"], [b"{}", b"block"], [b"", b"", b"b" * 300], [b""]])
def test_parts_come_back(parts: list[bytes]) -> None:
    assert parts_of(snapshot_of(parts)) == parts


def test_one_part_is_the_snapshot_itself() -> None:
    machine, _ = start("await step()")
    snapshot = machine.snapshot()
    assert parts_of(snapshot) == [snapshot]
    assert snapshot_of([snapshot]) == snapshot


def test_no_parts_are_no_snapshot() -> None:
    with pytest.raises(DamagedSnapshot):
        snapshot_of([])


def test_every_end_in_the_middle_is_noticed() -> None:
    whole = snapshot_of([b"checkpoint", b"block"])
    between = whole.index(b"checkpoint") + len(b"checkpoint")
    for end in range(len(b"weft-parts\n"), len(whole)):
        if end != between:
            with pytest.raises(DamagedSnapshot):
                parts_of(whole[:end])
