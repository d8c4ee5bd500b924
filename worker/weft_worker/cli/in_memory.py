"""`weft run --in-memory`: a run in this process, without a server, with real tools or with fakes."""

from __future__ import annotations

import asyncio
import sys

from weft_worker.cli.output import print_outcome, say
from weft_worker.in_memory import outcome_of, run_prepared
from weft_worker.prepare import prepare


def run_in_memory(
    plan_file: str,
    tools: list[str],
    *,
    inputs: str | None,
    fake: str | None,
    attempts: int | None,
    limits: list[str],
    run_id: str | None,
    as_json: bool,
) -> int:
    """Compile, run, print. Returns the exit code."""
    prepared = prepare(plan_file, tools, inputs=inputs, fake=fake, limits=limits, color=sys.stderr.isatty())
    if prepared.warnings:
        say(prepared.warnings)
    name = run_id or "local"
    run = asyncio.run(run_prepared(prepared, run_id=name, attempts=attempts))
    return print_outcome(outcome_of(run, name), as_json=as_json)
