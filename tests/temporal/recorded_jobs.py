"""The longer orchestrations and the examples among the runs that are recorded for each version."""

from __future__ import annotations

import asyncio
from typing import Any

from weft_activities.catalog import load_catalog
from weft_activities.tool import Tool, make_tool
from weft_workflows.messages import RunOptions

from tests.examples.catalog import EXAMPLES
from tests.oracle.cases import load_cases
from tests.oracle.fakes import Arguments, FakeTool, World, as_function
from tests.orchestrations.test_orchestrations import HERE
from tests.temporal.recorded_runs import OFTEN, RecordedRun

#: Seconds for one of a fake's. Answers come in the order of the fakes, more or less.
_SCALE = 0.02
#: Those whose own timers are short.
ORCHESTRATIONS = (
    "ab_test",
    "applicant_screening",
    "api_contract_testing",
    "bug_dedup",
    "code_review_bot",
    "contract_clauses",
    "crm_migration",
    "invoice_matching",
    "medical_scheduling",
    "meeting_notes",
    "research_agent",
    "sprint_planning",
    "supply_chain_risk",
    "ticket_allocation",
    "ticket_routing",
    "translation_pipeline",
    "trip_planning",
    "weekly_sales",
)


def jobs() -> list[RecordedRun]:
    cases = {case.file.stem: case for case in load_cases(HERE)}
    chosen = [cases[name] for name in ORCHESTRATIONS]
    return (
        [
            # As in the oracle, whose fakes fail on purpose.
            RecordedRun(f"job-{c.file.stem}", c.source, c.inputs, RunOptions(attempts=1), tools=_tools(c.tools))
            for c in chosen
        ]
        + [
            RecordedRun(
                f"moved-{c.file.stem}", c.source, c.inputs, RunOptions(attempts=1, history=OFTEN), tools=_tools(c.tools)
            )
            for c in chosen[::3]
        ]
        + [
            RecordedRun(f"example-{e.name}", e.source(), e.inputs, tools=tuple(load_catalog([str(e.tools)])))
            for e in EXAMPLES
        ]
    )


def _tools(fakes: dict[str, FakeTool]) -> tuple[Tool, ...]:
    world = World(fakes)
    return tuple(_tool(world, fake) for fake in fakes.values())


def _tool(world: World, fake: FakeTool) -> Tool:
    async def call(arguments: Arguments) -> Any:
        return await world.perform(fake.spec.name, arguments, _rest)

    return make_tool(as_function(fake.spec, call), {"effect": fake.spec.effect})


async def _rest(seconds: float) -> None:
    await asyncio.sleep(seconds * _SCALE)
