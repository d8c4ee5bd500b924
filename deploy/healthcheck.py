"""Whether a worker of this container asks the Temporal server for work: the health check of the image.

`healthcheck.py [workflows|activities]…` exits with 0 where, for each role named (or for one at least, where none is
named), the server lately heard a worker of this host on the task queue. It says in one line why not. A worker that
lost its connection, hangs or has ended is unhealthy; a process that is merely there proves nothing.

Reads what the worker itself reads: `WEFT_TASK_QUEUE` and Temporal's own configuration (`TEMPORAL_ADDRESS`, …).
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

ROLES = {
    "workflows": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activities": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}
#: A waiting worker asks anew each minute.
RECENT_SECONDS = 120.0
#: Below the time that the container's health check has.
PATIENCE_SECONDS = 8.0


async def main(wanted: list[str]) -> str:
    """Why the container is unhealthy, empty where it is not. Raises what the connection raises."""
    client = await Client.connect(**ClientConfig.load_client_connect_config())
    queue = os.environ.get("WEFT_TASK_QUEUE", "weft")
    here = {role: await asks(client, queue, kind) for role, kind in ROLES.items()}
    silent = [role for role in wanted if not here[role]] if wanted else [] if any(here.values()) else list(ROLES)
    return f"no worker of this host asks for {' or '.join(silent)} on the task queue {queue}" if silent else ""


async def asks(client: Client, queue: str, kind: TaskQueueType.ValueType) -> bool:
    """Whether the server lately heard this host on that queue. Identities are `process@host`, as the SDK's are."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
    )
    described = await client.workflow_service.describe_task_queue(request)
    oldest = time.time() - RECENT_SECONDS
    host = f"@{socket.gethostname()}"
    return any(
        poller.identity.endswith(host) and poller.last_access_time.ToSeconds() > oldest for poller in described.pollers
    )


def check(arguments: list[str]) -> int:
    """The exit code for a command line."""
    if unknown := [each for each in arguments if each not in ROLES]:
        sys.stderr.write(f"{', '.join(unknown)}: not a role; the roles are {', '.join(ROLES)}\n")
        return 2
    try:
        why = asyncio.run(asyncio.wait_for(main(arguments), PATIENCE_SECONDS))
    except (RuntimeError, TimeoutError) as error:
        why = f"the server does not answer: {error or type(error).__name__}"
    except RPCError as error:
        why = f"the server refuses to answer: {error}"
    if why:
        sys.stderr.write(f"{why}\n")
    return 1 if why else 0


if __name__ == "__main__":
    code = check(sys.argv[1:])
    sys.stderr.flush()
    # As `weft` ends: the SDK's threads must not call into an interpreter that is being taken down.
    os._exit(code)
