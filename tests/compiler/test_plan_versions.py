"""What a plan holds changes only together with its versions, and plans of other versions are upgraded or refused."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from weft_compiler import reading
from weft_compiler.compile import compile_source
from weft_compiler.graph import GRAPH_VERSION
from weft_compiler.plan import RULES_VERSION, Plan
from weft_compiler.reading import PlanData, UnfitPlan, read_plan
from weft_compiler.tool_spec import ToolSpec

#: A digest of the plan's model for each version of the graph. When the test fails, decide:
#:
#: - Plans of before mean the same and can be read (a field was added whose default means "as before"; a kind of node
#:   was added): put the new digest here. Workers of before refuse plans that have the new field, by its name.
#: - Else raise `GRAPH_VERSION`, write what makes a new plan of an old one into `reading.UPGRADES`, and add a line here.
FINGERPRINTS = {1: "9ba4ee546d7eaeb8e62eebe653ffc416074f7098a85d55496ca07a95c43f73d8"}
PLAN = compile_source("x = await look()\nreturn x + 1", [ToolSpec(name="look")], file="plan.py")


def test_the_plan_changes_with_its_version() -> None:
    assert fingerprint() == FINGERPRINTS[GRAPH_VERSION]


def test_every_older_version_can_be_upgraded() -> None:
    assert sorted(reading.UPGRADES) == list(range(1, GRAPH_VERSION)) == sorted(FINGERPRINTS)[:-1]


def fingerprint() -> str:
    schema = _bare(Plan.model_json_schema())
    # These say which versions there are, and are looked at by themselves.
    del schema["properties"]["rules"]["default"], schema["$defs"]["Graph"]["properties"]["version"]["default"]
    text = json.dumps(schema, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _bare(schema: Any) -> Any:
    """The schema without words for people, and without the Python that this test runs on."""
    if isinstance(schema, dict):
        # Below `properties` these are names of fields.
        return {
            key: {name: _bare(each) for name, each in value.items()} if key in ("properties", "$defs") else _bare(value)
            for key, value in schema.items()
            if key not in ("description", "title")
        }
    return [_bare(each) for each in schema] if isinstance(schema, list) else schema


def test_a_plan_comes_back_as_it_was() -> None:
    assert read_plan(PLAN.canonical_json()) == PLAN


def test_an_older_graph_is_upgraded_version_by_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the graph were three versions further: each entry makes the next version."""

    def entry_was_called_main(plan: PlanData) -> PlanData:
        plan["graph"]["entry"] = plan["graph"].pop("main")
        return plan

    def files_had_no_suffix(plan: PlanData) -> PlanData:
        return {**plan, "file": f"{plan['file']}.py"}

    monkeypatch.setattr(reading, "GRAPH_VERSION", GRAPH_VERSION + 2)
    monkeypatch.setattr(
        reading, "UPGRADES", {GRAPH_VERSION: entry_was_called_main, GRAPH_VERSION + 1: files_had_no_suffix}
    )
    old = json.loads(PLAN.canonical_json())
    old["graph"]["main"] = old["graph"].pop("entry")
    old["file"] = "plan"
    new = read_plan(json.dumps(old))
    assert new.model_copy(update={"graph": PLAN.graph}) == PLAN
    assert (new.graph.entry, new.graph.version) == (PLAN.graph.entry, GRAPH_VERSION + 2)


def test_rules_are_kept() -> None:
    """A newer machine does as the rules say with which a run has begun."""
    old = json.loads(PLAN.canonical_json())
    del old["rules"]
    assert read_plan(json.dumps(old)).rules == 1


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("graph", "version"), GRAPH_VERSION + 1, "its graph has version 2, known here up to 1"),
        (("rules",), 9, f"its rules have version 9, known here up to {RULES_VERSION}"),
        (("limits", "shouting"), True, "it has limits.shouting, which is not known here"),
        (("graph", "colour"), "red", "it has graph.colour, which is not known here"),
    ],
)
def test_a_newer_plan_is_refused_by_name(path: tuple[str, ...], value: Any, why: str) -> None:
    newer = json.loads(PLAN.canonical_json())
    place = newer
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(UnfitPlan, match=f"the plan was made by a newer Weft than this: {why}"):
        read_plan(json.dumps(newer))


def test_what_is_no_plan_at_all_is_not_called_newer() -> None:
    with pytest.raises(ValueError, match="source"):
        read_plan(json.dumps({"file": "plan.py", "graph": {"version": 1, "entry": "x", "functions": {}}}))
