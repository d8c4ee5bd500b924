"""Frames that are written as numbered steps: coroutines of our own with several waits.

`at` names the method that goes on when what the frame waits for has come. A frame's slots are all its state.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from weft_workflows.machine.frames import Frame, Outcome
from weft_workflows.machine.futures import Future, Task

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program


class SteppedFrame(Frame):
    """Begins at `begin`; each step gives where to go on before it waits."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = "begin"

    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if self.at == "begin" and error is not None:
            raise error
        outcome: Outcome = getattr(self, self.at)(program, task, value, error)
        return outcome

    @abstractmethod
    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        """The first step."""

    def wait(self, awaitable: Any, then: str) -> Outcome:
        """Waits, and goes on at the method `then`."""
        self.at = then
        return Outcome("wait", awaitable)


class MethodFrame(Frame):
    """An `async def` that only calls a method of its object."""

    __slots__ = ("arguments", "method", "owner")

    def __init__(self, owner: Any, method: str, *arguments: Any) -> None:
        self.owner = owner
        self.method = method
        self.arguments = arguments

    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        return Outcome("done", getattr(self.owner, self.method)(*self.arguments))


def wake_first(waiters: Iterable[Future], result: Any) -> bool:
    """Wakes the first that still waits; False where there is none."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(result)
            return True
    return False
