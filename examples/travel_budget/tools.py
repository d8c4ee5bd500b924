"""Tools over a real SQLite database of people, budgets and expense lines, which is made on first use."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

sys.path.append(str(Path(__file__).resolve().parents[1]))

from traced import home, traced
from weft_activities import tool

NAMES = (
    *("Amara", "Aziz", "Bela", "Chen", "Dana", "Emil", "Fola", "Gita", "Hugo", "Ines"),
    *("Jonas", "Kemi", "Lena", "Milo", "Nora", "Omar", "Pia", "Quinn", "Rosa", "Sven"),
)
SURNAMES = ("Okafor", "Rahman", "Novak", "Lindqvist", "Moreau")
LEVELS = ("junior", "senior", "staff", "principal")
LIMITS = {"junior": 16_000, "senior": 17_000, "staff": 18_000, "principal": 20_000}
CATEGORIES = ("flight", "hotel", "train", "meal", "taxi")
LINES_EACH = 75


class Member(BaseModel):
    id: int
    name: str
    department: str
    level: str


class Budget(BaseModel):
    level: str
    travel_limit: int


class ExpenseLine(BaseModel):
    category: str
    amount: float
    status: Literal["approved", "pending", "rejected"]


@tool(effect="read")
@traced
def get_team_members(department: str) -> list[Member]:
    """The people of a department, by id."""
    rows = _query("SELECT id, name, department, level FROM members WHERE department = ? ORDER BY id", department)
    return [Member(**row) for row in rows]


@tool(effect="read")
@traced
def get_budget_by_level(level: str) -> Budget:
    """The travel budget of one quarter for a level."""
    rows = _query("SELECT level, travel_limit FROM budgets WHERE level = ?", level)
    if not rows:
        raise LookupError(f"no budget for level {level!r}")
    return Budget(**rows[0])


@tool(effect="read")
@traced
def get_expenses(member_id: int, quarter: str) -> list[ExpenseLine]:
    """All expense lines of a person in a quarter, whatever their status."""
    rows = _query(
        "SELECT category, cents / 100.0 AS amount, status FROM expenses WHERE member = ? AND quarter = ? ORDER BY id",
        member_id,
        quarter,
    )
    return [ExpenseLine(**row) for row in rows]


def _query(sql: str, *parameters: object) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(_database())) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, parameters)]


def _database() -> Path:
    """The database's path. Several first calls at once each build a file of their own; the last to finish
    stays.
    """
    path = home("travel_budget") / "company.sqlite"
    if not path.exists():
        draft = path.with_suffix(f".{os.urandom(6).hex()}")
        with closing(sqlite3.connect(draft)) as connection, connection:
            _fill(connection)
        draft.replace(path)
    return path


def _fill(connection: sqlite3.Connection) -> None:
    connection.executescript(
        """
        CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT, department TEXT, level TEXT);
        CREATE TABLE budgets (level TEXT PRIMARY KEY, travel_limit INTEGER);
        CREATE TABLE expenses (
            id INTEGER PRIMARY KEY, member INTEGER, quarter TEXT, category TEXT, cents INTEGER, status TEXT
        );
        """
    )
    connection.executemany("INSERT INTO budgets VALUES (?, ?)", LIMITS.items())
    for number, name in enumerate(NAMES):
        member = (number + 1, f"{name} {SURNAMES[number % 5]}", "engineering", LEVELS[number * 7 % 4])
        connection.execute("INSERT INTO members VALUES (?, ?, ?, ?)", member)
    connection.executemany(
        "INSERT INTO expenses (member, quarter, category, cents, status) VALUES (?, ?, ?, ?, ?)", _lines()
    )


def _lines() -> Iterator[tuple[int, str, str, int, str]]:
    """Amounts that look random and are the same on every machine."""
    for member in range(1, len(NAMES) + 1):
        for line in range(LINES_EACH):
            noise = (member * 7_919 + line * 104_729 + member * line * 31) % 9_973
            status = "rejected" if noise % 11 == 0 else "pending" if noise % 7 == 0 else "approved"
            cents = 2_000 + noise * (4 + member % 3)
            yield member, "Q3", CATEGORIES[noise % 5], cents, status
