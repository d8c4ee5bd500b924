"""Ctrl-C while the command is still being imported: one message, as for every other interruption.

Imports nothing before signals are ignored: a second Ctrl-C must not show what the first one did not.
"""

from __future__ import annotations

from typing import NoReturn


def leave(arguments: list[str]) -> NoReturn:
    """Say that nothing was done, and end the process."""
    import os
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from weft_worker.cli.output import print_failure
    from weft_worker.problems import failed

    said = failed("interrupted before anything was done", type_="Interrupted")
    os._exit(print_failure(said, as_json="--json" in arguments, debug=False))
