"""What is said of where an error came from is CPython's own text, with the orchestration's frames and without carets.

CPython's `traceback` reads the frames of all files and marks columns; for the comparison its reading of frames is replaced by
one that keeps the script's own, each with the first line of its text. The rest of the text is CPython's.
"""

from __future__ import annotations

import contextlib
import itertools
import traceback
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.oracle.cases import Case, load_cases
from tests.oracle.machine import run_machine
from tests.oracle.run import run_cpython
from tests.oracle.script import FUNCTION

FILE = "plan.py"


@pytest.mark.parametrize("case", load_cases(Path(__file__).parent / "tracebacks"), ids=lambda case: case.title)
def test_text_is_cpythons(case: Case) -> None:
    source, tools = case.source, case.tools
    with _own_frames(source):
        expected = run_cpython(source, tools)
        text = "" if expected.failure is None else _text(expected.failure)
    for restored in (False, True):
        run = run_machine(source, tools, restored=restored)
        assert run.stdout == expected.stdout
        assert run.traceback == text


def _text(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).removesuffix("\n")


@contextlib.contextmanager
def _own_frames(source: str) -> Iterator[None]:
    """CPython's `traceback` sees the frames of the script only."""
    lines = source.splitlines()

    def extract(_cls: Any, frames: Any, *, limit: int | None = None, **_: Any) -> traceback.StackSummary:
        own = ((f.f_code.co_name, at[0]) for f, at in frames if f.f_code.co_filename == FILE)
        if limit is not None:
            own = itertools.islice(own, limit) if limit >= 0 else iter(deque(own, -limit))
        shown = [(FILE, line, name.replace(FUNCTION, "<module>"), lines[line - 1].strip()) for name, line in own]
        return traceback.StackSummary.from_list(shown)

    with mock.patch.object(traceback.StackSummary, "_extract_from_extended_frame_gen", classmethod(extract)):
        yield
