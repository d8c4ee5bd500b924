"""Which writes come before a step: a fingerprint that two runs share where they wrote the same things in the same order.

A read of an earlier run tells the truth in a later one only if the same writes stand before it. "Before" follows the
strands: writes that the step's own strand, the strands above it and the strands below it have called; and of all other
strands the writes that had ended when the branch with the step began. Strands that run side by side are not ordered.

What always holds: a write's own fingerprint contains that of what came before it, so that a sum over writes, which knows no
order, still tells `clear(); fill()` from `fill(); clear()`; and strands may be renamed without a difference. A question
costs as much as the strand is deep. Pure: knows no Temporal and no machine.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

_MODULUS = 1 << 128


@dataclass(slots=True)
class _Branch:
    """A call path, and the sums of the writes at it (`own`), at or below it, and of those that ended below it."""

    base: int
    own: int = 0
    called: int = 0
    ended: int = 0


class WriteOrder:
    """The writes of one run as far as it has come."""

    def __init__(self) -> None:
        self._branches: dict[str, _Branch] = {"": _Branch(0)}
        #: Fingerprints of the writes that have been called and have not ended, with their paths.
        self._open: dict[str, tuple[str, int]] = {}
        self._fresh = 0

    def before(self, strand: str) -> str:
        """The fingerprint of what stands before a step that the strand calls now."""
        return f"{self._before(strand):032x}"

    def write(self, step: str, strand: str, what: str, *, fresh: bool = False) -> None:
        """A strand calls a write; `what` names tool and arguments. A fresh one is like none of another run."""
        self._fresh += fresh
        text = f"{self._before(strand):x}\0{what}\0{self._fresh if fresh else ''}"
        mark = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16])
        path = self._path(strand)
        path[-1].own += mark
        for branch in path:
            branch.called = (branch.called + mark) % _MODULUS
        self._open[step] = (strand, mark)

    def ended(self, step: str) -> None:
        """A step has ended; only those that write matter."""
        if (found := self._open.pop(step, None)) is None:
            return
        strand, mark = found
        for branch in self._path(strand)[:-1]:
            branch.ended = (branch.ended + mark) % _MODULUS

    def to_plain(self) -> list[Any]:
        branches = {path: [b.base, b.own, b.called, b.ended] for path, b in self._branches.items()}
        return [branches, self._open, self._fresh]

    @classmethod
    def from_plain(cls, plain: list[Any]) -> WriteOrder:
        order = cls()
        order._branches = {path: _Branch(*sums) for path, sums in plain[0].items()}
        order._open = {step: (strand, mark) for step, (strand, mark) in plain[1].items()}
        order._fresh = plain[2]
        return order

    def _before(self, strand: str) -> int:
        *above, here = self._path(strand)
        return (here.base + here.called + sum(branch.own for branch in above)) % _MODULUS

    def _path(self, strand: str) -> list[_Branch]:
        """The branches from the root to the strand; those that are new begin after what has ended beside them."""
        found: list[_Branch] = []
        for name in above(strand):
            branch = self._branches.get(name)
            if branch is None:
                branch = self._branches[name] = _Branch((found[-1].base + found[-1].ended) % _MODULUS)
            found.append(branch)
        return found


def above(strand: str) -> list[str]:
    """The strand's own path and those of all strands that it may have been started by, the outermost first."""
    parts = strand.split("/") if strand else []
    return ["", *("/".join(parts[:count]) for count in range(1, len(parts) + 1))]
