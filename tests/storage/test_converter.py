"""Which payloads leave history, and where they go."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from weft_worker.payloads import STAYS, open_storage
from weft_worker.problems import CommandFailed
from weft_worker.settings import load_settings
from weft_workflows.messages import RunInput, RunResult
from weft_workflows.payload_sizes import THRESHOLD

from tests.storage.test_directory import files


def is_reference(payload: Payload) -> bool:
    return b"ExternalStorageReference" in payload.metadata.get("messageType", b"")


async def test_payloads_over_the_threshold_leave_history(tmp_path: Path) -> None:
    converter = open_storage(tmp_path).converter
    values = ["a" * (THRESHOLD - 100), "b" * THRESHOLD]
    encoded = await converter.encode(values)
    assert [is_reference(each) for each in encoded] == [False, True]
    assert len(files(tmp_path)) == 1
    assert await converter.decode(encoded, [str, str]) == values


async def test_the_threshold_is_a_setting(tmp_path: Path) -> None:
    encoded = await open_storage(tmp_path, threshold=2_000).converter.encode(["a" * 1_500, "b" * 2_500])
    assert [is_reference(each) for each in encoded] == [False, True]


async def test_input_and_result_of_a_run_stay_while_the_server_takes_them(tmp_path: Path) -> None:
    converter = open_storage(tmp_path).converter
    for size, leaves in ((900_000, False), (1_100_000, True)):
        result = RunResult(status="completed", result="r" * size)
        values = [RunInput(plan="p" * size, plan_id="id"), result]
        encoded = await converter.encode(values)
        assert [is_reference(each) for each in encoded] == [leaves, leaves]
        assert await converter.decode(encoded, [RunInput, RunResult]) == values


async def test_whatever_else_is_marked_goes_by_the_threshold(tmp_path: Path) -> None:
    """A value cannot mark itself: marks are of metadata."""
    (encoded,) = await open_storage(tmp_path).converter.encode([{"plan": "p" * 100_000, STAYS: True}])
    assert is_reference(encoded)


@pytest.mark.parametrize("url", ["http://bucket", "s3://", "bucket", "s3://b?x=1"])
def test_a_store_that_is_no_bucket_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_PAYLOAD_STORE", url)
    with pytest.raises(CommandFailed, match=r"WEFT_PAYLOAD_STORE.*neither s3://bucket nor s3://bucket/prefix"):
        load_settings()
