"""Messages cross versions: what is not known is refused by name, what is lacking has its default."""

from __future__ import annotations

import json

import pytest
from weft_workflows.fitting import UNFIT
from weft_workflows.machine.protocol import CallTool, NewerMessage, StepFailed, from_bytes, to_bytes


def test_messages_come_back_as_they_were() -> None:
    messages = [CallTool("a", "look", "{}", 3, "Look \ud800", "g"), StepFailed("a", "E", "m", "[]", "E", 1.5)]
    assert from_bytes(to_bytes(messages)) == messages


@pytest.mark.parametrize(
    ("change", "unknown"), [({"colour": "red"}, "call_tool: colour"), ({"kind": "teleport"}, "teleport: teleport")]
)
def test_what_a_newer_weft_says_is_refused_by_name(change: dict[str, str], unknown: str) -> None:
    (message,) = json.loads(to_bytes([CallTool("a", "look", "{}", 3)]))
    with pytest.raises(NewerMessage, match=f"a newer Weft than this sent the machine's message {unknown} is not known"):
        from_bytes(json.dumps([message | change]).encode())
    assert NewerMessage.__name__ in UNFIT


def test_fields_of_later_versions_have_defaults() -> None:
    """What version 1 of the rules sent."""
    failed = b'[{"kind":"step_failed","step":"a","type":"E","message":"m","arguments":"[]","base_type":"E","now":1.5}]'
    assert from_bytes(failed) == [StepFailed("a", "E", "m", "[]", "E", 1.5)]
