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
from collections.abc import Sequence
from typing import Final

#: No checkpoint begins so: one is JSON or zlib's.
_MANY: Final = b"weft-parts\n"
_LENGTH: Final = struct.Struct("<Q")


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
