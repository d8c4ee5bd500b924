"""Who has killed hosts: at most one charge for each run, kept for the pool's life and not for a handle's.

A charge outlives the handle because Temporal answers a failed task with a new instance of the workflow, which makes a
new handle and comes to the same event again. The event's bytes may then differ (they hold the time of the task), so a
place in a run is told by how many events came before it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from weft_workflows.host.errors import EvaluatorDied
from weft_workflows.host.process import Death

#: Deaths at one place after which the run is at fault.
FATAL: Final = 2
#: Runs that are remembered; the oldest charge is dropped beyond that.
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a run: the operation, and the events delivered before it."""

    op: int
    delivered: int


@dataclass(frozen=True, slots=True)
class _Charge:
    place: Place
    digest: bytes
    deaths: int
    death: Death

    def error(self, key: str) -> EvaluatorDied:
        return EvaluatorDied(key, self.death.line, self.death.reason)


class Charges:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_key: dict[str, _Charge] = {}

    def check(self, key: str, place: Place, body: bytes) -> None:
        """Raises EvaluatorDied for what is known to be fatal, byte for byte. Another event may be tried there."""
        charge = self._by_key.get(key)
        if charge is None or charge.deaths < FATAL or charge.place != place:
            return
        if charge.digest == _digest(body):
            raise charge.error(key)

    def charge(self, key: str, place: Place, body: bytes, death: Death) -> None:
        """Counts a death. Raises EvaluatorDied if it is not the first one at that place."""
        with self._lock:
            known = self._by_key.pop(key, None)
            before = known.deaths if known is not None and known.place == place else 0
            charge = self._by_key[key] = _Charge(place, _digest(body), before + 1, death)
            if len(self._by_key) > _REMEMBERED:
                del self._by_key[next(iter(self._by_key))]
        if charge.deaths >= FATAL:
            raise charge.error(key)

    def survived(self, key: str, place: Place) -> None:
        """Drops the charge of that place: its death was not the run's fault."""
        charge = self._by_key.get(key)
        if charge is not None and charge.place == place:
            self.forgive(key)

    def forgive(self, key: str) -> None:
        with self._lock:
            self._by_key.pop(key, None)


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).digest()
