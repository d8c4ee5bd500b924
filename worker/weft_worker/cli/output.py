"""What commands print. Results go to stdout, everything else to stderr; with `--json` stdout gets exactly one
object.

Standard library only.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import traceback
from typing import Any, TextIO

from weft_worker.outcome import Outcome, OutcomeError
from weft_worker.problems import CommandFailed

#: Where results go once `claim_stdout` has been called, else None.
_results: TextIO | None = None


def claim_stdout() -> None:
    """Keep stdout for results alone: whatever else is written there by tools and their children goes to
    stderr.
    """
    global _results
    if _results is not None:
        return
    sys.stdout.flush()
    # The descriptors and not the objects: a tool's child processes inherit them.
    stdout, stderr = 1, 2
    _results = os.fdopen(os.dup(stdout), "w", encoding=sys.stdout.encoding)
    os.dup2(stderr, stdout)


def say(text: str) -> None:
    """A line for people, on stderr."""
    _write(sys.stderr, text)


def print_text(text: str) -> None:
    """A command's own output, on stdout."""
    _write(_results or sys.stdout, text)


def print_json(value: Any) -> None:
    """The one JSON object of a command with `--json`."""
    _write(_results or sys.stdout, json.dumps(value, ensure_ascii=False))


def print_outcome(outcome: Outcome, *, as_json: bool, server_stays: bool = True, place: str = "") -> int:
    """Print how a run stands; people are told where the link ends with the command, and how to go on where it waits for
    them: `place` is what those commands have to say of the server. Returns the exit code.
    """
    if as_json:
        print_json(outcome.to_json())
    else:
        _print_for_people(outcome, server_stays, place)
    return outcome.exit_code


def print_failure(failure: CommandFailed, *, as_json: bool, debug: bool, run_id: str = "") -> int:
    """Print why a command could not do its work; `run_id` is the run that was meant, where the failure does not
    say. Returns the exit code."""
    if debug:
        traceback.print_exception(failure)
    for text in filter(None, (problem.for_people() for problem in failure.problems)):
        say(text)
    if as_json:
        first = failure.problems[0]
        error = OutcomeError(failure.type, first.message, first.line)
        found = [problem.to_json() for problem in failure.problems]
        print_json(Outcome(failure.run_id or run_id, "failed", error=error, extra={"diagnostics": found}).to_json())
    return failure.exit_code


def show_value(value: Any) -> str:
    """A result as people read it: text as it is, all else as indented JSON."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _write(stream: TextIO, text: str) -> None:
    # A terminal or pipe that cannot show a character must not lose the rest.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def _print_for_people(outcome: Outcome, server_stays: bool, place: str) -> None:
    if outcome.stdout:
        print_text(outcome.stdout.removesuffix("\n"))
    # Where a script only prints, what it printed is its result.
    if outcome.status == "completed" and (outcome.result is not None or not outcome.stdout):
        print_text(show_value(outcome.result))
    if outcome.error is not None:
        _print_error(outcome.error)
    for parked in outcome.extra.get("parked", ()):
        _print_parked(outcome.run_id, parked, place)
    if outcome.status == "paused":
        say(f"paused: no more steps start until: weft unpause {shlex.quote(outcome.run_id)}{place}")
    steps = "1 step" if outcome.steps == 1 else f"{outcome.steps} steps"
    reused = f" ({outcome.reused} of an earlier execution)" if outcome.reused else ""
    print_text(f"\nrun {outcome.run_id}: {outcome.status}, {steps}{reused}")
    if outcome.ui_url:
        print_text(f"see {outcome.ui_url}{'' if server_stays else ' (while `weft dev` runs)'}")


def _print_error(error: OutcomeError) -> None:
    where = f"line {error.line}: " if error.line else ""
    step = f" (step {error.step})" if error.step else ""
    say(error.traceback.rstrip("\n") if error.traceback else f"error: {where}{error.type}: {error.message}{step}")


def _print_parked(run_id: str, parked: dict[str, Any], place: str) -> None:
    name = f"{shlex.quote(run_id)} {shlex.quote(parked['step'])}"
    where = f"line {parked['line']}: " if parked["line"] else ""
    say(f"parked: {where}{parked['message']}")
    if parked["reason"] == "ambiguous" and parked.get("worker"):
        say(f"  its last worker was: {parked['worker']}")
    again = "leave that as it is:" if parked["reason"] == "orphans" else "try it again:       "
    say(f"  {again} weft retry {name}{place}")
    if parked["reason"] not in ("evaluator-died", "orphans"):
        say(f"  go on with a result: weft skip {name} --value JSON{place}")
    say(f"  let it fail:         weft fail {name}{place}")
