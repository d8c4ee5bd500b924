"""Encodes and decodes single values in a run that does nothing, and compares what came back."""

from __future__ import annotations

from typing import Any

from weft_workflows.machine.checkpoint_kinds import BY_TAG, kind_of
from weft_workflows.machine.codec import Chunks, Decoder, Encoder
from weft_workflows.machine.codec_names import Surroundings
from weft_workflows.machine.program import Program
from weft_workflows.sandbox.sets import FrozenOrderedSet, OrderedSet

from tests.machine.running import start


def surroundings() -> Surroundings:
    machine, _ = start("await step()")
    program = machine._program
    assert isinstance(program, Program)
    return Surroundings(program)


def encoded(run: Surroundings, value: Any) -> bytes:
    return b"".join([b"{", *Encoder(run, lambda each: kind_of(run, each)).pieces([value]), b"}"])


def decoded(run: Surroundings, data: bytes) -> Any:
    table, chunks = Chunks.split(data.decode("utf-8", "surrogatepass"))
    (value,) = Decoder(run, BY_TAG, chunks, table["late"], lambda _: None).decode()
    return value


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal in type, content and order, and share objects in the same places."""
    pairs: dict[int, int] = {}
    pending = [(left, right)]
    while pending:
        one, other = pending.pop()
        if type(one) is not type(other):
            return False
        parts = _parts(one)
        if parts is None:
            if repr(one) != repr(other):
                return False
            continue
        if id(one) in pairs:
            if pairs[id(one)] != id(other):
                return False
            continue
        pairs[id(one)] = id(other)
        others = _parts(other)
        if others is None or len(parts) != len(others):
            return False
        pending.extend(zip(parts, others, strict=True))
    return len(set(pairs.values())) == len(pairs)


def _parts(value: Any) -> list[Any] | None:
    if isinstance(value, dict):
        return [each for pair in value.items() for each in pair]
    if isinstance(value, list | tuple | OrderedSet | FrozenOrderedSet):
        return list(value) if value != () else None
    return None
