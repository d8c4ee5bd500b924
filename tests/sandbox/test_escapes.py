"""No attempt of the table gets out, and ordinary code that looks alike still runs."""

from __future__ import annotations

import ast

import pytest
from weft_workflows.sandbox.environment import new_globals
from weft_workflows.sandbox.guard import Refused, guard
from weft_workflows.sandbox.meter import LimitExceeded

from tests.sandbox.escapes import ESCAPES
from tests.sandbox.library_escapes import LIBRARY_ESCAPES
from tests.sandbox.running import Services

_ENDS = (
    RuntimeError,
    AttributeError,
    TypeError,
    NameError,
    ImportError,
    ValueError,
    KeyError,
    IndexError,
    Refused,
    LimitExceeded,
)


_ALL = (*ESCAPES, *LIBRARY_ESCAPES)


@pytest.mark.parametrize("source", _ALL, ids=[f"{i}: {p.splitlines()[-1][:50]}" for i, p in enumerate(_ALL)])
def test_attempt_fails(source: str) -> None:
    caught: list[object] = []
    namespace = new_globals(Services())
    namespace["escaped"] = caught.append
    with pytest.raises(_ENDS):
        exec(compile(guard(ast.parse(source)), "orchestration.py", "exec"), namespace)
    assert caught == []


def test_enough_attempts() -> None:
    assert len(_ALL) > 250
