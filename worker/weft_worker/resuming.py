"""What a worker needs to go on with a run that somebody else started: the run's tools, and a Python like its
own.
"""

from __future__ import annotations

from collections.abc import Sequence

from weft_activities.catalog import Catalog, CatalogError, load_catalog
from weft_compiler.plan import Plan, running_python
from weft_compiler.reading import UnfitPlan, read_plan

from weft_worker.history import RunHistory
from weft_worker.problems import CommandFailed, Problem, failed


def load_tools_of(history: RunHistory, sources: Sequence[str]) -> Catalog:
    """The tools of a run: from `sources`, else from where it was started with.

    Raises CommandFailed where they cannot be loaded, where one that the run uses is missing, or where the run
    needs another Python or a newer Weft.
    """
    run, plan = history.known_input, check_plan(history)
    chosen = tuple(sources) or run.options.tool_sources
    try:
        catalog = load_catalog(chosen)
    except CatalogError as error:
        hint = "" if sources else "; the run was started with these tools: name their new place with --tools"
        raise CommandFailed(
            [Problem("tools", f"{each}{hint}") for each in error.problems], type_="ToolsError"
        ) from None
    missing = [tool.name for tool in plan.tools if tool.name not in catalog]
    if missing:
        where = ", ".join(chosen) or "no tools at all: name them with --tools"
        raise failed(f"the run calls {', '.join(missing)}, not found in {where}", type_="ToolsError")
    return catalog


def check_plan(history: RunHistory) -> Plan:
    """The run's plan. Raises CommandFailed where the run needs another Weft or another Python than this process's."""
    try:
        plan = read_plan(history.known_input.plan)
    except UnfitPlan as unfit:
        raise failed(f"{unfit}. Resume the run with that Weft or a later one") from None
    if plan.python != running_python():
        raise failed(f"the run was started under Python {plan.python} and this is {running_python()}: resume it there")
    return plan
