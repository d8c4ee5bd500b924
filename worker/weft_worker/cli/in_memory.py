"""`weft run --in-memory`: a run in this process, without a server, with real tools or with fakes.

What always holds: nothing of such a run outlives this process, and nobody who interrupts it is told otherwise.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from weft_worker.cli.interrupts import interruptible
from weft_worker.cli.options import Patience
from weft_worker.cli.output import print_outcome, say
from weft_worker.in_memory import outcome_of, run_prepared
from weft_worker.outcome import Outcome, OutcomeError
from weft_worker.prepare import prepare
from weft_worker.problems import failed

if TYPE_CHECKING:
    from weft_workflows.machine.protocol import Event

    from weft_worker.prepare import Prepared


def run_in_memory(
    plan_file: str,
    tools: list[str],
    *,
    inputs: str | None,
    fake: str | None,
    patience: Patience,
    limits: list[str],
    run_id: str | None,
    as_json: bool,
) -> int:
    """Compile, run, print. Returns the exit code."""
    name = run_id or "local"
    try:
        prepared = prepare(plan_file, tools, inputs=inputs, fake=fake, limits=limits, color=sys.stderr.isatty())
        if prepared.warnings:
            say(prepared.warnings)
        outcome = asyncio.run(_run(prepared, name, patience, as_json))
    except KeyboardInterrupt:
        raise failed("interrupted", type_="Interrupted", run_id=name) from None
    return print_outcome(outcome, as_json=as_json)


async def _run(prepared: Prepared, name: str, patience: Patience, as_json: bool) -> Outcome:
    """Run to the end; the first Ctrl-C cancels the run as a person would, so that its `finally` blocks run."""
    from weft_workflows.machine.protocol import StepSucceeded

    done = 0

    def count(event: Event) -> None:
        nonlocal done
        done += isinstance(event, StepSucceeded)

    async def last_word() -> int:
        error = OutcomeError("CancelledError", "interrupted before its `finally` blocks had ended")
        return print_outcome(Outcome(name, "cancelled", steps=done, error=error), as_json=as_json)

    with interruptible(last_word) as interrupted:
        run = await run_prepared(prepared, run_id=name, options=patience.options(), cancel=interrupted, on_event=count)
    return outcome_of(run, name)
