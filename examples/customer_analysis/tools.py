"""Tools over a folder of customer records: lookups read JSON, alerts and cases go into SQLite, reports into
files.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from traced import home, traced
from weft_activities import tool

DATA = Path(__file__).parent / "data"


@tool(effect="read")
@traced
def get_profile(customer_id: str) -> dict[str, Any]:
    """Name, segment and account manager of a customer."""
    profile: dict[str, Any] = _record(customer_id)["profile"]
    return profile


@tool(effect="read")
@traced
def get_orders(customer_id: str) -> list[dict[str, Any]]:
    """All orders of a customer: date (ISO) and total."""
    orders: list[dict[str, Any]] = _record(customer_id)["orders"]
    return orders


@tool(effect="read")
@traced
async def get_support_tickets(customer_id: str) -> list[dict[str, Any]]:
    """All support tickets of a customer: id, state (open, closed) and severity (1 to 5)."""
    tickets: list[dict[str, Any]] = _record(customer_id)["tickets"]
    return tickets


@tool(effect="idempotent")
@traced
def create_alert(customer_id: str, level: str, reason: str) -> dict[str, Any]:
    """Raises an alert. A customer has one alert of each level; raising it again changes its reason."""
    with closing(_desk()) as desk, desk:
        desk.execute(
            "INSERT INTO alerts VALUES (?, ?, ?) ON CONFLICT (customer, level) DO UPDATE SET reason = excluded.reason",
            (customer_id, level, reason),
        )
    return {"customer": customer_id, "level": level, "reason": reason}


@tool(effect="write")
@traced
def escalate_to_manager(customer_id: str, manager: str, tickets: list[str]) -> dict[str, Any]:
    """Opens a case for the account manager. Each call opens a new one."""
    with closing(_desk()) as desk, desk:
        row = (customer_id, manager, json.dumps(tickets))
        cursor = desk.execute("INSERT INTO cases (customer, manager, tickets) VALUES (?, ?, ?)", row)
        return {"number": cursor.lastrowid, "manager": manager}


@tool(effect="idempotent")
@traced
def write_report(customer_id: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Writes a Markdown report with one line for each fact; replaces an older one."""
    lines = [f"# {customer_id}", "", *(f"- {name}: {value}" for name, value in facts.items())]
    path = home("customer_analysis") / f"{customer_id}.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    status = "escalated" if facts.get("manager") else "watched" if facts.get("alert") else "fine"
    return {"file": path.name, "lines": len(lines), "status": status, "facts": facts}


def _record(customer_id: str) -> dict[str, Any]:
    path = DATA / f"{customer_id}.json"
    if not path.exists():
        raise LookupError(f"no customer {customer_id!r}")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def _desk() -> sqlite3.Connection:
    desk = sqlite3.connect(home("customer_analysis") / "desk.sqlite", timeout=30)
    desk.execute("CREATE TABLE IF NOT EXISTS alerts (customer, level, reason, PRIMARY KEY (customer, level))")
    desk.execute("CREATE TABLE IF NOT EXISTS cases (number INTEGER PRIMARY KEY, customer, manager, tickets)")
    return desk
