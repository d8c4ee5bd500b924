"""References that stand in histories for payloads that are kept elsewhere, as the SDK writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio.api.common.v1 import Payload


def size_outside(payload: Payload) -> int:
    """Bytes of the payload that a reference stands for; 0 for a payload that is none."""
    return sum(outside.size_bytes for outside in payload.external_payloads)
