"""Whether this worker can go on with a run that others have begun.

What always holds: a run that does not fit is left as it is. Its workflow task fails with words that name the fitting worker,
and the server gives the task out again until such a worker takes it; nothing of the run is lost or decided meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError
from weft_compiler.plan import running_python
from weft_compiler.reading import UnfitPlan, newer, plan_data, unfit
from weft_compiler.tool_spec import ToolSpec

#: The types of errors by which a worker, or a machine in its hosts, says that a run does not fit it.
UNFIT: Final = frozenset({"UnfitWorker", "UnfitPlan", "WrongCheckpoint", "NewerMessage"})


class UnfitWorker(RuntimeError):
    """The run needs another worker than this."""


def fitting_plan(text: str) -> dict[str, Any]:
    """The plan of a run as plain data of today's version. Raises UnfitWorker."""
    try:
        plan = plan_data(text)
    except UnfitPlan as unfit:
        raise _needs_newer(str(unfit)) from None
    if plan["python"] != running_python():
        raise UnfitWorker(
            f"this run needs a worker on Python {plan['python']}, this one has {running_python()}: values may differ "
            f"between the two. Start a workflow worker on Python {plan['python']}; the run goes on by itself"
        )
    return plan


def fitting_tools(plan: dict[str, Any]) -> dict[str, ToolSpec]:
    """The tools of a plan by their names. Raises UnfitWorker."""
    try:
        return {tool["name"]: ToolSpec.model_validate(tool) for tool in plan["tools"]}
    except ValidationError as error:
        if isinstance(refused := unfit(error, "a tool of the plan"), UnfitPlan):
            raise _needs_newer(str(refused)) from None
        raise


def check_known(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """Refuses fields that a newer client or worker has written: what they ask for cannot be guessed. Raises UnfitWorker."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise _needs_newer(str(newer(what, f"it has {', '.join(unknown)}, which is not known here")))


def _needs_newer(why: str) -> UnfitWorker:
    return UnfitWorker(f"{why}. Start a workflow worker of that Weft or a later one; the run goes on by itself")
