"""What checkpoints hold changes only together with their version."""

from __future__ import annotations

from weft_workflows.machine import (
    aio,
    asking,
    contexts,
    cursors,
    except_star,
    frames,
    futures,
    generators,
    graph_frame,
    groups,
    lazy_iterators,
    locks,
    operations,
    queues,
    stepped,
    values,
    waiting,
    waits,
)
from weft_workflows.machine.checkpoint import CHECKPOINT_VERSION
from weft_workflows.machine.checkpoint_kinds import fingerprint, has_kind

from tests.machine.running import start

#: A digest of all kinds for each version. When the test fails: raise `CHECKPOINT_VERSION` and see to it that the
#: older ones can be read (`checkpoint._READ`), unless no checkpoint of that version was ever written by a release; and put
#: the new digest here.
FINGERPRINTS = {
    1: "11be4d12993f75d96476a0af77915017a4434e89441be1b5966b66caa270f273",
    2: "935144fcef933aad54b7d04fdf707ad1ab472ad8c282bf832e6df32935458606",
}


def test_kinds_change_with_the_version() -> None:
    assert fingerprint() == FINGERPRINTS[CHECKPOINT_VERSION]


def test_every_attribute_of_a_run_is_known() -> None:
    """An attribute that is added to one of these is state, which checkpoints must hold, or made anew: decide which."""
    machine, _ = start("await step()")
    program = machine._program
    assert sorted(vars(machine)) == ["_ending", "_main", "_over", "_plan_json", "_program"]
    made_anew = ["asyncio", "context", "deferral", "inline", "meter", "rules", "special_builtins", "trace", "unit"]
    assert sorted(vars(program)) == sorted([*made_anew, "loop", "namespace", "random", "seed"])
    state = ["now", "ready", "steps", "task_count", "tasks", "timer_count", "timers"]
    assert sorted(vars(program.loop)) == sorted([*state, "charge", "commands", "context", "current", "drive"])
    assert sorted(vars(program.meter)) == ["_budget", "_namespace", "_printed", "environment", "limits", "tripped"]


def test_every_class_of_the_machine_has_a_kind() -> None:
    """A new frame, future or callback is state of a run: it needs a kind (`codec_objects`), or stands here."""
    without = {
        "Frame",
        "Immediate",
        "BlockCursor",
        "LoopCursor",
        "AttemptCursor",
        "WithCursor",
        "Deferral",
        "DelegateCursor",
        "SteppedFrame",
        "_Held",
        "_Suspended",
        "LazyIterator",
    }
    classes = {
        kind
        for module in (
            aio,
            contexts,
            asking,
            lazy_iterators,
            cursors,
            except_star,
            frames,
            futures,
            generators,
            graph_frame,
            groups,
            locks,
            operations,
            queues,
            stepped,
            values,
            waiting,
            waits,
        )
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == module.__name__ and "__slots__" in kind.__dict__
    }
    assert {kind.__name__ for kind in classes if not has_kind(kind)} == without | {"Given", "Outcome", "Resumption"}
