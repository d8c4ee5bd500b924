"""Checkpoints: a machine's whole state between two events, as bytes, and back.

A checkpoint is JSON, compressed where it is long: a version, the Python minor that wrote it, the plan, and one table of
the codec. It is taken only
when every strand waits, so no frame runs and no command is under way. What belongs to the process (native code, guards,
modules) is made anew from the plan.
"""

from __future__ import annotations

import contextlib
import gc
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from weft_compiler.plan import running_python

from weft_workflows.machine.checkpoint_kinds import BY_TAG, kind_of
from weft_workflows.machine.codec import Chunks, DamagedCheckpoint, Decoder, Encoder, json_bytes
from weft_workflows.machine.codec_names import Surroundings
from weft_workflows.machine.codec_values import random_state, set_random_state
from weft_workflows.machine.futures import Task
from weft_workflows.machine.program import Program
from weft_workflows.machine.results import ResultTable
from weft_workflows.machine.snapshots import Parts, parts_of
from weft_workflows.machine.unit import load_unit
from weft_workflows.sandbox.environment import environment_of
from weft_workflows.sandbox.meter import LimitExceeded

#: To be raised whenever what is stored changes; `tests/machine/test_checkpoint_version.py` notices. All versions that were
#: ever written can be read: runs carry their checkpoints from worker to worker.
CHECKPOINT_VERSION = 2
#: Versions that can be read. Version 1 had records of their own for what only one object holds (`codec_strands.OLD`).
_READ = (1, 2)
#: Bytes from which a checkpoint is compressed. At the fastest level that is quick beside the encoding, and texts of many
#: records shrink to a seventh (`benchmarks/checkpoints.py`).
_COMPRESSED_FROM = 32_768


class WrongCheckpoint(ValueError):
    """A checkpoint of a newer version of Weft or of another Python."""


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Lets the garbage collector rest: it would walk through the many small lists of a table again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_collections()
def write_checkpoint(program: Program, main: Task, flags: list[bool], plan_json: str, known: bytes = b"") -> bytes:
    """The state as a snapshot, without the blocks whose names are `known`. Raises Unstorable where a value cannot be kept."""
    run = Surroundings(program)
    encoder = Encoder(run, partial(kind_of, run))
    header = {"weft": CHECKPOINT_VERSION, "python": running_python(), "plan": plan_json, "seed": program.seed}
    state = [_namespace(program), _identities(program), main, flags, _loop_state(program), _run_state(program)]
    modules = {"modules": list(run.environment.modules)}
    pieces = [json_bytes({**header, **modules})[:-1], b",", *encoder.pieces(state), b","]
    # Last, since the encoder finds the results.
    pieces.append(json_bytes(run.results.kept())[1:])
    return Parts(_joined(pieces), {block.name: block.data for block in run.results.blocks}).packed(known)


def _joined(pieces: list[bytes]) -> bytes:
    if sum(map(len, pieces)) < _COMPRESSED_FROM:
        return b"".join(pieces)
    compressor = zlib.compressobj(1)
    return b"".join([*map(compressor.compress, pieces), compressor.flush()])


@_without_collections()
def read_checkpoint(data: bytes, trace: Callable[[int], None]) -> tuple[Program, Task, list[bool], str]:
    """Program, main strand, flags and plan of a checkpoint.

    Raises WrongCheckpoint for one of another version, DamagedCheckpoint for what is none.
    """
    checkpoint, *blocks = parts_of(data)
    kept, chunks = _read(checkpoint)
    program = Program(load_unit(kept["plan"]), kept["seed"], trace)
    run = Surroundings(program)
    run.results = ResultTable.of(kept if "results" in kept else None, blocks)
    run.environment.load_again(kept["modules"])

    def ready(state: list[Any]) -> None:
        _set_namespace(program, state[0])
        _set_identities(program, state[1])

    *_before, main, flags, loop, own = Decoder(run, BY_TAG, chunks, kept["late"], ready).decode()
    # Last, because hashes and comparisons of the orchestration's own may have used chance, and may have printed.
    _set_loop_state(program, loop)
    _set_run_state(program, own)
    return program, main, flags, kept["plan"]


def _read(data: bytes) -> tuple[dict[str, Any], Iterable[list[Any]]]:
    """A checkpoint without its records, and those."""
    try:
        text = data if data.startswith(b"{") else zlib.decompress(data)
        kept, chunks = Chunks.split(text.decode("utf-8", "surrogatepass"))
        version, python = kept["weft"], kept["python"]
    except (ValueError, KeyError, TypeError, zlib.error) as problem:
        raise DamagedCheckpoint(f"this is not a checkpoint: {problem}") from None
    if version not in _READ:
        raise WrongCheckpoint(
            f"the checkpoint was written by a newer Weft: it has version {version}, this worker reads up to "
            f"{CHECKPOINT_VERSION}; start a workflow worker of that Weft or a later one, the run goes on by itself"
        )
    if python != running_python():
        raise WrongCheckpoint(
            f"the checkpoint was written by Python {python}, this worker runs {running_python()}; "
            f"continue the run on a worker with Python {python}"
        )
    return kept, chunks


# -- the parts of the state ------------------------------------------------------------------------------------------------


def _is_ours(name: str) -> bool:
    return name.startswith("__weft") or name == "__builtins__"


def _namespace(program: Program) -> dict[str, Any]:
    return {name: value for name, value in program.namespace.items() if not _is_ours(name)}


def _set_namespace(program: Program, kept: dict[str, Any]) -> None:
    """The run's global variables, in their order; those that a new run has and this one deleted go."""
    namespace = program.namespace
    for name in [name for name in namespace if not _is_ours(name)]:
        del namespace[name]
    namespace.update(kept)


def _loop_state(program: Program) -> list[Any]:
    loop = program.loop
    assert loop.current is None, "a checkpoint is taken between events"
    assert not loop.commands, "a checkpoint is taken when all commands are out"
    counts = [loop.now, loop.task_count, loop.timer_count]
    return [*counts, list(loop.ready), list(loop.tasks), loop.timers, list(loop.steps.values())]


def _set_loop_state(program: Program, kept: list[Any]) -> None:
    loop = program.loop
    loop.now, loop.task_count, loop.timer_count, ready, tasks, loop.timers, steps = kept
    # Version 1 has them by their ids.
    loop.steps = steps if isinstance(steps, dict) else {step.step: step for step in steps}
    loop.ready = deque(ready)
    loop.tasks = dict.fromkeys(tasks)
    loop.commands = []


def _run_state(program: Program) -> list[Any]:
    """What the sandbox holds of a run: chance (unless nothing was drawn), the meter, the decimal context, logging."""
    fresh = type(program.random)(program.seed).getstate() == program.random.getstate()
    meter = program.meter
    tripped = None if meter.tripped is None else (str(meter.tripped), meter.tripped.setting)
    return [
        None if fresh else random_state(program.random),
        meter._printed,
        tripped,
        program.decimal_context(),
        _logging(program),
    ]


def _set_run_state(program: Program, kept: list[Any]) -> None:
    chance, program.meter._printed, tripped, context, logging = kept
    if chance is None:
        program.random.seed(program.seed)
    else:
        set_random_state(program.random, chance)
    program.meter.tripped = None if tripped is None else LimitExceeded(*tripped)
    program.set_decimal_context(context)
    if logging is not None:
        # The loggers are the run's own; putting them into the table has set them.
        assert logging[0] is _logging_library(program).root


def _logging_library(program: Program) -> Any:
    module = environment_of(program).modules.get("logging")
    return None if module is None else module.__dict__["getLogger"].__self__


def _logging(program: Program) -> Any:
    library = _logging_library(program)
    if library is None:
        return None
    return list(library.loggers.values())


def _identities(program: Program) -> list[Any]:
    """The objects whose `id` was asked for, in order; that order gives the numbers."""
    return [value for _number, value in _identity_table(program).values()]


def _set_identities(program: Program, kept: list[Any]) -> None:
    give = program.namespace["__builtins__"]["id"]
    _identity_table(program).clear()
    for value in kept:
        give(value)


def _identity_table(program: Program) -> dict[int, tuple[int, Any]]:
    table: dict[int, tuple[int, Any]] = program.namespace["__builtins__"]["id"].__self__._identities
    return table
