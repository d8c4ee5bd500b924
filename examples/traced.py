"""What all examples' tools share: a log of executions, a delay, and a folder for what they make.

`WEFT_EXAMPLE_LOG` names a file that gets one JSON line when a tool starts to run, `WEFT_EXAMPLE_DELAY` the
seconds by which each tool is slowed down (so that a run can be killed in the middle), `WEFT_EXAMPLE_DIR`
the folder below which the tools keep their databases, repositories and reports. None is needed to run an
example.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def traced(function: F) -> F:
    """Logs each execution of a tool and slows it down, as the environment says."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def traced_async(*args: Any, **kwargs: Any) -> Any:
            _log(function, args, kwargs)
            await asyncio.sleep(_delay())
            return await function(*args, **kwargs)

        return cast(F, traced_async)

    @functools.wraps(function)
    def traced_sync(*args: Any, **kwargs: Any) -> Any:
        _log(function, args, kwargs)
        time.sleep(_delay())
        return function(*args, **kwargs)

    return cast(F, traced_sync)


def home(example: str) -> Path:
    """The folder of one example's files, made on first use."""
    base = os.environ.get("WEFT_EXAMPLE_DIR") or Path(tempfile.gettempdir()) / "weft-examples"
    folder = Path(base) / example
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _delay() -> float:
    return float(os.environ.get("WEFT_EXAMPLE_DELAY") or 0)


def _log(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    path = os.environ.get("WEFT_EXAMPLE_LOG")
    if not path:
        return
    arguments = inspect.signature(function).bind(*args, **kwargs).arguments
    line = {"at": time.time(), "pid": os.getpid(), "tool": function.__name__, "arguments": arguments}
    # One write of one line: lines of processes that append at the same time do not mix.
    with Path(path).open("a", encoding="utf-8") as log:
        log.write(json.dumps(line, default=lambda model: model.model_dump(mode="json")) + "\n")
