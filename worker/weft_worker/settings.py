"""Settings of Weft's processes from the environment (`WEFT_…`). What the command line says wins over them.

The connection to Temporal is not here: it is configured as for every Temporal client (`connect.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from weft_workflows.messages import DEFAULT_TASK_QUEUE
from weft_workflows.payload_sizes import LARGEST_THRESHOLD, PAYLOAD_LIMIT, THRESHOLD

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
    #: Seconds that a cancelled run may take to clean up, for runs that are started from here.
    cleanup_limit: float = Field(default=300.0, ge=0)
    #: Directory of payloads that are kept outside of history; None is in the state directory. Workers on several
    #: machines share it.
    payload_dir: Path | None = None
    #: `s3://bucket` or `s3://bucket/prefix`, where new payloads go instead; None is the directory.
    payload_store: str | None = None
    #: Bytes from which a payload is kept outside of history.
    payload_threshold: int = Field(default=THRESHOLD, ge=1024, le=LARGEST_THRESHOLD)
    #: Bytes that arguments or result of a step and the result of a run may have.
    payload_limit: int = Field(default=PAYLOAD_LIMIT, ge=1024)
    #: Events in its history from which on a run goes on in a new execution: at the next moment with nothing in flight, or
    #: after what is in flight. For runs that are started from here.
    soft_events: int = Field(default=4_000, ge=1)
    firm_events: int = Field(default=10_000, ge=1)
    #: Steps that wait in a run from which on they are carried out by workflows of their own, how many each takes, and the
    #: seconds that a tool may take from which on each of its steps is.
    batch_waiting: int = Field(default=1_000, ge=1)
    batch_size: int = Field(default=2_000, ge=1, le=4_000)
    batch_seconds: float = Field(default=600, gt=0)
    #: Deployment of Temporal's worker versioning that `weft worker` is part of; None is none.
    deployment: str | None = Field(default=None, pattern=r"^[^.:\s]+$")
    #: The version of the deployment that this worker is: another one for each change of Weft or of the tools.
    build_id: str | None = Field(default=None, pattern=r"^\S+$")
    #: Whether a run stays on the version that has begun it, or goes to the current one with its next task.
    versioning: Literal["pinned", "auto-upgrade"] = "pinned"
    #: Address of the web UI where it cannot be derived from the server's address, without a slash at its end.
    ui_url: str | None = None
    #: Level of the log on stderr: debug, info, warning, error.
    log_level: str = Field(default="error", pattern="^(?i:debug|info|warning|error)$")

    @model_validator(mode="after")
    def _has_a_version(self) -> Settings:
        if (self.deployment is None) != (self.build_id is None):
            raise ValueError("WEFT_DEPLOYMENT and WEFT_BUILD_ID belong together: set both, or none of them")
        return self

    @field_validator("payload_store")
    @classmethod
    def _is_a_bucket(cls, url: str | None) -> str | None:
        if not url:
            return None
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is neither s3://bucket nor s3://bucket/prefix")
        return url


def load_settings() -> Settings:
    """The settings of this process's environment. Raises CommandFailed naming every bad variable."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [_complaint(e["loc"], e["msg"]) for e in error.errors()]
        raise CommandFailed(
            [Problem("settings", each) for each in wrong], exit_code=USAGE, type_="UsageError"
        ) from None


def _complaint(place: tuple[int | str, ...], message: str) -> str:
    # What concerns several variables names them itself.
    return f"the environment variable WEFT_{str(place[0]).upper()}: {message}" if place else message
