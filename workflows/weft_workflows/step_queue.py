"""Which of the steps that wait may start: the oldest whose tool has room, in the run's window and in its own.

What always holds: no more than `window` steps are out at a time, and no more of a tool than its own window; steps of one
tool leave in the order in which they came. Knows no Temporal and nothing of a step but its id and its tool.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Generic, Protocol, TypeVar


class Queued(Protocol):
    """What the queue must know of a step."""

    @property
    def id(self) -> str: ...

    @property
    def tool(self) -> str: ...


S = TypeVar("S", bound=Queued)


class StepQueue(Generic[S]):
    """Steps that wait, and how many are out."""

    def __init__(self, window: int, tool_windows: Mapping[str, int]) -> None:
        self._window = window
        self._tool_windows = tool_windows
        #: Those that wait, oldest first, and the same by tool with their places. Both may hold steps that no longer wait.
        self._waiting: dict[str, S] = {}
        self._by_tool: dict[str, deque[tuple[int, S]]] = {}
        self._places = 0
        self._out = 0
        self._out_by_tool: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[S]:
        return iter(list(self._waiting.values()))

    def push(self, step: S) -> None:
        self._waiting[step.id] = step
        self._places += 1
        self._by_tool.setdefault(step.tool, deque()).append((self._places, step))

    def discard(self, step: S) -> None:
        """A step that waits does so no longer; one that does not is none of the queue's."""
        if self._waiting.get(step.id) is step:
            del self._waiting[step.id]

    def window_of(self, tool: str) -> int:
        return min(self._window, self._tool_windows.get(tool, self._window))

    def room(self, tool: str) -> int:
        """How many more steps of the tool may be out."""
        return min(self._window - self._out, self.window_of(tool) - self._out_by_tool[tool])

    def first(self) -> S | None:
        """The oldest step that may start."""
        heads = [head for tool in self._by_tool if self.room(tool) > 0 and (head := self._head(tool)) is not None]
        return min(heads, key=lambda head: head[0])[1] if heads else None

    def take(self, tool: str, count: int) -> list[S]:
        """The oldest waiting steps of a tool, which wait no longer. How many of them are out is for `occupy` to say."""
        taken: list[S] = []
        while len(taken) < count and (head := self._head(tool)) is not None:
            self._by_tool[tool].popleft()
            del self._waiting[head[1].id]
            taken.append(head[1])
        return taken

    def occupy(self, tool: str, count: int = 1) -> None:
        self._out += count
        self._out_by_tool[tool] += count

    def vacate(self, tool: str, count: int = 1) -> None:
        self.occupy(tool, -count)

    def _head(self, tool: str) -> tuple[int, S] | None:
        """The oldest step of the tool that still waits, with its place."""
        steps = self._by_tool[tool]
        while steps and self._waiting.get(steps[0][1].id) is not steps[0][1]:
            steps.popleft()
        return steps[0] if steps else None
