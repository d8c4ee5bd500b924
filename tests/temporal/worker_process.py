"""A worker in a process of its own, to be killed: `python -m tests.temporal.worker_process ADDRESS QUEUE [MACHINE]`."""

from __future__ import annotations

import asyncio
import sys

from weft_workflows.host.pool import HostPool

from tests.temporal.conftest import MACHINE, connect, worker_on


async def main(address: str, queue: str, machine: str = MACHINE) -> None:
    async with worker_on(await connect(address), HostPool(size=1, machine=machine), queue):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
