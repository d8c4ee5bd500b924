"""One of the pool's hosts through all its deaths: its present process, its turn, and the machines assigned to it."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue

from weft_workflows.host.errors import HostBusy, HostStartFailed, PoolClosed
from weft_workflows.host.limits import HostLimits
from weft_workflows.host.process import HostProcess


class Starter:
    """The one thread that starts host processes and clears up after collected handles.

    Linux ends a child with the thread that started it, and runs come from short-lived threads; so this thread lives as
    long as the pool. Tasks may be put from a finalizer, in the middle of anything, which `SimpleQueue.put` allows.
    """

    def __init__(self, machine: str) -> None:
        self._machine = machine
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="weft-hosts", daemon=True)
        self._thread.start()

    def start_host(self, limits: HostLimits) -> Future[HostProcess]:
        future: Future[HostProcess] = Future()

        def start() -> None:
            try:
                future.set_result(HostProcess(limits, self._machine))
            except Exception as error:  # noqa: BLE001 - it is raised by whoever needs the host
                future.set_exception(HostStartFailed(f"no host process could be started: {error}"))

        self.put(start)
        return future

    def put(self, task: Callable[[], None]) -> None:
        self._tasks.put(task)

    def stop(self) -> None:
        """Carries out what was put before, then ends the thread."""
        self._tasks.put(None)
        # A pool that nobody closed may be collected while this very thread runs.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


class Slot:
    """Thread-safe. A process is asked only by the thread that holds the slot's turn.

    `own` is the host of one machine, which ends with that machine.
    """

    def __init__(self, starter: Starter, limits: HostLimits, *, own: bool = False) -> None:
        self._starter = starter
        self._limits = limits
        self._own = own
        self._turn = threading.Lock()
        self._starting = threading.Lock()
        self._coming: Future[HostProcess] | None = None
        self._process: HostProcess | None = None
        self._closed = False
        #: Machines assigned to this host, whether they are in its memory now or not.
        self.members: set[int] = set()
        self._forgotten: deque[int] = deque()

    @property
    def is_own(self) -> bool:
        """Whether it is the host of one machine alone."""
        return self._own

    @property
    def is_ready(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None else None

    @property
    def line(self) -> int:
        """The line that is being executed; 0 where there is none."""
        process = self._process
        return process.line if process is not None else 0

    def prepare(self) -> None:
        """Begins to start a process unless there is one. Does not wait for it."""
        if self._process is None and self._coming is None:
            with self._starting:
                self._prepare()

    def _prepare(self) -> None:
        if self._process is None and self._coming is None and not self._closed:
            self._coming = self._starter.start_host(self._limits)

    def ready(self) -> HostProcess:
        """The present process; waits until it is ready. Raises HostStartFailed, PoolClosed."""
        process = self._process
        if process is not None:
            return process
        with self._starting:
            self._prepare()
            if self._process is None:
                self._process = self._arrive()
            return self._process

    def _arrive(self) -> HostProcess:
        if self._coming is None:
            raise PoolClosed
        try:
            process = self._coming.result()
            process.await_ready()
        finally:
            self._coming = None
        return process

    @contextlib.contextmanager
    def turn(self) -> Iterator[HostProcess]:
        """The process, for this thread alone. Raises HostBusy where others take too long, else as `ready`."""
        while True:
            process = self.ready()
            if not self._turn.acquire(timeout=self._limits.turn_seconds):
                raise HostBusy(
                    f"other runs kept the host busy for {self._limits.turn_seconds:g} s; the call can be made again"
                )
            try:
                # It may have died under those who were before this thread.
                if process is self._process:
                    self._forget_all(process)
                    yield process
                    return
            finally:
                self._turn.release()

    def lost(self, process: HostProcess) -> None:
        """That process has died: the next one is started at once, so that it is there when it is needed.

        Raises PoolClosed if that is why it died.
        """
        with self._starting:
            if self._process is process:
                self._process = None
            self._prepare()
        if self._closed:
            raise PoolClosed

    def rest(self) -> None:
        """Ends the process and gives back its memory; the next call starts another."""
        with self._turn, self._starting:
            process, self._process = self._process, None
            if process is not None:
                process.end()

    def forget(self, machine: int) -> None:
        """From a finalizer, in any thread, in the middle of anything."""
        self.members.discard(machine)
        if self._own:
            self._starter.put(self.close)
            return
        self._forgotten.append(machine)
        self._starter.put(self._forget_if_idle)

    def _forget_if_idle(self) -> None:
        process = self._process
        if process is not None and self._turn.acquire(blocking=False):
            # Else whoever has the turn next does it.
            try:
                self._forget_all(process)
            finally:
                self._turn.release()

    def _forget_all(self, process: HostProcess) -> None:
        while self._forgotten:
            process.forget(self._forgotten.popleft())

    def close(self) -> None:
        """Ends the process, also under a request. Nothing is started any more."""
        self._closed = True
        if self._process is not None:
            self._process.kill()
        with self._starting:
            ending = [self._process] if self._process is not None else []
            if self._coming is not None and self._coming.exception() is None:
                ending.append(self._coming.result())
            self._process = self._coming = None
        for process in ending:
            # One that was still being started when the first look found none may be under a request by now.
            process.kill()
        with self._turn:
            for process in ending:
                process.end()
