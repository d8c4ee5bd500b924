"""Payloads as files of a directory, named by their contents.

What always holds: a file has the name of its contents' SHA-256; it appears whole or not at all; once `store` has
returned, it outlasts a power cut; what is read has been checked against its name. Storing what is there already
renews the file's time and mends a damaged one, so that `sweeping` may trust times, and nobody has to trust names.

    <directory>/9f/9f86d081…       a payload, as the SDK's message in bytes
    <directory>/9f/.new-…          one that is being written
    <directory>/namespaces/<id>    who has payloads here: sweeping for one namespace would take another's
    <directory>/ledgers/<run>/     what runs have done, see `ledger_folder`

Everyone who reads a run's history needs the directory: workers on several machines share it (`WEFT_PAYLOAD_DIR`).
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from weft_worker.storage.errors import PayloadMissing, PayloadNotStored

#: Names the driver in histories: never to be changed.
DRIVER = "weft.directory"
DIGEST = "sha256"
#: How names begin of files that are being written.
UNFINISHED = ".new-"
_NAMESPACES = "namespaces"
LEDGERS = "ledgers"
#: Bytes that file systems take in a name, less what a suffix may need.
_NAME_BYTES = 200


@dataclass(frozen=True)
class Namespace:
    """A namespace of some Temporal server. `id` is unique over all servers, the rest is for people."""

    id: str
    name: str
    address: str


class PayloadDirectory(StorageDriver):
    """Keeps payloads as files below a directory, which is made when the first one comes.

    `namespace` is whose payloads these are, where that is known; it is noted in the directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.namespace: Namespace | None = None
        self._noted: Namespace | None = None

    def name(self) -> str:
        return DRIVER

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:  # noqa: ARG002 - contents name files, whoever wrote them
        """Writes what is not there yet. Raises PayloadNotStored."""
        return await asyncio.to_thread(self._store, payloads)

    async def retrieve(
        self,
        context: StorageDriverRetrieveContext,  # noqa: ARG002 - as above
        claims: Sequence[StorageDriverClaim],
    ) -> list[Payload]:
        """Reads and checks. Raises PayloadMissing."""
        return await asyncio.to_thread(self._retrieve, claims)

    def path(self, digest: str) -> Path:
        return self.directory / digest[:2] / digest

    def _store(self, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        claims = []
        for payload in payloads:
            data = payload.SerializeToString()
            try:
                self._note_namespace()
                claims.append(StorageDriverClaim({DIGEST: self._write(data)}))
            except OSError as error:
                raise PayloadNotStored(_not_stored(error, self.directory, len(data))) from None
        return claims

    def _retrieve(self, claims: Sequence[StorageDriverClaim]) -> list[Payload]:
        return [Payload.FromString(self._read(claim.claim_data[DIGEST])) for claim in claims]

    def _write(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = self.path(digest)
        if not _renewed(path, digest):
            make_folder(path.parent)
            write_whole(path, data)
        # Where another process has written the file, its entry may not be on the disk yet.
        sync_folder(path.parent)
        return digest

    def _read(self, digest: str) -> bytes:
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise PayloadMissing(_not_read(error, self.directory, digest)) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise PayloadMissing(
                f"the payload {path} is damaged: its contents do not fit its name. Put a copy of it back from a"
                " backup; what waits for it goes on by itself then"
            )
        return data

    def _note_namespace(self) -> None:
        if self.namespace is None or self._noted == self.namespace:
            return
        note = self.directory / _NAMESPACES / self.namespace.id
        if not note.exists():
            make_folder(note.parent)
            write_whole(note, json.dumps(asdict(self.namespace)).encode())
            sync_folder(note.parent)
        self._noted = self.namespace


def namespaces_of(directory: Path) -> list[Namespace]:
    """Who has payloads in a directory, as far as they are noted."""
    notes = sorted((directory / _NAMESPACES).glob("*"))
    return [Namespace(**json.loads(note.read_bytes())) for note in notes if not note.name.startswith(UNFINISHED)]


def forget_namespace(directory: Path, namespace: Namespace) -> None:
    """Takes the note away that a namespace has payloads in a directory."""
    (directory / _NAMESPACES / namespace.id).unlink(missing_ok=True)


def ledger_folder(directory: Path, run_id: str) -> Path:
    """Where the ledger of a run is kept. Its files may be compressed as a whole (gzip, zlib, bz2, xz)."""
    name = quote(run_id, safe="").replace(".", "%2E")
    return directory / LEDGERS / (name if len(name) <= _NAME_BYTES else hashlib.sha256(run_id.encode()).hexdigest())


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file that appears whole or not at all, its contents on the disk. Its entry is for `sync_folder`."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def make_folder(folder: Path) -> None:
    """Makes a folder and what is missing above it; their entries are on the disk when this returns."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Puts the entries of a folder on the disk, where the platform can do that for folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _renewed(path: Path, digest: str) -> bool:
    """Whether a payload is there and is what it should be. Its time is now then: the sweep lets it be.

    The time comes first. A sweep takes a file out of sight before it looks at the time for the last time; so either it
    sees the new one and puts the file back, or the file is missed here and written again.
    """
    try:
        os.utime(path)
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except FileNotFoundError:
        return False


def _not_read(error: OSError, directory: Path, digest: str) -> str:
    return (
        f"the payload {digest} cannot be read from {directory}: {error.strerror}. If another machine wrote it, let"
        " both use one directory (WEFT_PAYLOAD_DIR) or one bucket (WEFT_PAYLOAD_STORE); else put the file back. What"
        " waits for it goes on by itself then"
    )


def _not_stored(error: OSError, directory: Path, size: int) -> str:
    remedy = "make room there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "see to the directory"
    return (
        f"a payload of {size:,} bytes cannot be written to {directory}: {error.strerror}; {remedy}, or name another"
        " (WEFT_PAYLOAD_DIR)"
    )
