"""Settings of Weft's processes from the environment (`WEFT_…`). What the command line says wins over them.

The connection to Temporal is not here: it is configured as for every Temporal client (`connect.py`).
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from weft_workflows.messages import DEFAULT_TASK_QUEUE

from weft_worker.outcome import USAGE
from weft_worker.problems import CommandFailed, Problem


class Settings(BaseSettings):
    """Each field is the environment variable of its name in upper case after `WEFT_`."""

    model_config = SettingsConfigDict(env_prefix="WEFT_", frozen=True)

    #: Where `weft dev`, `weft worker` and `weft submit` meet.
    task_queue: str = DEFAULT_TASK_QUEUE
    #: Steps that one worker process runs at once.
    max_steps: int = Field(default=200, ge=1)
    #: Host processes for pure code; None is one per core.
    hosts: int | None = Field(default=None, ge=1)
    #: Seconds that steps in flight may take to end when a worker is stopped.
    grace: float = Field(default=10.0, ge=0)
    #: Where payloads are kept that are too large for Temporal; None is in the state directory. Workers on several
    #: machines share it.
    payload_dir: Path | None = None
    #: Address of the web UI where it cannot be derived from the server's address, without a slash at its end.
    ui_url: str | None = None
    #: Level of the log on stderr: debug, info, warning, error.
    log_level: str = Field(default="error", pattern="^(?i:debug|info|warning|error)$")


def load_settings() -> Settings:
    """The settings of this process's environment. Raises CommandFailed naming every bad variable."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"the environment variable WEFT_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()]
        raise CommandFailed(
            [Problem("settings", each) for each in wrong], exit_code=USAGE, type_="UsageError"
        ) from None
