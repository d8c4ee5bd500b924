"""Processes as /proc shows them: hosts of a worker, what still runs of a folder, and ending them. Linux only."""

from __future__ import annotations

import os
import signal
from pathlib import Path

_HOST = "weft_workflows.host.child"


def kill(pid: int) -> bool:
    """`kill -9`; False where the process is gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def lives(pid: int) -> bool:
    """Whether the process still runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def hosts_of(pid: int) -> list[int]:
    """The host processes of a worker."""
    return [child for child in _children(pid) if _HOST in command_of(child)]


def command_of(pid: int) -> str:
    """The command line, empty where the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def running_in(folder: Path) -> dict[int, str]:
    """The processes whose command line names something in the folder."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    found = {pid: command_of(pid) for pid in sorted(pids) if pid != os.getpid()}
    return {pid: command for pid, command in found.items() if f"{folder}/" in command and lives(pid)}


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue
    return found
