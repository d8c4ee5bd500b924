"""Kinds of iterators: kept as what they walk over and where they stand, without being advanced.

CPython's own say both through `__reduce__`; iterators over dicts and sets become the sandbox's own, which behave the same.
A generator has no such form: it stands in the middle of its code. One that has ended is kept as an ended one.
"""

from __future__ import annotations

import gc
import itertools
import operator
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from weft_workflows.machine.codec import Kind, Taken, Unstorable
from weft_workflows.machine.codec_names import UNSET, Surroundings
from weft_workflows.sandbox import sets
from weft_workflows.sandbox.iterators import DictIterator
from weft_workflows.sandbox.library.iteration import Group, Tee
from weft_workflows.sandbox.library.kept import Kept
from weft_workflows.sandbox.sets import SetIterator

GENERATOR_REMEDY = "make it a list first: `list(…)`"
#: Where the classes of the sandbox's itertools are; those of a run derive from them.
_LIBRARY = "weft_workflows.sandbox.library."
_SET_WALK: Any = sets._Base.__iter__


class Relay:
    """Stands for an iterator of the orchestration's own class inside `enumerate`, `zip` and their like.

    Those call `iter` on what they are made from, and a class that is being rebuilt cannot be asked yet.
    """

    __slots__ = ("target",)

    def __init__(self, target: Any) -> None:
        self.target = target

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self.target)


# -- over sequences ----------------------------------------------------------------------------------------------------------


_ENDED = "ended"


def _sequence(run: Surroundings, value: Any) -> Taken:
    """One that has ended has let go of its sequence and reduces to a walk over nothing, without a position."""
    reduced = value.__reduce__()
    if type(value) is reversed and run.owns(type(reduced[1][0])):
        raise Unstorable(value)
    return tuple(reduced[1]), [reduced[2] if len(reduced) > 2 else _ENDED]


def _set_position(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    if contents[0] == _ENDED:
        next(target, None)
    elif contents[0] is not None:
        target.__setstate__(contents[0])


def _sequence_kinds(name: str, make: Callable[[Any], Any], *samples: Any) -> dict[type, Kind]:
    """One kind for the iterators over the samples: some types have several, which turn into each other."""
    kind = Kind(name, "sequence; position", _sequence, lambda _run, *parts: make(*parts), _set_position, last=True)
    return {type(make(sample)): kind for sample in samples}


# -- over dicts and sets -------------------------------------------------------------------------------------------------------

_VIEWS: dict[type, str] = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
_DICT_WALKS: dict[type, tuple[str, bool]] = {
    **{type(iter(getattr({}, part)())): (part, False) for part in _VIEWS.values()},
    **{type(reversed(getattr({}, part)())): (part, True) for part in _VIEWS.values()},
}


def _view(_run: Surroundings, value: Any) -> Taken:
    return (_VIEWS[type(value)], gc.get_referents(value)[0]), None


def _make_view(_run: Surroundings, part: str, mapping: Any) -> Any:
    return getattr(dict, part)(mapping)


_DICT_FIELDS = ("container", "part", "position", "size", "backwards")


def _dict_walk(_run: Surroundings, value: Any) -> Taken:
    if type(value) is DictIterator:
        return (), [getattr(value, name) for name in _DICT_FIELDS]
    return (), _native_dict_walk(value)


def _native_dict_walk(value: Any) -> list[Any]:
    """A native iterator over a dict, as one of ours. Which dict it is, and that it changed, only its referents tell."""
    part, backwards = _DICT_WALKS[type(value)]
    mapping = next((each for each in gc.get_referents(value) if isinstance(each, dict)), None)
    if mapping is None:
        return [None, part, 0, 0, backwards]
    left = operator.length_hint(value)
    if left == 0 and len(mapping) > 0 and _is_outdated(value):
        return [mapping, part, 0, -1, backwards]
    return [mapping, part, len(mapping) - left, len(mapping), backwards]


def _is_outdated(value: Any) -> bool:
    """Whether the dict changed its size since the walk began. Only asked where nothing is left, so asking takes nothing."""
    try:
        value.__reduce__()
    except RuntimeError:
        return True
    return False


def _make_dict_walk(_run: Surroundings) -> DictIterator:
    return DictIterator({}, "keys")


def _fill_dict_walk(_run: Surroundings, target: DictIterator, contents: list[Any]) -> None:
    for name, value in zip(_DICT_FIELDS, contents, strict=True):
        setattr(target, name, value)


def _set_walk(_run: Surroundings, value: Any) -> Taken:
    if type(value) is SetIterator:
        return (), [value.container, value.position, value.size]
    container, inner = value.gi_frame.f_locals["self"], value.gi_yieldfrom
    walked = 0 if inner is None else len(container) - operator.length_hint(inner)
    return (), [container, walked, len(container)]


def _make_set_walk(_run: Surroundings) -> SetIterator:
    return SetIterator(sets.OrderedSet())


def _fill_set_walk(_run: Surroundings, target: SetIterator, contents: list[Any]) -> None:
    target.container, target.position, target.size = contents


class DequeWalk:
    """Iterates over a deque by position: CPython's own cannot be made before the deque is full."""

    __slots__ = ("_inner", "container", "position", "size")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__next__", "__iter__"))

    def __init__(self) -> None:
        self.container: Any = ()
        self.position = self.size = 0
        self._inner: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._inner is None:
            if len(self.container) != self.size:
                raise RuntimeError("deque mutated during iteration")
            self._inner = itertools.islice(iter(self.container), self.position, None)
        value = next(self._inner)
        self.position += 1
        return value


def _deque_walk(_run: Surroundings, value: Any) -> Taken:
    if type(value) is DequeWalk:
        return (), [value.container, value.position, value.size]
    container, position = value.__reduce__()[1]
    return (), [container, position, len(container)]


def _fill_deque_walk(_run: Surroundings, target: DequeWalk, contents: list[Any]) -> None:
    target.container, target.position, target.size = contents


_DEQUE_WALK = Kind("deque walk", "container position size", _deque_walk, lambda _run: DequeWalk(), _fill_deque_walk)


# -- generators --------------------------------------------------------------------------------------------------------------


def is_set_walk(value: types.GeneratorType[Any, Any, Any]) -> bool:
    """Whether a generator is the sandbox's walk over a set, which stands at a position."""
    return value.gi_code is _SET_WALK.__code__ and value.gi_frame is not None


def _generator(_run: Surroundings, value: types.GeneratorType[Any, Any, Any]) -> Taken:
    if value.gi_frame is not None:
        raise Unstorable(value, remedy=GENERATOR_REMEDY)
    return (), None


def _make_generator(_run: Surroundings) -> Any:
    nothing: tuple[Any, ...] = ()
    ended = (each for each in nothing)
    next(ended, None)
    return ended


# -- iterators of iterators ----------------------------------------------------------------------------------------------------


def _relayed(run: Surroundings, value: Any) -> Any:
    return Relay(value) if run.owns(type(value)) else value


def _own_iterator(value: Any) -> Any:
    return value.target if type(value) is Relay else value


def _wrapping(_run: Surroundings, value: Any) -> Taken:
    return tuple(_own_iterator(each) for each in value.__reduce__()[1]), None


def _make_enumerate(run: Surroundings, source: Any, start: int) -> Any:
    return enumerate(_relayed(run, source), start)


def _zip(_run: Surroundings, value: Any) -> Taken:
    reduced = value.__reduce__()
    sources = reduced[1] if len(reduced) > 1 else ()
    return (len(reduced) > 2 and bool(reduced[2]), *(_own_iterator(each) for each in sources)), None


def _make_zip(run: Surroundings, strict: bool, *sources: Any) -> Any:
    return zip(*(_relayed(run, each) for each in sources), strict=strict)


def _make_map(run: Surroundings, function: Any, *sources: Any) -> Any:
    return map(function, *(_relayed(run, each) for each in sources))


def _make_filter(run: Surroundings, function: Any, source: Any) -> Any:
    return filter(function, _relayed(run, source))


# -- itertools ---------------------------------------------------------------------------------------------------------------


def _kept_base(value: Kept) -> type[Kept]:
    return next(base for base in type(value).__mro__ if base.__module__.startswith(_LIBRARY))


def kept_fields(kind: type) -> list[str]:
    return [name for base in reversed(kind.__mro__) for name in base.__dict__.get("__slots__", ()) if name != "meter"]


def _kept_classes() -> dict[str, type[Kept]]:
    found: list[type[Kept]] = [Kept]
    for kind in found:
        found.extend(each for each in kind.__subclasses__() if each.__module__.startswith(_LIBRARY))
    return {kind.__name__: kind for kind in found}


#: All classes of the sandbox's itertools by name.
KEPT_CLASSES = _kept_classes()


def _kept(_run: Surroundings, value: Kept) -> Taken:
    base = _kept_base(value)
    return (base.__name__,), [getattr(value, name, UNSET) for name in kept_fields(base)]


def _make_kept(run: Surroundings, name: str) -> Any:
    return object.__new__(_class_of_run(run, KEPT_CLASSES[name]))


def _class_of_run(run: Surroundings, base: type[Kept]) -> type[Kept]:
    """The run's own subclass, which carries its meter. Those of `tee` and of groups are in no module."""
    for candidate in run.environment.load("itertools").__dict__.values():
        if isinstance(candidate, type) and candidate.__bases__ == (base,):
            return candidate
    names = {Tee: "_tee", Group: "_grouper"}
    body = {
        "__slots__": (),
        "meter": run.program.meter,
        "__module__": "itertools",
        "__weft_names__": Kept.__weft_names__,
    }
    return type(names[base], (base,), body)


def _fill_kept(_run: Surroundings, target: Any, contents: list[Any]) -> None:
    for name, value in zip(kept_fields(_kept_base(target)), contents, strict=True):
        if value is not UNSET:
            setattr(target, name, value)


KEPT = Kind("itertools", "class; slots", _kept, _make_kept, _fill_kept)
SET_WALK = Kind("set walk", "container position size", _set_walk, _make_set_walk, _fill_set_walk)
_DICT_WALK = Kind("dict walk", " ".join(_DICT_FIELDS), _dict_walk, _make_dict_walk, _fill_dict_walk)

KINDS: dict[type, Kind] = {
    **_sequence_kinds("list walk", iter, []),
    **_sequence_kinds("tuple walk", iter, ()),
    **_sequence_kinds("str walk", iter, "", "é"),
    **_sequence_kinds("bytes walk", iter, b""),
    **_sequence_kinds("bytearray walk", iter, bytearray()),
    **_sequence_kinds("range walk", iter, range(0), range(1 << 70)),
    **_sequence_kinds("list backwards", reversed, []),
    **_sequence_kinds("backwards", reversed, ()),
    **{view: Kind(f"view {part}", "part, mapping", _view, _make_view) for view, part in _VIEWS.items()},
    **dict.fromkeys(_DICT_WALKS, _DICT_WALK),
    DictIterator: _DICT_WALK,
    SetIterator: SET_WALK,
    types.GeneratorType: Kind("ended generator", "", _generator, _make_generator),
    enumerate: Kind("enumerate", "source, number", _wrapping, _make_enumerate),
    zip: Kind("zip", "strict, sources", _zip, _make_zip),
    map: Kind("map", "function, sources", _wrapping, _make_map),
    filter: Kind("filter", "function, source", _wrapping, _make_filter),
    **dict.fromkeys((type(iter(deque())), DequeWalk), _DEQUE_WALK),
}  # fmt: skip

OTHER_KINDS = (KEPT,)
