"""What wide and long runs cost their machine: gathers and loops of many steps in a host, without a server.

    python benchmarks/wide.py [--steps 1000 10000 100000] [--programs gather …] [--order first random]

For each program, size and order of answers it prints: microseconds for each event by the clock and of the host's CPU, the host's
memory when all strands wait and at its peak, and for a snapshot when all wait, in the middle and at the end of the
deliveries: milliseconds to take and to restore, bytes, and the number of its parts. Results have 1 kB each.

    gather: N strands of one step      chain: N/3 strands of three steps      loop: N steps one after another
    group: a TaskGroup of N steps      completed: N steps with as_completed   bounded: N strands, 100 of them at a time
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from weft_compiler.compile import compile_source
from weft_compiler.tool_spec import Parameter, ToolSpec
from weft_workflows.host.pool import Handle, HostPool, OverBudget, Recipe
from weft_workflows.host.wire import Op
from weft_workflows.machine import protocol as p
from weft_workflows.machine.snapshots import parts_of

PROGRAMS: Final = {
    "gather": "found = await asyncio.gather(*[step(i) for i in range(N)])\nreturn sum(len(each) for each in found)",
    "chain": """\
async def three(i):
    a = await step(i)
    b = await step(a["id"])
    c = await step(b["id"])
    return c["id"]

found = await asyncio.gather(*[three(i) for i in range(N // 3)])
return sum(found)""",
    "group": """\
async with asyncio.TaskGroup() as group:
    tasks = [group.create_task(step(i)) for i in range(N)]
return len(tasks)""",
    "completed": """\
total = 0
for each in asyncio.as_completed([step(i) for i in range(N)]):
    total += (await each)["id"]
return total""",
    "bounded": """\
room = asyncio.Semaphore(100)

async def one(i):
    async with room:
        return await step(i)

return len(await asyncio.gather(*[one(i) for i in range(N)]))""",
    "loop": """\
total = 0
for i in range(N):
    row = await step(i)
    total += row["id"]
return total""",
}
TOOL: Final = ToolSpec(name="step", parameters=(Parameter(name="x"),))
#: Bytes of a result, half of them random.
RESULT_BYTES: Final = 1000


class Run:
    """One run in a host, driven as a worker does; what takes too long for an activation goes to a host of its own."""

    def __init__(self, pool: HostPool, source: str) -> None:
        plan = compile_source(source, [TOOL])
        start = p.to_bytes([p.Start(plan.canonical_json(), "{}", "run", 1, 0.0)])
        self.pool = pool
        self.waiting: list[p.CallTool] = []
        self.result: p.Command | None = None
        self.sent_away = 0
        try:
            handle, commands = pool.start("run", start)
        except OverBudget:
            handle, commands = self._away(None, start)
        self.handle: Handle = handle
        self.note(commands)

    def deliver(self, event: bytes) -> None:
        try:
            commands = self.handle.deliver(event)
        except OverBudget:
            recipe = self.handle.recipe
            self.handle.close()
            self.handle, commands = self._away(recipe, event)
        self.note(commands)

    def _away(self, recipe: Recipe | None, event: bytes) -> tuple[Handle, bytes]:
        """As the activity `weft.advance` does it."""
        began = time.perf_counter()
        own = self.pool.take_out("run", Recipe(Op.START, event) if recipe is None else recipe)
        commands = own.begin() if recipe is None else own.deliver(event)
        worked = time.perf_counter()
        self.sent_away += 1
        if any(isinstance(command, p.Finish | p.Fail) for command in p.from_bytes(commands)):
            print(f"    ended in a host of its own after {worked - began:.2f} s")
            return own, commands
        snapshot = own.settle()
        settled = time.perf_counter()
        self.pool.keep(own, snapshot)
        handle = self.pool.restore("run", snapshot)
        print(
            f"    left for a host of its own: {worked - began:.2f} s, settled in {settled - worked:.2f} s; "
            f"{len(commands) / 1e6:.1f} MB of commands, {sum(map(len, snapshot)) / 1e6:.1f} MB of snapshot"
        )
        return handle, commands

    def note(self, commands: bytes) -> None:
        for command in p.from_bytes(commands):
            if isinstance(command, p.CallTool):
                self.waiting.append(command)
            elif isinstance(command, p.Finish | p.Fail):
                self.result = command

    def answers(self, order: str) -> Iterator[bytes]:
        """The events that answer what waits, until nothing does."""
        chance, number = random.Random(1), 0
        while self.waiting:
            batch, self.waiting = self.waiting, []
            if order == "random":
                chance.shuffle(batch)
            for call in batch:
                number += 1
                text = chance.randbytes(RESULT_BYTES // 2 - 15).hex()
                value = json.dumps({"id": json.loads(call.arguments)["x"], "text": text})
                yield p.to_bytes([p.StepSucceeded(call.step, value, float(number))])


class Host:
    """The process of a run's machine, as the operating system sees it."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def _status(self, field: str) -> float:
        pid = self._handle._slot.pid
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(field))

    @property
    def megabytes(self) -> float:
        return self._status("VmRSS")

    @property
    def peak(self) -> float:
        return self._status("VmHWM")

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._handle._slot.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def snapshot_line(run: Run, when: str) -> str:
    began = time.perf_counter()
    snapshot = run.handle.snapshot()
    taken = time.perf_counter()
    copy = run.pool.restore("copy", snapshot)
    restored = time.perf_counter()
    copy.close()
    parts = parts_of(snapshot)
    return (
        f"    snapshot {when:10}: take {(taken - began) * 1e3:8.1f} ms, restore {(restored - taken) * 1e3:8.1f} ms, "
        f"{len(parts[0]):,} bytes + {len(parts) - 1} blocks of {sum(map(len, parts[1:])):,}"
    )


def measure(name: str, steps: int, order: str) -> None:
    pool = HostPool(1)
    try:
        pool.wait_ready()
        print(f"{name}, {steps:,} steps, answers {order}")
        began = time.perf_counter()
        run = Run(pool, PROGRAMS[name].replace("N", str(steps)))
        print(f"    started in {time.perf_counter() - began:.2f} s")
        host = Host(run.handle)
        print(snapshot_line(run, "at start"))
        events = run.answers(order)
        drive(run, host, events, steps)
        for event in events:
            run.deliver(event)
        assert isinstance(run.result, p.Finish), run.result
        run.handle.close()
    finally:
        pool.close()


def drive(run: Run, host: Host, events: Iterator[bytes], steps: int) -> None:
    """Delivers all but the last few, which may leave for another host; the snapshots in between do not count."""
    waiting, halfway, last = host.megabytes, steps // 2, steps - 3
    pid = run.handle._slot.pid
    cpu, clock, longest, lines = host.cpu_seconds, 0.0, 0.0, []
    for count, event in enumerate(itertools.islice(events, last), 1):
        began = time.perf_counter()
        run.deliver(event)
        taken = time.perf_counter() - began
        clock, longest = clock + taken, max(longest, taken)
        if count == halfway:
            before = host.cpu_seconds
            lines.append(snapshot_line(run, "halfway"))
            cpu += host.cpu_seconds - before
    cpu = host.cpu_seconds - cpu
    assert pid == run.handle._slot.pid, "the host has died under the run"
    lines.append(snapshot_line(run, "at the end"))
    print("\n".join(lines))
    print(
        f"    {clock / last * 1e6:.1f} µs an event, {cpu / last * 1e6:.1f} µs of the host's CPU, the longest "
        f"{longest * 1e3:.1f} ms\n    memory of the host {waiting:.0f} MB when all wait, {host.megabytes:.0f} MB at the end, "
        f"{host.peak:.0f} MB at its peak; of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--programs", nargs="+", choices=list(PROGRAMS), default=list(PROGRAMS))
    parser.add_argument("--order", nargs="+", choices=["first", "random"], default=["first", "random"])
    arguments = parser.parse_args()
    for name in arguments.programs:
        for order in arguments.order if name != "loop" else arguments.order[:1]:
            for steps in arguments.steps:
                measure(name, steps, order)


if __name__ == "__main__":
    main()
