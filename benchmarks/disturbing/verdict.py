"""Judges a disturbed run by the undisturbed one and by its own journal.

Always holds: every rule stands here and nowhere else, and each fault names the step or the value that it is about.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from weft_worker.outcome import Outcome

from benchmarks.disturbing.journal import Line
from benchmarks.disturbing.playing import Played

#: Seconds by which the clocks of server and tools may seem to differ: both read the same one, in different units.
_CLOCK = 0.01


@dataclass
class Verdict:
    """What the journal of one run says, in numbers, and what is wrong."""

    steps: int = 0
    executions: int = 0
    effects: int = 0
    doubled: int = 0
    lost: int = 0
    #: Steps that began again after the server had recorded their end.
    rerun: int = 0
    wrong: int = 0
    faults: list[str] = field(default_factory=list)


def judge(played: Played, undisturbed: Played) -> Verdict:
    journal = played.journal
    steps = {line.step for line in journal}
    began = Counter(line.step for line in journal if line.word == "began")
    verdict = Verdict(len(steps), began.total(), len(_effects(journal)), faults=list(played.faults))
    _judge_outcome(verdict, played.outcome, undisturbed.outcome)
    if played.outcome is not None:
        _judge_effects(verdict, journal, undisturbed.journal)
    _judge_steps(verdict, played, began)
    verdict.wrong += len(played.faults)
    return verdict


def _judge_outcome(verdict: Verdict, outcome: Outcome | None, expected: Outcome | None) -> None:
    if outcome is None or expected is None:
        return
    for what, is_, should in zip(("status", "result", "output", "error"), _told(outcome), _told(expected), strict=True):
        if is_ != should:
            verdict.wrong += 1
            verdict.faults.append(f"{what} {is_!r} instead of {should!r}")


def _told(outcome: Outcome) -> tuple[Any, ...]:
    error = outcome.error and (outcome.error.type, outcome.error.message, outcome.error.line)
    return outcome.status, outcome.result, outcome.stdout, error


def _judge_effects(verdict: Verdict, journal: list[Line], expected: list[Line]) -> None:
    """Each effect of the undisturbed run has happened exactly once, and no other."""
    is_, should = _effects(journal), _effects(expected)
    for (tool, arguments), number in sorted((Counter(is_) - Counter(should)).items()):
        verdict.doubled += number
        verdict.faults.append(f"{tool} {arguments} had its effect {number} times too often")
    for (tool, arguments), number in sorted((Counter(should) - Counter(is_)).items()):
        verdict.lost += number
        verdict.faults.append(f"{tool} {arguments} had its effect {number} times too rarely")


def _effects(journal: list[Line]) -> list[tuple[str, str]]:
    return [(line.tool, line.arguments) for line in journal if line.word == "did" and line.effect != "read"]


def _judge_steps(verdict: Verdict, played: Played, began: Counter[str]) -> None:
    journal = played.journal
    for step, ended in sorted(played.record.ends.items()):
        late = [
            line.at - ended
            for line in journal
            if line.word == "began" and line.step == step and line.at > ended + _CLOCK
        ]
        if late:
            verdict.rerun += 1
            verdict.faults.append(f"{step} began {late[0]:.3f} s after its end was recorded")
    # A tool's own refusal, of the kind that passes, is tried again under its policy.
    refused = Counter(line.step for line in journal if line.word == "refused")
    for step in sorted({line.step for line in journal if line.effect == "write"}):
        if began[step] > 1 + refused[step] + played.retried[step]:
            verdict.doubled += 1
            verdict.faults.append(
                f"the write {step} began {began[step]} times, {refused[step]} refused, {played.retried[step]} on demand"
            )
    keys: dict[str, set[str]] = {}
    for line in journal:
        keys.setdefault(line.step, set()).add(line.key)
    for step, several in sorted(keys.items()):
        if len(several) > 1:
            verdict.wrong += 1
            verdict.faults.append(f"{step} had {len(several)} idempotency keys")
