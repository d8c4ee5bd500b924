"""File locks that the operating system gives up when their holder dies, however it dies.

What always holds: a lock belongs to one open file of one process, so nothing stale can be left behind; the
file itself stays and means nothing. Standard library only: the server's keeper runs on it without
site-packages.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path
from types import TracebackType

#: Windows has no shared locks in the standard library: a shared lock takes one byte of this range, an
#: exclusive one all.
_RANGE = 1 << 20
_POLL = 0.02


class FileLock:
    """A lock on a file: any number of shared holders, or one exclusive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._taken: tuple[int, int] = (0, 0)

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self, *, shared: bool = False, timeout: float | None = None) -> bool:
        """Take the lock; False where others still hold it after `timeout` seconds. None waits for ever, 0
        tries once.

        Raises OSError where the file cannot be made.
        """
        if self._fd is not None:
            raise RuntimeError(f"{self.path} is already locked by this object")
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            taken = self._wait(fd, shared, timeout)
        except BaseException:
            os.close(fd)
            raise
        if taken:
            self._fd = fd
        else:
            os.close(fd)
        return taken

    def fileno(self) -> int:
        """The open file's descriptor; a process that inherits it holds the lock too."""
        if self._fd is None:
            raise RuntimeError(f"{self.path} is not locked")
        return self._fd

    def release(self) -> None:
        """Give the lock up; harmless where it is not held."""
        fd, self._fd = self._fd, None
        if fd is not None:
            _unlock(fd, self._taken)
            os.close(fd)

    def _wait(self, fd: int, shared: bool, timeout: float | None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._taken = (random.randrange(_RANGE), 1) if shared else (0, _RANGE)
            if _try_lock(fd, shared, self._taken, block=deadline is None):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock on that file exclusively at this moment."""
    probe = FileLock(path)
    if not path.exists():
        return False
    if probe.acquire(shared=True, timeout=0):
        probe.release()
        return False
    return True


if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int, shared: bool, span: tuple[int, int], *, block: bool) -> bool:  # noqa: ARG001
        os.lseek(fd, span[0], os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, span[1])
        except OSError:
            return False
        return True

    def _unlock(fd: int, span: tuple[int, int]) -> None:
        os.lseek(fd, span[0], os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, span[1])

else:
    import fcntl

    def _try_lock(fd: int, shared: bool, span: tuple[int, int], *, block: bool) -> bool:  # noqa: ARG001
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(fd, kind if block else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(fd: int, span: tuple[int, int]) -> None:  # noqa: ARG001
        fcntl.flock(fd, fcntl.LOCK_UN)
