"""Tools over two CSV files: daily closing prices, and one line of fundamentals for each ticker."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from traced import traced
from weft_activities import tool

DATA = Path(__file__).parent / "data"


@tool(effect="read")
@traced
def get_prices(ticker: str) -> list[float]:
    """Closing prices of a ticker, oldest first."""
    prices = [float(row["close"]) for row in _rows("prices.csv") if row["ticker"] == ticker]
    if not prices:
        raise KeyError(ticker)
    return prices


@tool(effect="read")
@traced
async def get_fundamentals(ticker: str) -> dict[str, float]:
    """Earnings per share and debt ratio of a ticker."""
    row = next((row for row in _rows("fundamentals.csv") if row["ticker"] == ticker), None)
    if row is None:
        raise KeyError(ticker)
    return {"earnings": float(row["earnings"]), "debt_ratio": float(row["debt_ratio"])}


def _rows(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))
