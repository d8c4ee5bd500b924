"""What it costs to keep payloads outside of history, on the embedded server.

Prints the time of a step whose result has a size, with the result in history and outside of it; how fast the histories
are read for `weft storage gc`; and what a large value takes on its way through two steps and the result of a run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker
from weft_worker.embedded import ServerLease
from weft_worker.payloads import open_storage
from weft_worker.storage.marking import mark

SIZES = (8_000, 24_000, 64_000, 128_000, 256_000)
NEVER, ALWAYS = 10**7, 1024
REPEATS = 3
TOOLS = '''
from weft_activities import tool

@tool(effect="read")
def load(size: int) -> str:
    """Much."""
    return "x" * size

@tool(effect="read")
def copy(text: str) -> str:
    """The same, but not by contents."""
    return text + "!"
'''
PLAN = "return await copy(await copy(await load({size})))\n"


@activity.defn
async def give(size: int) -> str:
    return os.urandom(size // 2).hex()


@workflow.defn(sandboxed=False)
class Loop:
    @workflow.run
    async def run(self, size: int, steps: int) -> None:
        for _ in range(steps):
            await workflow.execute_activity(give, size, start_to_close_timeout=timedelta(minutes=1))


@workflow.defn(sandboxed=False)
class Timers:
    @workflow.run
    async def run(self, rounds: int) -> None:
        for _ in range(rounds):
            await asyncio.gather(*[workflow.sleep(0.01) for _ in range(500)])


async def connect(address: str, folder: Path, threshold: int) -> Client:
    converter = open_storage(folder, threshold=threshold).converter
    async with asyncio.timeout(30):
        while True:
            try:
                return await Client.connect(address, data_converter=converter)
            except RuntimeError:  # it does not serve yet
                await asyncio.sleep(0.1)


async def milliseconds(client: Client, size: int, steps: int) -> float:
    """Of one step, in the quickest of some runs."""
    times = []
    async with Worker(client, task_queue="loops", workflows=[Loop], activities=[give]):
        for number in range(REPEATS):
            began = time.perf_counter()
            await client.execute_workflow(Loop.run, args=[size, steps], id=f"loop-{began}-{number}", task_queue="loops")
            times.append(time.perf_counter() - began)
    return min(times) / steps * 1000


async def compare(address: str, folder: Path, steps: int) -> None:
    print("| bytes of a result | in history, ms a step | outside, ms a step |\n| --- | --- | --- |")
    for size in SIZES:
        inline = await milliseconds(await connect(address, folder, NEVER), size, steps)
        outside = await milliseconds(await connect(address, folder, ALWAYS), size, steps)
        print(f"| {size:,} | {inline:.1f} | {outside:.1f} |", flush=True)


async def read_histories(address: str, folder: Path, rounds: int) -> None:
    client = await connect(address, folder, ALWAYS)
    async with Worker(client, task_queue="timers", workflows=[Timers]):
        await client.execute_workflow(Timers.run, rounds, id="timers", task_queue="timers")
    described = await client.get_workflow_handle("timers").describe()
    began = time.perf_counter()
    marked = await mark(client, lambda _: None)
    seconds = time.perf_counter() - began
    print(f"\n{len(marked.executions)} histories read in {seconds:.2f} s, one of {described.history_length:,} events")


def pass_through(size: int, folder: Path) -> None:
    """A run of the command line in processes of its own, so that their memory can be told."""
    (folder / "tools.py").write_text(TOOLS)
    (folder / "plan.py").write_text(PLAN.format(size=size))
    weft = [sys.executable, "-m", "weft_worker.cli.main", "run", "plan.py", "--tools", "tools.py", "--json"]
    environment = {**os.environ, "WEFT_STATE_DIR": str(folder / "state")}
    began = time.perf_counter()
    ended = subprocess.run(weft, cwd=folder, env=environment, capture_output=True, check=True)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    stored = sum(file.stat().st_size for file in (folder / "state" / "payloads").rglob("*") if file.is_file())
    print(
        f"\n{size / 1e6:.0f} MB through two steps and the result: {len(ended.stdout) / 1e6:.1f} MB of output after"
        f" {seconds:.1f} s, {stored / 1e6:.0f} MB of payloads; the largest process had {peak:.0f} MB at its peak"
    )


async def measure(folder: Path, steps: int) -> None:
    with ServerLease(folder / "state") as lease:
        address = (await asyncio.to_thread(lease.wait)).address
        await compare(address, folder / "kept", steps)
        await read_histories(address, folder / "kept", max(1, steps // 5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40, help="steps of each loop")
    parser.add_argument("--size", type=int, default=30_000_000, help="bytes of the large value")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder) / "loops", chosen.steps))
        run = Path(folder) / "run"
        run.mkdir()
        pass_through(chosen.size, run)
    sys.stdout.flush()
    os._exit(0)  # threads of the SDK may abort an interpreter that is being finalised


if __name__ == "__main__":
    main()
