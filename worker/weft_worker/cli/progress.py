"""Telling people of a run's steps while they wait: a live tree on a terminal, plain lines elsewhere. On
stderr.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from weft_worker.cli.output import say
from weft_worker.runs import Watcher

if TYPE_CHECKING:
    from rich.live import Live
    from rich.tree import Tree

    from weft_worker.history import Step

_ARGUMENTS_WIDTH = 60
_ERROR_WIDTH = 300
#: Finished steps that the tree still shows; what fits on a small terminal together with those that run.
_SHOWN_DONE = 12
_SHOWN_RUNNING = 12


class Progress(Watcher, AbstractContextManager["Progress"]):
    """A watcher that is open while the run is waited for."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""


def open_progress(run_id: str) -> Progress:
    """What suits stderr."""
    return TreeProgress(run_id) if sys.stderr.isatty() else LineProgress()


class LineProgress(Progress):
    """One line when a step is called and one when it has ended."""

    def step(self, step: Step) -> None:
        call = f"L{step.line} {call_text(step)}"
        match step.state:
            case "scheduled" | "running":
                say(f"start  {call}")
            case "completed":
                say(f"done   {call} {duration(step)}")
            case _:
                say(f"{step.state:<6} {call} {duration(step)}{f': {error_text(step)}' if step.error else ''}")

    def computing(self, line: int | None) -> None:
        if line is not None:
            say(computing_text(line))

    def note(self, text: str) -> None:
        say(text)


class TreeProgress(Progress):
    """A tree under the run's id: finished steps above, running ones below, the oldest folded into a count."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._running: dict[str, Step] = {}
        self._ended: deque[Step] = deque(maxlen=_SHOWN_DONE)
        self._count = 0
        self._computing: int | None = None
        self._began = time.time()
        self._live = self._open()

    def step(self, step: Step) -> None:
        if step.ended is None:
            self._running[step.id] = step
            return
        self._running.pop(step.id, None)
        self._ended.append(step)
        self._count += 1

    def computing(self, line: int | None) -> None:
        self._computing = line

    def note(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)

    def __enter__(self) -> TreeProgress:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def _open(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        return Live(get_renderable=self._tree, console=Console(stderr=True), refresh_per_second=8)

    def _tree(self) -> Tree:
        from rich.text import Text
        from rich.tree import Tree

        elapsed = time.time() - self._began
        counts = f"{self._count} steps done, {len(self._running)} running, {elapsed:.1f} s"
        tree = Tree(Text.assemble((self._run_id, "bold"), "  ", (counts, "dim")))
        if self._count > len(self._ended):
            tree.add(Text(f"{self._count - len(self._ended)} earlier steps", style="dim"))
        for step in self._ended:
            tree.add(_ended_label(step))
        if self._computing is not None:
            tree.add(Text(computing_text(self._computing), style="cyan"))
        for step in list(self._running.values())[:_SHOWN_RUNNING]:
            tree.add(_running_label(step))
        if len(self._running) > _SHOWN_RUNNING:
            tree.add(Text(f"{len(self._running) - _SHOWN_RUNNING} more", style="dim"))
        return tree


def call_text(step: Step) -> str:
    """The call as the program might have written it, cut to a width that fits a line."""
    return call_words(step.tool, step.arguments)


def call_words(tool: str, arguments: Any) -> str:
    text = ", ".join(f"{name}={_short(value)}" for name, value in _named(arguments))
    if len(text) > _ARGUMENTS_WIDTH:
        text = text[: _ARGUMENTS_WIDTH - 1] + "…"
    return f"{tool}({text})"


def computing_text(line: int) -> str:
    """That pure code takes long."""
    return f"computing {f'L{line} ' if line else ''}(long pure code, in a process of its own)"


def error_text(step: Step) -> str:
    """What a step failed with, on one line."""
    text = " ".join((step.error or "").split())
    return text if len(text) <= _ERROR_WIDTH else text[: _ERROR_WIDTH - 1] + "…"


def progress_text(step: Step) -> str:
    """What the step's tool has reported last, on one line."""
    told = step.progress[0] if len(step.progress) == 1 else list(step.progress)
    if told in ([], None):
        return ""
    text = " ".join((told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)).split())
    return text if len(text) <= _ERROR_WIDTH else text[: _ERROR_WIDTH - 1] + "…"


def duration(step: Step) -> str:
    """Seconds that a finished step took."""
    return "" if step.ended is None else f"{step.ended - step.started:.2f} s"


def _named(arguments: Any) -> list[tuple[str, Any]]:
    return list(arguments.items()) if isinstance(arguments, dict) else []


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _ended_label(step: Step) -> Any:
    from rich.text import Text

    mark, style = {"completed": ("✓", "green"), "cancelled": ("−", "yellow")}.get(step.state, ("✗", "red"))
    error = f"  {error_text(step)}" if step.error else ""
    parts = ((mark, style), f" L{step.line} {call_text(step)}  ", (duration(step), "dim"), (error, "red"))
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _running_label(step: Step) -> Any:
    from rich.text import Text

    title = f"  {step.title}" if step.title else ""
    waited = f"{time.time() - step.started:.0f} s"
    parts = (("…", "cyan"), f" L{step.line} {call_text(step)}  ", (waited, "dim"), (title, "italic dim"))
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
