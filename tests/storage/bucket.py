"""An S3 bucket on this machine: moto's server, spoken to over HTTP as the real one is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

_numbers = count(1)


@dataclass(frozen=True)
class LocalBucket:
    """An empty bucket, and the environment in which AWS's libraries find it."""

    name: str
    environment: dict[str, str]
    client: Any

    def keys(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=self.name)
        return [each["Key"] for each in listed.get("Contents", ())]

    def replace(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)


@contextmanager
def local_bucket() -> Iterator[LocalBucket]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    try:
        # What moto holds is the process's, whatever server it came by.
        name = f"payloads-{next(_numbers)}"
        client.create_bucket(Bucket=name)
        yield LocalBucket(name, environment, client)
    finally:
        client.close()
        server.stop()
