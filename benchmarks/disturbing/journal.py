"""What tools did, one line each in a file: written in worker processes that may be killed at any moment, read by who kills.

Always holds: a line that was written outlives its process; a line that a kill tore is passed over by readers and closed
by the next writer; lines stand in the order in which they were written, whichever process wrote them. It knows neither
tools nor Temporal.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

#: `began` an execution; `did` what the tool is for; `refused` to, with an exception; `again`: had done it, gives the same
#: answer; `ended`: the answer leaves the tool.
Word = Literal["began", "did", "refused", "again", "ended"]


@dataclass(frozen=True)
class Line:
    word: Word
    key: str
    step: str
    tool: str
    effect: str
    #: The arguments as JSON text.
    arguments: str
    #: Which step of its tool this is, from 1.
    number: int
    pid: int
    #: Unix seconds.
    at: float
    #: What the tool gave, as JSON text.
    value: str = "null"


class Journal:
    """The file of one run. Objects are cheap, and several may be open at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[Line] = []
        self._read = 0

    def lines(self) -> list[Line]:
        """All whole lines so far; each call reads only what is new."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                fresh = file.read()
        except FileNotFoundError:
            return self._lines
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        self._lines += [line for text in whole.splitlines() if (line := _parse(text)) is not None]
        return self._lines

    def write(self, line: Line) -> None:
        """Adds a line; returns when it is on disk. The caller holds `locked`."""
        data = json.dumps(asdict(line), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        with self.path.open("ab+", buffering=0) as file:
            if file.tell() and not _ends_whole(self.path):
                data = b"\n" + data
            file.write(data)
            os.fsync(file.fileno())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile. The lock goes with the process that holds it."""
        with self.path.with_suffix(".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _parse(text: bytes) -> Line | None:
    try:
        return Line(**json.loads(text.decode("utf-8", "surrogatepass")))
    except (ValueError, TypeError):
        return None


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
