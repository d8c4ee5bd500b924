"""The end of a program that waits for what can no longer happen: an event nobody sets, a queue nobody fills.

Every strand waits, and no step and no timer is under way that could wake one. Where each stands is said as a traceback says it.
"""

from __future__ import annotations

from weft_workflows.machine.futures import Loop, Task
from weft_workflows.machine.graph_frame import GraphFrame
from weft_workflows.machine.protocol import Fail
from weft_workflows.sandbox.library.tracebacks import stack_of
from weft_workflows.sandbox.tracing import Origin, TracePoint, joined

#: Strands whose places are shown; of more, their number is.
_SHOWN = 10


def is_deadlock(loop: Loop) -> bool:
    """Whether nothing can happen any more though strands wait."""
    return bool(loop.tasks) and not (loop.steps or loop.timers or loop.ready)


def deadlock(loop: Loop, origin: Origin) -> Fail:
    """How such a run fails. Its line is that of the first strand, which is the main one unless that has ended."""
    tasks = list(loop.tasks)
    lines = sorted({task.line_now() for task in tasks})
    places = ", ".join(map(str, lines[:_SHOWN])) + (", …" if len(lines) > _SHOWN else "")
    text = f"the program waits for something that can no longer happen: line{'s' if len(lines) > 1 else ''} {places}"
    shown = [_strand(task, origin) for task in tasks[:_SHOWN]]
    if len(tasks) > _SHOWN:
        shown.append(f"and {len(tasks) - _SHOWN} more\n")
    return Fail("Deadlock", text, tasks[0].line_now(), traceback="".join([*shown, f"Deadlock: {text}"]))


def standing(task: Task) -> list[TracePoint]:
    """Where a strand stands. One that runs a primitive of asyncio alone stands where it was started."""
    places = [TracePoint(f.loaded.short_name, f.line()) for f in task.frames if isinstance(f, GraphFrame)]
    return places or [TracePoint("<module>", task.line or 1)]


def _strand(task: Task, origin: Origin) -> str:
    stack = stack_of(joined(standing(task)), origin)
    return f"{task.name} waits (most recent call last):\n{''.join(stack.format())}"
