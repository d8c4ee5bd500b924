"""The directory that keeps what is too large for Temporal's history."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriverRetrieveContext, StorageDriverStoreContext
from weft_worker.storage import directory as storage_directory
from weft_worker.storage.directory import Namespace, PayloadDirectory, namespaces_of
from weft_worker.storage.errors import PayloadMissing, PayloadNotStored

STORE, RETRIEVE = StorageDriverStoreContext(), StorageDriverRetrieveContext()


def payload(data: bytes) -> Payload:
    return Payload(metadata={"encoding": b"binary/plain"}, data=data)


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


async def test_what_is_stored_comes_back_and_is_kept_once(tmp_path: Path) -> None:
    kept = PayloadDirectory(tmp_path / "payloads")
    one, two = payload(b"one"), payload(b"two")
    claims = await kept.store(STORE, [one, two, one])
    assert await kept.retrieve(RETRIEVE, claims) == [one, two, one]
    assert len(files(tmp_path)) == 2
    assert claims[0] == claims[2]


async def test_many_writers_of_the_same_payload_leave_one_whole_file(tmp_path: Path) -> None:
    drivers = [PayloadDirectory(tmp_path) for _ in range(8)]
    large = payload(b"x" * 3_000_000)
    stored = await asyncio.gather(*(driver.store(STORE, [large]) for driver in drivers))
    assert len({str(claims) for claims in stored}) == 1
    assert len(files(tmp_path)) == 1
    assert await drivers[0].retrieve(RETRIEVE, stored[0]) == [large]


async def test_a_missing_or_damaged_file_is_named_with_what_helps(tmp_path: Path) -> None:
    kept = PayloadDirectory(tmp_path)
    claims = await kept.store(STORE, [payload(b"one")])
    (file,) = files(tmp_path)
    file.write_bytes(b"other")
    with pytest.raises(PayloadMissing, match=f"{file} is damaged.*Put a copy of it back from a backup"):
        await kept.retrieve(RETRIEVE, claims)
    file.unlink()
    with pytest.raises(PayloadMissing, match=f"{file.name} cannot be read from {tmp_path}: No such.*WEFT_PAYLOAD_DIR"):
        await kept.retrieve(RETRIEVE, claims)


@pytest.mark.parametrize("damage", [b"", b"other", b"one but longer"])
async def test_storing_again_mends_a_damaged_file(tmp_path: Path, damage: bytes) -> None:
    kept = PayloadDirectory(tmp_path)
    claims = await kept.store(STORE, [payload(b"one")])
    (file,) = files(tmp_path)
    file.write_bytes(damage)
    assert await kept.store(STORE, [payload(b"one")]) == claims
    assert await kept.retrieve(RETRIEVE, claims) == [payload(b"one")]
    assert len(files(tmp_path)) == 1


async def test_storing_again_renews_the_files_time(tmp_path: Path) -> None:
    kept = PayloadDirectory(tmp_path)
    await kept.store(STORE, [payload(b"one")])
    (file,) = files(tmp_path)
    os.utime(file, (1, 1))
    began = time.time() - 1
    await kept.store(STORE, [payload(b"one")])
    assert file.stat().st_mtime > began


async def test_a_payload_is_on_the_disk_before_it_is_visible_and_its_entry_before_it_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Follows the calls: what a power cut leaves cannot be tried here."""
    calls: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def noting_fsync(handle: int) -> None:
        calls.append(("fsync", Path(f"/proc/self/fd/{handle}").readlink().name))
        fsync(handle)

    def noting_replace(old: Path, new: Path) -> Path:
        calls.append(("rename", f"{old.name} {new.name}"))
        return replace(old, new)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(Path, "replace", noting_replace)
    kept = PayloadDirectory(tmp_path / "a" / "payloads")
    (claim,) = await kept.store(STORE, [payload(b"one")])
    digest = claim.claim_data["sha256"]
    unfinished = calls[3][1]
    assert unfinished.startswith(storage_directory.UNFINISHED)
    assert calls == [
        # Each new folder's entry is in the folder above it.
        ("fsync", tmp_path.name),
        ("fsync", "a"),
        ("fsync", "payloads"),
        ("fsync", unfinished),
        ("rename", f"{unfinished} {digest}"),
        ("fsync", digest[:2]),
    ]
    calls.clear()
    await kept.store(STORE, [payload(b"one")])
    assert calls == [("fsync", digest[:2])]


async def test_a_directory_that_takes_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "payloads").write_text("a file")
    kept = PayloadDirectory(tmp_path / "payloads")
    with pytest.raises(PayloadNotStored, match=rf"cannot be written to {tmp_path}/payloads: .*WEFT_PAYLOAD_DIR"):
        await kept.store(STORE, [payload(b"one")])


async def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    kept = PayloadDirectory(tmp_path)
    await kept.store(STORE, [payload(b"one")])
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PayloadNotStored, match="No space left on device; make room there"):
        await kept.store(STORE, [payload(b"two")])
    assert len(files(tmp_path)) == 1


async def test_the_directory_says_whose_payloads_it_has(tmp_path: Path) -> None:
    kept = PayloadDirectory(tmp_path)
    kept.namespace = Namespace("id-1", "default", "localhost:7233")
    assert namespaces_of(tmp_path) == []
    await kept.store(STORE, [payload(b"one"), payload(b"two")])
    assert namespaces_of(tmp_path) == [kept.namespace]
