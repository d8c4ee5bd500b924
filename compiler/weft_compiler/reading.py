"""Plans as runs carry them, read by whatever version of Weft goes on with the run.

What always holds: a plan of an older version comes out as one of today that means the same, or is refused; a plan of a
newer version is refused with words that say so. Nothing here knows how a plan is executed.

Two numbers stand in a plan. `graph.version` is that of the graph's form: an older graph is *rewritten*, version by
version (`UPGRADES`). `rules` is that of its execution, and is *kept*: the machine does as those rules say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from weft_compiler.graph import GRAPH_VERSION
from weft_compiler.plan import RULES_VERSION, Plan

#: A whole plan as plain data, which may be changed.
PlanData = dict[str, Any]
#: From the version of a graph: what makes a plan with a graph of the next version of it. An entry comes with each new
#: `GRAPH_VERSION`, and stays.
UPGRADES: Mapping[int, Callable[[PlanData], PlanData]] = {}
#: The rules of plans that name none.
_FIRST_RULES = 1


class UnfitPlan(ValueError):
    """This version of Weft cannot go on with the plan."""


def read_plan(text: str) -> Plan:
    """The plan of its canonical JSON. Raises UnfitPlan."""
    data = plan_data(text)
    try:
        return Plan.model_validate(data)
    except ValidationError as error:
        raise unfit(error, "the plan") from error


#: pydantic's types of errors for fields and kinds of nodes that this version does not have.
_NOT_KNOWN = ("extra_forbidden", "union_tag_invalid")


def unfit(error: ValidationError, what: str) -> Exception:
    """What to raise for data that pydantic refuses: UnfitPlan where a newer version has written it, else that error."""
    unknown = [".".join(map(str, e["loc"])) for e in error.errors() if e["type"] in _NOT_KNOWN]
    return newer(what, f"it has {', '.join(unknown[:3])}, which is not known here") if unknown else error


def plan_data(text: str) -> PlanData:
    """The same as plain data of today's version, whose fields have not been looked at. Raises UnfitPlan."""
    data: PlanData = json.loads(text)
    data.setdefault("rules", _FIRST_RULES)
    if data["rules"] > RULES_VERSION:
        raise newer("the plan", f"its rules have version {data['rules']}, known here up to {RULES_VERSION}")
    version = data["graph"]["version"]
    if version > GRAPH_VERSION:
        raise newer("the plan", f"its graph has version {version}, known here up to {GRAPH_VERSION}")
    for older in range(version, GRAPH_VERSION):
        data = UPGRADES[older](data)
        data["graph"]["version"] = older + 1
    return data


def newer(what: str, why: str) -> UnfitPlan:
    return UnfitPlan(f"{what} was made by a newer Weft than this: {why}")
