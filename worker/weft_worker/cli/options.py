"""The options that several commands share, each defined once. Standard library and typer only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weft_workflows.messages import RunOptions

    from weft_worker.settings import Settings

Plan = Annotated[str, typer.Argument(metavar="PLAN.py", help="The orchestration.", show_default=False)]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.", show_default=False)]
StepId = Annotated[
    str | None,
    typer.Argument(metavar="STEP", help="The parked step's id; not needed where one is parked.", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="Say it of everything that is parked.")]
Tools = Annotated[
    list[str] | None,
    typer.Option(
        "--tools", "-t", metavar="FILE|MODULE", help="Python file or module with @tool functions. May be repeated."
    ),
]
Inputs = Annotated[
    str | None, typer.Option("--inputs", "-i", metavar="JSON|@FILE", help="The run's inputs: a JSON object.")
]
#: Bytes that a Temporal server takes in the name of a workflow or a task queue (its setting `limit.maxIDLength`).
NAME_BYTES = 1000


def _check_run_id(value: str | None) -> str | None:
    size = 1 if value is None else len(value.encode(errors="surrogateescape"))
    if not 0 < size <= NAME_BYTES:
        raise typer.BadParameter(f"it has {size:,} bytes; a run's id has 1 to {NAME_BYTES:,}")
    if value is not None and "//" in value:
        raise typer.BadParameter("it has `//`, which stands in the ids of workflows that work for a run")
    return value


RunId = Annotated[
    str | None,
    typer.Option("--run-id", metavar="ID", callback=_check_run_id, help="Id of the run; else one is made up."),
]
Attempts = Annotated[
    int | None,
    typer.Option("--attempts", min=1, metavar="N", help="Attempts of each step after transient failures."),
]
RetryInterval = Annotated[
    float | None,
    typer.Option("--retry-interval", min=0.001, metavar="S", help="Seconds before a step's second attempt."),
]
StepTimeout = Annotated[
    float | None,
    typer.Option("--step-timeout", min=0.001, metavar="S", help="Seconds that one attempt of a step may take."),
]
RunTimeout = Annotated[
    float | None,
    typer.Option(
        "--run-timeout", min=0.001, metavar="S", help="Seconds that the run may take, parked time not counted."
    ),
]

Window = Annotated[
    list[str] | None,
    typer.Option(
        "--window", metavar="[TOOL=]N", help="Steps that may run at once, of the run or of a tool; else WEFT_WINDOW."
    ),
]


@dataclass(frozen=True)
class Patience:
    """How long, how often and how much at once a run tries: the fields of `RunOptions` of the same names, and windows."""

    attempts: int | None = None
    retry_interval: float | None = None
    step_timeout: float | None = None
    run_timeout: float | None = None
    windows: tuple[str, ...] = ()

    def options(self, tool_sources: Sequence[str] = (), settings: Settings | None = None) -> RunOptions:
        """The run's options; `settings` are this process's, where the run is to be durable."""
        from weft_workflows.messages import BatchLimits, HistoryLimits, RunOptions, ValueSizes

        from weft_worker.windows import read_windows

        said = {name: value for name, value in asdict(self).items() if name != "windows"}
        windows = read_windows(self.windows)
        options = RunOptions(**said, tool_sources=tuple(tool_sources), window=windows.run, tool_windows=windows.tools)
        if settings is None:
            return options
        durable = {
            "sizes": ValueSizes(limit=settings.payload_limit),
            "cleanup_limit": settings.cleanup_limit,
            "history": HistoryLimits(soft_events=settings.soft_events, firm_events=settings.firm_events),
            "batches": BatchLimits(
                waiting=settings.batch_waiting, size=settings.batch_size, seconds=settings.batch_seconds
            ),
        }
        return options.model_copy(update=durable)


Limit = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=NUMBER",
        help="Raise or lower a limit of the run, such as fuel=20000000; else WEFT_LIMITS. May be repeated.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="HOST:PORT", help="Temporal server; else TEMPORAL_ADDRESS, else embedded."),
]
StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", metavar="DIR", help="Where the embedded server keeps runs; else WEFT_STATE_DIR."),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
InMemory = Annotated[bool, typer.Option("--in-memory", help="Run in this process, without a server.")]
Fake = Annotated[
    str | None,
    typer.Option("--fake", metavar="FILE", help="Answer tools from a JSON or Python file; implies --in-memory."),
]
