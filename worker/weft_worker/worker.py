"""Worker processes: what listens on Temporal's task queues for runs and for their steps.

What always holds: a `Workers` that has been entered listens until it is left; leaving it takes no new work,
lets what is in flight end within the grace time, and closes its hosts last, when no run can need them. A step
that the grace time cuts off is for the server to start again or, where it writes, for a person to decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version
from types import TracebackType
from typing import Any, Literal, NoReturn

from temporalio.client import Client
from temporalio.worker import Worker, WorkerDeploymentConfig
from weft_activities.catalog import Catalog
from weft_activities.invoke import activity_for
from weft_workflows import evaluators
from weft_workflows.advance import advancing
from weft_workflows.messages import ADVANCE, advance_queue
from weft_workflows.registry import WORKFLOWS

from weft_worker.hosts import open_hosts
from weft_worker.segments import keeping
from weft_worker.settings import Settings

Role = Literal["all", "workflows", "activities"]

#: After a worker's death its runs wait this long for it before another takes them over; the SDK's default is
#: 10 s.
_STICKY_TIMEOUT = timedelta(seconds=1)
#: Steps report every 5 s (`weft_activities.activity`); the SDK would hold reports back for up to a minute.
_HEARTBEAT_THROTTLE = timedelta(seconds=5)


class Workers:
    """The Temporal workers of this process: one for runs, one for each task queue on which its tools live."""

    def __init__(
        self,
        client: Client,
        *,
        task_queue: str,
        catalog: Catalog,
        settings: Settings,
        role: Role = "all",
        hosts: Any = None,
        deployment: WorkerDeploymentConfig | None = None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._deployment = deployment
        #: Hosts that this object opened and has to close.
        self._hosts: Any = None
        #: The hosts in which this worker's runs are evaluated, None where it takes no runs.
        self._evaluating: Any = None
        workflows: list[type] = []
        queues = _activities_by_queue(catalog, task_queue, settings.payload_limit) if role != "workflows" else {}
        if role != "activities":
            if hosts is None:
                hosts = self._hosts = open_hosts(settings.hosts)
            self._evaluating = hosts
            evaluators.install(hosts, evaluators.signals_through(client))
            workflows.extend(WORKFLOWS)
            queues.setdefault(task_queue, [])
            queues[advance_queue(task_queue)] = [advancing(hosts)]
        self._workers = [
            self._make(queue, workflows if queue == task_queue else [], activities)
            for queue, activities in sorted(queues.items())
        ]
        self._running: list[asyncio.Task[None]] = []

    @property
    def task_queues(self) -> tuple[str, ...]:
        return tuple(worker.task_queue for worker in self._workers if not worker.task_queue.endswith(ADVANCE))

    async def __aenter__(self) -> Workers:
        if self._evaluating is not None:
            # Else the first activation would pay for the start of a host.
            await asyncio.to_thread(self._evaluating.wait_ready)
        self._running = [asyncio.create_task(worker.run()) for worker in self._workers]
        return self

    async def failure(self) -> NoReturn:
        """Wait until a worker dies by itself, and raise the reason. Never returns while all is well."""
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        raise next(iter(done)).exception() or RuntimeError("a worker ended by itself")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(worker.shutdown() for worker in self._workers), return_exceptions=True)
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._hosts is not None:
            await asyncio.to_thread(self._hosts.close)

    def _make(self, queue: str, workflows: list[type], activities: list[Callable[..., Any]]) -> Worker:
        worker = Worker(
            self._client,
            task_queue=queue,
            **self._identity(),
            workflows=workflows,
            # What runs do by themselves must not make a worker without tools ask for their steps.
            activities=[*activities, keeping(self._client)] if workflows else activities,
            no_remote_activities=not activities,
            max_concurrent_activities=self._settings.max_steps,
            sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
            max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
            default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
            graceful_shutdown_timeout=timedelta(seconds=self._settings.grace),
        )
        evaluators.allow_busy_computers(worker)
        return worker

    def _identity(self) -> dict[str, Any]:
        if self._deployment is not None:
            return {"deployment_config": self._deployment}
        # Else the SDK hashes every loaded module, which takes half a second.
        return {"build_id": f"weft-{version('weft')}"}


def _activities_by_queue(catalog: Catalog, task_queue: str, result_limit: int) -> dict[str, list[Callable[..., Any]]]:
    """The tools' activities by the task queue on which they live."""
    queues: dict[str, list[Callable[..., Any]]] = {}
    for tool in catalog:
        made = activity_for(tool, result_limit=result_limit)
        queues.setdefault(tool.spec.task_queue or task_queue, []).append(made)
    return queues
