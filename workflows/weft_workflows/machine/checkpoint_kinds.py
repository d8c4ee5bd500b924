"""All kinds of values that a checkpoint can hold, and which one a value is of."""

from __future__ import annotations

import enum
import hashlib
import json
import types
from typing import Any

from weft_workflows.machine import (
    codec_classes,
    codec_enums,
    codec_errors,
    codec_functions,
    codec_iterators,
    codec_members,
    codec_objects,
    codec_results,
    codec_strands,
    codec_values,
)
from weft_workflows.machine.codec import Kind, Unstorable
from weft_workflows.machine.codec_names import Surroundings
from weft_workflows.sandbox.library.kept import Kept

_BY_TYPE: dict[type, Kind] = {
    **codec_values.KINDS,
    **codec_iterators.KINDS,
    **codec_functions.KINDS,
    **codec_objects.KINDS,
    **codec_strands.KINDS,
    **codec_results.KINDS,
    codec_members.MemberWalk: codec_members.MEMBER_WALK,
    types.TracebackType: codec_errors.TRACEBACK,
}
#: Every kind by its tag, as records name them.
BY_TAG: dict[str, Kind] = {
    kind.tag: kind
    for kind in (
        *_BY_TYPE.values(),
        *codec_iterators.OTHER_KINDS,
        *codec_functions.OTHER_KINDS,
        *codec_classes.OTHER_KINDS,
        *codec_strands.OLD,
        codec_errors.ERROR,
        codec_values.MARK,
    )
}


def kind_of(run: Surroundings, value: Any) -> Kind:
    """The kind of a value. Raises Unstorable where there is none."""
    found = _BY_TYPE.get(type(value))
    if found is not None:
        return _kind_of_generator(value, found) if type(value) is types.GeneratorType else found
    if isinstance(value, types.FunctionType):
        return codec_functions.kind_of_function(run, value)
    if isinstance(value, type):
        return codec_classes.kind_of_class(run, value)
    if isinstance(value, enum.Enum):
        return codec_enums.MEMBER
    if isinstance(value, BaseException):
        return codec_errors.ERROR
    if run.owns(type(value)):
        return codec_classes.kind_of_instance(run, value)
    if isinstance(value, Kept):
        return codec_iterators.KEPT
    if run.name_of(value) is not None:
        return codec_functions.NAMED
    if type(value) is object:
        return codec_values.MARK
    raise Unstorable(value)


def _kind_of_generator(value: types.GeneratorType[Any, Any, Any], otherwise: Kind) -> Kind:
    """Of generators that run, the library's own walks over sets and enums can be kept."""
    if codec_iterators.is_set_walk(value):
        return codec_iterators.SET_WALK
    return codec_members.MEMBER_WALK if codec_members.is_member_walk(value) else otherwise


def has_kind(kind: type) -> bool:
    """Whether instances of exactly that type can be kept, whatever they hold."""
    return kind in _BY_TYPE


def fingerprint() -> str:
    """A digest of what is stored of each kind. When it changes, `CHECKPOINT_VERSION` has to."""
    # The classes of typing are other ones in each minor of Python, to which a checkpoint is bound anyhow.
    kept = [(kind, each) for kind, each in _BY_TYPE.items() if kind.__module__ != "typing"]
    by_type = {f"{kind.__module__.lstrip('_')}.{kind.__qualname__}": each.tag for kind, each in kept}
    layouts = {kind.tag: [kind.layout, kind.hashes, kind.last] for kind in BY_TAG.values()}
    itertools = {name: codec_iterators.kept_fields(kind) for name, kind in codec_iterators.KEPT_CLASSES.items()}
    text = json.dumps([by_type, layouts, itertools], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
