"""What can go wrong with payloads outside of history. Each message is one line: which payload, where, what helps.

The classes' names are written into histories as the types of failures: `weft_workflows.step_outcomes` knows them.
"""

from __future__ import annotations


class PayloadMissing(Exception):
    """A payload that a history refers to is not there, cannot be read, or is not what it was."""


class PayloadNotStored(Exception):
    """A payload could not be kept. Whoever wanted to tell it has done its work by then."""
