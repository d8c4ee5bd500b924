"""Payloads that are too large for Temporal's history: files in a directory, named by their contents.

The SDK's external storage asks `PayloadDirectory` to keep them and puts a reference into history. What always holds: a
file has the name of its contents' SHA-256, it appears whole or not at all, and what is read has been checked against its
name. Everyone who reads a run's history needs the directory: workers on several machines share it (`WEFT_PAYLOAD_DIR`).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

if TYPE_CHECKING:
    from temporalio.converter import DataConverter

#: Bytes from which a payload is kept outside. The server takes no more than 2 MiB in one.
THRESHOLD = 2_010_000
#: Names the driver in histories: never to be changed.
_NAME = "weft.directory"
_DIGEST = "sha256"


class PayloadMissing(Exception):
    """A payload that a history refers to is not there, or not what it was."""


class PayloadDirectory(StorageDriver):
    """Keeps payloads as files below a directory, which is made when the first one comes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def name(self) -> str:
        return _NAME

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:  # noqa: ARG002 - contents name files, whoever wrote them
        """Writes what is not there yet. Raises OSError where it cannot."""
        digests = [await asyncio.to_thread(self._write, payload.SerializeToString()) for payload in payloads]
        return [StorageDriverClaim({_DIGEST: digest}) for digest in digests]

    async def retrieve(
        self,
        context: StorageDriverRetrieveContext,  # noqa: ARG002 - as above
        claims: Sequence[StorageDriverClaim],
    ) -> list[Payload]:
        """Reads and checks. Raises PayloadMissing."""
        found = [await asyncio.to_thread(self._read, claim.claim_data[_DIGEST]) for claim in claims]
        return [Payload.FromString(data) for data in found]

    def _path(self, digest: str) -> Path:
        return self._directory / digest[:2] / digest

    def _write(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if path.exists():
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                # History will refer to it for as long as the run is kept: it must outlast a power cut.
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return digest

    def _read(self, digest: str) -> bytes:
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise PayloadMissing(
                f"the payload {digest} cannot be read from {self._directory}: {error.strerror}; if another machine wrote"
                " it, let both use one directory (WEFT_PAYLOAD_DIR)"
            ) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise PayloadMissing(f"the payload {path} is damaged: its contents do not fit its name")
        return data


def converter(directory: Path) -> DataConverter:
    """The data converter of Weft's clients and workers."""
    import dataclasses

    from temporalio.contrib.pydantic import pydantic_data_converter

    storage = ExternalStorage([PayloadDirectory(directory)], payload_size_threshold=THRESHOLD)
    return dataclasses.replace(pydantic_data_converter, external_storage=storage)
