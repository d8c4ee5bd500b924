"""The table of attempts to get out of a run, or to use more than it may: Markdown files in `attempts/`, one for each class.

    ```python raises AttributeError
    escaped(().__class__.__bases__)
    ```

The words after `python` say how the attempt must end: `refused CODE` by the compiler, `limit NAME` (a field of `Limits`, or `size`
where nothing can be raised), `raises TYPE`, or `gives RESULT`, which is harmless. `escaped(x)` is what a program calls with what it
got hold of; it must never come to that, also where only the sandbox looks at the program.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft_compiler.compile import compile_source
from weft_compiler.diagnostics import CompileFailed
from weft_compiler.plan import Limits
from weft_compiler.tool_spec import Effect, Parameter, ToolSpec
from weft_workflows.host.in_process import InProcessMachine
from weft_workflows.machine import protocol as p
from weft_workflows.sandbox.environment import new_globals
from weft_workflows.sandbox.guard import Refused, guard

from tests.sandbox.running import Services

_FOLDER = Path(__file__).parent / "attempts"
_BLOCK = re.compile(r"^```python (?P<expected>.*)\n(?P<source>(?:.*\n)*?)```$", re.MULTILINE)
#: The tool that attempts may call: gives back what it got.
GET = ToolSpec(name="get", parameters=(Parameter(name="x"),), effect=Effect.READ)
#: Below what one activation may use (`evaluators`), so that the limit of the run is what ends an attempt, and soon.
SMALL = Limits(fuel=400_000, value_bytes=64 * 1024 * 1024)
#: Events after which a program that only waits is left alone: that costs the worker nothing.
_EVENTS = 200


@dataclass(frozen=True)
class Attempt:
    """One attempt of a class, and how it must end."""

    kind: str
    number: int
    expected: str
    source: str

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.number}"


def attempts() -> Iterator[Attempt]:
    for path in sorted(_FOLDER.glob("*.md")):
        for number, found in enumerate(_BLOCK.finditer(path.read_text())):
            yield Attempt(path.stem, number, found["expected"], found["source"])


#: Starts a machine: `HostPool.start` or `InProcessMachine.start`.
StartMachine = Callable[[str, bytes], tuple[Any, bytes]]


def outcome_of(source: str, start_machine: StartMachine = InProcessMachine.start, limits: Limits = SMALL) -> str:
    """How the program ends as a run, in the words of the table. Raises what the pool raises where its host dies."""
    try:
        plan = compile_source(source.replace("escaped(", "print("), [GET])
    except CompileFailed as failed:
        return f"refused {failed.diagnostics[0].code}"
    plan = plan.model_copy(update={"limits": limits})
    start = p.to_bytes([p.Start(plan.canonical_json(), inputs="{}", run_id="run", seed=1, now=1e9)])
    last, printed = drive(*start_machine("run", start))
    match last:
        case p.Fail(type="LimitExceeded", message=message):
            setting = re.search(r"--limit (\w+)=", message)
            return f"limit {setting[1] if setting else 'size'}"
        case p.Fail(type=kind):
            return f"raises {kind}"
        case p.Finish(result=result):
            text = f"{printed.strip()} {'' if result == 'null' else result}".strip()
            return f"gives {_plain(text)}".strip()
    return "waits"


def drive(machine: Any, commands: bytes) -> tuple[p.Command | None, str]:
    """Answers a machine's commands in order until it ends or has had events enough; its last command and what it printed."""
    queue: list[p.Command] = p.from_bytes(commands)
    printed, now, events = "", 1e9, 0
    while queue:
        command = queue.pop(0)
        match command:
            case p.CallTool(step=step, arguments=arguments):
                event: p.Event = p.StepSucceeded(step, json.dumps(json.loads(arguments).get("x")), now)
            case p.StartTimer(timer=timer, deadline=deadline):
                now = max(now, deadline)
                event = p.TimerFired(timer, now)
            case p.Output(text=text):
                printed += text
                continue
            case p.Finish() | p.Fail():
                return command, printed
            case _:
                continue
        events += 1
        if events > _EVENTS:
            return None, printed
        queue += p.from_bytes(machine.deliver(p.to_bytes([event])))
    return None, printed


def caught_by(source: str) -> list[object]:
    """What the program hands to `escaped` where nothing but the sandbox looks at it."""
    caught: list[object] = []
    services = Services(fuel=SMALL.fuel, value_bytes=SMALL.value_bytes)
    namespace = new_globals(services)
    namespace["escaped"] = caught.append
    try:
        code = compile(guard(ast.parse(source)), "orchestration.py", "exec")
    except (Refused, SyntaxError):
        return caught
    with contextlib.suppress(BaseException):  # how it ends is asked elsewhere
        exec(code, namespace)
    return caught


def _plain(text: str) -> str:
    """One line, without addresses."""
    shown = re.sub(r"0x[0-9a-f]+", "0x", " ".join(text.split()))
    return shown.encode("ascii", "backslashreplace").decode()[:60].strip()
