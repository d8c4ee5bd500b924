"""Where a step stands, for the tool that carries it out: its run, its own id, its idempotency key.

What always holds: the key follows from the run's id, the step's id, the tool and the arguments, and from nothing else.
So it is the same for each attempt, for each time that a person has the step tried again, wherever the step is carried
out, and when the run is taken up again; and another one in another run, and where an edited program makes another
call at the same place. Nothing here knows Temporal.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from weft_compiler.tool_spec import ToolSpec

from weft_workflows.messages import StepAddress


def address_of(
    run_id: str,
    step_id: str,
    spec: ToolSpec,
    arguments: str,
    *,
    earlier: int = 0,
    heartbeat: tuple[Any, ...] = (),
    by_call: bool = True,
) -> StepAddress:
    """The address of a step. `arguments` is the JSON object of its arguments.

    `earlier` is how many attempts there have been at least, `heartbeat` what the last of them reported. Without
    `by_call` the key is made as in runs that began before it depended on the call.
    """
    call = [spec.name, _canonical(arguments, spec)] if by_call else []
    key = "\0".join([run_id, step_id, *call])
    return StepAddress(
        run_id=run_id,
        step_id=step_id,
        idempotency_key=hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest(),
        earlier=earlier,
        heartbeat=heartbeat,
    )


def _canonical(arguments: str, spec: ToolSpec) -> str:
    """The arguments in one form, whatever their order. Redacted ones stay out: a key goes to other systems, and short
    secrets could be guessed from it.
    """
    values: dict[str, Any] = json.loads(arguments)
    kept = {name: value for name, value in values.items() if name not in spec.redact}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))
