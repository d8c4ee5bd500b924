"""The machine goes on with what older versions of it have begun as they would have: same commands, same fuel.

Fuel is among the rules because it decides what is carried out in a workflow's task and what by an activity (ADR 011).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from weft_compiler.plan import RULES_VERSION, running_python
from weft_workflows.host.limits import HostLimits
from weft_workflows.machine.checkpoint import CHECKPOINT_VERSION
from weft_workflows.machine.machine import Machine

from tests.machine.rules import CHECKPOINTS, RULES, KeptCheckpoint, Record, fuel_of, load, records_of, versions_of
from tests.oracle.machine import ignore_lines

ADVICE = """
A run that has begun with rules {rules} would go on otherwise than it began, and could not be replayed. Raise
`RULES_VERSION` (weft_compiler/plan.py), let the machine do as before for plans whose `rules` are lower, and record the new
rules with `python -m tests.machine.rules rules` (docs/contributing.md, "Change the machine or the workflow"). A run that
could not have gone on as it was recorded may stand in `DIFFER` instead."""
#: Runs of older rules that do differ: name -> why no run in flight can be harmed. Only for what was broken before.
DIFFER: dict[str, str] = {}
#: The fuel that an activation may use, by the version of the rules: histories depend on it as on the counting.
ACTIVATION_FUEL = {1: 500_000, 2: 500_000}
#: With rules 1 a restored machine paid again for patterns that it had used before.
EXACT_WHEN_RESTORED = 2

pytestmark = pytest.mark.skipif(
    running_python() != "3.11", reason="recorded on Python 3.11, and a run goes on only on its own Python"
)


def test_each_version_was_recorded() -> None:
    assert sorted(versions_of(RULES)) == list(range(1, RULES_VERSION + 1))
    assert sorted(versions_of(CHECKPOINTS)) == list(range(1, CHECKPOINT_VERSION + 1))


def test_an_activation_may_use_as_much_as_before() -> None:
    assert HostLimits().activation_fuel == ACTIVATION_FUEL[RULES_VERSION]


#: The normal run looks at one of so many; `-m long` at all.
PARTS = [3, pytest.param(1, marks=pytest.mark.long)]


@pytest.mark.parametrize("every", PARTS)
@pytest.mark.parametrize("version", sorted(versions_of(RULES)))
def test_what_has_begun_goes_on_as_it_began(version: int, every: int) -> None:
    records = [record for record in records_of(version) if "RecursionError" not in record.plan]
    assert len(records) > 400
    found = {record.name: difference(record) for record in records[::every]}
    differ = {name: said for name, said in found.items() if said and name not in DIFFER}
    assert not differ, "\n".join(f"{name}: {said}" for name, said in differ.items()) + ADVICE.format(rules=version)


@pytest.mark.parametrize("every", PARTS)
@pytest.mark.parametrize("version", sorted(versions_of(CHECKPOINTS)))
def test_old_checkpoints_go_on(version: int, every: int) -> None:
    """Each is restored, and then gets the events that came after it was taken."""
    kept: list[KeptCheckpoint] = load(CHECKPOINTS / f"{version}.jsonl.gz", KeptCheckpoint)
    assert len(kept) > 200
    records = {record.name: record for record in records_of(kept[0].rules)}
    for checkpoint in kept[::every]:
        record = records[checkpoint.name]
        machine = Machine.restore(checkpoint.data(record), ignore_lines)
        said = delivered(machine, record, checkpoint.event, costs=checkpoint.rules >= EXACT_WHEN_RESTORED)
        assert not said, f"{checkpoint.name} from a checkpoint of version {version}: {said}"


def difference(record: Record) -> str:
    """How the machine does otherwise than recorded, '' where it does not."""
    machine, commands = Machine.start(to_bytes(record.start), ignore_lines)
    said = compared("the start", record.commands[0], commands, record.fuel[0], fuel_of(machine))
    return said or delivered(machine, record, 0)


def delivered(machine: Machine, record: Record, first: int, *, costs: bool = True) -> str:
    for number, event in enumerate(record.events[first:], start=first):
        commands = machine.deliver(to_bytes(event))
        fuel = fuel_of(machine)
        expected_fuel = record.fuel[number + 1] if costs else fuel
        if said := compared(f"event {number}", record.commands[number + 1], commands, expected_fuel, fuel):
            return said
    return ""


def compared(where: str, recorded: str, now: bytes, recorded_fuel: int, fuel: int) -> str:
    old, new = messages(recorded), messages(now.decode("utf-8", "surrogatepass"))
    if len(old) != len(new) or not all(map(covers, new, old)):
        return f"after {where} the commands were\n    {old}\n  and are now\n    {new}"
    return "" if recorded_fuel == fuel else f"{where} took {recorded_fuel:,} units of fuel, and takes {fuel:,} now"


def messages(text: str) -> list[dict[str, Any]]:
    """Without addresses, which differ in each process (docs/limitations.md)."""
    found: list[dict[str, Any]] = json.loads(re.sub(r"0x[0-9a-f]{8,}", "0x…", text))
    return found


def covers(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether a command says what it said before; it may say more."""
    return all(new.get(name) == value for name, value in old.items())


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
