"""Replays histories from files: `python -m tests.temporal.replaying MACHINE FILE…`; fails where one does not fit."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from weft_worker.payloads import converter
from weft_workflows import evaluators
from weft_workflows.host.pool import HostPool
from weft_workflows.registry import WORKFLOWS

from tests.temporal.conftest import payloads


async def main(machine: str, files: list[str]) -> None:
    pool = HostPool(size=1, machine=machine)
    # The replayer takes what lasts longer than two seconds for a deadlock; the start of a host may.
    pool.wait_ready()
    evaluators.install(pool)
    replayer = Replayer(workflows=WORKFLOWS, data_converter=converter(payloads()))
    for file in files:
        await replayer.replay_workflow(WorkflowHistory.from_json(Path(file).stem, Path(file).read_text()))
        print("replayed", Path(file).stem)
    pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
