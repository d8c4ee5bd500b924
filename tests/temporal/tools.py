"""Tools for runs on a real server. What they do is written to the file that their argument `log` names."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from weft_activities import Retry, current_step, tool
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


@tool(effect="write", retry=_RETRY)
async def large_write(log: str, size: int) -> str:
    """Gives much."""
    note(log, "large_write")
    return "w" * size


async def _wait_for(gate: str) -> str:
    while not Path(gate).exists():
        await asyncio.sleep(0.02)
    return Path(gate).read_text()


@tool(effect="read", retry=_RETRY)
async def gated_read(log: str, gate: str) -> Any:
    """Waits until a file exists."""
    note(log, "gated_read")
    return await _wait_for(gate)


@tool(effect="idempotent")
async def open_gate(gate: str) -> None:
    """Lets those go on who wait for the file."""
    Path(gate).write_text("open")


@tool(effect="write", retry=_RETRY)
async def gated_write(log: str, gate: str) -> Any:
    """Waits until a file exists."""
    note(log, f"gated_write {current_step().idempotency_key}")
    return await _wait_for(gate)


@tool(effect="read", timeout=1000, retry=_RETRY)
async def long_read(log: str, gate: str) -> Any:
    """Waits until a file exists; may take so long that it has a workflow of its own."""
    note(log, "long_read")
    return await _wait_for(gate)


@tool(effect="write", timeout=1000, retry=_RETRY)
async def long_write(log: str, gate: str) -> Any:
    """The same as a write."""
    note(log, f"long_write {current_step().idempotency_key}")
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
async def needs(log: str, gate: str) -> str:
    """Answers with an exception until a file exists."""
    note(log, "needs")
    return Path(gate).read_text()


@tool(effect="write")
async def count_write(log: str, value: Any) -> Any:
    """Gives its argument, and notes that it was called with it."""
    note(log, f"count {value}")
    return value


@tool(effect="read")
async def until_cancelled(log: str) -> None:
    """Waits for ever; notes that it was cancelled."""
    note(log, "started")
    try:
        await asyncio.Event().wait()
    finally:
        note(log, "stopped")


def _account(log: str) -> None:
    """Writes down what a tool is told of its step."""
    step = current_step()
    told = [step.run_id, step.step_id, step.attempt, step.idempotency_key, list(step.last_heartbeat_details)]
    note(log, json.dumps(told))


@tool(effect="idempotent", retry=_RETRY)
async def accounts(log: str, failures: int = 0) -> None:
    """Fails some times, and leaves how often."""
    _account(log)
    count = len(Path(log).read_text().splitlines())
    current_step().heartbeat({"row": count})
    if count <= failures:
        raise ConnectionResetError(f"reset {count}")


@tool(effect="write", timeout=1, retry=_RETRY)
def copies(log: str, gate: str) -> str:
    """Takes longer than its timeout, unless a file exists; leaves how far it is. A thread."""
    _account(log)
    step = current_step()
    step.heartbeat({"row": len(step.last_heartbeat_details) and step.last_heartbeat_details[0]["row"] + 1})
    while not Path(gate).exists() and not step.cancelled:
        time.sleep(0.02)
    return "copied"


@tool(effect="idempotent", timeout=1, retry=_RETRY)
async def copies_again(log: str, gate: str) -> str:
    """The same, as a coroutine and repeated by the server."""
    _account(log)
    step = current_step()
    step.heartbeat({"row": len(step.last_heartbeat_details) and step.last_heartbeat_details[0]["row"] + 1})
    return "copied" if step.attempt > 2 else await _wait_for(gate)


@tool(effect="write")
async def copies_until_shut_down(log: str) -> str:
    """Leaves a detail, and waits where it has none."""
    _account(log)
    step = current_step()
    step.heartbeat("half")
    return "copied" if step.last_heartbeat_details else await _wait_for(log + ".never")


@tool(effect="write")
async def refuse_write(message: str) -> Any:
    """Answers with an exception."""
    raise FileNotFoundError(2, message)


@tool(effect="read", retry={**_RETRY, "non_retryable": ["ConnectionError"]})
async def flaky_once(log: str, failures: int) -> Any:
    """Fails some times, with an exception that its policy does not repeat."""
    if (count := note(log, "flaky_once")) <= failures:
        raise ConnectionResetError(f"reset {count}")
    return count


@tool(effect="read", timeout=0.3, retry={"max_attempts": 5, "non_retryable": ["TimeoutError"]})
async def hangs_once(log: str, gate: str) -> Any:
    """Takes longer than its timeout; its policy does not repeat that."""
    note(log, "hangs_once")
    return await _wait_for(gate)


@tool(effect="read")
async def busy(log: str, seconds: float) -> float:
    """Asks to be tried again so much later; gives how much later it was."""
    note(log, str(time.time()))
    first, *more = Path(log).read_text().splitlines()
    if not more:
        raise Retry("come back", after=seconds)
    return float(more[0]) - float(first)


@tool(effect="read", timeout=1, retry={"max_attempts": 2, "initial_interval": 0.05})
def answers_late(log: str, seconds: float) -> str:
    """Takes long at its first attempt, whether or not anybody waits for it."""
    attempt = current_step().attempt
    note(log, f"begin {attempt}")
    if attempt == 1:
        time.sleep(seconds)
    note(log, f"end {attempt}")
    return f"attempt {attempt}"


@tool(effect="read", timeout=60, total_timeout=1)
async def limited_read(gate: str) -> str:
    """Waits until a file exists, one second at most."""
    return await _wait_for(gate)


@tool(effect="write", timeout=60, total_timeout=1)
async def limited_write(gate: str) -> str:
    """Waits until a file exists, one second at most."""
    return await _wait_for(gate)


@tool(effect="write", total_timeout=2.5, retry={"max_attempts": 9, "initial_interval": 1})
async def limited_tries(log: str) -> None:
    """Fails at each attempt, for two and a half seconds at most."""
    raise ConnectionResetError(f"reset {note(log, 'tried')}")


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
