"""The run's timers: durable, and kept as absolute times, so that they go on in the next execution.

What always holds: a timer that the program has cancelled fires no more, even if it had gone off by then; one that stands
still does not fire either, and has the rest of its time once it goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from temporalio import workflow

from weft_workflows.machine import protocol as p
from weft_workflows.messages import CarriedTimer

#: The server knows no shorter ones.
_SHORTEST = 0.001


@dataclass(slots=True)
class Timer:
    line: int
    #: Unix time in seconds.
    deadline: float
    #: Whether it is a deadline, which ends the waiting of others.
    guards: bool
    #: None while it stands still.
    task: asyncio.Task[None] | None
    #: Seconds that are left, while it stands still.
    left: float = 0.0


class Timers:
    """The timers that are set. `fired` is told when the time of one has come."""

    def __init__(self, fired: Callable[[str], None]) -> None:
        self._fired = fired
        self._set: dict[str, Timer] = {}

    def __bool__(self) -> bool:
        return bool(self._set)

    def is_due(self, name: str) -> bool:
        """Whether a timer whose time has come is to be delivered."""
        timer = self._set.get(name)
        return timer is not None and timer.task is not None

    @property
    def lines(self) -> dict[str, int]:
        """The line of each timer that runs."""
        return {name: timer.line for name, timer in self._set.items() if timer.task is not None}

    @property
    def guards(self) -> list[str]:
        """The deadlines among them, whether they run or stand still."""
        return [name for name, timer in self._set.items() if timer.guards]

    def start(self, command: p.StartTimer) -> None:
        self._start(command.timer, command.seconds, command.line, command.guards)

    def cancel(self, name: str) -> None:
        if (timer := self._set.pop(name, None)) is not None and timer.task is not None:
            timer.task.cancel()

    def forget(self, name: str) -> None:
        """A timer that has fired is delivered to the program."""
        self.cancel(name)

    def stand_still(self, names: Collection[str]) -> None:
        """Exactly these deadlines stand still; the others go on."""
        for name in self.guards:
            timer = self._set[name]
            if name in names and timer.task is not None:
                timer.task.cancel()
                timer.task, timer.left = None, max(timer.deadline - workflow.time(), 0.0)
            elif name not in names and timer.task is None:
                self._start(name, timer.left, timer.line, timer.guards)

    def carry(self) -> tuple[CarriedTimer, ...]:
        """The timers that are set, for the execution that goes on with the run."""
        return tuple(
            CarriedTimer(
                timer=name,
                line=timer.line,
                deadline=timer.deadline,
                guards=timer.guards,
                left=timer.left if timer.task is None else None,
            )
            for name, timer in self._set.items()
        )

    def take_over(self, carried: Sequence[CarriedTimer]) -> None:
        """Goes on with timers that executions before have set; those whose time has come meanwhile fire at once."""
        for each in sorted(carried, key=lambda each: each.deadline):
            seconds = each.deadline - workflow.time()
            if each.left is not None:
                self._set[each.timer] = Timer(each.line, each.deadline, each.guards, None, each.left)
            elif seconds > 0:
                self._start(each.timer, seconds, each.line, each.guards)
            else:
                task = asyncio.create_task(self._fire(each.timer))
                self._set[each.timer] = Timer(each.line, each.deadline, each.guards, task)

    async def _fire(self, name: str) -> None:
        self._fired(name)

    def _start(self, name: str, seconds: float, line: int, guards: bool) -> None:
        task = asyncio.create_task(self._run(name, seconds, line))
        self._set[name] = Timer(line, workflow.time() + seconds, guards, task)

    async def _run(self, name: str, seconds: float, line: int) -> None:
        await workflow.sleep(max(seconds, _SHORTEST), summary=f"L{line}")
        self._fired(name)
