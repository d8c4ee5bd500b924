"""Guarded programs print and raise what they do under plain CPython."""

from __future__ import annotations

import pytest

from tests.sandbox.everyday import EVERYDAY
from tests.sandbox.programs import PROGRAMS
from tests.sandbox.running import run_guarded, run_plain

_ALL = (*PROGRAMS, *EVERYDAY)


@pytest.mark.parametrize("source", _ALL, ids=[f"{i}: {p.splitlines()[0][:40]}" for i, p in enumerate(_ALL)])
def test_same_as_cpython(source: str) -> None:
    plain = run_plain(source)
    assert run_guarded(source) == plain
