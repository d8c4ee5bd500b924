"""Tools for runs on a real server. What they do is written to the file that their argument `log` names."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from weft_activities import current_step, tool
from weft_activities.tool import Tool, tool_of

_RETRY = {"max_attempts": 3, "initial_interval": 0.05, "max_interval": 0.1}


def note(log: str, text: str) -> int:
    """Writes a line; gives how many there are with that text."""
    with Path(log).open("a") as file:
        file.write(text + "\n")
    return Path(log).read_text().splitlines().count(text)


@tool(effect="read", redact=["secret"])
async def echo(value: Any, secret: str = "") -> Any:
    """Gives its argument."""
    return value


@tool(effect="read")
async def refuse(message: str) -> Any:
    """Answers with an exception."""
    raise FileNotFoundError(2, message)


@tool(effect="read", retry=_RETRY)
async def flaky(log: str, failures: int) -> Any:
    """Fails some times, then works."""
    if (count := note(log, "flaky")) <= failures:
        raise ConnectionResetError(f"reset {count}")
    return count


@tool(effect="write", retry=_RETRY)
async def flaky_write(log: str, failures: int) -> Any:
    """Fails some times, then works."""
    if (count := note(log, "flaky_write")) <= failures:
        raise ConnectionResetError(f"reset {count}")
    return count


async def _wait_for(gate: str) -> str:
    while not Path(gate).exists():
        await asyncio.sleep(0.02)
    return Path(gate).read_text()


@tool(effect="read", retry=_RETRY)
async def gated_read(log: str, gate: str) -> Any:
    """Waits until a file exists."""
    note(log, "gated_read")
    return await _wait_for(gate)


@tool(effect="write", retry=_RETRY)
async def gated_write(log: str, gate: str) -> Any:
    """Waits until a file exists."""
    note(log, f"gated_write {current_step().idempotency_key}")
    return await _wait_for(gate)


@tool(effect="write", timeout=1, retry=_RETRY)
async def hanging_write(log: str, gate: str) -> Any:
    """Takes longer than its timeout, unless a file exists."""
    note(log, f"hanging_write {current_step().idempotency_key}")
    return await _wait_for(gate)


@tool(effect="read", timeout=0.3, retry={"max_attempts": 2, "initial_interval": 0.05})
async def hanging_read(log: str, gate: str) -> Any:
    """Takes longer than its timeout, unless a file exists."""
    note(log, "hanging_read")
    return await _wait_for(gate)


@tool(effect="read")
async def until_cancelled(log: str) -> None:
    """Waits for ever; notes that it was cancelled."""
    note(log, "started")
    try:
        await asyncio.Event().wait()
    finally:
        note(log, "stopped")


@tool(effect="read")
async def told(log: str) -> None:
    """Waits for ever; notes when it was cancelled."""
    note(log, "started")
    try:
        await asyncio.Event().wait()
    finally:
        note(log, str(time.time()))


@tool(effect="write")
def told_in_a_thread(log: str) -> None:
    """Works until nobody waits for it any more; notes when that was."""
    step = current_step()
    note(log, "started")
    while not step.cancelled:
        time.sleep(0.01)
    note(log, str(time.time()))


@tool(effect="write")
def deaf(log: str, gate: str) -> str:
    """Does not look whether it is cancelled; works until a file exists."""
    note(log, "started")
    while not Path(gate).exists():
        time.sleep(0.02)
    note(log, "finished")
    return "finished"


TOOLS: dict[str, Tool] = {
    found.spec.name: found for value in list(globals().values()) if (found := tool_of(value)) is not None
}
