"""A snapshot and its parts: one checkpoint, and beside it blocks of results that the program has not taken yet.

    snapshot = machine.snapshot()
    parts = parts_of(snapshot)            [checkpoint, block, block, …]
    snapshot_of(parts) == snapshot

What always holds: the first part is the checkpoint; a block, once there, is the same bytes in each later snapshot of the run
until all its results are taken. Whoever stores parts by their content keeps each block once, and a snapshot of one part is
that part itself. Knows neither what a checkpoint holds nor what a block does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

#: No checkpoint begins so: one is JSON or zlib's.
_MANY: Final = b"weft-parts\n"
_LENGTH: Final = struct.Struct("<Q")
#: Stands, with a name behind it, for a part that the reader has.
_KNOWN: Final = b"weft-known\n"
#: Bytes of a part's name.
NAME_BYTES: Final = 16


class DamagedSnapshot(ValueError):
    """Bytes that are no snapshot: their lengths do not fit together."""


def parts_of(snapshot: bytes) -> list[bytes]:
    """The parts of a snapshot, the checkpoint first. Raises DamagedSnapshot."""
    if not snapshot.startswith(_MANY):
        return [snapshot]
    parts, at = [], len(_MANY)
    while at < len(snapshot):
        start = at + _LENGTH.size
        if start > len(snapshot):
            raise DamagedSnapshot("this snapshot ends in the middle of a part's length")
        at = start + _LENGTH.unpack_from(snapshot, at)[0]
        if at > len(snapshot):
            raise DamagedSnapshot("this snapshot ends in the middle of a part")
        parts.append(snapshot[start:at])
    if not parts:
        raise DamagedSnapshot("this snapshot has no parts")
    return parts


def snapshot_of(parts: Sequence[bytes]) -> bytes:
    """The snapshot that has these parts. Raises DamagedSnapshot where there are none."""
    if not parts:
        raise DamagedSnapshot("a snapshot has at least one part, its checkpoint")
    if len(parts) == 1:
        return parts[0]
    return b"".join([_MANY, *(_LENGTH.pack(len(part)) + part for part in parts)])


def unpacked(snapshot: bytes | Sequence[bytes]) -> list[bytes]:
    """The parts of what is a snapshot or its parts already. Raises DamagedSnapshot."""
    return parts_of(snapshot) if isinstance(snapshot, bytes) else list(snapshot)


def name_of(part: bytes) -> bytes:
    """What names a part by its content."""
    return blake2b(part, digest_size=NAME_BYTES).digest()


def name_of_all(parts: Sequence[bytes]) -> bytes:
    """What names a snapshot by the content of its parts."""
    return name_of(b"".join(map(name_of, parts)))


@dataclass(frozen=True, slots=True)
class Parts:
    """A snapshot in memory: its checkpoint, and its blocks by their names, in their order."""

    checkpoint: bytes
    blocks: Mapping[bytes, bytes]

    @classmethod
    def of(cls, parts: Sequence[bytes]) -> Parts:
        checkpoint, *blocks = parts
        return cls(checkpoint, {name_of(block): block for block in blocks})

    def __iter__(self) -> Iterator[bytes]:
        return iter((self.checkpoint, *self.blocks.values()))

    @property
    def names(self) -> bytes:
        """The blocks' names, one behind the other: how a reader says what it has."""
        return b"".join(self.blocks)

    def packed(self, known: bytes = b"") -> bytes:
        """The snapshot, with nothing but the names of those blocks that its reader has."""
        names = {known[at : at + NAME_BYTES] for at in range(0, len(known), NAME_BYTES)}
        blocks = (_KNOWN + name if name in names else block for name, block in self.blocks.items())
        return snapshot_of([self.checkpoint, *blocks])

    def next(self, snapshot: bytes) -> Parts:
        """The parts of a snapshot that was packed for a reader of these. Raises DamagedSnapshot."""
        checkpoint, *blocks = parts_of(snapshot)
        names = [part[len(_KNOWN) :] if part.startswith(_KNOWN) else name_of(part) for part in blocks]
        try:
            found = {
                name: self.blocks[name] if part.startswith(_KNOWN) else part
                for name, part in zip(names, blocks, strict=True)
            }
        except KeyError:
            raise DamagedSnapshot("this snapshot leaves out a part that its reader does not have") from None
        return Parts(checkpoint, found)
