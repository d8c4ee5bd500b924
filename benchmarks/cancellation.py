"""How soon a tool hears that the program has cancelled its step.

    python benchmarks/cancellation.py [--times 10] [--address HOST:PORT]

Prints milliseconds from the program's `cancel()` to the tool, for coroutines and for threads, on the embedded server or on
one at an address. Tools report every five seconds; where the server does not push cancellations, that is how long it takes.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from weft_activities import current_step, tool
from weft_activities.catalog import Catalog
from weft_activities.tool import tool_of
from weft_compiler.compile import compile_source
from weft_worker.connect import Connection, Target, connect
from weft_worker.settings import load_settings
from weft_worker.worker import Workers
from weft_workflows.messages import RunResult
from weft_workflows.starting import start_options

PLAN = """
task = asyncio.create_task({tool}())
await asyncio.sleep({seconds})
task.cancel()
return time.time()
"""

_heard: asyncio.Queue[float]
_loop: asyncio.AbstractEventLoop


@tool(effect="read")
async def coroutine() -> None:
    """Waits for ever."""
    try:
        await asyncio.Event().wait()
    finally:
        _hear()


@tool(effect="read")
def thread() -> None:
    """Looks every millisecond whether it is cancelled."""
    step = current_step()
    while not step.cancelled:
        time.sleep(0.001)
    _hear()


def _hear() -> None:
    _loop.call_soon_threadsafe(_heard.put_nowait, time.time())


async def measure(connection: Connection, times: int) -> None:
    global _heard, _loop
    _heard, _loop = asyncio.Queue(), asyncio.get_running_loop()
    queue = f"cancellation-{uuid4().hex[:8]}"
    found = [tool_of(coroutine), tool_of(thread)]
    catalog = Catalog([each for each in found if each is not None])
    async with Workers(connection.client, task_queue=queue, catalog=catalog, settings=load_settings()):
        for name in ("coroutine", "thread"):
            taken = [await _one(connection, catalog, queue, name, 0.5 + i % 5) for i in range(times)]
            shown = f"median {statistics.median(taken):8.1f} ms, most {max(taken):8.1f} ms"
            print(f"{name:<10} {shown}", flush=True)


async def _one(connection: Connection, catalog: Catalog, queue: str, name: str, seconds: float) -> float:
    plan = compile_source(PLAN.format(tool=name, seconds=seconds), catalog.specs(), file="plan.py")
    start = start_options(plan, {}, run_id=f"{queue}-{uuid4().hex[:8]}", task_queue=queue)
    run = await connection.client.start_workflow(**start, result_type=RunResult)
    cancelled: float = (await run.result()).result
    return (await _heard.get() - cancelled) * 1000


async def _with_server(target: Target, times: int) -> None:
    await measure(await connect(target, load_settings()), times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--address")
    options = parser.parse_args()
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        target = Target.choose(options.address, state)
        stack.callback(target.close)
        asyncio.run(_with_server(target, options.times))


if __name__ == "__main__":
    main()
