"""What a run takes along when it goes on in a new execution, and how it is handed over.

What always holds: the new execution knows all that it must before its first signal or update is handled (`take_over`), and
does nothing before its program is there again (`go_on`). Each part of a run knows itself what it carries; this is the one
place that has all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weft_workflows.batches import Batches
from weft_workflows.evaluators import Evaluator
from weft_workflows.history_limits import Thresholds
from weft_workflows.messages import Carried
from weft_workflows.parking import Parking
from weft_workflows.reliving import Reliving
from weft_workflows.run_deadline import RunDeadline
from weft_workflows.step_activities import Steps
from weft_workflows.timers import Timers


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a workflow's arguments after the run's input are: the past of an execution that has ended, or what the one
    before has carried over, with the rest of its own past and the parts of the machine's checkpoint.
    """

    past: bytes | None = None
    carried: Carried | None = None
    parts: Sequence[bytes] = ()

    @classmethod
    def of(cls, arguments: Sequence[Any]) -> Arguments:
        if not arguments:
            return cls()
        if isinstance(arguments[0], bytes):
            return cls(past=arguments[0])
        carried = Carried.model_validate(arguments[0])
        if carried.past:
            return cls(arguments[1], carried, arguments[2:])
        return cls(None, carried, arguments[1:])


@dataclass
class Crossing:
    """The parts of one run that cross."""

    steps: Steps
    batches: Batches | None
    parking: Parking
    evaluator: Evaluator
    timers: Timers
    deadline: RunDeadline
    reliving: Reliving | None
    thresholds: Thresholds
    #: How often the run has moved.
    moves: int = 0

    def take_over(self, carried: Carried) -> None:
        """What must be there before the first signal or update is handled. No step starts yet."""
        self.moves = carried.moves
        self.steps.completed = carried.completed
        self.steps.held = True
        self.steps.take_over(carried.steps)
        if self.batches is not None:
            self.batches.take_over(carried.batches)
        self.parking.take_over(carried.parking)
        self.evaluator.remember(carried.evaluator)

    def go_on(self, carried: Carried, parts: Sequence[bytes]) -> None:
        """Builds the program's machine again; then everything goes on."""
        self.evaluator.resume(parts)
        self.timers.take_over(carried.timers)
        if self.batches is not None:
            self.batches.watch()
        self.steps.pause(self.parking.paused)
        self.steps.release()
        self.deadline.start(carried.seconds_left)

    def watch_history(self) -> None:
        """Lets no more steps start where it is time to move."""
        relives = self.reliving is not None and not self.reliving.is_settled
        if not (self.steps.held or relives):
            self.steps.held = self.thresholds.reached(calm=not self.steps.activities)

    def is_ready(self) -> bool:
        """Whether nothing is under way that could not cross."""
        settled = self.batches is None or self.batches.is_settled()
        return self.steps.held and settled and not self.steps.activities

    def pack(self, stdout: str) -> list[Any] | None:
        """The next execution's arguments after the run's input. None where the machine cannot be kept: the run goes on
        in this execution then.
        """
        parts = self.evaluator.parts()
        if parts is None:
            self.thresholds.postpone()
            self.steps.release()
            return None
        carried = Carried(
            moves=self.moves + 1,
            completed=self.steps.completed,
            past=self.reliving is not None,
            steps=self.steps.carry(),
            timers=self.timers.carry(),
            batches=self.batches.carry() if self.batches is not None else (),
            parking=self.parking.carry(),
            evaluator=self.evaluator.memory(),
            seconds_left=self.deadline.left,
            stdout=stdout,
        )
        past = [] if self.reliving is None else [self.reliving.carry()]
        return [carried, *past, *parts]
