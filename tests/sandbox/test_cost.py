"""The sandbox stays fast: a smoke test of the benchmark, with room for a busy machine."""

from __future__ import annotations

import math

from benchmarks.pure_code import PROGRAMS, compared


def test_geometric_mean_of_factors() -> None:
    factors = []
    for source in PROGRAMS.values():
        small = source.replace("1_000_000", "100_000").replace("200_000", "20_000").replace("600", "200")
        plain, guarded = compared(small, small, rounds=3)
        factors.append(guarded / plain)
    assert math.exp(sum(map(math.log, factors)) / len(factors)) < 5
