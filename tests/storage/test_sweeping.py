"""Removing files: what goes, what stays, and writers that come at any moment."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriverClaim
from weft_worker.storage import directory as storage_directory
from weft_worker.storage import sweeping
from weft_worker.storage.directory import PayloadDirectory, ledger_folder
from weft_worker.storage.errors import PayloadMissing
from weft_worker.storage.sweeping import Swept, digests_of_ledgers, sweep, sweep_ledgers, time_of

from tests.storage.test_directory import RETRIEVE, STORE, files, payload

NOW = time.time()
LONG_AGO = NOW - 100_000
CUTOFF = NOW - 3_600


@pytest.fixture
def kept(tmp_path: Path) -> PayloadDirectory:
    return PayloadDirectory(tmp_path)


async def stored(kept: PayloadDirectory, text: str, at: float = LONG_AGO) -> str:
    """Stores a payload at that time. Gives its digest."""
    (claim,) = await kept.store(STORE, [payload(text.encode())])
    digest = claim.claim_data["sha256"]
    os.utime(kept.path(digest), (at, at))
    return digest


async def test_what_is_old_and_not_needed_goes(kept: PayloadDirectory) -> None:
    needed, old, young = await stored(kept, "needed"), await stored(kept, "old"), await stored(kept, "young", NOW)
    dry = sweep(kept.directory, {needed}, cutoff=CUTOFF, dry=True)
    assert len(files(kept.directory)) == 3
    swept = sweep(kept.directory, {needed}, cutoff=CUTOFF, dry=False)
    assert swept == dry
    assert (swept.removed, swept.needed, swept.young) == (1, 1, 1)
    assert swept.removed_bytes == len(payload(b"old").SerializeToString())
    assert {file.name for file in files(kept.directory)} == {needed, young}
    assert old not in {needed, young}


async def test_what_dead_writers_left_goes_and_what_living_ones_write_stays(kept: PayloadDirectory) -> None:
    digest = await stored(kept, "one", NOW)
    folder = kept.path(digest).parent
    dead, living = folder / f"{storage_directory.UNFINISHED}dead", folder / f"{storage_directory.UNFINISHED}living"
    for file in (dead, living):
        file.write_bytes(b"half")
    os.utime(dead, (LONG_AGO, LONG_AGO))
    assert sweep(kept.directory, {digest}, cutoff=CUTOFF, dry=False).unfinished == 1
    assert (dead.exists(), living.exists()) == (False, True)


async def test_files_that_are_none_of_ours_stay(kept: PayloadDirectory) -> None:
    strangers = ["README", "ab/notes.txt", "abc/" + "0" * 64, "ledgers/run/000", "namespaces/id", "ab/" + "0" * 63]
    for name in strangers:
        path = kept.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        os.utime(path, (LONG_AGO, LONG_AGO))
    assert sweep(kept.directory, set(), cutoff=CUTOFF, dry=False) == Swept()
    assert len(files(kept.directory)) == len(strangers)


@pytest.mark.parametrize("needed", [True, False])
async def test_the_next_sweep_decides_on_what_a_dead_one_had_renamed(kept: PayloadDirectory, needed: bool) -> None:
    digest = await stored(kept, "one")
    path = kept.path(digest)
    path.rename(path.with_name(f".old-0123abcd-{digest}"))
    swept = sweep(kept.directory, {digest} if needed else set(), cutoff=CUTOFF, dry=False)
    assert (swept.needed, swept.removed) == (needed, not needed)
    assert [file.name for file in files(kept.directory)] == ([digest] if needed else [])


async def test_a_writer_at_any_moment_of_the_sweep_finds_its_payload_kept(
    kept: PayloadDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep is stopped before each of its looks at the file system; meanwhile the same contents are stored again."""
    moments = 0
    while True:
        digest = await stored(kept, "one")
        passed = interrupted(monkeypatch, moments, lambda: kept._store([payload(b"one")]))
        sweep(kept.directory, set(), cutoff=CUTOFF, dry=False)
        monkeypatch.undo()
        if passed() <= moments:
            break
        assert await kept.retrieve(RETRIEVE, [claim(digest)]) == [payload(b"one")]
        assert [file.name for file in files(kept.directory)] == [digest]
        moments += 1
    assert moments >= 4


def claim(digest: str) -> StorageDriverClaim:
    return StorageDriverClaim({"sha256": digest})


def interrupted(patch: pytest.MonkeyPatch, at: int, act: Callable[[], object]) -> Callable[[], int]:
    """Lets something happen before the n-th call by which the sweep looks at or changes a file."""
    calls, busy = 0, False

    def before(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal calls, busy
            if not busy:
                calls, busy = calls + 1, True
                if calls == at + 1:
                    act()
                busy = False
            return real(*arguments, **named)

        return call

    for name in ("stat", "replace", "unlink", "exists"):
        patch.setattr(Path, name, before(getattr(Path, name)))
    return lambda: calls


async def test_writers_and_sweeps_side_by_side_lose_nothing(kept: PayloadDirectory) -> None:
    """What a writer was told is stored can be read while it counts on it; then the file grows old at once."""
    texts = [f"text {number}" for number in range(4)]
    counted_on = Counter[str]()
    writers = 0

    async def writing(seed: int) -> None:
        nonlocal writers
        dice = random.Random(seed)
        for _ in range(150):
            counted_on[text := dice.choice(texts)] += 1
            data = payload(text.encode())
            claims = await kept.store(STORE, [data])
            await is_there(kept, claims, data)
            counted_on[text] -= 1
            grow_old(text)
        writers -= 1

    def grow_old(text: str) -> None:
        file = kept.path(hashlib.sha256(payload(text.encode()).SerializeToString()).hexdigest())
        if not counted_on[text]:
            with suppress(FileNotFoundError):
                os.utime(file, (LONG_AGO, LONG_AGO))

    async def sweeping_on() -> int:
        removed = 0
        while writers:
            removed += (await asyncio.to_thread(sweep, kept.directory, set(), cutoff=CUTOFF, dry=False)).removed
        return removed

    writers = 4
    counts = await asyncio.gather(sweeping_on(), sweeping_on(), *(writing(seed) for seed in range(writers)))
    assert sum(count or 0 for count in counts) > 10


async def is_there(kept: PayloadDirectory, claims: Sequence[StorageDriverClaim], data: Payload) -> None:
    """A sweep that has taken the file out of sight may be about to put it back: a reader tries again, as Temporal does."""
    async with asyncio.timeout(30):
        while True:
            with suppress(PayloadMissing):
                assert await kept.retrieve(RETRIEVE, claims) == [data]
                return


async def test_ledgers_keep_what_they_refer_to_and_go_only_when_asked_for(kept: PayloadDirectory) -> None:
    one, two = await stored(kept, "one"), await stored(kept, "two")
    for run, digest, write in (("known/run", one, gzip.compress), ("gone", two, bytes)):
        folder = ledger_folder(kept.directory, run)
        folder.mkdir(parents=True)
        (folder / "000").write_bytes(write(json.dumps({"result": digest}).encode()))
        for path in (folder / "000", folder):
            os.utime(path, (LONG_AGO, LONG_AGO))
    assert set(digests_of_ledgers(kept.directory)) == {one, two}
    assert sweep_ledgers(kept.directory, ["known/run"], cutoff=LONG_AGO - 1, dry=False) == 0
    assert sweep_ledgers(kept.directory, ["known/run"], cutoff=CUTOFF, dry=True) == 1
    assert set(digests_of_ledgers(kept.directory)) == {one, two}
    assert sweep_ledgers(kept.directory, ["known/run"], cutoff=CUTOFF, dry=False) == 1
    assert set(digests_of_ledgers(kept.directory)) == {one}


@pytest.mark.parametrize("run", ["a", "a/b//c", "..", ".", "x" * 1_000, "ü" * 100, "A b%2F"])
def test_each_run_has_a_ledger_folder_of_its_own(run: str, tmp_path: Path) -> None:
    folder = ledger_folder(tmp_path, run)
    assert folder.parent == tmp_path / "ledgers"
    assert folder.name not in {".", ".."}
    folder.mkdir(parents=True)
    others = ["b", "a/b", "x" * 999, "ü" * 99, "A b/"]
    assert folder not in {ledger_folder(tmp_path, other) for other in others}


def test_the_time_is_that_of_the_file_system(tmp_path: Path) -> None:
    assert abs(time_of(tmp_path / "new") - time.time()) < 60
    assert files(tmp_path) == []


def test_a_digest_is_found_wherever_it_stands() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    for around in (b'{"sha256":"%s"}', b"\x0a\x40%s\x12", b"a%sb", b"%s"):
        assert digest in set(sweeping.digests_in(around % digest.encode()))
    assert set(sweeping.digests_in(digest[:63].encode())) == set()
