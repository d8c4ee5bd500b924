"""Replays recorded histories on today's code: `python -m tests.temporal.refitting FILE…`; one line for each.

The SDK compares the commands of a replay with those in history by their kinds and ids; what a step is called with, how long
a timer is, and what the run gives in the end is compared here.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowHistory
from temporalio.common import RawValue
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    StartActivityInput,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from weft_worker.payloads import converter
from weft_workflows import evaluators
from weft_workflows.host.pool import HostPool
from weft_workflows.messages import ADVANCE
from weft_workflows.registry import WORKFLOWS

from tests.temporal.recording import unpack_payloads

#: How the SDK says what failed, and how it names the event at which a replay differs.
_CORE_MESSAGE = re.compile(r'message: "((?:[^"\\]|\\.)*)"')
_AT_EVENT = re.compile(r"HistoryEvent\(id: (\d+)|event_id: (\d+)")


@dataclass
class Replayed:
    """What a replay has done, to be compared with history."""

    #: The arguments of steps by the ids of their activities.
    steps: dict[str, bytes] = field(default_factory=dict)
    #: Seconds of timers by their ids.
    timers: dict[str, float] = field(default_factory=dict)
    #: The result as plain data, or the type and the message of what the run failed with.
    end: Any = None


class Differs(Exception):
    """A replay gives the commands of history, with other contents."""


_replayed = Replayed()


class Watching(Interceptor):
    """Notes in `_replayed` what the workflow asks for."""

    def workflow_interceptor_class(self, asked: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))

    async def execute_workflow(self, started: ExecuteWorkflowInput) -> Any:
        try:
            result = await super().execute_workflow(started)
        except ApplicationError as failure:
            _replayed.end = [failure.type, failure.message]
            raise
        _replayed.end = result.model_dump(mode="json")
        return result


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, step: StartActivityInput) -> Any:
        # Behind them stands where the step is, which is for the tool and changes nothing of the run.
        arguments = step.args[0]
        if isinstance(arguments, RawValue) and step.activity != ADVANCE:
            assert step.activity_id is not None
            _replayed.steps[step.activity_id] = arguments.payload.data
        return super().start_activity(step)


class WatchingRunner(UnsandboxedWorkflowRunner):
    """Notes the timers, which no interceptor sees, of the commands that leave a workflow."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance = super().create_instance(det)
        activate = instance.activate

        def watched(activation: WorkflowActivation) -> WorkflowActivationCompletion:
            completion = activate(activation)
            for command in completion.successful.commands:
                if command.HasField("start_timer"):
                    started = command.start_timer
                    _replayed.timers[str(started.seq)] = started.start_to_fire_timeout.ToTimedelta().total_seconds()
            return completion

        instance.activate = watched  # type: ignore[method-assign]
        return instance


async def main(files: list[Path]) -> None:
    # What differs is printed below; the SDK and its core would log it as well.
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    runtime = Runtime(telemetry=TelemetryConfig(logging=None))
    pool = HostPool(size=1)
    # The replayer takes what lasts longer than two seconds for a deadlock; the start of a host may.
    pool.wait_ready()
    evaluators.install(pool)
    with tempfile.TemporaryDirectory() as payloads:
        for folder in sorted({file.parent for file in files}):
            unpack_payloads(folder, Path(payloads))
        kept = converter(Path(payloads))
        replayer = Replayer(
            workflows=WORKFLOWS,
            data_converter=kept,
            interceptors=[Watching()],
            unsandboxed_workflow_runner=WatchingRunner(),
            runtime=runtime,
        )
        for file in files:
            print(await _refit(replayer, file, kept), flush=True)
    pool.close()


async def _refit(replayer: Replayer, file: Path, kept: DataConverter) -> str:
    global _replayed
    _replayed = Replayed()
    name, version = file.name.partition(".")[0], file.parent.name
    data = json.loads(gzip.decompress(file.read_bytes()))
    started = data["events"][0]["workflowExecutionStartedEventAttributes"]
    history = WorkflowHistory.from_json(started["workflowId"], data)
    try:
        await replayer.replay_workflow(history)
        await _compare(history, kept)
    except Exception as error:  # noqa: BLE001  (whatever it is, it is what would happen to the run)
        said = _words_of(error)
        return f"BREAKS {version}/{name}: {said}{_around(history, said)}"
    return f"fits {version}/{name}"


async def _compare(history: WorkflowHistory, kept: DataConverter) -> None:
    for event in history.events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            await _compare_step(event, kept)
        elif event.HasField("timer_started_event_attributes"):
            _compare_timer(event)
    if (ended := await _end_of(history.events[-1], kept)) is not None and ended != _replayed.end:
        raise Differs(f"the run ended with {str(ended)[:500]} and now ends with {str(_replayed.end)[:500]}")


async def _compare_step(event: HistoryEvent, kept: DataConverter) -> None:
    scheduled = event.activity_task_scheduled_event_attributes
    if scheduled.activity_type.name == ADVANCE:
        return
    (arguments,) = await kept.decode(scheduled.input.payloads[:1], [RawValue])
    recorded, now = arguments.payload.data, _replayed.steps[scheduled.activity_id]
    if recorded != now:
        raise Differs(
            f"the step {scheduled.activity_id} (HistoryEvent(id: {event.event_id})) was called with"
            f" {recorded.decode()[:500]} and is now called with {now.decode()[:500]}"
        )


def _compare_timer(event: HistoryEvent) -> None:
    started = event.timer_started_event_attributes
    recorded, now = started.start_to_fire_timeout.ToTimedelta().total_seconds(), _replayed.timers[started.timer_id]
    if recorded != now:
        raise Differs(f"the timer of HistoryEvent(id: {event.event_id}) took {recorded} s and takes {now} s now")


async def _end_of(event: HistoryEvent, kept: DataConverter) -> Any:
    """As `Replayed.end`; None where the run was cancelled."""
    if event.HasField("workflow_execution_failed_event_attributes"):
        failure = event.workflow_execution_failed_event_attributes.failure
        return [failure.application_failure_info.type, failure.message]
    result = event.workflow_execution_completed_event_attributes.result.payloads
    return (await kept.decode(result))[0] if result else None


def _words_of(error: Exception) -> str:
    """The SDK's core puts the printed form of its own failure around the message."""
    found = _CORE_MESSAGE.search(str(error))
    return found.group(1) if found else f"{type(error).__name__}: {error}"


def _around(history: WorkflowHistory, said: str) -> str:
    """The part of history that an error names, where it names any."""
    found = _AT_EVENT.search(said)
    if found is None:
        return ""
    at = int(found.group(1) or found.group(2))
    lines = [_line(event) for event in history.events if at - 4 <= event.event_id <= at]
    return "\n  history has, up to there:" + "".join(f"\n    {line}" for line in lines)


def _line(event: HistoryEvent) -> str:
    from temporalio.api.enums.v1 import EventType

    kind = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower()
    step = event.activity_task_scheduled_event_attributes.activity_id
    timer = event.timer_started_event_attributes.timer_id
    return " ".join(part for part in (str(event.event_id), kind, step, timer) if part)


if __name__ == "__main__":
    asyncio.run(main([Path(name) for name in sys.argv[1:]]))
