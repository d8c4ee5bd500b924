"""What a worker and its host share: frames on a socket, and one page of memory.

A frame is a header (size of the body, machine, operation) and a body of plain bytes; never pickle, because the child is
not trusted. The worker sends one frame and waits for one reply; `FORGET` alone has none. The page is written by the
child and read by the worker after the child's death: it says who was being executed, and at which line.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import struct
import sys
import tempfile
import time
from enum import IntEnum
from typing import Final

_HEADER: Final = struct.Struct("<IQB")
_CHUNK: Final = 64 * 1024
_LARGEST_CHUNK: Final = 1024 * 1024
PAGE_BYTES: Final = 4096

#: Exit code of a child whose machine let a MemoryError escape.
OUT_OF_MEMORY: Final = 70


#: Added to an operation of the worker: it has no budget and the limits for long calls. The page shows its line
#: meanwhile.
LONG: Final = 0x80


class Op(IntEnum):
    """Operations of the worker, then the child's replies."""

    HELLO = 1
    START = 2
    RESTORE = 3
    DELIVER = 4
    SNAPSHOT = 5
    INSPECT = 6
    FORGET = 7
    READY = 16
    DONE = 17
    RAISED = 18


class MessageTooLong(Exception):
    """A frame exceeds `HostLimits.message_bytes`. Nothing of it was sent."""

    def __init__(self, size: int, largest: int) -> None:
        super().__init__(f"a message of {size:,} bytes exceeds the host's limit of {largest:,}")


class Channel:
    """One end of the socket. Not thread-safe. Raises EOFError when the other side is gone, OSError as sockets do."""

    def __init__(self, sock: socket.socket, largest: int) -> None:
        self._socket = sock
        self._largest = largest
        self._buffer = bytearray()

    def send(self, op: int, machine: int, body: bytes) -> None:
        if len(body) > self._largest:
            raise MessageTooLong(len(body), self._largest)
        header = _HEADER.pack(len(body), machine, op)
        if len(body) > _LARGEST_CHUNK:
            # No copy of what is large, at the price of one more system call.
            self._socket.sendall(header)
            self._socket.sendall(body)
        else:
            self._socket.sendall(header + body)

    def receive(self, deadline: float | None = None) -> tuple[int, int, bytes]:
        """The next frame as (op, machine, body). `deadline` is of `time.monotonic`; TimeoutError after it."""
        self._fill(_HEADER.size, deadline)
        size, machine, op = _HEADER.unpack_from(self._buffer)
        if size > self._largest:
            raise MessageTooLong(size, self._largest)
        end = _HEADER.size + size
        self._fill(end, deadline)
        body = bytes(memoryview(self._buffer)[_HEADER.size : end])
        del self._buffer[:end]
        return op, machine, body

    def _fill(self, wanted: int, deadline: float | None) -> None:
        while len(self._buffer) < wanted:
            if deadline is not None:
                self._socket.settimeout(max(deadline - time.monotonic(), 0.0001))
            missing = wanted - len(self._buffer)
            chunk = self._socket.recv(min(max(missing, _CHUNK), _LARGEST_CHUNK))
            if not chunk:
                raise EOFError
            self._buffer += chunk

    def set_timeout(self, seconds: float) -> None:
        self._socket.settimeout(seconds)

    def close(self) -> None:
        self._socket.close()


class Page:
    """The shared page: word 0 is the machine that is being executed or 0, word 1 its source line."""

    def __init__(self, fd: int) -> None:
        self._words = memoryview(mmap.mmap(fd, PAGE_BYTES)).cast("Q")

    def begin(self, machine: int) -> None:
        self._words[1] = 0
        self._words[0] = machine

    def trace(self, line: int) -> None:
        self._words[1] = line

    def end(self) -> None:
        self._words[0] = 0

    @property
    def machine(self) -> int:
        return self._words[0]

    @property
    def line(self) -> int:
        return self._words[1]


def open_page() -> int:
    """A descriptor of one page that a child can inherit and that has no name in the file system.

    Where it can be, its size is sealed: a child that made it shorter would end the worker at its next look.
    """
    if sys.platform == "linux":
        fd = os.memfd_create("weft-host", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, PAGE_BYTES)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return fd
    with tempfile.TemporaryFile() as file:
        fd = os.dup(file.fileno())
    os.ftruncate(fd, PAGE_BYTES)
    return fd
