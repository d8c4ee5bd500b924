"""The commands by which a person steers a run: their options. `steer.py` does the work.

Standard library and typer only, as in `main.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from weft_worker.cli import options as o

Limit = Annotated[
    float | None,
    typer.Option("--limit", min=0, metavar="SECONDS", help="How long cleaning up may take; else WEFT_CLEANUP_LIMIT."),
]
Value = Annotated[str, typer.Option("--value", metavar="JSON", help="What the step gives instead.")]


def register(command: Callable[..., Any]) -> None:
    """Registers them by the decorator that `main.py` has for its own."""
    for name, function in {
        "pause": pause,
        "unpause": unpause,
        "cancel": cancel,
        "kill": kill,
        "retry": retry,
        "skip": skip,
        "fail": fail,
    }.items():
        command(name)(function)


def pause(run: o.Run, address: o.Address = None, state_dir: o.StateDir = None, json: o.Json = False) -> int:
    """Let a run start no more steps.

    Those in flight end and are kept; timers go on.
    """
    from weft_worker.cli.steer import pause_run

    return pause_run(run, address=address, state_dir=state_dir, as_json=json)


def unpause(
    run: o.Run,
    tools: o.Tools = None,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Let a paused run go on."""
    from weft_worker.cli.steer import unpause_run

    return unpause_run(run, tools or [], address=address, state_dir=state_dir, as_json=json)


def cancel(
    run: o.Run,
    limit: Limit = None,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Ask a run to stop.

    Its `finally` blocks and their steps run, until the limit cuts them off.
    """
    from weft_worker.cli.steer import cancel_run

    return cancel_run(run, limit=limit, address=address, state_dir=state_dir, as_json=json)


def kill(run: o.Run, address: o.Address = None, state_dir: o.StateDir = None, json: o.Json = False) -> int:
    """End a run at once.

    Nothing of it cleans up; says what was in flight.
    """
    from weft_worker.cli.steer import kill_run

    return kill_run(run, address=address, state_dir=state_dir, as_json=json)


def retry(
    run: o.Run,
    step: o.StepId = None,
    all_: o.All = False,
    tools: o.Tools = None,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Try a parked step again."""
    from weft_worker.cli.steer import decide

    return decide(run, step, "retry", None, tools or [], all_=all_, address=address, state_dir=state_dir, as_json=json)


def skip(
    run: o.Run,
    step: o.StepId = None,
    value: Value = "null",
    all_: o.All = False,
    tools: o.Tools = None,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Give a parked step's value by hand."""
    from weft_worker.cli.steer import decide

    return decide(run, step, "skip", value, tools or [], all_=all_, address=address, state_dir=state_dir, as_json=json)


def fail(
    run: o.Run,
    step: o.StepId = None,
    all_: o.All = False,
    tools: o.Tools = None,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Let a parked step fail in its program."""
    from weft_worker.cli.steer import decide

    return decide(run, step, "fail", None, tools or [], all_=all_, address=address, state_dir=state_dir, as_json=json)
