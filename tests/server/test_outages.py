"""What a client is told by a server that is killed under its request, is an outage and not an answer."""

from __future__ import annotations

import pytest
from temporalio.service import RPCError, RPCStatusCode
from weft_worker.outages import is_outage


@pytest.mark.parametrize(
    ("status", "message", "passing"),
    [
        (RPCStatusCode.UNAVAILABLE, "tcp connect error: Connection refused", True),
        (RPCStatusCode.UNKNOWN, "transport error", True),
        (RPCStatusCode.UNKNOWN, "h2 protocol error: error reading a body from connection", True),
        (RPCStatusCode.UNKNOWN, "a handler of the server panicked", False),
        (RPCStatusCode.NOT_FOUND, "workflow not found for ID: r", False),
        (RPCStatusCode.INVALID_ARGUMENT, "bad", False),
    ],
)
def test_what_may_be_repeated(status: RPCStatusCode, message: str, passing: bool) -> None:
    assert is_outage(RPCError(message, status, b"")) is passing
