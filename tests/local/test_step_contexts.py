"""What tools are told of their steps in memory: what they are told on a server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from weft_activities import StepContext, current_step, tool
from weft_activities.context import HEARTBEAT_BYTES
from weft_activities.tool import make_tool
from weft_worker.pytest_plugin import RunOrchestration
from weft_workflows.step_address import address_of

CALLS = "return [await ask(n) for n in (1, 2, 2)]"
RETRY = {"max_attempts": 3, "initial_interval": 0.01}


def ask(n: int) -> list[Any]:
    step = current_step()
    return [step.run_id, step.step_id, step.attempt, step.idempotency_key]


@pytest.mark.parametrize("kind", ["tools", "fakes"])
def test_a_key_for_each_call(weft_run: RunOrchestration, kind: str) -> None:
    made = tool(effect="read")(ask)
    run = weft_run(CALLS, tools=[made]) if kind == "tools" else weft_run(CALLS, fakes={"ask": made})
    spec = make_tool(ask, {"effect": "read"}).spec
    for index, told in enumerate(run.result):
        step = told[1]
        arguments = json.dumps({"n": run.steps[index][1]["n"]})
        assert told == ["test", step, 1, address_of("test", step, spec, arguments).idempotency_key]
    assert len({told[1] for told in run.result}) == len({told[3] for told in run.result}) == 3


@pytest.mark.parametrize("kind", ["tools", "fakes"])
def test_attempts_share_key_and_details(weft_run: RunOrchestration, kind: str) -> None:
    seen: list[Any] = []

    @tool(effect="read", retry=RETRY)
    def copy() -> int:
        step = current_step()
        seen.append([step.attempt, step.idempotency_key, step.last_heartbeat_details])
        step.heartbeat({"row": step.attempt * 10})
        if step.attempt < 3:
            raise ConnectionError
        return len(seen)

    source = "return await copy()"
    run = weft_run(source, tools=[copy]) if kind == "tools" else weft_run(source, fakes={"copy": copy})
    assert run.result == 3
    assert [attempt for attempt, _, _ in seen] == [1, 2, 3]
    assert len({key for _, key, _ in seen}) == 1
    assert [details for _, _, details in seen] == [(), ({"row": 10},), ({"row": 20},)]


def test_what_a_key_depends_on() -> None:
    def pay(amount: int, to: str, pin: str = "") -> None: ...

    spec = make_tool(pay, {"redact": ["pin"]}).spec

    def key(run: str = "r", step: str = "s", arguments: str = '{"amount":1,"to":"a","pin":"7"}') -> str:
        return address_of(run, step, spec, arguments, earlier=3, heartbeat=(1,)).idempotency_key

    assert key() == key(arguments='{"to": "a", "pin": "8", "amount": 1}'), "not on order, nor on what is redacted"
    keys = [key(), key(run="q"), key(step="t"), key(arguments='{"amount":2,"to":"a"}')]
    assert len(set(keys)) == len(keys)
    old = address_of("r", "s", spec, "{}", by_call=False)
    assert old.idempotency_key == StepContext("r", "s").idempotency_key


def test_details_are_small() -> None:
    with pytest.raises(ValueError, match=r"take 16,0\d\d bytes of JSON, over the limit of 16,000"):
        StepContext("r", "s").heartbeat("x" * HEARTBEAT_BYTES)
