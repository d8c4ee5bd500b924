"""`weft storage show` and `gc`: what is kept outside of histories, and the removal of what no run needs.

What always holds: nothing is removed before all references have been read, and nothing where another namespace has
payloads in the same directory, whose runs cannot be seen from here.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from weft_worker.cli.output import print_json, print_text, say
from weft_worker.cli.run import open_target
from weft_worker.outcome import COMPLETED
from weft_worker.problems import failed, misused
from weft_worker.state import state_directory

if TYPE_CHECKING:
    from weft_worker.connect import Target
    from weft_worker.storage.directory import PayloadDirectory
    from weft_worker.storage.sweeping import Swept

_TIME = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def show_storage(*, state_dir: Path | None, as_json: bool) -> int:
    """Print place and contents of the storage. Returns the exit code."""
    from weft_worker.payloads import storage_of
    from weft_worker.settings import load_settings
    from weft_worker.storage.directory import namespaces_of
    from weft_worker.storage.sweeping import sweep

    settings = load_settings()
    storage = storage_of(settings, state_directory(state_dir))
    directory = storage.directory.directory
    # All is older than the end of time, and needed by nobody: what would go is what there is.
    there = sweep(directory, set(), cutoff=float("inf"), dry=True)
    namespaces = namespaces_of(directory)
    if as_json:
        sizes = {"threshold": settings.payload_threshold, "limit": settings.payload_limit}
        kept = {"directory": str(directory), "payloads": there.removed, "bytes": there.removed_bytes}
        print_json({"store": storage.place, **sizes, **kept, "namespaces": [asdict(each) for each in namespaces]})
        return COMPLETED
    print_text(f"new payloads go to {storage.place}, from {settings.payload_threshold:,} bytes on")
    print_text(f"{directory}: {_amount(there.removed, there.removed_bytes)}")
    for each in namespaces:
        print_text(f"  of namespace {each.name} of {each.address} (id {each.id})")
    return COMPLETED


def collect_garbage(
    *,
    dry: bool,
    older_than: str,
    ledgers_older_than: str | None,
    forget: list[str],
    address: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> int:
    """Remove what no run needs. Returns the exit code."""
    age = _seconds(older_than, "--older-than")
    ledger_age = None if ledgers_older_than is None else _seconds(ledgers_older_than, "--ledgers-older-than")
    with open_target(address, state_dir) as target:
        swept, place = asyncio.run(_collect(target, dry, age, ledger_age, forget))
    if as_json:
        print_json({"directory": place, "dry_run": dry, **swept.to_json()})
    else:
        _print(swept, place, dry)
    return COMPLETED


async def _collect(
    target: Target, dry: bool, age: float, ledger_age: float | None, forget: list[str]
) -> tuple[Swept, str]:
    from weft_worker.connect import connect
    from weft_worker.settings import load_settings
    from weft_worker.storage import sweeping
    from weft_worker.storage.marking import mark

    connection = await connect(target, load_settings())
    assert connection.storage is not None
    files = connection.storage.directory
    directory = files.directory
    _refuse_strangers(files, forget, dry=dry)
    # Before the runs are read: what is stored from now on is younger, whoever refers to it.
    now = await asyncio.to_thread(sweeping.time_of, directory)
    marked = await mark(connection.client, say)

    def remove() -> Swept:
        ledgers = 0
        if ledger_age is not None:
            ledgers = sweeping.sweep_ledgers(directory, marked.runs, cutoff=now - ledger_age, dry=dry)
        needed = marked.digests.union(sweeping.digests_of_ledgers(directory))
        swept = sweeping.sweep(directory, needed, cutoff=now - age, dry=dry)
        swept.ledgers = ledgers
        return swept

    return await asyncio.to_thread(remove), str(directory)


def _refuse_strangers(files: PayloadDirectory, forget: list[str], *, dry: bool) -> None:
    """Raises CommandFailed where other namespaces than the one that is read have payloads in the directory."""
    from weft_worker.storage.directory import forget_namespace, namespaces_of

    assert files.namespace is not None
    strangers = []
    for each in namespaces_of(files.directory):
        if each.id == files.namespace.id:
            continue
        if each.id not in forget:
            strangers.append(f"{each.name} of {each.address} (id {each.id})")
        elif not dry:
            forget_namespace(files.directory, each)
    if strangers:
        raise failed(
            f"runs of {' and of '.join(strangers)} have payloads in {files.directory} as well, and cannot be seen from"
            " here. Nothing was removed. Give each namespace a directory of its own (WEFT_PAYLOAD_DIR); one that has no"
            " runs any more is left out with --forget ID",
            type_="SharedStorage",
        )


def _seconds(text: str, option: str) -> float:
    found = _TIME.fullmatch(text)
    if found is None:
        raise misused(f"{option} {text}: no time; write a number and s, m, h or d, such as 30m, 12h, 7d")
    return float(found.group(1)) * _SECONDS[found.group(2)]


def _print(swept: Swept, place: str, dry: bool) -> None:
    done = "would remove" if dry else "removed"
    print_text(f"{place}: {done} {_amount(swept.removed, swept.removed_bytes)}")
    if swept.unfinished:
        print_text(f"{done} {swept.unfinished:,} that were never finished")
    if swept.ledgers:
        print_text(f"{done} {swept.ledgers:,} ledgers")
    print_text(f"runs need {_amount(swept.needed, swept.needed_bytes)}")
    if swept.young:
        print_text(f"left {_amount(swept.young, swept.young_bytes)}, stored too recently to tell")


def _amount(count: int, size: int) -> str:
    return f"{count:,} payload{'' if count == 1 else 's'}, {size / 1e6:,.1f} MB"
