"""Random programs in CPython and in the machine, many of them: each must end in the same way in both.

    python -m benchmarks.differential --programs 20000 --jobs 2
    python -m benchmarks.differential --from 4711 --programs 1
    python -m benchmarks.differential --replay FAILING.txt

A program follows from its number, so a run is repeated by its first number (`--from`). Each is compared as it is, and rebuilt
from a checkpoint before each event; its tempo, which follows from the number too, decides in which order its steps end, and
every fourth program runs under two more tempi.
A program that differs is made smaller and written to a file that `--replay` takes. Ends with 1 where any differed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tests.oracle.generated.compare import Difference, difference
from tests.oracle.generated.minimise import minimise
from tests.oracle.generated.programs import Program, program_of

#: Seconds after which a program hangs, in one of the two.
PATIENCE = 60
CHUNK = 50
#: Under how many more tempi every fourth program runs.
OTHER_ORDERS = 2
#: Of those that differ in the same way, so many are made smaller.
SMALLER_PER_KIND = 2


class Hangs(BaseException):
    """Raised by the alarm; nothing on the way catches it."""


@dataclass(frozen=True)
class Finding:
    number: int
    kind: str


def main() -> int:
    arguments = _arguments()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _alarm)
    if arguments.replay is not None:
        return _replay(arguments.replay)
    first, count = arguments.first, arguments.programs
    started = time.monotonic()
    findings: list[Finding] = []
    done = 0
    for chunk in _chunks(first, count, arguments.jobs):
        done += CHUNK
        findings += chunk
        for finding in chunk:
            print(f"program {finding.number} differs: {finding.kind}", flush=True)
        if done % (CHUNK * 20) == 0:
            print(f"{min(done, count)} programs, {time.monotonic() - started:.0f} s", flush=True)
    seconds = time.monotonic() - started
    print(f"{count} programs from {first} on in {seconds:.0f} s: {len(findings)} differ")
    for kind, number in Counter(f.kind for f in findings).most_common():
        print(f"  {number} {kind}")
    arguments.into.mkdir(parents=True, exist_ok=True)
    _make_smaller(findings, arguments.into)
    return 1 if findings else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=20_000)
    parser.add_argument("--from", dest="first", type=int, default=0, help="number of the first program")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--into", type=Path, default=Path.cwd(), help="where failing programs are written")
    parser.add_argument("--replay", type=Path, help="a file that an earlier run wrote")
    return parser.parse_args()


def _chunks(first: int, count: int, jobs: int) -> Iterator[list[Finding]]:
    """The findings of each chunk of programs, as they come."""
    ranges = [(start, min(start + CHUNK, first + count)) for start in range(first, first + count, CHUNK)]
    if jobs == 1:
        yield from map(_run_chunk, ranges)
        return
    # A fresh process for each few chunks: what a program left behind does not gather.
    with multiprocessing.get_context("spawn").Pool(jobs, _begin, maxtasksperchild=20) as pool:
        yield from pool.imap(_run_chunk, ranges)


def _begin() -> None:
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _alarm)


def _run_chunk(numbers: tuple[int, int]) -> list[Finding]:
    found = (
        (number, _checked(program_of(number), other_orders=0 if number % 4 else OTHER_ORDERS))
        for number in range(*numbers)
    )
    return [Finding(number, result.kind) for number, result in found if result is not None]


def _checked(program: Program, patience: float = PATIENCE, other_orders: int = 0) -> Difference | None:
    signal.setitimer(signal.ITIMER_REAL, patience)
    try:
        return difference(program, other_orders=other_orders)
    except Hangs:
        return Difference("hangs", "", "")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _alarm(_signal: int, _frame: FrameType | None) -> None:
    raise Hangs


def _make_smaller(findings: list[Finding], folder: Path) -> None:
    taken: Counter[str] = Counter()
    for finding in findings:
        taken[finding.kind] += 1
        if taken[finding.kind] > SMALLER_PER_KIND:
            continue
        small = minimise(program_of(finding.number), lambda program, kind=finding.kind: _fails_so(program, kind))  # type: ignore[misc]
        file = folder / f"differs-{finding.number}.txt"
        file.write_text(f"{small!r}\n", encoding="utf-8")
        print(f"\n--- {file}\n{small!r}\n{_checked(small, 10, OTHER_ORDERS)}")


def _fails_so(program: Program, kind: str) -> bool:
    """Whether it differs in that way, and not for a name that was cut away."""
    try:
        found = _checked(program, 5, OTHER_ORDERS)
    except (SyntaxError, ValueError):
        return False
    return found is not None and found.kind == kind and not any(word in found.expected for word in _CUT_AWAY)


_CUT_AWAY = ("NameError", "UnboundLocalError", "has no attribute", "takes no arguments", "to unpack", "cannot unpack")


def _replay(file: Path) -> int:
    tempo, _, text = file.read_text(encoding="utf-8").partition("\n")
    found = _checked(Program(text, int(tempo.removeprefix("# tempo "))), other_orders=OTHER_ORDERS)
    print(found or "agrees")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
