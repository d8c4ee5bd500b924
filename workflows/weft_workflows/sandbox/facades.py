"""Stand-ins for builtin types that an orchestration must not hold itself, and module objects.

A facade prints as the type it stands for and answers `isinstance` and `issubclass` for it; calling it calls a function of ours.
"""

from __future__ import annotations

import itertools
import typing
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from weft_workflows.sandbox.meter import Meter

#: Elements up to which a range is CPython's own, so that C code that walks it makes at most a list of 64 MB.
_NATIVE_RANGE = 1 << 23
_CHUNK = 4096


class _FacadeType(type):
    """The type of all facades. Its behaviour hangs on private slots of the facade, set by `facade`."""

    _weft_real: type
    _weft_call: Callable[..., Any]
    _weft_kinds: tuple[Any, ...]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._weft_call(*args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls._weft_kinds)

    def __subclasscheck__(cls, subclass: Any) -> bool:
        return subclass is cls or issubclass(subclass, cls._weft_kinds)

    def __repr__(cls) -> str:
        return repr(cls._weft_real)

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls._weft_real

    def __hash__(cls) -> int:
        return hash(cls._weft_real)

    def __getitem__(cls, item: Any) -> Any:
        return cls

    def __or__(cls, other: Any) -> Any:
        return typing.Union[cls, other]  # noqa: UP007 - `|` of the real types would give them away

    def __ror__(cls, other: Any) -> Any:
        return typing.Union[other, cls]  # noqa: UP007


def facade(
    real: type, call: Callable[..., Any], kinds: tuple[Any, ...] = (), names: frozenset[str] = frozenset()
) -> Any:
    """A stand-in for `real`, whose attributes in `names` are shared with it. `kinds` are the types whose instances count as its."""
    body = {name: real.__dict__[name] for name in names if name in real.__dict__}
    body |= {"__weft_names__": names, "__doc__": None, "__module__": real.__module__, "__qualname__": real.__qualname__}
    made = _FacadeType(real.__name__, (), body)
    made._weft_real, made._weft_call, made._weft_kinds = real, staticmethod(call), kinds or (real,)
    return made


def real_of(kind: Any) -> Any:
    """The type that a facade stands for; anything else as it is."""
    return kind._weft_real if type(kind) is _FacadeType else kind


class StandIns:
    """The facades of one run by the type that they stand for, so that `type(x)` and a module's name give the same one.

    A type of the sandbox or the machine is internal unless a module or the builtins give it by name: an orchestration sees
    its values, and their type only through a facade that makes nothing. Its constructor takes what no program may choose:
    meters, frames, the names of attributes.
    """

    def __init__(self) -> None:
        self._facades: dict[type, Any] = {}
        self._given: set[type] = set()

    def stand_for(self, kind: type, facade_of_kind: Any) -> Any:
        self._facades[kind] = facade_of_kind
        return facade_of_kind

    def give(self, names: dict[str, Any]) -> dict[str, Any]:
        """Notes the types that a module gives by name."""
        self._given.update(value for value in names.values() if isinstance(value, type))
        return names

    def is_internal(self, kind: type) -> bool:
        ours = "__weft_names__" in kind.__dict__ or kind.__module__.startswith("weft_")
        return (
            ours and kind not in self._given and type(kind) is not _FacadeType and not issubclass(kind, BaseException)
        )

    def shown(self, kind: type) -> Any:
        """What an orchestration sees of a type."""
        found = self._facades.get(kind)
        if found is None and self.is_internal(kind):
            found = self.stand_for(kind, facade(kind, _makes_nothing(kind)))
        return kind if found is None else found


def _makes_nothing(kind: type) -> Callable[..., Any]:
    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise TypeError(f"cannot create '{kind.__name__}' instances")

    return refuse


class Module:
    """A module of one run: exactly the names it is given."""

    def __init__(self, name: str, contents: dict[str, Any]) -> None:
        self.__dict__.update(contents)
        self.__dict__["__name__"] = name

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"module '{self.__dict__['__name__']}' has no attribute '{name}'", name=name)

    def __repr__(self) -> str:
        return f"<module '{self.__dict__['__name__']}'>"

    def __dir__(self) -> list[str]:
        return sorted(self.__dict__)

    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__name__",))


Module.__name__ = Module.__qualname__ = "module"


class BigRange:
    """A range too long to be walked in C. Behaves as a range; its iterators charge fuel, and a list of it is refused."""

    __slots__ = ("_meter", "_range")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("start", "stop", "step", "index", "count"))

    def __init__(self, meter: Meter, native: range) -> None:
        self._meter = meter
        self._range = native

    @property
    def start(self) -> int:
        return self._range.start

    @property
    def stop(self) -> int:
        return self._range.stop

    @property
    def step(self) -> int:
        return self._range.step

    def index(self, value: Any) -> int:
        return self._searched(value).index(value)

    def count(self, value: Any) -> int:
        return self._searched(value).count(value)

    def _searched(self, value: Any) -> range:
        """The range, after a charge for looking at each number, which it does where it is asked for anything but an int."""
        if type(value) is not int:
            self._meter.charge(len(self._range) >> 2)
        return self._range

    def __len__(self) -> int:
        size = len(self._range)
        self._meter.check_size(size * 8, "a sequence of so many numbers")
        return size

    def __getitem__(self, index: Any) -> Any:
        found = self._range[index]
        return wrapped_range(self._meter, found) if isinstance(found, range) else found

    def __contains__(self, value: object) -> bool:
        return value in self._searched(value)

    def __iter__(self) -> Iterator[int]:
        return charged_range(self._meter, self._range)

    def __reversed__(self) -> Iterator[int]:
        return charged_range(self._meter, self._range[::-1])

    def __eq__(self, other: object) -> bool:
        return self._range == (other._range if isinstance(other, BigRange) else other)

    def __hash__(self) -> int:
        return hash(self._range)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return repr(self._range)


BigRange.__name__ = BigRange.__qualname__ = "range"
BigRange.__module__ = "builtins"


def wrapped_range(meter: Meter, native: range) -> Any:
    """The range itself, or a `BigRange` where it is too long."""
    span = (native.stop - native.start) // native.step
    return native if span <= _NATIVE_RANGE else BigRange(meter, native)


def charged_range(meter: Meter, native: range) -> Iterator[int]:
    """Iterates at C speed, charging for each stretch as it begins."""
    start, stop, stretch = native.start, native.stop, native.step * _CHUNK

    def piece(begin: int) -> range:
        part = range(begin, min(stop, begin + stretch) if stretch > 0 else max(stop, begin + stretch), native.step)
        meter.charge(len(part))
        return part

    return itertools.chain.from_iterable(map(piece, range(start, stop, stretch)))
