"""Removes payloads that nothing refers to: the second half of a collection of garbage. Knows no server.

What always holds: a file goes only if it was not marked and nobody has stored it since `cutoff`. Writers need no lock: a
file is first renamed to where no writer looks. One that has stored the same contents before has renewed the file's time,
which is seen now, so that the file is put back; one that comes later finds nothing and writes it anew.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from weft_worker.storage.directory import LEDGERS, UNFINISHED, ledger_folder
from weft_worker.storage.marking import digests_in

_SHARD: Final = re.compile(r"[0-9a-f]{2}")
#: A payload, or one that is being removed: by a name that no other sweep gives. A sweep that died leaves those; the next
#: one decides again.
_PAYLOAD: Final = re.compile(r"(?:\.old-[0-9a-f]+-)?([0-9a-f]{64})")


@dataclass
class Swept:
    """What a sweep has removed, or would remove, and what it has kept and why. Sizes are in bytes."""

    removed: int = 0
    removed_bytes: int = 0
    #: Of writers that did not live to finish.
    unfinished: int = 0
    ledgers: int = 0
    needed: int = 0
    needed_bytes: int = 0
    #: Not needed, but stored too recently: what refers to them may not be recorded yet.
    young: int = 0
    young_bytes: int = 0

    def to_json(self) -> dict[str, int]:
        return asdict(self)


def time_of(directory: Path) -> float:
    """The time now by the clock that sets the times of files there, which need not be this machine's."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=directory, prefix=UNFINISHED) as file:
        return Path(file.name).stat().st_mtime


def sweep(directory: Path, needed: set[str], *, cutoff: float, dry: bool) -> Swept:
    """Removes the payloads that are not needed and have not been stored since `cutoff`; `dry` only tells."""
    swept = Swept()
    for file in _files(directory):
        with suppress(FileNotFoundError):  # another sweep was quicker
            _sweep_file(file, needed, cutoff, swept, dry=dry)
    return swept


def digests_of_ledgers(directory: Path) -> Iterator[str]:
    """What the ledgers of runs refer to."""
    for file in sorted((directory / LEDGERS).rglob("*")):
        if file.is_file():
            yield from digests_in(_plain(file.read_bytes()))


def sweep_ledgers(directory: Path, runs: Iterable[str], *, cutoff: float, dry: bool) -> int:
    """Removes the ledgers of runs that are not among `runs` and were not written to since `cutoff`. Gives how many."""
    known = {ledger_folder(directory, run).name for run in runs}
    count = 0
    for folder in sorted((directory / LEDGERS).glob("*")):
        if folder.name in known or _newest(folder) >= cutoff:
            continue
        count += 1
        if not dry:
            shutil.rmtree(folder)
    return count


def _files(directory: Path) -> Iterator[Path]:
    """The files of payloads, finished or not, in a fixed order."""
    for shard in sorted(each for each in directory.glob("*") if _SHARD.fullmatch(each.name)):
        yield from sorted(file for file in shard.iterdir() if file.is_file())


def _sweep_file(file: Path, needed: set[str], cutoff: float, swept: Swept, *, dry: bool) -> None:
    status = file.stat()
    if file.name.startswith(UNFINISHED):
        if status.st_mtime < cutoff:
            swept.unfinished += 1
            if not dry:
                file.unlink()
        return
    if (name := _PAYLOAD.fullmatch(file.name)) is None:
        return  # none of ours
    digest = name.group(1)
    if digest in needed:
        swept.needed, swept.needed_bytes = swept.needed + 1, swept.needed_bytes + status.st_size
        if file.name != digest:
            _put_back(file, digest)
    elif status.st_mtime < cutoff and (dry or _remove(file, digest, cutoff)):
        swept.removed, swept.removed_bytes = swept.removed + 1, swept.removed_bytes + status.st_size
    else:
        swept.young, swept.young_bytes = swept.young + 1, swept.young_bytes + status.st_size


def _remove(file: Path, digest: str, cutoff: float) -> bool:
    """Removes a file unless somebody has stored its contents until it was out of sight."""
    going = file.with_name(f".old-{secrets.token_hex(8)}-{digest}")
    file.replace(going)
    if going.stat().st_mtime >= cutoff:
        _put_back(going, digest)
        return False
    going.unlink()
    return True


def _put_back(going: Path, digest: str) -> None:
    place = going.with_name(digest)
    if place.exists():  # written anew meanwhile
        going.unlink()
    else:
        going.replace(place)


def _newest(folder: Path) -> float:
    return max(file.stat().st_mtime for file in [folder, *folder.rglob("*")])


def _plain(data: bytes) -> bytes:
    """A file's contents, decompressed where they are compressed."""
    for decompress in (gzip.decompress, zlib.decompress, bz2.decompress, lzma.decompress):
        with suppress(OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
            return decompress(data)
    return data
