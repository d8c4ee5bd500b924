"""The command `weft`: its surface. Each command takes its options and hands over to the module that does the
work.

Nothing heavy is imported here, so that `weft --help` is quick. What always holds: whatever happens, the exit
code is one of `outcome`'s, errors are one message, and with `--json` stdout holds exactly one object.
"""

from __future__ import annotations

import sys

try:
    import functools
    import itertools
    import os
    from collections.abc import Callable, Sequence
    from typing import Annotated, Any, Literal, NoReturn

    import typer

    from weft_worker.cli import options as o
    from weft_worker.cli import steer_commands
    from weft_worker.cli.output import claim_stdout, print_failure
    from weft_worker.outcome import FAILED, USAGE
    from weft_worker.problems import CommandFailed, Problem, failed, misused
except KeyboardInterrupt:
    # Whoever is this quick gets one message too.
    from weft_worker.cli.too_early import leave

    leave(sys.argv[1:])

Command = Callable[..., int]

#: What typer gives where Ctrl-C came outside of a run.
_INTERRUPTED = 130

# Plain text rather than rich panels: help comes in a third of the time, and one-line errors stay one line.
app = typer.Typer(name="weft", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
tools_app = typer.Typer(no_args_is_help=True, help="Show the tools of files and modules.")
app.add_typer(tools_app, name="tools")
storage_app = typer.Typer(no_args_is_help=True, help="Look after the payloads that are kept outside of histories.")
app.add_typer(storage_app, name="storage")


def command(name: str | None = None, *, group: typer.Typer = app, **options: Any) -> Callable[[Command], Command]:
    """Register a command. When it runs, stdout is for its result alone; help is not concerned."""

    def register(function: Command) -> Command:
        @functools.wraps(function)
        def claiming(**arguments: Any) -> int:
            claim_stdout()
            return function(**arguments)

        group.command(name, **options)(claiming)
        return function

    return register


def main() -> NoReturn:
    """Run the command line of this process and leave with its exit code."""
    code = run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    if "temporalio" in sys.modules:
        # Everything is closed and flushed. The SDK's threads live on until the process ends; one that calls
        # into an interpreter that is being taken down aborts the process (exit code 134). So the interpreter
        # is not taken down.
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line. Returns the exit code."""
    options = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    as_json, debug = "--json" in options, "--debug" in options
    tell = functools.partial(print_failure, as_json=as_json, debug=debug, run_id=_run_id(options))
    # Understood anywhere on the line, and for errors in other options too.
    rest = [each for each in options if each != "--debug"] + list(arguments[len(options) :])
    try:
        code = typer.main.get_command(app).main(rest, prog_name="weft", standalone_mode=False)
    except typer.TyperException as error:
        return tell(_usage(error))
    except CommandFailed as failure:
        return tell(failure)
    except BrokenPipeError:
        # Whoever read our output has gone; nothing can be said to it any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Exception as error:  # noqa: BLE001 (people get one message, whatever went wrong)
        hint = "" if debug else " (--debug shows where)"
        problem = Problem("internal", f"{type(error).__name__}: {error}{hint}")
        unforeseen = CommandFailed([problem], type_=type(error).__name__)
        unforeseen.__cause__ = error
        return tell(unforeseen)
    if code == _INTERRUPTED:
        return tell(failed("interrupted; a run that had begun is kept: see `weft list`", type_="Interrupted"))
    return int(code or 0)


def _run_id(options: Sequence[str]) -> str:
    """The run's id as the command line says it, for errors that come before it is understood; else empty."""
    for option, value in itertools.pairwise([*options, ""]):
        if option == "--run-id":
            return value
        if option.startswith("--run-id="):
            return option.partition("=")[2]
    return ""


def _usage(error: typer.TyperException) -> CommandFailed:
    said = error.format_message()
    if said.startswith("Usage:"):
        return CommandFailed([Problem("usage", "no command was named", text=said)], exit_code=USAGE, type_="UsageError")
    context = getattr(error, "ctx", None)
    help_ = f"; see `{context.command_path} --help`" if context is not None else ""
    return misused(f"{said.rstrip('.')}{help_}")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"weft {version('weft')}")
        raise typer.Exit


@app.callback()
def weft(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")] = False,
) -> None:
    """Run orchestration Python as durable runs on Temporal.

    Exit codes: 0 completed, 1 failed or refused, 2 wrong usage, 3 parked or waiting.
    """


@command("run")
def run_(
    plan: o.Plan,
    tools: o.Tools = None,
    inputs: o.Inputs = None,
    run_id: o.RunId = None,
    attempts: o.Attempts = None,
    retry_interval: o.RetryInterval = None,
    step_timeout: o.StepTimeout = None,
    run_timeout: o.RunTimeout = None,
    window: o.Window = None,
    limit: o.Limit = None,
    in_memory: o.InMemory = False,
    fake: o.Fake = None,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Run an orchestration, print its result.

    Starts the embedded server where no address is configured, and a worker in this process. The run is kept
    whatever happens to this process: `weft resume` goes on with it.
    """
    patience = o.Patience(attempts, retry_interval, step_timeout, run_timeout, tuple(window or ()))
    if in_memory or fake is not None:
        from weft_worker.cli.in_memory import run_in_memory

        return run_in_memory(
            plan,
            tools or [],
            inputs=inputs,
            fake=fake,
            patience=patience,
            limits=limit or [],
            run_id=run_id,
            as_json=json,
        )
    from weft_worker.cli.run import run_here

    return run_here(
        plan,
        tools or [],
        inputs=inputs,
        run_id=run_id,
        patience=patience,
        limits=limit or [],
        address=address,
        state_dir=state_dir,
        as_json=json,
    )


@command()
def resume(
    run: o.Run,
    edit: Annotated[
        str | None, typer.Option("--edit", metavar="NEW.py", help="Go on with this orchestration instead.")
    ] = None,
    inputs: o.Inputs = None,
    rerun: Annotated[
        list[str] | None, typer.Option("--rerun", metavar="TOOL|STEP", help="Run these again. May be repeated.")
    ] = None,
    accept_orphans: Annotated[
        bool, typer.Option("--accept-orphans", help="Leave what the old orchestration wrote and the new one does not.")
    ] = False,
    dry: Annotated[
        bool, typer.Option("--dry", help="Say what would be reused and what would run; change nothing.")
    ] = False,
    tools: o.Tools = None,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Go on with a run: interrupted, parked or ended.

    Waits for the run and prints as `weft run` does. What is done is not done again. Tools default to those that the
    run was started with. With `--edit`, `--inputs` or `--rerun` a run that is open is ended first and goes on as changed.
    """
    if edit is not None or inputs is not None or rerun or dry:
        from weft_worker.cli.edit_run import Wanted, resume_changed

        wanted = Wanted(edit, inputs, tuple(rerun or ()), accept_orphans, dry)
        return resume_changed(run, tools or [], wanted, address=address, state_dir=state_dir, as_json=json)
    if accept_orphans:
        from weft_worker.cli.steer import decide

        return decide(
            run, "@orphans", "retry", None, tools or [], all_=False, address=address, state_dir=state_dir, as_json=json
        )
    from weft_worker.cli.run import resume_here

    return resume_here(run, tools or [], address=address, state_dir=state_dir, as_json=json)


@command()
def fork(
    run: o.Run,
    at: Annotated[str, typer.Option("--at", metavar="STEP", help="The step from whose call on all runs anew.")],
    inputs: o.Inputs = None,
    run_id: o.RunId = None,
    tools: o.Tools = None,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Start a new run that begins with an old one's past.

    What the old run had done when it called the step is reused. The old run is left as it is; it may still go on.
    """
    from weft_worker.cli.fork import fork_here

    return fork_here(
        run,
        at,
        tools or [],
        inputs=inputs,
        new_id=run_id,
        address=address,
        state_dir=state_dir,
        as_json=json,
    )


@command("compile")
def compile_(
    plan: o.Plan,
    tools: o.Tools = None,
    inputs: o.Inputs = None,
    limit: o.Limit = None,
    form: Annotated[Literal["tree", "mermaid", "json"], typer.Option("--format", help="Form of the graph.")] = "tree",
    diagnostics: Annotated[Literal["full", "concise", "json"], typer.Option(help="Form of the diagnostics.")] = "full",
) -> int:
    """Show an orchestration's graph.

    Or what is wrong with it: all errors at once.
    """
    from weft_worker.cli.inspect_plan import show_compiled

    return show_compiled(plan, tools or [], inputs=inputs, limits=limit or [], form=form, style=diagnostics)


@command()
def explain(code: Annotated[str, typer.Argument(metavar="CODE", show_default=False)]) -> int:
    """Explain a diagnostic's code."""
    from weft_worker.cli.inspect_plan import show_explanation

    return show_explanation(code)


@command()
def dev(
    tools: o.Tools = None,
    state_dir: o.StateDir = None,
) -> int:
    """Serve runs on this machine until Ctrl-C.

    Runs the embedded server with its UI and a worker; `weft submit` starts runs there.
    """
    from weft_worker.cli.serve import run_dev

    return run_dev(tools or [], state_dir=state_dir)


@command()
def worker(
    tools: o.Tools = None,
    role: Annotated[Literal["all", "workflows", "activities"], typer.Option(help="What to work on.")] = "all",
    address: o.Address = None,
    state_dir: o.StateDir = None,
) -> int:
    """Run a worker until Ctrl-C or SIGTERM."""
    from weft_worker.cli.serve import run_worker

    return run_worker(tools or [], role=role, address=address, state_dir=state_dir)


@command()
def submit(
    plan: Annotated[str, typer.Option("--plan", metavar="PLAN.py", help="The orchestration.", show_default=False)],
    tools: o.Tools = None,
    inputs: o.Inputs = None,
    run_id: o.RunId = None,
    attempts: o.Attempts = None,
    retry_interval: o.RetryInterval = None,
    step_timeout: o.StepTimeout = None,
    run_timeout: o.RunTimeout = None,
    window: o.Window = None,
    limit: o.Limit = None,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Start a run on a server that stays.

    That is the server of `weft dev`, or one at an address. Prints the run's id and returns at once.
    """
    from weft_worker.cli.serve import submit_run

    patience = o.Patience(attempts, retry_interval, step_timeout, run_timeout, tuple(window or ()))
    return submit_run(
        plan,
        tools or [],
        inputs=inputs,
        run_id=run_id,
        patience=patience,
        limits=limit or [],
        address=address,
        state_dir=state_dir,
        as_json=json,
    )


def _register_views() -> None:
    """The commands that show one run: they differ in nothing but what they show."""
    views = {
        "status": "Show how a run stands and where.",
        "result": "Show a run's result, output or error.",
        "steps": "List a run's steps.",
        "source": "Print a run's orchestration.",
    }
    for name, text in views.items():
        command(name, help=text)(_view(name))


def _view(name: str) -> Any:
    def view(
        run: o.Run,
        address: o.Address = None,
        state_dir: o.StateDir = None,
        json: o.Json = False,
    ) -> int:
        from weft_worker.cli import inspect_run

        return inspect_run.show(name, run, address=address, state_dir=state_dir, as_json=json)

    return view


_register_views()


@command()
def graph(
    run: o.Run,
    form: Annotated[Literal["tree", "mermaid", "json"], typer.Option("--format", help="Form of the graph.")] = "tree",
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Print a run's graph."""
    from weft_worker.cli import inspect_run

    return inspect_run.show("graph", run, address=address, state_dir=state_dir, as_json=json, form=form)


@command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 50,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """List runs, the newest first."""
    from weft_worker.cli import inspect_run

    return inspect_run.show_list(limit, address=address, state_dir=state_dir, as_json=json)


steer_commands.register(command)


@command("list", group=tools_app)
def tools_list(
    sources: Annotated[list[str] | None, typer.Argument(metavar="FILE|MODULE...", show_default=False)] = None,
    tools: o.Tools = None,
    json: o.Json = False,
) -> int:
    """List the tools of files and modules."""
    from weft_worker.cli.inspect_tools import show_tools

    return show_tools([*(sources or ()), *(tools or ())], as_json=json)


@command("show", group=tools_app)
def tools_show(
    name: Annotated[str, typer.Argument(metavar="TOOL", show_default=False)],
    tools: o.Tools = None,
    json: o.Json = False,
) -> int:
    """Show what one tool takes and gives."""
    from weft_worker.cli.inspect_tools import show_tool

    return show_tool(name, tools or [], as_json=json)


@command("show", group=storage_app)
def storage_show(
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Show where payloads are kept, and how many."""
    from weft_worker.cli.storage import show_storage

    return show_storage(state_dir=state_dir, as_json=json)


@command("gc", group=storage_app)
def storage_gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Leave what was stored since, such as 30m, 12h, 7d.")
    ] = "1h",
    ledgers_older_than: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Also remove ledgers of runs that the server has forgotten for so long."),
    ] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A namespace that has no runs any more with payloads here. May be repeated."),
    ] = None,
    address: o.Address = None,
    state_dir: o.StateDir = None,
    json: o.Json = False,
) -> int:
    """Remove payloads that no run on the server needs.

    Reads the histories of all runs that the server still has.
    """
    from weft_worker.cli.storage import collect_garbage

    return collect_garbage(
        dry=dry_run,
        older_than=older_than,
        ledgers_older_than=ledgers_older_than,
        forget=forget or [],
        address=address,
        state_dir=state_dir,
        as_json=json,
    )


if __name__ == "__main__":
    main()
