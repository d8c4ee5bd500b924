"""Large values through the command line, and what people are told where a payload is gone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from weft_worker.embedded import ServerInfo
from weft_worker.storage.directory import PayloadDirectory

from tests.cli.conftest import Inside, Weft, await_truth
from tests.storage.bucket import local_bucket

pytestmark = pytest.mark.server

LARGE_TOOLS = '''
from weft_activities import tool


@tool(effect="read")
def load(size: int) -> str:
    """Much."""
    return "0123456789" * (size // 10)


@tool(effect="read")
def reverse(text: str) -> str:
    """The text from its end."""
    return text[::-1]
'''
SIZE = 30_000_000


async def history_size(address: str, run_id: str) -> int:
    client = await Client.connect(address)
    described = await client.get_workflow_handle(run_id).describe()
    return described.raw_description.workflow_execution_info.history_size_bytes


def payloads(state: Path) -> list[Path]:
    return [path for path in (state / "payloads").rglob("*") if len(path.name) == 64 and path.is_file()]


def test_thirty_megabytes_pass_through_two_steps_and_the_result(weft_served: Weft, temporal_server: ServerInfo) -> None:
    weft_served.write("large.py", LARGE_TOOLS)
    weft_served.write("plan.py", f"return await reverse(await reverse(await load({SIZE})))\n")
    ended = weft_served("run", "plan.py", "--tools", "large.py", "--run-id", "thirty-megabytes", "--json")
    assert ended.code == 0, ended.stderr
    expected = "0123456789" * (SIZE // 10)
    assert ended.json["result"] == expected
    assert 'start  L1 reverse(…="30,000,040 bytes")' in ended.stderr
    told = weft_served("result", "thirty-megabytes", "--json")
    assert told.json["result"] == expected
    steps = weft_served("steps", "thirty-megabytes", "--json")
    assert [step["arguments"] for step in steps.json["steps"]][1:] == [{"…": "30,000,040 bytes"}] * 2
    assert asyncio.run(history_size(temporal_server.address, "thirty-megabytes")) < 100_000


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("return await load(9000)", "load(): the result is 9,002 bytes of JSON, over the limit of 8,000"),
        ("return await reverse('x' * 9000)", "the arguments of reverse take 9,011 bytes; a step may have 8,000"),
        ("return 'x' * 9000", "the result takes 9,002 bytes, a run may give 8,000"),
    ],
)
def test_what_exceeds_the_limit_is_refused_with_its_setting(weft_served: Weft, script: str, message: str) -> None:
    weft_served.write("large.py", LARGE_TOOLS)
    weft_served.write("plan.py", f"{script}\n")
    ended = weft_served("run", "plan.py", "--tools", "large.py", "--json", WEFT_PAYLOAD_LIMIT="8000")
    assert ended.code == 1
    assert message in ended.json["error"]["message"]
    assert "WEFT_PAYLOAD_LIMIT" in ended.json["error"]["message"]


def test_inputs_over_the_limit_start_nothing(weft_served: Weft) -> None:
    weft_served.write("plan.py", "async def main(text):\n    return len(text)\n")
    inputs = json.dumps({"text": "x" * 60_000})
    ended = weft_served(
        "run", "plan.py", "--inputs", inputs, "--run-id", "too-much", "--json", WEFT_PAYLOAD_LIMIT="50000"
    )
    assert ended.code == 2
    assert "over the limit of 50,000 (WEFT_PAYLOAD_LIMIT)" in ended.json["error"]["message"]
    assert weft_served("status", "too-much").code == 1


def test_people_are_told_of_a_missing_payload_and_the_run_goes_on_once_it_is_back(weft: Weft) -> None:
    weft.write("large.py", LARGE_TOOLS)
    weft.write("plan.py", "text = await load(100_000)\nawait asyncio.sleep(5)\nreturn len(await reverse(text))\n")
    first = weft.start("run", "plan.py", "--tools", "large.py", "--run-id", "gone")
    await_truth(lambda: weft("status", "gone", "--json").json["steps"] == 1, "the first step does not end")
    first.send_signal(signal.SIGKILL)
    kept = {path: path.read_bytes() for path in payloads(weft.state)}
    for path in kept:
        path.unlink()
    second = weft.start("resume", "gone")
    reason = f"the run cannot go on: the payload {next(iter(kept)).name} cannot be read from {weft.state}/payloads"
    await_truth(lambda: reason in weft("status", "gone").stderr, "status does not tell the reason")
    for path, data in kept.items():
        path.write_bytes(data)
    ended = weft.end(second)
    assert (ended.code, ended.stdout.splitlines()[0]) == (0, "100000"), ended.stderr
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr
    for path in payloads(weft.state):
        path.unlink()
    told = weft("result", "gone")
    assert (told.code, told.stdout.splitlines()[0]) == (0, "100000")


def test_payloads_in_s3_and_a_change_of_the_store(weft_served: Weft) -> None:
    weft_served.write("large.py", LARGE_TOOLS)
    weft_served.write("plan.py", "text = await load(2_000_000)\nreturn (await reverse(text))[:1_500_000]\n")
    result = ("9876543210" * 200_000)[:1_500_000]
    with local_bucket() as bucket:
        in_s3 = {**bucket.environment, "WEFT_PAYLOAD_STORE": f"s3://{bucket.name}/weft"}
        before = payloads(weft_served.state)
        run = ("run", "plan.py", "--tools", "large.py", "--json", "--run-id")
        ended = weft_served(*run, "in-s3", **in_s3)
        assert ended.code == 0, ended.stderr
        assert ended.json["result"] == result
        assert "nclosed" not in ended.stderr
        assert payloads(weft_served.state) == before
        keys = bucket.keys()
        # The result of load, the arguments and the result of reverse, the result of the run.
        assert len(keys) == 4
        assert all(key.startswith("weft/v0/ns/default/") for key in keys)
        # Other processes may have another store; they read what is there.
        assert weft_served("result", "in-s3", "--json", **bucket.environment).json["result"] == result
        assert weft_served(*run, "in-files", **bucket.environment).json["result"] == result
        assert weft_served("result", "in-files", "--json", **in_s3).json["result"] == result
        assert bucket.keys() == keys


def old_garbage(state: Path) -> Path:
    """A payload that no run has ever had."""
    kept = PayloadDirectory(state / "payloads")
    claims = kept._store([Payload(data=b"nobody's" * 10_000)])
    path = kept.path(claims[0].claim_data["sha256"])
    os.utime(path, (1e9, 1e9))
    return path


def test_garbage_goes_and_what_runs_need_stays(weft_served: Weft) -> None:
    weft_served.write("large.py", LARGE_TOOLS)
    weft_served.write("plan.py", "text = await load(100_000)\nreturn len(await reverse(text + 'garbage'))\n")
    assert weft_served("run", "plan.py", "--tools", "large.py", "--run-id", "not-garbage").code == 0
    garbage = old_garbage(weft_served.state)
    young = garbage.with_name("f" * 64)
    young.write_bytes(b"young")
    before = set(payloads(weft_served.state))
    dry = weft_served("storage", "gc", "--dry-run", "--json")
    assert dry.code == 0, dry.stderr
    assert set(payloads(weft_served.state)) == before
    told = weft_served("storage", "gc")
    assert (told.code, told.stderr.count("executions read")) == (0, 1), told.stderr
    said = dry.json
    assert (said["dry_run"], said["removed"], said["removed_bytes"]) == (True, 1, garbage_size())
    assert said["directory"] == str(weft_served.state / "payloads")
    assert f"{said['directory']}: removed 1 payload, 0.1 MB\nruns need" in told.stdout
    assert "stored too recently to tell" in told.stdout
    assert set(payloads(weft_served.state)) == before - {garbage}
    assert weft_served("storage", "gc", "--older-than", "0s", "--json").json["removed"] >= 1
    assert not young.exists()
    assert weft_served("result", "not-garbage").stdout.splitlines()[0] == "100007"
    assert weft_served("steps", "not-garbage", "--json").json["steps"][1]["arguments"]["text"].endswith("garbage")
    shown = weft_served("storage", "show", "--json").json
    assert (shown["payloads"], shown["threshold"]) == (len(payloads(weft_served.state)), 24_576)
    assert [each["name"] for each in shown["namespaces"]] == ["default"]


def garbage_size() -> int:
    return len(Payload(data=b"nobody's" * 10_000).SerializeToString())


def test_nothing_goes_where_another_namespace_has_payloads(weft_served: Weft) -> None:
    garbage = old_garbage(weft_served.state)
    note = weft_served.state / "payloads" / "namespaces" / "other-id"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"id": "other-id", "name": "production", "address": "temporal.example:7233"}))
    refused = weft_served("storage", "gc", "--json")
    assert (refused.code, refused.json["error"]["type"]) == (1, "SharedStorage")
    assert "runs of production of temporal.example:7233 (id other-id) have payloads" in refused.json["error"]["message"]
    assert garbage.exists()
    assert weft_served("storage", "gc", "--forget", "other-id", "--dry-run").code == 0
    assert note.exists()
    assert weft_served("storage", "gc", "--forget", "other-id").code == 0
    assert not note.exists()
    assert not garbage.exists()


def test_nothing_goes_where_no_server_answers(weft: Weft) -> None:
    garbage = old_garbage(weft.state)
    assert weft("storage", "gc", "--address", "127.0.0.1:1").code == 1
    assert garbage.exists()


def test_times_that_are_none_are_refused(weft_inside: Inside) -> None:
    for option in ("--older-than", "--ledgers-older-than"):
        ended = weft_inside("storage", "gc", option, "soon", "--json")
        assert (ended.code, ended.json["error"]["message"]) == (
            2,
            f"{option} soon: no time; write a number and s, m, h or d, such as 30m, 12h, 7d",
        )
