"""The tools of `programs`: their results depend on their arguments alone, and `send` is the only write.

`CHAOS_LOG` names a file that gets a line when a tool begins and when it ends.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from weft_activities import tool

#: A step whose worker was lost is not to wait long for its next attempt.
SOON = {"max_attempts": 5, "initial_interval": 0.1}
LOG = os.environ.get("CHAOS_LOG", "")


def note(word, key):
    if LOG:
        with Path(LOG).open("a") as log:
            log.write(f"{word} {key} {time.time():.3f}\n")


@tool(effect="read", retry=SOON)
async def fetch(key: str, seconds: float = 0.15) -> int:
    """The length of a key, after a while."""
    note("begin", f"fetch:{key}")
    await asyncio.sleep(seconds)
    note("end", f"fetch:{key}")
    return len(key)


@tool(effect="read", retry=SOON)
def listing(count: int) -> list[str]:
    """So many names."""
    note("begin", f"listing:{count}")
    time.sleep(0.1)
    note("end", f"listing:{count}")
    return [f"n{i % 5}{'x' * (i % 3)}" for i in range(count)]


@tool(effect="idempotent", retry=SOON)
def put(key: str, value: int) -> str:
    """Stores a value."""
    note("begin", f"put:{key}")
    time.sleep(0.15)
    note("end", f"put:{key}")
    return f"{key}={value}"


@tool(effect="write")
def send(key: str, seconds: float = 0.25) -> str:
    """Sends a text."""
    note("begin", f"send:{key}")
    time.sleep(seconds)
    note("end", f"send:{key}")
    return f"sent {key}"


@tool(effect="read", retry=SOON)
async def refuse(key: str) -> str:
    """Raises."""
    note("begin", f"refuse:{key}")
    await asyncio.sleep(0.1)
    note("end", f"refuse:{key}")
    raise LookupError(key, 7)
