"""Who has killed hosts: at most one charge for each run, kept for the pool's life and not for a handle's.

A charge outlives the handle because Temporal answers a failed task with a new instance of the workflow, which makes a
new handle and comes to the same event again.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, replace
from typing import Final

from weft_workflows.host.errors import EvaluatorDied
from weft_workflows.host.process import Death

#: Deaths at one event after which it is not tried again.
FATAL: Final = 2
#: Runs that are remembered; the oldest charge is dropped beyond that.
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a run: the operation, how many events came before it, and what it carries."""

    op: int
    delivered: int
    digest: bytes

    @classmethod
    def of(cls, op: int, delivered: int, body: bytes) -> Place:
        return cls(op, delivered, hashlib.blake2b(body, digest_size=16).digest())


@dataclass(frozen=True, slots=True)
class _Charge:
    place: Place
    deaths: int
    death: Death

    def error(self, key: str) -> EvaluatorDied:
        return EvaluatorDied(key, self.death.line, self.death.reason)


class Charges:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_key: dict[str, _Charge] = {}

    def check(self, key: str, op: int, delivered: int, body: bytes) -> None:
        """Raises EvaluatorDied if that place of that run is known to be fatal."""
        charge = self._by_key.get(key)
        if charge is None or charge.deaths < FATAL:
            return
        if charge.place == Place.of(op, delivered, body):
            raise charge.error(key)

    def charge(self, key: str, place: Place, death: Death) -> None:
        """Counts a death. Raises EvaluatorDied if it is fatal."""
        with self._lock:
            known = self._by_key.pop(key, None)
            if known is not None and known.place == place:
                charge = replace(known, deaths=known.deaths + 1, death=death)
            else:
                charge = _Charge(place, 1, death)
            self._by_key[key] = charge
            if len(self._by_key) > _REMEMBERED:
                del self._by_key[next(iter(self._by_key))]
        if charge.deaths >= FATAL:
            raise charge.error(key)

    def survived(self, key: str, op: int, delivered: int, body: bytes) -> None:
        """Drops the charge of that place: its death was not the run's fault."""
        charge = self._by_key.get(key)
        if charge is not None and charge.place == Place.of(op, delivered, body):
            self.forgive(key)

    def forgive(self, key: str) -> None:
        with self._lock:
            self._by_key.pop(key, None)
