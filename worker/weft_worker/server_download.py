"""Where no package carries the Temporal server (Windows), the SDK's own download of it, kept in the state
directory.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from weft_worker.embedded import EmbeddedServerError


def download_server(folder: Path) -> Path:
    """The server's program in `folder`, downloaded by the SDK if it is not there.

    Raises EmbeddedServerError where the download fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (found := _find(folder)):
        try:
            asyncio.run(_start_once(folder))
        except RuntimeError as error:
            raise EmbeddedServerError(
                f"the Temporal server could not be downloaded: {error}."
                " Name a running one with --address HOST:PORT, or put the temporal program on PATH"
            ) from error
        found = _find(folder)
    if found is None:
        raise EmbeddedServerError(f"the SDK put no Temporal server into {folder}; put the temporal program on PATH")
    return found


def _find(folder: Path) -> Path | None:
    # The SDK names the file after itself and its version.
    return next(iter(sorted(folder.glob("temporal*.exe"))), None)


async def _start_once(folder: Path) -> None:
    # The SDK downloads only as part of a start.
    async with await WorkflowEnvironment.start_local(download_dest_dir=str(folder)):
        pass
