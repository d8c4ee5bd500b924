"""`--window` and `WEFT_WINDOW`."""

from __future__ import annotations

import pytest
from weft_worker.problems import CommandFailed
from weft_worker.windows import Windows, read_windows


def test_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_windows([]) == Windows()
    monkeypatch.setenv("WEFT_WINDOW", "30, search=4, get=2")
    assert read_windows(["search=9"]) == Windows(30, {"search": 9, "get": 2})
    assert read_windows(["7"]) == Windows(7, {"search": 4, "get": 2})


@pytest.mark.parametrize("text", ["", "0", "x", "search=", "search=0", "1901", "-3", "search=many"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed, match="write a number from 1 to 1,900"):
        read_windows([text])
