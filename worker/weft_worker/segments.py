"""Histories of runs kept beside the payloads, so that a run can be gone on with when Temporal has removed its own.

One file for each execution of a run, `ledgers/RUN/TIME-EXECUTION.jsonl.gz`: a line that says what it is and what must hold of the
rest, then one event a line. What always holds: a file appears whole or not at all; what is read has been checked; a later
file of the same execution takes the place of an earlier one. A segment may lack the last events of its execution, since it is
written while that still lives.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.client import WorkflowHistory
from weft_workflows.messages import KEEP

from weft_worker.problems import failed
from weft_worker.storage.directory import PayloadDirectory, ledger_folder, make_folder, sync_folder, write_whole
from weft_worker.storage.marking import digests_in

if TYPE_CHECKING:
    from temporalio.client import Client

_VERSION = 1
_ENDING = ".jsonl.gz"


@dataclass(frozen=True)
class _Header:
    """The first line of a file."""

    version: int
    run_id: str
    execution: str
    #: The execution that this one goes on with; empty for the first.
    continues: str
    events: int
    sha256: str
    #: What the events refer to: the collector of unneeded payloads looks for it here.
    payloads: tuple[str, ...]


def segments_of(client: Client) -> Segments | None:
    """Where the segments of a client's runs are: beside its payloads. None for a client that keeps none in a directory."""
    storage = client.data_converter.external_storage
    drivers = () if storage is None else storage.drivers
    found = next((driver for driver in drivers if isinstance(driver, PayloadDirectory)), None)
    return None if found is None else Segments(found.directory)


class Segments:
    """The segments of all runs, in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, history: WorkflowHistory) -> None:
        """Keeps the history of an execution as far as it is known. Raises OSError."""
        started = history.events[0].workflow_execution_started_event_attributes
        body = b"".join(_line(event) for event in json.loads(history.to_json())["events"])
        header = _Header(
            version=_VERSION,
            run_id=history.workflow_id,
            execution=started.original_execution_run_id,
            continues=started.continued_execution_run_id,
            events=len(history.events),
            sha256=hashlib.sha256(body).hexdigest(),
            payloads=tuple(
                sorted({each for event in history.events for each in digests_in(event.SerializeToString())})
            ),
        )
        folder = ledger_folder(self._directory, history.workflow_id)
        make_folder(folder)
        # Executions follow each other within a moment: their names sort by the nanosecond.
        began = history.events[0].event_time.ToNanoseconds()
        data = gzip.compress(_line(vars(header)) + body, 6, mtime=0)
        write_whole(folder / f"{began:020d}-{header.execution}{_ENDING}", data)
        sync_folder(folder)

    def of_execution(self, run_id: str, execution: str) -> WorkflowHistory | None:
        """The history of an execution, None where there is none. Raises CommandFailed where it is damaged."""
        found = sorted(ledger_folder(self._directory, run_id).glob(f"*-{execution}{_ENDING}"))
        return _read(found[-1])[1] if found else None

    def newest(self, run_id: str) -> list[WorkflowHistory]:
        """The histories of a run's last chain of executions, oldest first; empty where there are none.

        Raises CommandFailed where one of the chain is missing or damaged.
        """
        files = sorted(ledger_folder(self._directory, run_id).glob(f"*{_ENDING}"))
        if not files:
            return []
        header, history = _read(files[-1])
        chain = [history]
        while header.continues:
            earlier = [file for file in files if file.name.endswith(f"-{header.continues}{_ENDING}")]
            if not earlier:
                raise failed(
                    f"Temporal no longer has the history of {run_id}, and of what was kept of it the execution"
                    f" {header.continues} is missing: it cannot be gone on with",
                    run_id=run_id,
                )
            header, history = _read(earlier[-1])
            chain.append(history)
        return chain[::-1]


def keeping(client: Client) -> Callable[..., Any]:
    """The local activity by which an execution, or the next one, has its history kept. Each worker of runs needs it."""
    segments = segments_of(client)

    @activity.defn(name=KEEP)
    async def keep(execution: str) -> None:
        if segments is None:
            return
        run_id = activity.info().workflow_id
        assert run_id is not None
        history = await client.get_workflow_handle(run_id, run_id=execution).fetch_history()
        await asyncio.to_thread(segments.write, history)

    return keep


def _line(plain: dict[str, Any]) -> bytes:
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def _read(file: Path) -> tuple[_Header, WorkflowHistory]:
    try:
        first, _, body = gzip.decompress(file.read_bytes()).partition(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise failed(f"what was kept of a run cannot be read from {file}: {error}") from None
    header = _Header(**json.loads(first))
    if header.version > _VERSION:
        raise failed(f"{file} was written by a newer Weft: use that version")
    if hashlib.sha256(body).hexdigest() != header.sha256:
        raise failed(f"{file} is damaged: its contents do not fit their checksum")
    events = [json.loads(line) for line in body.splitlines()]
    return header, WorkflowHistory.from_json(header.run_id, {"events": events})
