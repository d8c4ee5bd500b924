"""Payloads in S3, against a server that speaks its protocol."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1 import ExternalStorageReference
from temporalio.converter import JSONProtoPayloadConverter
from weft_worker.payloads import open_storage
from weft_worker.storage.errors import PayloadMissing, PayloadNotStored
from weft_worker.storage.s3 import Bucket

from tests.storage.bucket import LocalBucket, local_bucket
from tests.storage.test_directory import files

LARGE = "x" * 100_000


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalBucket]:
    with local_bucket() as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        yield bucket


def reference(payload: Payload) -> ExternalStorageReference:
    return JSONProtoPayloadConverter().from_payload(payload, ExternalStorageReference)


@pytest.mark.parametrize(("path", "prefix"), [("", ""), ("/weft/one", "weft/one/"), ("/weft/", "weft/")])
async def test_what_is_stored_comes_back(bucket: LocalBucket, tmp_path: Path, path: str, prefix: str) -> None:
    converter = open_storage(tmp_path, Bucket.of_url(f"s3://{bucket.name}{path}")).converter
    encoded = await converter.encode([LARGE, "small", LARGE + "y"])
    keys = bucket.keys()
    assert len(keys) == 2
    assert all(key.startswith(f"{prefix}v0/") for key in keys)
    assert files(tmp_path) == []
    assert reference(encoded[0]).claim_data["bucket"] == bucket.name
    assert {reference(encoded[i]).claim_data["key"] for i in (0, 2)} == set(keys)
    assert await converter.decode(encoded, [str, str, str]) == [LARGE, "small", LARGE + "y"]


async def test_a_change_of_the_store_leaves_all_readable(bucket: LocalBucket, tmp_path: Path) -> None:
    stores = [None, Bucket(bucket.name), Bucket(bucket.name, "elsewhere/"), None]
    encoded = []
    for number, store in enumerate(stores):
        encoded += await open_storage(tmp_path, store).converter.encode([f"{number}{LARGE}"])
    assert (len(bucket.keys()), len(files(tmp_path))) == (2, 2)
    for store in stores:
        decoded = await open_storage(tmp_path, store).converter.decode(encoded, [str] * 4)
        assert [each[0] for each in decoded] == ["0", "1", "2", "3"]


async def test_a_missing_or_damaged_object_is_named(bucket: LocalBucket, tmp_path: Path) -> None:
    converter = open_storage(tmp_path, Bucket(bucket.name)).converter
    encoded = await converter.encode([LARGE])
    (key,) = bucket.keys()
    bucket.replace(key, b"other")
    with pytest.raises(PayloadMissing, match=f"s3://{bucket.name}/{key} cannot be read: .*integrity check failed"):
        await converter.decode(encoded)
    bucket.remove(key)
    with pytest.raises(PayloadMissing, match=f"s3://{bucket.name}/{key} cannot be read: .*NoSuchKey"):
        await converter.decode(encoded)


async def test_a_bucket_that_is_not_there_is_named(bucket: LocalBucket, tmp_path: Path) -> None:
    converter = open_storage(tmp_path, Bucket("no-such-bucket", "weft/")).converter
    with pytest.raises(PayloadNotStored, match=r"cannot be stored in s3://no-such-bucket/weft: .*AWS_ENDPOINT_URL_S3"):
        await converter.encode([LARGE])


async def test_a_server_that_does_not_answer_is_named(
    bucket: LocalBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
        with pytest.raises(PayloadNotStored, match=rf"cannot be stored in s3://{bucket.name}: .*{address[7:]}"):
            await open_storage(tmp_path, Bucket(bucket.name)).converter.encode([LARGE])


async def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aioboto3", None)
    with pytest.raises(PayloadNotStored, match=r"aioboto3 is not installed: install weft\[s3\]"):
        await open_storage(tmp_path, Bucket(bucket.name)).converter.encode([LARGE])
