"""How a run's end is told to Temporal: a result, a failure that carries one, or a cancellation."""

from __future__ import annotations

import asyncio
import json

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from weft_workflows.machine import protocol as p
from weft_workflows.messages import MEMO_END, RunError, RunResult, ValueSizes
from weft_workflows.step_activities import cut
from weft_workflows.step_limits import timed_out_text

#: Result and output of a run go into one payload, which may have 2 MB in runs without `ValueSizes`.
MAX_RESULT_BYTES = 1_900_000
_MAX_TRACEBACK_BYTES = 20_000
_MAX_MEMO_BYTES = 200_000


def result_of(
    end: p.Finish | p.Fail,
    stdout: str,
    steps: int,
    *,
    cancelled: bool,
    timed_out: float | None = None,
    reused: int = 0,
    sizes: ValueSizes | None = None,
) -> RunResult:
    """What the run gives; `cancelled` says whether it was asked to stop, `timed_out` that its time, in seconds, was over,
    `reused` how many of the steps are an earlier execution's.

    Raises where it gives nothing, so that Temporal shows the run as failed or cancelled: ApplicationError with a
    `RunResult` as its only detail, or CancelledError, which can carry nothing; its `RunResult` goes into the memo.
    """
    if isinstance(end, p.Finish):
        size = len(end.result.encode("utf-8", "surrogatepass"))
        limit = MAX_RESULT_BYTES if sizes is None else sizes.limit
        if size <= limit:
            output = cut(stdout, max(limit - size, MAX_RESULT_BYTES if sizes is not None else 0))
            return RunResult(
                status="completed", result=json.loads(end.result), stdout=output, steps=steps, reused=reused
            )
        end = _too_large(size, limit, "" if sizes is None else " (WEFT_PAYLOAD_LIMIT)")
    if end.cancelled and timed_out is not None:
        cut_off = f"; {end.message}" if end.message else ""
        end = p.Fail("TimedOut", timed_out_text(timed_out) + cut_off, end.line)
    # A program may raise CancelledError of its own accord; to Temporal that is a failure.
    if end.cancelled and cancelled:
        # There is more to say than that only where its clean-up was cut off.
        error = RunError(type=end.type, message=end.message, line=end.line) if end.message else None
        kept = RunResult(
            status="cancelled", stdout=cut(stdout, _MAX_MEMO_BYTES), steps=steps, reused=reused, error=error
        )
        workflow.upsert_memo({MEMO_END: kept.model_dump(mode="json")})
        raise asyncio.CancelledError
    error = RunError(
        type=end.type,
        message=end.message,
        line=end.line,
        step=end.step,
        traceback=_shortened(end.traceback),
    )
    result = RunResult(
        status="failed", stdout=cut(stdout, MAX_RESULT_BYTES // 2), steps=steps, reused=reused, error=error
    )
    raise ApplicationError(end.message, result, type=end.type, non_retryable=True)


def _shortened(trace: str) -> str:
    """A traceback of bearable size: its beginning, and its end, which says what the error is."""
    size = _MAX_TRACEBACK_BYTES // 2
    if len(trace.encode("utf-8", "replace")) <= 2 * size:
        return cut(trace, 2 * size)
    end = trace[-size:].encode("utf-8", "replace")[-size:].decode("utf-8", "ignore")
    return f"{cut(trace, size)}\n  […]\n{end.partition(chr(10))[2] or end}"


def _too_large(size: int, limit: int, setting: str) -> p.Fail:
    text = f"the result takes {size:,} bytes, a run may give {limit:,}{setting}: return less, or store it by a tool"
    return p.Fail("ResultTooLarge", text, 0)
