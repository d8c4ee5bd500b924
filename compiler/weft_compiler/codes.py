"""The diagnostic codes: their texts, and the pages that explain them.

A code is a slug that never changes its meaning and is never used again for another one. Its page is
`docs/codes/SLUG.md`; an installed package carries the pages as `weft_compiler/pages`.

The texts are templates for `str.format`; the values come from whoever reports. Nothing here knows the phases.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from weft_compiler.code_table import TABLE

_INSTALLED_PAGES = Path(__file__).parent / "pages"
_CHECKOUT_PAGES = Path(__file__).parents[2] / "docs" / "codes"


class UnknownCode(KeyError):
    """There is no such code. The message names the closest ones."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Texts:
    """A code's texts with their values filled in."""

    message: str
    notes: tuple[str, ...]
    help: str | None


@dataclass(frozen=True)
class Code:
    """One code. `notes` state the constraint; `help` proposes."""

    slug: str
    message: str
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: Literal["error", "warning"] = "error"

    def texts(
        self,
        values: Mapping[str, object],
        *,
        message: str | None = None,
        notes: Iterable[str] | None = None,
        help_text: str | None = None,
    ) -> Texts:
        """The texts; those given replace the code's own, and an empty help is none.

        Raises TypeError where a placeholder has no value.
        """
        try:
            return Texts(
                message=self.message.format_map(values) if message is None else message,
                notes=tuple(note.format_map(values) for note in self.notes) if notes is None else tuple(notes),
                help=(self.help.format_map(values) if self.help and help_text is None else help_text) or None,
            )
        except KeyError as missing:
            raise TypeError(f"the diagnostic {self.slug!r} needs a value for {missing}") from None


CODES: dict[str, Code] = {slug: Code(slug, **texts) for slug, texts in TABLE.items()}


def code_of(slug: str) -> Code:
    """The code of that slug. Raises UnknownCode for an unknown one."""
    if slug not in CODES:
        raise UnknownCode(f"unknown diagnostic code {slug!r}{_closest(slug)}")
    return CODES[slug]


def explain(slug: str) -> str:
    """The code's page as Markdown. Raises UnknownCode for an unknown code."""
    pages = _INSTALLED_PAGES if _INSTALLED_PAGES.is_dir() else _CHECKOUT_PAGES
    return (pages / f"{code_of(slug).slug}.md").read_text(encoding="utf-8")


def _closest(slug: str) -> str:
    near = difflib.get_close_matches(slug, sorted(CODES), n=3)
    return f"; the closest are {', '.join(near)}" if near else f"; all codes: {', '.join(sorted(CODES))}"
