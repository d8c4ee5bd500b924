"""Names as exact text, and which of them Python gives a meaning of its own. Knows no run."""

from __future__ import annotations

from typing import Any


def is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def exact(name: Any) -> str:
    """The text of a name as an exact str, whatever a subclass pretends. Raises TypeError for anything but text."""
    if not isinstance(name, str):
        raise TypeError(f"attribute name must be string, not '{type(name).__name__}'")
    text: str = plain_text(name)
    return text


def plain_text(value: Any) -> Any:
    """An instance of a subclass of str as an exact str; anything else as it is.

    What the library keeps in tables that all runs of a process share must not call back into one of them: a subclass's
    `__eq__` and `__hash__` would.
    """
    return "".join(str.__iter__(value)) if isinstance(value, str) and type(value) is not str else value
