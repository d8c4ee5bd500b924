"""Tools that start a fleet of real HTTP servers on this machine, ask each for its health, and stop them."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from traced import home, traced
from weft_activities import tool

FLEET = Path(__file__).parent / "fleet.py"
PATIENCE = 30.0


@tool(effect="idempotent")
@traced
def start_fleet(count: int) -> dict[str, Any]:
    """Starts so many services, each on a port of its own; does nothing where they are up already."""
    if not _is_up(count):
        _state().unlink(missing_ok=True)
        # A session of its own: the fleet outlives the worker that started it, so that a resumed run still
        # finds it.
        subprocess.Popen(
            [sys.executable, str(FLEET), str(_state()), str(count)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _wait_until_up(count)
    return {"names": [f"service-{number:02}" for number in range(count)]}


@tool(effect="read")
@traced
def check_endpoint(name: str, fresh: bool = False) -> dict[str, str]:
    """Asks a service for its health. Raises RuntimeError where it does not answer."""
    number = int(name.removeprefix("service-"))
    try:
        status = _request(_ports()[number], "GET", "/health/fresh" if fresh else "/health")
    except (OSError, http.client.HTTPException):
        raise RuntimeError(f"{name} does not answer") from None
    return {"name": name, "state": "healthy" if status == 200 else "degraded"}


@tool(effect="idempotent")
@traced
def stop_fleet() -> bool:
    """Stops all services. True if there were any."""
    if not (ports := _ports()):
        return False
    _state().unlink(missing_ok=True)
    try:
        _request(ports[0], "POST", "/stop")
    except OSError:
        return False
    return True


def _state() -> Path:
    return home("health_check") / "fleet.json"


def _ports() -> list[int]:
    try:
        ports: list[int] = json.loads(_state().read_text(encoding="utf-8"))["ports"]
    except FileNotFoundError:
        return []
    return ports


def _is_up(count: int) -> bool:
    ports = _ports()
    try:
        return len(ports) == count and _request(ports[0], "GET", "/health") == 200
    except OSError:
        return False


def _wait_until_up(count: int) -> None:
    end = time.monotonic() + PATIENCE
    while not _is_up(count):
        if time.monotonic() > end:
            raise RuntimeError(f"the {count} services did not start within {PATIENCE:g} s")
        time.sleep(0.02)


def _request(port: int, method: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    finally:
        connection.close()
