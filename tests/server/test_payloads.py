"""The directory that keeps what is too large for Temporal's history."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriverRetrieveContext, StorageDriverStoreContext
from weft_worker.payloads import THRESHOLD, PayloadDirectory, PayloadMissing, converter

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
    with pytest.raises(PayloadMissing, match=f"{file.name} is damaged"):
        await kept.retrieve(RETRIEVE, claims)
    file.unlink()
    with pytest.raises(PayloadMissing, match=r"cannot be read from .*No such file.*WEFT_PAYLOAD_DIR"):
        await kept.retrieve(RETRIEVE, claims)


async def test_only_what_the_server_would_refuse_goes_there(tmp_path: Path) -> None:
    data_converter = converter(tmp_path)
    small, large = "a" * 1_900_000, "b" * (THRESHOLD + 1)
    encoded = await data_converter.encode([small, large])
    assert len(files(tmp_path)) == 1
    assert [len(each.SerializeToString()) < 2_097_152 for each in encoded] == [True, True]
    assert await data_converter.decode(encoded, [str, str]) == [small, large]
