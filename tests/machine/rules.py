"""What the machine does with recorded plans and events: the rules by which runs go on, whichever version began them.

A record is a run of one program: its first message, its events, the commands of each delivery and the fuel that it took, all
as a machine of its version of the rules gave them. The plan is in the first message, so that a later compiler changes nothing.
Records are made once for each `RULES_VERSION`, checkpoints of some of these runs once for each `CHECKPOINT_VERSION`:

    python -m tests.machine.rules rules
    python -m tests.machine.rules checkpoints

Neither is made again, since they stand for runs that have begun.
"""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from weft_workflows.machine.checkpoint import CHECKPOINT_VERSION
from weft_workflows.machine.machine import Machine

from tests.oracle.cases import load_cases
from tests.oracle.fakes import FakeTool
from tests.oracle.machine import ignore_lines, run_compiled
from tests.oracle.suite import compile_case
from tests.sandbox import everyday, programs

RULES = Path(__file__).with_name("rules")
CHECKPOINTS = Path(__file__).with_name("checkpoints")
_TESTS = Path(__file__).parents[1]
#: Of the cases, every one of so many.
_EVERY = 3


@dataclass
class Record:
    """One run. `commands` and `fuel` are those of the start and of each event; messages are their JSON."""

    name: str
    start: str
    events: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    #: -1 where a limit was exceeded.
    fuel: list[int] = field(default_factory=list)

    @property
    def plan(self) -> str:
        plan: str = json.loads(self.start)[0]["plan"]
        return plan


@dataclass
class KeptCheckpoint:
    """A checkpoint of a recorded run, as of before that event, without the plan, which is in the record."""

    name: str
    event: int
    text: str
    #: The rules of the recorded run.
    rules: int = 1

    @classmethod
    def of(cls, record: Record, event: int, data: bytes) -> KeptCheckpoint:
        text = data if data.startswith(b"{") else zlib.decompress(data)
        kept = json.loads(text.decode("utf-8", "surrogatepass"))
        assert kept.pop("plan") == record.plan
        return cls(record.name, event, json.dumps(kept), max(versions_of(RULES)))

    def data(self, record: Record) -> bytes:
        return json.dumps(json.loads(self.text) | {"plan": record.plan}).encode()


class Recorded:
    """A machine that notes what passes, in `records` by the number of the run."""

    records: list[Record]

    def __init__(self, machine: Machine, record: Record, commands: bytes) -> None:
        self._machine = machine
        self._record = record
        self._note(commands)

    @classmethod
    def start(cls, start: bytes) -> tuple[Recorded, bytes]:
        machine, commands = Machine.start(start, ignore_lines)
        cls.records.append(record := Record("", start.decode("utf-8", "surrogatepass")))
        return cls(machine, record, commands), commands

    def deliver(self, event: bytes) -> bytes:
        commands = self._machine.deliver(event)
        self._record.events.append(event.decode("utf-8", "surrogatepass"))
        self._note(commands)
        return commands

    def _note(self, commands: bytes) -> None:
        self._record.commands.append(commands.decode("utf-8", "surrogatepass"))
        self._record.fuel.append(fuel_of(self._machine))


def fuel_of(machine: Machine) -> int:
    """What the last delivery took."""
    meter = machine._program.meter
    return -1 if meter.tripped is not None else meter.limits.fuel - meter.fuel


def record_all() -> list[Record]:
    records = []
    for name, plan, tools, inputs in _programs():
        Recorded.records = []
        run_compiled(plan, tools, inputs, machine=Recorded.start)
        (record,) = Recorded.records
        record.name = name
        records.append(record)
    return records


def _programs() -> Iterator[tuple[str, Any, dict[str, FakeTool], dict[str, Any]]]:
    """Longer orchestrations, cases of each feature, and pure code of many kinds."""
    from weft_compiler.compile import compile_source
    from weft_compiler.diagnostics import CompileFailed

    cases = load_cases(_TESTS / "orchestrations") + load_cases(_TESTS / "cases")[::_EVERY]
    for case in cases:
        # How deep native recursion goes depends on who calls the machine.
        if not case.diagnostics and case.outcome and "RecursionError" not in case.source:
            yield case.id, compile_case(case)[0], case.tools, case.inputs
    for name, sources in (("everyday", everyday.EVERYDAY), ("programs", programs.PROGRAMS)):
        for number, source in enumerate(sources):
            if "RecursionError" in source:
                continue
            try:
                yield f"{name}-{number}", compile_source(source, [], file="plan.py"), {}, {}
            except CompileFailed:
                continue  # what is refused is the compiler's business


def take_checkpoints(records: list[Record]) -> list[KeptCheckpoint]:
    """One in the middle of each run that has a middle."""
    kept = []
    for record in records:
        if (middle := len(record.events) // 2) == 0:
            continue
        machine, _ = Machine.start(record.start.encode("utf-8", "surrogatepass"), ignore_lines)
        for event in record.events[:middle]:
            machine.deliver(event.encode("utf-8", "surrogatepass"))
        kept.append(KeptCheckpoint.of(record, middle, machine.snapshot()))
    return kept


def save(file: Path, rows: list[Any]) -> None:
    if file.exists():
        raise SystemExit(f"{file.name} is there already: it is never made again")
    file.parent.mkdir(exist_ok=True)
    text = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
    file.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{file.name}: {len(rows)}, {file.stat().st_size:,} bytes")


def load(file: Path, kind: type[Any]) -> list[Any]:
    return [kind(**json.loads(line)) for line in gzip.decompress(file.read_bytes()).splitlines()]


def versions_of(folder: Path) -> list[int]:
    return [int(file.name.split(".")[0]) for file in folder.glob("*.jsonl.gz")]


def records_of(rules: int) -> list[Record]:
    return load(RULES / f"{rules}.jsonl.gz", Record)


if __name__ == "__main__":
    if sys.argv[1] == "rules":
        from weft_compiler.plan import RULES_VERSION

        save(RULES / f"{RULES_VERSION}.jsonl.gz", record_all())
    else:
        save(CHECKPOINTS / f"{CHECKPOINT_VERSION}.jsonl.gz", take_checkpoints(records_of(max(versions_of(RULES)))))
