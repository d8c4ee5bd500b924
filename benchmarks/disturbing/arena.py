"""One embedded server, and workers that are started again whenever they end, as a supervisor of services does it.

Always holds: the arena keeps a lease of its own, so that the server outlives its workers (as beside `weft dev`); a worker
is the command that people use; leaving the arena leaves no process behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
from temporalio.service import RPCError
from weft_worker.connect import Connection, Target, connect
from weft_worker.embedded import EmbeddedServerError, ServerLease, running_server
from weft_worker.settings import Settings

from benchmarks.disturbing.journal import Journal
from benchmarks.disturbing.processes import hosts_of, kill
from benchmarks.disturbing.workload import HERE, ROOT

Kind = Literal["worker", "hosts", "server", "all"]
KINDS: tuple[Kind, ...] = ("worker", "hosts", "server", "all")
#: Seconds between the end of a worker and the start of the next, as a supervisor leaves them.
_PAUSE = 0.1
#: Seconds that a worker may take to end when it is asked to.
_GRACE = 20.0


class Arena:
    """`async with Arena(folder) as arena`: the server runs, `connection` leads to it."""

    connection: Connection

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self._lease = ServerLease(self.state)
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Arena:
        self.connection = await connect(Target(None, self.state, self._lease), Settings())
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._keeping is not None
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        await asyncio.to_thread(self._lease.close)

    async def served(self) -> None:
        """Returns when the server answers. Raises RPCError where it does not within half a minute."""
        service = self.connection.client.workflow_service
        for _ in range(100):
            try:
                await service.get_system_info(GetSystemInfoRequest())
                await service.describe_namespace(DescribeNamespaceRequest(namespace=self.connection.client.namespace))
                return
            except RPCError:
                await asyncio.sleep(0.3)
        await service.get_system_info(GetSystemInfoRequest())

    async def _keep(self) -> None:
        """Starts the keeper again that somebody killed, as every `weft` process does."""
        while True:
            await asyncio.sleep(0.5)
            with contextlib.suppress(EmbeddedServerError):  # killed again while it started
                await asyncio.to_thread(self._lease.ensure)

    @asynccontextmanager
    async def workers(
        self, name: str, folder: Path, queue: str, *, count: int = 1, hold_at: str = ""
    ) -> AsyncIterator[Workers]:
        """Workers with the tools of the orchestration of that name, for the run whose files are in the folder."""
        environment = {
            **os.environ,
            "DISTURBED": name,
            "DISTURBED_FOLDER": str(folder),
            "DISTURBED_HOLD": hold_at,
            "WEFT_TASK_QUEUE": queue,
            "WEFT_HOSTS": "1",
            "WEFT_GRACE": "1",
            "WEFT_EXAMPLE_DIR": str(folder / "made"),
        }
        environment.pop("WEFT_EXAMPLE_DELAY", None)
        workers = Workers(self, folder, environment)
        tasks = [asyncio.create_task(workers.supervise()) for _ in range(count)]
        try:
            yield workers
        finally:
            await workers.stop()
            for task in tasks:
                await task


class Workers:
    """The workers of one run."""

    def __init__(self, arena: Arena, folder: Path, environment: dict[str, str]) -> None:
        self._arena = arena
        self._folder = folder
        self._environment = environment
        self._running: set[asyncio.subprocess.Process] = set()
        self._stopping = False
        #: How often workers were started, and exit codes that neither a kill nor a stop explains; SIGTERM's number where
        #: a worker did not heed it.
        self.starts = 0
        self.strange_ends: list[int] = []

    async def supervise(self) -> None:
        """Starts a worker whenever there is none, until `stop`."""
        while not self._stopping:
            self.starts += 1
            worker = await self._start()
            self._running.add(worker)
            code = await worker.wait()
            self._running.discard(worker)
            # One that is only just starting ends by the signal itself.
            if code not in (0, -signal.SIGKILL) and not (self._stopping and code == -signal.SIGTERM):
                self.strange_ends.append(code)
            await asyncio.sleep(_PAUSE)

    async def stop(self) -> None:
        """Asks all workers to end, as a supervisor does, and kills those that do not."""
        self._stopping = True
        for worker in list(self._running):
            with contextlib.suppress(ProcessLookupError):
                worker.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                while self._running:
                    await asyncio.sleep(0.02)
        for worker in list(self._running):
            self.strange_ends.append(signal.SIGTERM)
            kill(worker.pid)

    def strike(self, kind: Kind, chance: random.Random) -> Counter[str]:
        """`kill -9`, at once. Gives how many of what were killed."""
        workers = sorted(worker.pid for worker in self._running)
        hosts = [host for worker in workers for host in hosts_of(worker)]
        server = running_server(self._arena.state)
        match kind:
            case "worker":
                victims = {"worker": [chance.choice(workers)] if workers else []}
            case "hosts":
                victims = {"host": hosts}
            case "server":
                victims = {"server": [server.pid] if server else []}
            case "all":
                victims = {"keeper": [server.keeper] if server else [], "server": [server.pid] if server else []}
                victims |= {"worker": workers, "host": hosts}
        with Journal(self._folder / "journal.jsonl").locked():
            return Counter({what: killed for what, pids in victims.items() if (killed := _kill_all(pids))})

    async def _start(self) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "weft_worker.cli.main", "worker", "--state-dir", str(self._arena.state)]
        command += ["--tools", f"{HERE / 'served.py'}:TOOLS"]
        with (self._folder / "worker.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )


def _kill_all(pids: Sequence[int]) -> int:
    return sum([kill(pid) for pid in pids])
