"""Which errors of a request mean that the server could not be reached just now, so that the request may be repeated.

One place for it, because a server that is killed under an open request answers differently from one that is not there.
"""

from __future__ import annotations

from temporalio.service import RPCError, RPCStatusCode

_ABSENT = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED)
#: What the SDK's connection says, with the status UNKNOWN, when it breaks in the middle of an answer.
_BROKEN = ("transport error", "h2 protocol error", "error reading a body from connection", "connection error")


def is_outage(error: RPCError) -> bool:
    """Whether the server may well answer the same request in a moment."""
    if error.status is RPCStatusCode.UNKNOWN:
        return any(text in error.message for text in _BROKEN)
    return error.status in _ABSENT
