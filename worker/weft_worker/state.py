"""Where Weft keeps what outlives a process: the state directory. Standard library only, since every command
needs it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: Names the state directory where `--state-dir` does not.
VARIABLE = "WEFT_STATE_DIR"


def state_directory(chosen: Path | None = None) -> Path:
    """The absolute path of the state directory: `chosen`, else `$WEFT_STATE_DIR`, else the user's own. Not
    created.
    """
    if chosen is not None:
        return chosen.expanduser().absolute()
    if from_environment := os.environ.get(VARIABLE):
        return Path(from_environment).expanduser().absolute()
    return _user_state() / "weft"


def _user_state() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
