"""The data converter of Weft's clients and workers: which payloads stay in Temporal's history and which do not.

What always holds: whatever the configuration is now, payloads are read from where they were stored; new ones go to one
place. Payloads from `threshold` bytes on leave history. The few that people and clients read from anywhere, without
access to that place (`_stays_in_history`), do so only from `_STAYING` bytes on.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temporalio import workflow
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import ExternalStorage, StorageDriver, StorageDriverSelectContext
from weft_workflows.messages import RunInput, RunResult
from weft_workflows.payload_sizes import THRESHOLD

from weft_worker.storage.directory import PayloadDirectory
from weft_worker.storage.s3 import Bucket, S3Payloads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from temporalio.api.common.v1 import Payload
    from temporalio.converter import DataConverter

    from weft_worker.settings import Settings

#: Marks payloads that stay in history where the server takes them, in their metadata.
STAYS = "weft.stays"
#: Bytes from which a payload leaves history that would better stay. The server takes no more than 2 MiB in one.
_STAYING = 1_000_000


@dataclass(frozen=True)
class Storage:
    """Where payloads are kept. New ones go to the bucket if there is one, else into the directory."""

    directory: PayloadDirectory
    s3: S3Payloads
    converter: DataConverter

    @property
    def place(self) -> str:
        return str(self.directory.directory) if self.s3.bucket is None else self.s3.bucket.url


def open_storage(directory: Path, bucket: Bucket | None = None, *, threshold: int = THRESHOLD) -> Storage:
    """Nothing is made or contacted before the first payload comes."""
    files, objects = PayloadDirectory(directory), S3Payloads(bucket)
    chosen: StorageDriver = files if bucket is None else objects

    def select(context: StorageDriverSelectContext, payload: Payload) -> StorageDriver | None:  # noqa: ARG001 - the SDK's signature
        stays = STAYS in payload.metadata and payload.ByteSize() < _STAYING
        return None if stays else chosen

    storage = ExternalStorage([files, objects], driver_selector=select, payload_size_threshold=threshold)
    converter = dataclasses.replace(
        pydantic_data_converter, payload_converter_class=_WeftPayloadConverter, external_storage=storage
    )
    return Storage(files, objects, converter)


def storage_of(settings: Settings, state: Path) -> Storage:
    """The storage that a process's settings mean. Without `WEFT_PAYLOAD_DIR` files lie in the state directory."""
    return open_storage(
        settings.payload_dir or state / "payloads",
        Bucket.of_url(settings.payload_store) if settings.payload_store else None,
        threshold=settings.payload_threshold,
    )


def converter(directory: Path) -> DataConverter:
    """The data converter with the default settings."""
    return open_storage(directory).converter


class _WeftPayloadConverter(PydanticPayloadConverter):
    """Pydantic's, which marks what is to stay in history."""

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        payloads = super().to_payloads(values)
        for value, payload in zip(values, payloads, strict=True):
            if _stays_in_history(value):
                payload.metadata[STAYS] = b"true"
        return payloads


def _stays_in_history(value: Any) -> bool:
    """Whether people and clients read a value from anywhere: input and result of a run, and answers to queries."""
    return isinstance(value, RunInput | RunResult) or (workflow.in_workflow() and workflow.unsafe.is_read_only())
