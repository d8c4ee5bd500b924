"""How large the values of a run may be. Numbers alone; who keeps payloads, and where, is the worker's business.

Payloads from a threshold on are kept outside of history, by the data converter of clients and workers. Workflow code has
to know of it in one respect: what it may send to the server at a time. The threshold is a setting of processes, which
may differ, so that a run counts on `LARGEST_THRESHOLD` alone, which no setting exceeds.
"""

from __future__ import annotations

from typing import Final

#: Bytes from which a payload is kept outside of history unless a setting says otherwise. A thousand steps in flight
#: whose results stay below it add 25 MB to a history, which takes 50.
THRESHOLD: Final = 24 * 1024
LARGEST_THRESHOLD: Final = 64 * 1024
#: Bytes that arguments or result of a step and the result of a run may have unless a setting says otherwise.
PAYLOAD_LIMIT: Final = 64 * 1024 * 1024
#: More than a reference to a payload takes in history or in a message.
REFERENCE_BYTES: Final = 1_000
