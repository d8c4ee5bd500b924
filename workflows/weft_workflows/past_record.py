"""What is kept of an earlier execution for the next one: outcomes in their order, as plain data and as bytes.

What always holds: bytes that were written once can be read by every later version; they are part of histories. Nothing here
decides what fits what: that is `past.py`.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Literal

from weft_workflows.machine import protocol as p

Rule = Literal["exact", "edited"]
#: Raised when bytes of today could not be understood as they are meant.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `id` is that of the step or timer; `called` its place in the order of the program.

    `value` is the JSON text of a result; of a failure the JSON array of type, message, arguments, base type and
    whether it was the last attempt. `before` is
    what stood before a read. `seconds` is a timer's; one that was set and never fired has the kind `unfired`.
    """

    kind: Literal["value", "failure", "timer", "unfired", "cancel"]
    id: str = ""
    now: float = 0.0
    tool: str = ""
    arguments: str = ""
    value: str = ""
    called: int = 0
    line: int = 0
    strand: str = ""
    before: str = ""
    seconds: float = 0.0

    def event(self, step: str, now: float) -> p.StepSucceeded | p.StepFailed:
        """The outcome of a step, as that of the step with this id."""
        if self.kind == "value":
            return p.StepSucceeded(step, self.value, now)
        type_, message, arguments, base_type, spent = json.loads(self.value)
        return p.StepFailed(step, type_, message, arguments, base_type, now, spent)


@dataclass(frozen=True, slots=True)
class OldCall:
    """A step that was called and has no outcome. `unsure`: it writes, and may have been carried out."""

    id: str
    tool: str
    arguments: str
    line: int = 0
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What a past begins with: outcomes in the order in which they were delivered, and what else a run takes from outside.

    `until` is when the earlier execution ended. `orphans` are ids of writes that the new program is not expected to repeat.
    """

    rule: Rule
    seed: int
    now: float
    until: float
    entries: tuple[Entry, ...] = ()
    open: tuple[OldCall, ...] = ()
    #: Tools and ids of steps that a person wants to run again.
    rerun: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    #: How many results were reused by the executions before this one of the same resumed run.
    reused: int = 0


def call_key(tool: str, arguments: str, before: str = "") -> str:
    """What two steps share that are the same call: the order of argument names does not matter."""
    plain = json.dumps(json.loads(arguments), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{tool}\0{plain}\0{before}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def record_bytes(record: Record) -> bytes:
    """A past that has not begun."""
    return packed({"version": VERSION, "record": plain_record(record)})


def record_of(data: bytes) -> Record:
    return record_of_plain(unpacked(data)["record"])


def plain_record(record: Record) -> dict[str, Any]:
    plain: dict[str, Any] = {name: getattr(record, name) for name in Record.__dataclass_fields__}
    plain["entries"] = [astuple(entry) for entry in record.entries]
    plain["open"] = [astuple(old) for old in record.open]
    return plain


def record_of_plain(plain: Mapping[str, Any]) -> Record:
    fields = dict(plain)
    fields["entries"] = tuple(Entry(*entry) for entry in fields["entries"])
    fields["open"] = tuple(OldCall(*old) for old in fields["open"])
    fields["rerun"], fields["orphans"] = tuple(fields["rerun"]), tuple(fields["orphans"])
    return Record(**fields)


def packed(plain: dict[str, Any]) -> bytes:
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 6)


def unpacked(data: bytes) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(zlib.decompress(data).decode("utf-8", "surrogatepass"))
    if plain["version"] > VERSION:
        raise ValueError("the run's past was written by a newer Weft: start a worker of that version")
    return plain
