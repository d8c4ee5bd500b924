"""The classes that an orchestration makes: how they come to be, and how they are told apart from all others.

A class is the orchestration's if and only if it was made through `Classes.build` or handed to `Classes.adopt`. No attribute of the class
says so, hence nothing can be forged. `open` holds those whose hierarchy is the orchestration's throughout (besides `object` and
markers such as ABC): ordinary attributes of their instances need no guard.
"""

from __future__ import annotations

import abc
import builtins
import collections.abc
import enum
import types
import typing
from collections.abc import Callable
from typing import Any

from weft_workflows.sandbox.attribute_table import ATTRIBUTES, CLASS_BODY_SPECIALS, NEVER
from weft_workflows.sandbox.enums import check_functional_form
from weft_workflows.sandbox.facades import real_of
from weft_workflows.sandbox.names import is_special

_build_class: Callable[..., Any] = builtins.__build_class__
_MARKERS: tuple[Any, ...] = (object, abc.ABC, typing.Generic, typing.Protocol)
_METACLASSES = (type, abc.ABCMeta, enum.EnumMeta, type(typing.Protocol), type(typing.NamedTuple("_N", [])))
#: What stands for a base in the list of bases and is replaced by it: `Generic[T]`, `list[int]`.
_GENERIC: Any = typing.Generic
_ALIASES = (types.GenericAlias, type(typing.List[int]), type(_GENERIC[typing.TypeVar("_T")]))  # noqa: UP006
_FINAL = (bool, range, slice, type(None))


#: What a class costs, in rounds of a loop; one whose methods are made from text (data classes, named tuples, enums) ten times that.
_CLASS_FUEL = 300


def special_method(value: Any, name: str) -> Callable[..., Any] | None:
    """A special method as Python looks it up: in the class, never in the instance. Takes the instance first."""
    for base in type(value).__mro__:
        if name in base.__dict__:
            found: Callable[..., Any] | None = base.__dict__[name]
            return found
    return None


class Classes:
    """The registry of one run's classes."""

    def __init__(self, trusted_bases: frozenset[type], charge: Callable[[int], None]) -> None:
        self._charge = charge
        self._own: set[type] = set()
        #: Classes of the library that an orchestration may derive from.
        self.trusted = set(trusted_bases)
        #: Classes whose instances' ordinary attributes may be read freely. Trusted facades such as modules are added to it.
        self.open: set[type] = set()
        #: Those of them whose instances' ordinary attributes may be written freely as well.
        self.writable: set[type] = set()
        self._under_construction = 0
        #: For each enum that is being made, the innermost last: its name, and the subclasses that its bases had before.
        self._enums: list[tuple[str, set[type]]] = []

    def owns(self, cls: Any) -> bool:
        return isinstance(cls, type) and (
            cls in self._own or (self._under_construction > 0 and self._is_unfinished(cls))
        )

    def _is_unfinished(self, cls: type) -> bool:
        """Whether it is a class that the orchestration's own hooks see before it is done.

        Hooks are `__init_subclass__`, `__set_name__`, and the `__init__` and `__new__` of an enum's members. Nothing but a
        `class` statement, or the library on its behalf, derives from a class of the orchestration.
        """
        if not any(base in self._own for base in cls.__mro__[1:]) and not self._is_new_enum(cls):
            return False
        self.adopt(cls)
        return True

    def _is_new_enum(self, cls: type) -> bool:
        """Whether it is the enum that is being made: of its name, and not there before."""
        if not isinstance(cls, enum.EnumMeta) or not self._enums:
            return False
        name, before = self._enums[-1]
        return cls.__name__ == name and cls not in before

    def construct(self, make: Callable[[], Any]) -> Any:
        """Calls what makes a class, and with it the orchestration's hooks, which may look at it already."""
        self._under_construction += 1
        try:
            return make()
        finally:
            self._under_construction -= 1

    def build(self, body: Any, name: str, /, *bases: Any, **keywords: Any) -> Any:
        """What a `class` statement calls. Raises TypeError for bases, metaclasses and special names that are not allowed."""
        keywords.pop("metaclass", None) if keywords.get("metaclass") is abc.ABCMeta else None
        if "metaclass" in keywords:
            raise TypeError("an orchestration cannot use a metaclass")
        bases = tuple(map(real_of, bases))
        for base in bases:
            self._check_base(base)
        made = self.construct(lambda: self._build(body, name, bases, keywords))
        if typing.NamedTuple in bases or typing.TypedDict in bases:
            return self.trust(made)
        if isinstance(made, type):
            self.adopt(made)
        return made

    def _build(self, body: Any, name: str, bases: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if not any(isinstance(base, enum.EnumMeta) for base in bases):
            return _build_class(body, name, *bases, **keywords)
        before: set[type] = {cls for base in bases for cls in type.__subclasses__(base)}
        self._enums.append((name, before))
        try:
            return _build_class(body, name, *bases, **keywords)
        finally:
            self._enums.pop()

    def adopt(self, cls: type) -> type:
        """Makes a class the orchestration's: the machine calls it for classes that it rebuilds."""
        if type(cls) not in _METACLASSES:
            raise TypeError(f"an orchestration cannot use the metaclass {type(cls).__name__}")
        self._check_namespace(cls)
        self.trust(cls)
        return cls

    def trust(self, cls: Any) -> Any:
        """Takes in a class that the standard library made on the orchestration's behalf: a named tuple, a dataclass with slots."""
        self._charge(_CLASS_FUEL)
        self._own.add(cls)
        if isinstance(cls, enum.EnumMeta):
            self._charge(_CLASS_FUEL * 10)
            check_functional_form(cls, self)
        if all(base in self._own or base in _MARKERS for base in cls.__mro__):
            self.open.add(cls)
            self.writable.add(cls)
        return cls

    def _check_base(self, base: Any) -> None:
        if not isinstance(base, type):
            if type(base) in _ALIASES:
                return
            if base is typing.NamedTuple or base is typing.TypedDict:
                return
            raise TypeError(f"an orchestration cannot derive a class from {type(base).__name__!r} objects")
        if base in _FINAL:
            raise TypeError(f"type '{base.__name__}' is not an acceptable base type")
        if not (base in self._own or base in _MARKERS or base in self.trusted or issubclass(base, BaseException)):
            raise TypeError(f"an orchestration cannot derive a class from '{base.__name__}'")

    def _check_namespace(self, cls: type) -> None:
        members = enum.EnumMeta if isinstance(cls, enum.EnumMeta) else None
        for name in cls.__dict__:
            if type(name) is not str:
                raise TypeError("the names in a class must be strings")
            if name.startswith("__weft") or name in NEVER - {"mro"}:
                raise TypeError(f"an orchestration's class cannot define {name!r}")
            if is_special(name) and members is None and name in _REFUSED:
                raise TypeError(f"an orchestration's class cannot define {name!r}")
        match_args = cls.__dict__.get("__match_args__", ())
        if type(match_args) is not tuple or any(
            type(each) is not str or is_special(each) or each in NEVER for each in match_args
        ):
            raise TypeError("__match_args__ must be a tuple of ordinary names")


#: Special names that the statement itself, a decorator or the standard library may put there, but no class body.
_REFUSED = (
    frozenset(
        [
            "__del__",
            "__reduce__",
            "__reduce_ex__",
            "__getstate__",
            "__setstate__",
            "__getnewargs__",
            "__getnewargs_ex__",
            "__getattribute__",
            "__instancecheck__",
            "__subclasscheck__",
            "__prepare__",
            "__mro_entries__",
            "__subclasses__",
            "__class__",
            "__builtins__",
            "__globals__",
            "__code__",
            "__closure__",
            "__func__",
            "__self__",
            "__wrapped__",
            "__buffer__",
            "__release_buffer__",
        ]
    )
    - CLASS_BODY_SPECIALS
)

#: Abstract classes that only say what a class can do.
_ABILITIES: tuple[Any, ...] = (
    collections.abc.AsyncIterable, collections.abc.AsyncIterator, collections.abc.Awaitable, collections.abc.Callable,
    collections.abc.Collection, collections.abc.Container, collections.abc.Hashable, collections.abc.Iterable,
    collections.abc.Iterator, collections.abc.Reversible, collections.abc.Sized,
)  # fmt: skip
#: Types of the standard library from which a class may derive. Not the numbers whose constructors are checked: a subclass's are not.
BASES: frozenset[type] = frozenset(
    kind
    for kind in ATTRIBUTES
    if kind in (str, bytes, int, float, complex, list, tuple, dict)
    or kind.__module__ in ("collections", "collections.abc", "datetime", "enum")
) | frozenset((enum.Enum, enum.IntEnum, enum.StrEnum, enum.Flag, enum.IntFlag, *_ABILITIES))
