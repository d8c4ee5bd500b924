"""Runs on the in-memory driver, with real tools or with fakes, told in the same shape as runs on Temporal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from weft_activities.context import StepContext, running_step
from weft_activities.invoke import call_tool, describe_failure
from weft_workflows.failures import Failure
from weft_workflows.local import LocalRun, StepInfo, run_plan, to_json
from weft_workflows.step_address import address_of

from weft_worker.outcome import Outcome, OutcomeError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from weft_activities.catalog import Catalog
    from weft_workflows.machine.protocol import Event
    from weft_workflows.messages import RunOptions

    from weft_worker.fakes import Fakes
    from weft_worker.prepare import Prepared


async def run_prepared(
    prepared: Prepared,
    *,
    run_id: str,
    options: RunOptions | None = None,
    cancel: asyncio.Event | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> LocalRun:
    """Run a plan in this process. With fakes time is virtual: sleeps and delays take none. With real tools it
    is real. `cancel`, once set, cancels the run; `on_event` is told of what happens in it.
    """
    fakes = prepared.fakes
    if fakes is not None:
        return await run_plan(
            prepared.plan,
            prepared.inputs,
            _FakeCaller(fakes).call,
            clock="virtual",
            run_id=run_id,
            options=options,
            cancel=cancel,
            on_event=on_event,
        )
    caller = _ToolCaller(prepared.catalog)
    return await run_plan(
        prepared.plan,
        prepared.inputs,
        caller.call,
        run_id=run_id,
        options=options,
        describe_failure=failure_of,
        in_host=True,
        cancel=cancel,
        on_event=on_event,
    )


def outcome_of(run: LocalRun, run_id: str) -> Outcome:
    """How a run in memory ended."""
    said = run.error
    error = None if said is None else OutcomeError(said.type, said.message, said.line, said.step, said.traceback)
    done = sum(step.outcome == "completed" for step in run.steps)
    return Outcome(run_id, run.status, result=run.result, stdout=run.stdout, steps=done, error=error)


def failure_of(error: BaseException, never: Sequence[str] = ()) -> Failure:
    """A tool's exception as the machine is told of it, judged as for steps on Temporal. Classes in `never` are not
    tried again.
    """
    if isinstance(error, Failure):
        return error
    told = describe_failure(error, never)
    return Failure(
        told.type,
        told.message,
        list(told.arguments),
        base_type=told.base_type,
        transient=told.transient,
        retry_after=told.retry_after,
    )


class _Reports:
    """Makes the contexts of steps, and keeps what tools report for their next attempts."""

    def __init__(self) -> None:
        self._reported: dict[str, tuple[Any, ...]] = {}

    def context(self, step: StepInfo, arguments: dict[str, Any]) -> StepContext:
        address = address_of(step.run_id, step.step, step.spec, to_json(arguments))
        return StepContext(
            run_id=address.run_id,
            step_id=address.step_id,
            attempt=step.attempt,
            last_heartbeat_details=self._reported.get(step.step, ()),
            on_heartbeat=partial(self._reported.__setitem__, step.step),
            idempotency_key=address.idempotency_key,
        )


class _ToolCaller:
    """Calls a catalog's tools as steps."""

    def __init__(self, catalog: Catalog | None) -> None:
        self._catalog = catalog
        self._reports = _Reports()

    async def call(self, tool: str, arguments: dict[str, Any], step: StepInfo) -> Any:
        assert self._catalog is not None
        try:
            return await call_tool(self._catalog.get(tool), arguments, self._reports.context(step, arguments))
        except Exception as error:
            raise failure_of(error, step.spec.retry.non_retryable) from error


class _FakeCaller:
    """Calls fakes as steps: a fake may be a tool that asks where it stands."""

    def __init__(self, fakes: Fakes) -> None:
        self._fakes = fakes
        self._reports = _Reports()

    async def call(self, tool: str, arguments: dict[str, Any], step: StepInfo) -> Any:
        with running_step(self._reports.context(step, arguments)):
            return await self._fakes.call(tool, arguments, step)
