"""Payloads as objects of an S3 bucket, through the SDK's own driver.

What always holds: a reference in a history names bucket and whole key, so that it can be read whatever the prefix is now,
by Weft and by the SDKs of other languages; what is read has been checked against its digest. The client library
is loaded when the first object is stored or read. Its configuration (credentials, region, endpoint) is AWS's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from weft_worker.storage.errors import PayloadMissing, PayloadNotStored

if TYPE_CHECKING:
    from temporalio.api.common.v1 import Payload

_Opened: TypeAlias = AsyncGenerator[StorageDriver, None]

#: Names the driver in histories, as the SDK's driver does by default: never to be changed.
DRIVER = "aws.s3driver"
#: The SDK's driver wants a limit. What is too large has been refused before.
_LARGEST = 2**31


@dataclass(frozen=True)
class Bucket:
    """Where new objects go: `s3://name/prefix`. The prefix ends with a slash or is empty."""

    name: str
    prefix: str = ""

    @classmethod
    def of_url(cls, url: str) -> Bucket:
        """The settings have checked the form."""
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        return cls(parts.netloc, prefix and f"{prefix}/")

    @property
    def url(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


class S3Payloads(StorageDriver):
    """Keeps payloads in S3. Without a bucket it reads alone: what another configuration has stored."""

    def __init__(self, bucket: Bucket | None) -> None:
        self.bucket = bucket
        #: The SDK's drivers and what closes them, one for each event loop, since a connection belongs to its loop.
        self._drivers: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[StorageDriver, _Opened]] = WeakKeyDictionary()
        self._opening = asyncio.Lock()

    def name(self) -> str:
        return DRIVER

    def type(self) -> str:
        return DRIVER

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        """Raises PayloadNotStored."""
        assert self.bucket is not None
        try:
            claims = await (await self._driver()).store(context, payloads)
        except Exception as error:  # noqa: BLE001 - of the client library, which may be any
            raise PayloadNotStored(
                f"a payload cannot be stored in {self.bucket.url}: {_cause(error)}. See to the bucket and to AWS's"
                " configuration (credentials, AWS_REGION, AWS_ENDPOINT_URL_S3)"
            ) from None
        return [_with_prefix(claim, self.bucket.prefix) for claim in claims]

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Raises PayloadMissing."""
        try:
            return await (await self._driver()).retrieve(context, claims)
        except Exception as error:  # noqa: BLE001 - as above
            where = ", ".join(f"s3://{c.claim_data.get('bucket')}/{c.claim_data.get('key')}" for c in claims[:1])
            raise PayloadMissing(
                f"the payload {where} cannot be read: {_cause(error)}. What waits for it goes on by itself once it can"
            ) from None

    async def _driver(self) -> StorageDriver:
        loop = asyncio.get_running_loop()
        async with self._opening:
            if loop not in self._drivers:
                opened = self._open()
                self._drivers[loop] = await anext(opened), opened
            return self._drivers[loop][0]

    async def _open(self) -> _Opened:
        """Gives a driver, once. A generator, because event loops see to it that generators are closed when they end."""
        try:
            import aioboto3
            from temporalio.contrib.aws.s3driver import S3StorageDriver
        except ImportError as error:
            raise RuntimeError(f"{error.name} is not installed: install weft[s3]") from None
        bucket = self.bucket or Bucket("")
        async with aioboto3.Session().client("s3") as client:
            yield S3StorageDriver(_client(client, bucket.prefix), bucket.name, DRIVER, _LARGEST)


def _client(client: Any, prefix: str) -> Any:
    """The SDK's client, which puts objects below a prefix. Claims have whole keys, so reading knows no prefix."""
    from temporalio.contrib.aws.s3driver import S3StorageDriverClient
    from temporalio.contrib.aws.s3driver.aioboto3 import new_aioboto3_client

    inner = new_aioboto3_client(client)

    class Prefixed(S3StorageDriverClient):
        async def put_object(self, *, bucket: str, key: str, data: bytes) -> None:
            await inner.put_object(bucket=bucket, key=prefix + key, data=data)

        async def object_exists(self, *, bucket: str, key: str) -> bool:
            return await inner.object_exists(bucket=bucket, key=prefix + key)

        async def get_object(self, *, bucket: str, key: str) -> bytes:
            return await inner.get_object(bucket=bucket, key=key)

        def describe(self) -> Mapping[str, str]:
            return inner.describe()

    return Prefixed()


def _with_prefix(claim: StorageDriverClaim, prefix: str) -> StorageDriverClaim:
    return StorageDriverClaim({**claim.claim_data, "key": prefix + claim.claim_data["key"]})


def _cause(error: BaseException) -> str:
    """The innermost words: the SDK's driver wraps what the client library says."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
