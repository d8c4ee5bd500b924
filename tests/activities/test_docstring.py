"""Docstrings in the three common styles."""

from __future__ import annotations

import pytest
from weft_activities.docstring import parse_docstring

GOOGLE = """Finds flights.

    Longer text: with a colon.

    Args:
        origin (str): The airport
            one starts from.
        *stops: Places between.
        when (dict[str, tuple[int, int]]): The day.

    Returns:
        A list.
    """
NUMPY = """Finds flights.

    Longer text: with a colon.

    Parameters
    ----------
    origin : str
        The airport
        one starts from.
    *stops
        Places between.
    when : dict
        The day.

    Returns
    -------
    list
    """
SPHINX = """Finds flights.

    Longer text: with a colon.

    :param str origin: The airport
        one starts from.
    :param stops: Places between.
    :type stops: str
    :param when: The day.
    :returns: A list.
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_parameters_are_read_and_taken_out(text: str) -> None:
    found = parse_docstring(text)
    assert found.parameters == {
        "origin": "The airport one starts from.",
        "stops": "Places between.",
        "when": "The day.",
    }
    assert found.description.startswith("Finds flights.\n\nLonger text: with a colon.")
    assert "airport" not in found.description
    assert "eturns" in found.description


def test_a_text_without_sections_stays_as_it_is() -> None:
    text = "Does it.\n\nArgs: none that matter.\n  indented"
    assert parse_docstring(text).description == text
    assert parse_docstring(text).parameters == {}


def test_nothing_is_nothing() -> None:
    assert parse_docstring(None).description == ""
