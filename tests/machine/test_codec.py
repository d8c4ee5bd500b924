"""Values come back as they were: type, content, order, and what is shared."""

from __future__ import annotations

import json
import time
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weft_compiler.plan import running_python
from weft_workflows.machine.checkpoint import CHECKPOINT_VERSION, WrongCheckpoint
from weft_workflows.machine.codec import DamagedCheckpoint
from weft_workflows.machine.machine import Machine
from weft_workflows.sandbox.sets import FrozenOrderedSet, OrderedSet

from tests.machine.codec_values import decoded, encoded, same, surroundings
from tests.machine.running import ignore, start

RUN = surroundings()

#: With lone surrogates, which a tool's result may hold.
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)
HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=1 << 60, max_value=1 << 400)
    | st.floats()
    | st.complex_numbers()
    | TEXT
    | st.binary(max_size=20)
    | st.datetimes(timezones=st.none() | st.just(timezone(timedelta(hours=-3), "there")))
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.decimals().filter(lambda number: not number.is_snan())
    | st.fractions(),
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.lists(inner, max_size=4).map(FrozenOrderedSet),
    max_leaves=6,
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXT, inner, max_size=5)
        | st.dictionaries(HASHABLE, inner, max_size=5)
        | st.lists(HASHABLE, max_size=5).map(OrderedSet)
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_values_come_back(value: Any) -> None:
    data = encoded(RUN, value)
    again = decoded(RUN, data)
    assert same(value, again)
    assert encoded(RUN, again) == data


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("lod"), st.lists(st.integers(0, 40), max_size=6)), min_size=1, max_size=12))
def test_shared_and_cyclic_containers_come_back(shape: list[tuple[str, list[int]]]) -> None:
    """Containers whose elements are each other, in any way."""
    made: list[Any] = [[] if kind == "l" else {} for kind, _ in shape]
    for target, (kind, links) in zip(made, shape, strict=True):
        for place, link in enumerate(links):
            element = made[link % len(made)] if link % 3 else (made[link % len(made)], link)
            if kind == "l":
                target.append(element)
            else:
                target[str(place) if kind == "o" else (place, "k")] = element
    data = encoded(RUN, made)
    again = decoded(RUN, data)
    assert same(made, again)
    assert encoded(RUN, again) == data


def test_depth_has_no_limit() -> None:
    value: Any = []
    for level in range(100_000):
        value = [value] if level % 2 else (value, level)
    again = decoded(RUN, encoded(RUN, value))
    depth = 0
    while again:
        again, depth = again[0], depth + 1
    assert depth == 100_000


def test_equal_values_of_other_types_stay_apart() -> None:
    values = [1, 1.0, True, Decimal(1), Fraction(1), 0.0, -0.0, datetime(2024, 1, 1), date(2024, 1, 1), UUID(int=1)]
    assert [repr(each) for each in decoded(RUN, encoded(RUN, values))] == [repr(each) for each in values]


@pytest.mark.parametrize("rows", [4000, 9000])
def test_keys_that_are_objects_come_back_from_a_table_of_many_pieces(rows: int) -> None:
    value = [{(number, str(number) * 30): [number] for number in range(rows)}, {(("deep", 1), 2): "x"}, ["last"]]
    assert same(decoded(RUN, encoded(RUN, value)), value)


def test_a_table_whose_objects_need_each_other_is_refused() -> None:
    data = json.dumps({"records": [["l", [[1]]], ["t", [[2]]], ["t", [[1]]]], "late": []}).encode()
    with pytest.raises(DamagedCheckpoint):
        decoded(RUN, data)


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("weft", CHECKPOINT_VERSION + 1, "written by a newer Weft"),
        ("python", "3.99", "a worker with Python 3.99"),
    ],
)
def test_checkpoints_that_do_not_fit_are_refused(field: str, value: Any, remedy: str) -> None:
    machine, _ = start("await step()")
    kept = json.loads(machine.snapshot()) | {field: value}
    with pytest.raises(WrongCheckpoint, match=remedy):
        Machine.restore(json.dumps(kept).encode(), ignore)
    assert running_python() in ("3.11", "3.12", "3.13", "3.14")


def test_what_is_no_checkpoint_is_refused() -> None:
    for data in (b"", b"[]", b"{}", b"\xff\xfe"):
        with pytest.raises(DamagedCheckpoint, match="not a checkpoint"):
            Machine.restore(data, ignore)


@pytest.mark.long
def test_ten_thousand_small_dicts_take_under_a_tenth_of_a_second() -> None:
    source = "rows = [{'id': i, 'name': f'row {i}', 'tags': [i], 'score': i / 7} for i in range(10_000)]\nawait step()"
    machine, _ = start(source)
    taken = []
    for _ in range(3):
        began = time.process_time()
        machine.snapshot()
        taken.append(time.process_time() - began)
    assert min(taken) < 0.1
