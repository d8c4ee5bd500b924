"""Tools over a table of quarterly sales (CSV) and a folder of market notes; plans are written as JSON
files.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from traced import home, traced
from weft_activities import tool

DATA = Path(__file__).parent / "data"
GOOD = {"love", "loved", "praise", "praised", "fast", "reliable", "growing", "quiet", "wins", "renewed", "strong"}
BAD = {"late", "slow", "broken", "complaint", "complaints", "returned", "noisy", "recall", "weak", "lost", "thin"}
FILLER = {"after", "from", "have", "more", "than", "that", "their", "this", "were", "when", "with"}


@tool(effect="read")
@traced
def list_products(quarter: str) -> list[dict[str, Any]]:
    """All products of a quarter: sku, revenue, discontinued. Raises LookupError where there are no figures."""
    rows = [row for row in _sales() if row["quarter"] == quarter]
    if not rows:
        raise LookupError(f"no figures for {quarter}")
    return [{name: row[name] for name in ("sku", "revenue", "discontinued")} for row in rows]


@tool(effect="read")
@traced
def research_product(sku: str) -> dict[str, Any]:
    """Reads the market notes on a product: sentiment from -1 to 1, and the most frequent themes."""
    words = re.findall(r"[a-z]+", (DATA / "notes" / f"{sku}.txt").read_text(encoding="utf-8").lower())
    good, bad = sum(w in GOOD for w in words), sum(w in BAD for w in words)
    themes = Counter(w for w in words if len(w) > 3 and w not in GOOD | BAD | FILLER)
    ranked = sorted(themes.items(), key=lambda item: (-item[1], item[0]))
    sentiment = (good - bad) / (good + bad) if good + bad else 0.0
    return {"sku": sku, "sentiment": round(sentiment, 4), "themes": [word for word, _ in ranked[:5]]}


@tool(effect="read")
@traced
def project_revenue(sku: str, quarter: str) -> dict[str, float]:
    """Fits a straight line to a product's quarters up to this one and extends it by one quarter."""
    history = [row["revenue"] for row in _sales() if row["sku"] == sku and row["quarter"] <= quarter]
    middle = (len(history) - 1) / 2
    mean = sum(history) / len(history)
    spread = sum((x - middle) ** 2 for x in range(len(history)))
    slope = sum((x - middle) * (y - mean) for x, y in enumerate(history)) / spread
    return {"slope": round(slope, 2), "next": round(mean + slope * (len(history) - middle), 2)}


@tool(effect="idempotent")
@traced
def write_plan(sku: str, target: int, themes: list[str]) -> dict[str, Any]:
    """Writes the plan of a product for the next quarter; replaces an older one."""
    plan = {"sku": sku, "target": target, "themes": themes, "budget": round(target * 0.08)}
    (home("quarterly_products") / f"{sku}.json").write_text(json.dumps(plan, indent=2), encoding="utf-8")
    return plan


def _sales() -> list[dict[str, Any]]:
    """All rows, by quarter and sku."""
    with (DATA / "sales.csv").open(newline="", encoding="utf-8") as table:
        return [
            {**row, "revenue": float(row["revenue"]), "discontinued": row["discontinued"] == "yes"}
            for row in csv.DictReader(table)
        ]
