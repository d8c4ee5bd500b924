"""The orchestrations to disturb, with real tools that tell what they do: the examples, long jobs, and short programs.

Always holds: none of them depends on how long anything takes, as one that sets deadlines or takes what comes first would;
each ends within seconds where nobody disturbs it.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft_activities import Tool
from weft_activities.catalog import load_catalog
from weft_compiler.plan import Plan

from benchmarks.disturbing.journaled import Journaling, RealCode, journaled
from benchmarks.disturbing.programs import PROGRAMS
from benchmarks.disturbing.scripted import ScriptedDeeds, numbers_of, real_tool
from tests.examples.catalog import EXAMPLES, Example
from tests.oracle.cases import Case, load_cases

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: Of `tests/orchestrations`: those whose outcome stays the same whatever their tools take, and that sleep 5 s at most.
JOBS = (
    *("ab_test", "bank_reconciliation", "bug_dedup", "churn_report", "code_review_bot", "contract_clauses"),
    *("dependency_upgrade", "etl_dead_letters", "expense_audit", "feature_matrix", "fraud_ring", "hiring_metrics"),
    *("invoice_matching", "knowledge_base_freshness", "meeting_notes", "real_estate_comparison"),
    *("release_notes", "research_agent", "schema_drift", "seo_audit", "sprint_planning", "supply_chain_risk"),
    *("ticket_routing", "trip_planning", "weekly_sales"),
)
JOB_FILES = ROOT / "tests" / "orchestrations"
_EXAMPLES = {example.name: example for example in EXAMPLES}
#: Seconds by which a tool of an example is slowed down; those of programs rest by themselves.
_EXAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Orchestration:
    name: str
    source: str
    #: Wraps the tools; files of the run are in the folder.
    make_tools: Callable[[Journaling], list[Tool]] = field(repr=False)
    inputs: dict[str, Any] = field(default_factory=dict)

    def tools(self, folder: Path, hold_at: str = "") -> list[Tool]:
        return self.make_tools(Journaling(folder, hold_at=hold_at))

    def plan(self, folder: Path) -> Plan:
        # Not for workers, which start often.
        from weft_compiler.compile import compile_source

        specs = [tool.spec for tool in self.tools(folder)]
        return compile_source(self.source, specs, file=f"{self.name}.py", inputs=tuple(self.inputs))


def orchestrations() -> dict[str, Orchestration]:
    """All of them by name: the examples first."""
    return {name: orchestration(name) for name in (*_EXAMPLES, *JOBS, *PROGRAMS)}


def orchestration(name: str) -> Orchestration:
    """Makes that one alone, so that a worker that starts for the tenth time has little to read. Raises KeyError."""
    if name in _EXAMPLES:
        return _example(_EXAMPLES[name])
    if name in JOBS:
        return _job(name)
    return program(name, PROGRAMS[name])


def program(name: str, source: str) -> Orchestration:
    """An orchestration over the tools of `program_tools`."""
    tools = str(HERE / "program_tools.py")
    return Orchestration(name, textwrap.dedent(source).lstrip(), lambda journaling: _real(tools, journaling, 0.0))


def _example(example: Example) -> Orchestration:
    tools = str(example.tools)
    return Orchestration(
        example.name, example.source(), lambda journaling: _real(tools, journaling, _EXAMPLE_SECONDS), example.inputs
    )


def _job(name: str) -> Orchestration:
    (case,) = load_cases(JOB_FILES, f"{name}.md")
    return Orchestration(name, case.source, lambda journaling: _scripted(case, journaling), case.inputs)


def _real(tools: str, journaling: Journaling, seconds: float) -> list[Tool]:
    return [journaled(tool, journaling, RealCode(seconds)) for tool in load_catalog([tools])]


def _scripted(case: Case, journaling: Journaling) -> list[Tool]:
    deeds = ScriptedDeeds(case.tools, _numbers(case, journaling.folder / "numbers.json"), journaling)
    return [journaled(real_tool(fake), journaling, deeds) for fake in case.tools.values()]


def _numbers(case: Case, kept: Path) -> dict[str, list[str]]:
    """Kept beside the journal: a worker that starts for the tenth time need not run the job in memory again."""
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(numbers_of(case)))
    numbers: dict[str, list[str]] = json.loads(kept.read_text())
    return numbers
