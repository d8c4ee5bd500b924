"""Runs whose history Temporal has removed: what was kept beside the payloads is the remedy."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from weft_worker.embedded import ServerInfo

from tests.cli.conftest import Weft
from tests.cli.test_resuming import TOUCHY

pytestmark = pytest.mark.server


async def is_known(client: Client, run_id: str) -> bool:
    try:
        await client.get_workflow_handle(run_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


def forget(server: ServerInfo, run_id: str) -> None:
    """Removes a run as the end of its retention does; returns once the server does not know it any more."""

    async def remove() -> None:
        client = await Client.connect(server.address)
        execution = WorkflowExecution(workflow_id=run_id)
        request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
        await client.workflow_service.delete_workflow_execution(request)
        async with asyncio.timeout(60):
            while await is_known(client, run_id):
                await asyncio.sleep(0.05)

    asyncio.run(remove())


def test_a_forgotten_run_goes_on(weft_served: Weft, temporal_server: ServerInfo) -> None:
    weft_served.write("more.py", TOUCHY)
    weft_served.write("plan.py", "a = await double(1)\nawait post('x' * 60_000)\nreturn await touchy(a)\n")
    assert weft_served("run", "plan.py", "--tools", "more.py", "--run-id", "forgotten").code == 1
    forget(temporal_server, "forgotten")
    (weft_served.folder / "mended").touch()
    # What the kept history refers to is not removed.
    collected = weft_served("storage", "gc", "--older-than", "0s", "--json")
    assert collected.code == 0, collected.stderr
    resumed = weft_served("resume", "forgotten", "--json")
    assert resumed.code == 0, resumed.stderr
    assert (resumed.json["result"], resumed.json["reused"]) == (2, 2)
    assert [each.split()[0] for each in weft_served.calls()] == ["double", "post", "touchy", "touchy"]


def test_what_was_kept_is_checked(weft_served: Weft, temporal_server: ServerInfo) -> None:
    weft_served.write("plan.py", "return await explode('boom')\n")
    assert weft_served("run", "plan.py", "--tools", "tools.py", "--run-id", "forgotten-damaged").code == 1
    forget(temporal_server, "forgotten-damaged")
    (file,) = (weft_served.state / "payloads" / "ledgers" / "forgotten-damaged").iterdir()
    whole = file.read_bytes()
    plain = gzip.decompress(whole)
    file.write_bytes(gzip.compress(plain.replace(b"boom", b"doom")))
    damaged = weft_served("resume", "forgotten-damaged")
    assert damaged.code == 1
    assert f"{file} is damaged" in damaged.stderr
    file.unlink()
    gone = weft_served("resume", "forgotten-damaged", "--json")
    assert gone.code == 1
    assert gone.json["error"]["type"] == "NoSuchRun"
    file.write_bytes(whole)
    assert "boom" in weft_served("resume", "forgotten-damaged", "--json").json["error"]["message"]
