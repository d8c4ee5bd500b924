"""Tools over a SQLite database of accounts and card transactions, made from `schema.sql` on first use."""

from __future__ import annotations

import difflib
import json
import math
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from traced import home, traced
from weft_activities import tool

SCHEMA = Path(__file__).parent / "data" / "schema.sql"

SMALL_MODEL = {"bias": -2.5, "amount_ratio": 0.08, "device_age": -0.01, "merchant_risk": 1.5, "watchlist_hits": 2.0}
LARGE_MODEL = {"bias": -1.9, "amount_ratio": 0.12, "device_age": -0.02, "merchant_risk": 2.4, "watchlist_hits": 2.6}


@tool(effect="read")
@traced
def get_transaction(transaction_id: str) -> dict[str, Any]:
    """Account, device, merchant, beneficiary and amount of a transaction."""
    return _one("SELECT * FROM transactions WHERE id = ?", transaction_id)


@tool(effect="read")
@traced
def get_account(account: str) -> dict[str, Any]:
    """Holder and country of an account."""
    return _one("SELECT * FROM accounts WHERE id = ?", account)


@tool(effect="read")
@traced
def get_history(account: str, limit: int = 20) -> list[dict[str, Any]]:
    """The last amounts paid from an account, newest first."""
    return _rows("SELECT day, amount FROM payments WHERE account = ? ORDER BY day DESC LIMIT ?", account, limit)


@tool(effect="read")
@traced
def get_device(device: str) -> dict[str, Any]:
    """The device that a transaction came from, and for how many days we know it."""
    return _one("SELECT * FROM devices WHERE id = ?", device)


@tool(effect="read")
@traced
def get_merchant(merchant: str) -> dict[str, Any]:
    """Country and risk (0 to 1) of a merchant."""
    return _one("SELECT * FROM merchants WHERE id = ?", merchant)


@tool(effect="read")
@traced
def search_watchlist(name: str) -> list[dict[str, Any]]:
    """Entries of the watch list whose name is similar to this one."""
    entries = _rows("SELECT name, reason FROM watchlist ORDER BY name")
    alike = difflib.get_close_matches(name, [entry["name"] for entry in entries], cutoff=0.8)
    return [entry for entry in entries if entry["name"] in alike]


@tool(effect="read")
@traced
def score_with_small_model(features: dict[str, int | float]) -> dict[str, Any]:
    """Risk (0 to 1) by the small local model: a logistic regression."""
    return {"model": "small", "risk": _logistic(SMALL_MODEL, features)}


@tool(effect="read")
@traced
def score_with_large_model(features: dict[str, int | float]) -> dict[str, Any]:
    """Risk (0 to 1) by the large local model: a logistic regression with other weights, averaged over
    noise.
    """
    noisy = [
        _logistic(LARGE_MODEL, {name: value * (1 + 0.001 * step) for name, value in features.items()})
        for step in range(-50, 51)
    ]
    return {"model": "large", "risk": round(sum(noisy) / len(noisy), 6)}


@tool(effect="idempotent")
@traced
def open_case(transaction_id: str, risk: float) -> dict[str, Any]:
    """Opens the case of a transaction; there is one at most."""
    case = f"K-{transaction_id}"
    _write("INSERT OR REPLACE INTO cases VALUES (?, ?)", case, json.dumps({"risk": risk}))
    return {"id": case}


@tool(effect="idempotent")
@traced
def freeze_account(account: str, case_id: str) -> dict[str, Any]:
    """Freezes an account until its case is closed."""
    _write("UPDATE accounts SET frozen_by = ? WHERE id = ?", case_id, account)
    return {"account": account, "case": case_id}


@tool(effect="write")
@traced
def notify_officer(case_id: str, names: list[str]) -> dict[str, Any]:
    """Puts a message into the inbox of the officer on duty; each call sends another one."""
    officer = _one("SELECT name FROM officers WHERE on_duty = 1")
    _write("INSERT INTO inbox VALUES (?, ?, ?)", officer["name"], case_id, json.dumps(names))
    return officer


def _logistic(weights: dict[str, float], features: dict[str, int | float]) -> float:
    total = weights["bias"] + sum(weights[name] * value for name, value in sorted(features.items()))
    return round(1 / (1 + math.exp(-total)), 6)


def _rows(sql: str, *parameters: object) -> list[dict[str, Any]]:
    with closing(_connect()) as connection:
        return [dict(row) for row in connection.execute(sql, parameters)]


def _one(sql: str, *parameters: object) -> dict[str, Any]:
    rows = _rows(sql, *parameters)
    if not rows:
        raise LookupError(f"nothing found for {', '.join(map(repr, parameters))}")
    return rows[0]


def _write(sql: str, *parameters: object) -> None:
    with closing(_connect()) as connection, connection:
        connection.execute(sql, parameters)


def _connect() -> sqlite3.Connection:
    """Several first calls at once each build a database of their own; the first to finish stays."""
    path = home("transaction_check") / "bank.sqlite"
    if not path.exists():
        draft = path.with_suffix(f".{os.urandom(6).hex()}")
        with closing(sqlite3.connect(draft)) as connection, connection:
            connection.executescript(SCHEMA.read_text(encoding="utf-8"))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        draft.unlink()
    connection = sqlite3.connect(path, timeout=30)
    connection.row_factory = sqlite3.Row
    return connection
