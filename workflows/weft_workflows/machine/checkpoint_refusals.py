"""What a strand must not hold when it begins to wait: refused there, in every driver, so that no checkpoint finds it later.

Looked at are the variables, temporaries, cells and loops of the strand's own frames, one level deep, and through the native
iterators that wrap others. What hides deeper, in containers or attributes, is left to the checkpoint.
"""

from __future__ import annotations

import gc
import types
from typing import TYPE_CHECKING, Any

from weft_workflows.machine.codec import Unstorable
from weft_workflows.machine.codec_iterators import GENERATOR_REMEDY, is_set_walk
from weft_workflows.machine.codec_members import is_member_walk
from weft_workflows.machine.cursors import LoopCursor
from weft_workflows.machine.graph_frame import GraphFrame
from weft_workflows.sandbox.library.data import Hash

if TYPE_CHECKING:
    from weft_workflows.machine.futures import Task
    from weft_workflows.machine.program import Program

#: How to do without, by type.
_REMEDIES: dict[type, str] = {
    types.GeneratorType: GENERATOR_REMEDY,
    types.AsyncGeneratorType: "make it a list first: `[x async for x in …]`",
    Hash: "finish it first: keep its `.hexdigest()`",
}
_WRAPPERS = (enumerate, zip, map, filter)
_SUSPECTS = frozenset((*_REMEDIES, *_WRAPPERS))
#: Wrappers inside wrappers that are looked through.
_DEPTH = 8


def refuse_unstorable(program: Program, task: Task) -> None:
    """Raises TypeError where a frame of the task holds a value that cannot be kept while the task waits."""
    for frame in task.frames:
        if type(frame) is GraphFrame:
            _check_frame(program, frame)


def _check_frame(program: Program, frame: GraphFrame) -> None:
    _check(frame.variables)
    if frame.temporaries:
        _check(frame.temporaries)
    if frame.cells:
        _check({name: cell.cell_contents for name, cell in frame.cells.items() if _is_bound(cell)})
    if frame.loaded.is_module:
        _check(program.namespace)
    for cursor in frame.cursors:
        if type(cursor) is LoopCursor and type(cursor.iterator) in _SUSPECTS:
            _check({"__weft_loop": cursor.iterator})


def _is_bound(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _check(variables: dict[str, Any]) -> None:
    if _SUSPECTS.isdisjoint(map(type, variables.values())):
        return
    for name, value in variables.items():
        found = _unstorable(value)
        if found is not None:
            shown = "" if name.startswith("__weft_") else name
            raise TypeError(str(Unstorable(found, shown, _REMEDIES[type(found)])))


def _unstorable(value: Any) -> Any:
    """The value, or the one that it wraps, that cannot be kept; None where there is none."""
    inner = [value]
    for _ in range(_DEPTH):
        found = next((each for each in inner if _cannot_be_kept(each)), None)
        if found is not None:
            return found
        wrapped = (gc.get_referents(each) for each in inner if type(each) in _WRAPPERS)
        inner = [source for held in wrapped for each in held for source in (each if type(each) is tuple else (each,))]
    return None


def _cannot_be_kept(value: Any) -> bool:
    if type(value) is types.GeneratorType:
        return value.gi_frame is not None and not (is_set_walk(value) or is_member_walk(value))
    return type(value) in _REMEDIES
