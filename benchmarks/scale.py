"""What a step costs in long and in wide runs: on the embedded server, with a worker process as users have it.

    python benchmarks/scale.py [--loop 1000 100000 …] [--gather 1000 100000 …] [--json]

    loop: N steps one after another, in one `while`        gather: one `gather` of N steps

For each run it prints the seconds that it took, milliseconds for each step, how many executions it had and the events of the
longest history (that of workflows which carry out steps for it, too), and the most memory that the worker had together with
its hosts. The last lines compare the longest run with the shortest ones. The exit code is 1 where a result is wrong or a history
has more than 20,000 events. Works on Linux, where memory can be read from `/proc`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from temporalio.client import Client
from weft_compiler.compile import compile_source
from weft_worker.connect import Target, connect
from weft_worker.prepare import load_tools
from weft_worker.settings import load_settings
from weft_workflows.messages import RunResult
from weft_workflows.starting import start_options

TOOLS: Final = '''
from weft_activities import tool


@tool(effect="read")
async def step(number: int) -> dict[str, int]:
    """Gives the number's square."""
    return {"number": number, "square": number * number}
'''
LOOP: Final = """
async def main(count):
    total = n = 0
    while n < count:
        total += (await step(n))["square"]
        n += 1
    return total
"""
GATHER: Final = """
import asyncio

async def main(count):
    found = await asyncio.gather(*[step(n) for n in range(count)])
    return sum(each["square"] for each in found)
"""
MOST_EVENTS: Final = 20_000
#: The short runs before and after the long one: a computer is not always as quick.
SIZES: Final = [1_000, 1_000, 100_000, 1_000, 1_000]


@dataclass(frozen=True)
class Measured:
    program: str
    steps: int
    seconds: float
    executions: int
    workflows: int
    longest_history: int
    memory_mb: float
    correct: bool

    @property
    def milliseconds(self) -> float:
        """For each step."""
        return self.seconds / self.steps * 1000


class Memory:
    """The most memory that a process and its descendants have had together, looked at from time to time."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peak = 0.0

    async def watch(self) -> None:
        while True:
            self.peak = max(self.peak, sum(_resident(pid) for pid in (self._pid, *_descendants(self._pid))))
            await asyncio.sleep(0.5)


@contextmanager
def worker(tools: Path, state: Path) -> Iterator[int]:
    """A worker process; gives its id."""
    command = [sys.executable, "-m", "weft_worker.cli.main", "worker", "--tools", str(tools), "--state-dir", str(state)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


async def measure(client: Client, pid: int, tools: Path, program: str, count: int) -> Measured:
    catalog = load_tools([str(tools)])
    assert catalog is not None
    source = {"loop": LOOP, "gather": GATHER}[program]
    plan = compile_source(source, catalog.specs(), file=f"{program}.py", inputs=["count"])
    run_id = f"{program}-{count}-{uuid.uuid4().hex[:8]}"
    memory = Memory(pid)
    watching = asyncio.create_task(memory.watch())
    began = time.perf_counter()
    start = start_options(plan, {"count": count}, run_id=run_id)
    handle = await client.start_workflow(**start, result_type=RunResult)
    result = await handle.result()
    seconds = time.perf_counter() - began
    watching.cancel()
    histories = [await _events(client, run_id)]
    histories += [await _events(client, child) for child in await _children(client, run_id)]
    return Measured(
        program,
        count,
        round(seconds, 2),
        len(histories[0]),
        len(histories) - 1,
        max(max(lengths) for lengths in histories),
        round(memory.peak / 1e6, 1),
        result.result == sum(n * n for n in range(count)) and result.steps == count,
    )


async def _events(client: Client, workflow_id: str) -> list[int]:
    """How many events each execution of a workflow has."""
    found = client.list_workflows(f"WorkflowId = '{workflow_id}'")
    return [execution.history_length async for execution in found]


async def _children(client: Client, run_id: str) -> list[str]:
    query = f"WorkflowId STARTS_WITH '{run_id}//'"
    return [each.id async for each in client.list_workflows(query)]


def _resident(pid: int) -> int:
    """Bytes of memory that are the process's own: shared pages are counted once for all."""
    try:
        fields = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in fields if line.startswith("Pss:")), 0)


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(each) for each in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


async def main(arguments: argparse.Namespace) -> int:
    rows: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="weft-scale-") as folder:
        state, tools = Path(folder) / "state", Path(folder) / "tools.py"
        tools.write_text(TOOLS)
        target = Target.choose(None, state)
        try:
            connection = await connect(target, load_settings())
            with worker(tools, state) as pid:
                await measure(connection.client, pid, tools, "loop", 20)  # what only the first run pays for
                for program in ("loop", "gather"):
                    for count in getattr(arguments, program):
                        rows.append(await measure(connection.client, pid, tools, program, count))
                        if not arguments.json:
                            _print(rows[-1])
        finally:
            target.close()
    ratios = _ratios(rows)
    if arguments.json:
        print(json.dumps({"runs": [asdict(row) for row in rows], "ratios": ratios}, indent=2))
    else:
        for program, ratio in ratios.items():
            print(f"{program}: a step of the longest run costs {ratio:.2f} times one of the shortest")
    return 0 if all(row.correct and row.longest_history <= MOST_EVENTS for row in rows) else 1


def _print(row: Measured) -> None:
    print(
        f"{row.program:<7} {row.steps:>7,} steps {row.seconds:>8.1f} s {row.milliseconds:>6.2f} ms/step"
        f" {row.executions:>4} executions {row.workflows:>4} for steps, longest {row.longest_history:>6,} events,"
        f" {row.memory_mb:>6.0f} MB{'' if row.correct else '  WRONG RESULT'}",
        flush=True,
    )


def _ratios(rows: list[Measured]) -> dict[str, float]:
    """The cost of a step in the longest run beside that in the shortest ones, which vary: a size may be given often."""
    found: dict[str, float] = {}
    for program in ("loop", "gather"):
        own = [row for row in rows if row.program == program]
        sizes = sorted({row.steps for row in own})
        if len(sizes) > 1:
            short, long = ([row.milliseconds for row in own if row.steps == size] for size in (sizes[0], sizes[-1]))
            found[program] = round((sum(long) / len(long)) / (sum(short) / len(short)), 3)
    return found


def _parsed() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", type=int, nargs="*", default=SIZES, metavar="N")
    parser.add_argument("--gather", type=int, nargs="*", default=SIZES, metavar="N")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(_parsed())))
