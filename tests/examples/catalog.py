"""The examples: where they are, what they take, which of their calls stand without `await`, and what comes out.

`expected` is the result under plain CPython with the real tools; `output` a line that must be in the printed text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "examples"


@dataclass(frozen=True)
class Example:
    name: str
    steps: int
    expected: Any
    output: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    #: Tools that the script calls without `await`, to be awaited on the spot.
    implicit: tuple[str, ...] = ()
    ordered: bool = True
    #: How many of the steps end by an exception.
    failing: int = 0
    #: How many executions must have begun when a test kills the run: reads and idempotent writes are in flight then.
    kill_after: int = 1

    @property
    def plan(self) -> Path:
        return FOLDER / self.name / "plan.py"

    @property
    def tools(self) -> Path:
        return FOLDER / self.name / "tools.py"

    def comparable(self, calls: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The calls as far as their order means something."""
        return calls if self.ordered else sorted(calls)

    def source(self) -> str:
        return self.plan.read_text(encoding="utf-8")


EXAMPLES = (
    Example(
        "travel_budget",
        kill_after=8,
        steps=25,
        output="Gita Novak        19,060.06 of   17,000  (+2,060.06)\n",
        expected={
            "checked": 20,
            "lines": 1500,
            "over_budget": [
                {"name": "Gita Novak", "spent": 19060.06, "limit": 17000, "over_by": 2060.06},
                {"name": "Dana Moreau", "spent": 18032.04, "limit": 16000, "over_by": 2032.04},
                {"name": "Pia Rahman", "spent": 17495.48, "limit": 16000, "over_by": 1495.48},
                {"name": "Sven Moreau", "spent": 17680.92, "limit": 17000, "over_by": 680.92},
                {"name": "Amara Okafor", "spent": 16603.95, "limit": 16000, "over_by": 603.95},
            ],
        },
        # The script walks a set, whose order is the run's own: only the set of calls is the same everywhere.
        ordered=False,
    ),
    Example(
        "customer_analysis",
        kill_after=4,
        steps=6,
        output="Halvorsen Marine: escalated (9 lines)\n",
        implicit=("create_alert", "escalate_to_manager", "write_report"),
        expected={
            "file": "C-1042.md",
            "lines": 9,
            "status": "escalated",
            "facts": {
                "name": "Halvorsen Marine",
                "segment": "enterprise",
                "recent_total": 10505.75,
                "earlier_total": 65635.75,
                "open_tickets": 3,
                "alert": "critical",
                "manager": "t.abara",
            },
        },
    ),
    Example(
        "quarterly_products",
        failing=1,
        kill_after=8,
        steps=13,
        output="skipping 2023-Q1: no figures for 2023-Q1\n",
        expected=[
            {
                "quarter": "2025-Q3",
                "reviewed": 4,
                "mood": 0.335,
                "plans": [
                    {"sku": "PUMP-400", "target": 102291, "themes": ["solar", "farmers"], "budget": 8183},
                    {"sku": "VAC-PRO", "target": 202841, "themes": ["filters", "hotels"], "budget": 16227},
                ],
            },
            {"quarter": "2025-Q4", "reviewed": 0, "plans": []},
            {"quarter": "2023-Q1", "reviewed": 0, "plans": [], "error": "no figures for 2023-Q1"},
        ],
    ),
    Example(
        "bug_fix",
        kill_after=6,
        steps=12,
        output="1 of 7 tests fail: test_last_page_is_short\nnothing works at shelf.py:19\n",
        expected={
            "fixed": True,
            "file": "shelf.py",
            "line": 23,
            "old": "if number < 1 or number >= count_pages(len(items), size):",
            "new": "if number < 1 or number > count_pages(len(items), size):",
            "tried": 5,
            "tests": 7,
            "commits": 2,
        },
    ),
    Example(
        "transaction_check",
        kill_after=7,
        steps=10,
        inputs={"transaction_id": "T-1003"},
        implicit=("freeze_account", "notify_officer"),
        output="T-1003: rules 8, small model says 0.998\n",
        expected={
            "transaction": "T-1003",
            "rules": 8,
            "model": "small",
            "risk": 0.99841,
            "actions": ["case K-T-1003", "frozen A-2", "told Ida Brandt"],
        },
    ),
    Example(
        "health_check",
        failing=4,
        kill_after=20,
        steps=64,
        output='    "degraded": 5,\n    "healthy": 43,\n    "unreachable": 2\n',
        expected=None,
    ),
    Example(
        "ranking",
        kill_after=5,
        steps=12,
        output="1. ALDR +0.1272\n",
        expected={
            "ranking": ["ALDR", "DRFT", "FYRN", "CNTO", "ELMS", "BRKW"],
            "best": "ALDR",
            "worst": "BRKW",
            "scores": {
                "ALDR": 0.1272,
                "BRKW": -0.0128,
                "CNTO": 0.0244,
                "DRFT": 0.0692,
                "ELMS": -0.0117,
                "FYRN": 0.0589,
            },
        },
    ),
)
