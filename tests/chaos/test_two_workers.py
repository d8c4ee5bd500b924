"""Two worker processes share a run; one is killed while steps of every kind are under way in both.

The tools keep a book outside of Weft: what was begun and ended, by which process, and what has had its effect.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from weft_activities.catalog import load_catalog
from weft_compiler.compile import compile_source
from weft_worker.embedded import ServerInfo
from weft_workflows.messages import Decision, RunOptions, RunResult, RunView
from weft_workflows.starting import start_options

from tests.cli.conftest import Weft
from tests.cli.test_serving import await_line
from tests.temporal.conftest import Handle, connect, eventually

pytestmark = pytest.mark.server

TOOLS = '''
import asyncio
import json
import os
from pathlib import Path

from weft_activities import current_step, tool

HERE = Path(__file__).parent


def note(what: str, call: str) -> None:
    step = current_step()
    line = json.dumps([what, step.step_id, os.getpid(), step.idempotency_key, call]) + "\\n"
    file = os.open(HERE / "book", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(file, line.encode())
    os.close(file)


async def until_open() -> None:
    while not (HERE / "gate").exists():
        await asyncio.sleep(0.02)


@tool(effect="read")
async def look(n: int) -> int:
    """Reads."""
    note("begin", f"look {n}")
    await until_open()
    note("end", f"look {n}")
    return n


@tool(effect="idempotent")
async def put(n: int) -> int:
    """Writes once for each key, as a service with idempotency keys does."""
    note("begin", f"put {n}")
    entry = HERE / f"entry-{current_step().idempotency_key}"
    try:
        entry.open("x").close()
    except FileExistsError:
        pass
    else:
        note("effect", f"put {n}")
    await until_open()
    note("end", f"put {n}")
    return n


@tool(effect="write")
async def early(n: int) -> int:
    """Writes, then waits."""
    note("begin", f"early {n}")
    note("effect", f"early {n}")
    await until_open()
    note("end", f"early {n}")
    return n


@tool(effect="write")
async def late(n: int) -> int:
    """Waits, then writes."""
    note("begin", f"late {n}")
    await until_open()
    note("effect", f"late {n}")
    note("end", f"late {n}")
    return n
'''
EACH = 6
KINDS = ("look", "put", "early", "late")
PLAN = f"""
before = [await echo(n) for n in range(5)]
found = await asyncio.gather(*[tool(n) for tool in ({", ".join(KINDS)}) for n in range({EACH})])
return [len(before), found]
"""


class Book:
    """What the tools wrote down: rows of step, process, key, and the call as `tool n`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def rows(self, what: str) -> list[tuple[str, int, str, str]]:
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return [(*row,) for kind, *row in map(json.loads, lines) if kind == what]

    def counts(self, what: str) -> Counter[str]:
        return Counter(row[0] for row in self.rows(what))


@pytest.fixture
def weft(tmp_path: Path, temporal_server: ServerInfo, server_state: Path) -> Iterator[Weft]:
    runner = Weft(tmp_path, server_state)
    runner.write("tools.py", TOOLS.lstrip() + ECHO)
    yield runner
    runner.close()


ECHO = '''

@tool(effect="read")
async def echo(n: int) -> int:
    """Gives its argument."""
    note("begin", f"echo {n}")
    note("end", f"echo {n}")
    return n
'''


def start_worker(weft: Weft, address: str, queue: str) -> subprocess.Popen[str]:
    process = weft.start("worker", "--tools", "tools.py", "--address", address, WEFT_TASK_QUEUE=queue)
    await_line(process, f"working on {queue}")
    return process


async def view_of(handle: Handle) -> RunView:
    view: RunView = await handle.query("status", result_type=RunView)
    return view


@pytest.mark.timeout(180)
async def test_nothing_is_lost_and_nothing_done_twice(weft: Weft, temporal_server: ServerInfo) -> None:
    queue, book = f"two-{os.getpid()}", Book(weft.folder / "book")
    workers = [start_worker(weft, temporal_server.address, queue) for _ in range(2)]
    client = await connect(temporal_server.address)
    plan = compile_source(PLAN, load_catalog([str(weft.folder / "tools.py")]).specs(), file="plan.py")
    options = RunOptions(heartbeat_timeout=3)
    start = start_options(plan, {}, options, run_id=f"run-{queue}", task_queue=queue)
    handle: Handle = await client.start_workflow(**start, result_type=RunResult)

    await eventually(lambda: _as_many(book, "begin", 5 + len(KINDS) * EACH))
    begun = {step: process for step, process, _, _ in book.rows("begin")}
    calls = {step: call.split() for step, _, _, call in book.rows("begin")}
    victim = next(worker for worker in workers if worker.pid == next(begun[s] for s in calls if calls[s][0] == "early"))
    os.kill(victim.pid, signal.SIGKILL)
    cut_off = [step for step in begun if begun[step] == victim.pid and calls[step][0] != "echo"]
    finished = book.counts("end")
    (weft.folder / "gate").touch()

    ambiguous = {step for step in cut_off if calls[step][0] in ("early", "late")}
    assert ambiguous
    await eventually(lambda: _parked(handle, ambiguous))
    effects = book.counts("effect")
    assert set(begun) - set(book.counts("end")) == ambiguous, "all else has been done by the other worker"
    for step in sorted(ambiguous):
        # A person looks whether the service has it.
        done = effects[step] == 1
        decision = (
            Decision(step=step, action="skip", value=int(calls[step][1]))
            if done
            else Decision(step=step, action="retry")
        )
        await handle.execute_update("decide", decision)

    result = (await handle.result()).result
    assert result == [5, [n for _ in KINDS for n in range(EACH)]]
    assert set(book.counts("effect").values()) == {1}, "each effect once"
    assert len(book.counts("effect")) == 3 * EACH
    assert len({key for _, _, key, _ in book.rows("begin")}) == len(begun), "a key for each step"
    begins = book.counts("begin")
    assert all(begins[step] == 1 for step in begins if step not in cut_off), "what was not cut off is begun once"
    assert all(begins[step] == 1 for step in finished), "what has finished is not begun again"
    assert all(begins[step] == 1 for step in ambiguous if effects[step]), "a write that had its effect is not run again"
    assert all(begins[step] == 2 for step in cut_off if not effects[step] or calls[step][0] == "put")


async def _as_many(book: Book, what: str, count: int) -> bool:
    return len(book.rows(what)) >= count


async def _parked(handle: Handle, steps: set[str]) -> bool:
    view = await view_of(handle)
    return view.steps_running == 0 and {row.step for row in view.parked} == steps
