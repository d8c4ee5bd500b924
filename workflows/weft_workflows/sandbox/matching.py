"""Matches a subject against a pattern as CPython's `match` does, reading attributes through the guard.

Patterns are the nested tuples that `guard_patterns` makes. Differs from CPython in nothing that the language promises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from weft_workflows.sandbox.sets import FrozenOrderedSet, OrderedSet

#: Builtin types whose single positional sub-pattern matches the subject itself.
_SELF_MATCHING = (bool, bytearray, bytes, dict, float, FrozenOrderedSet, int, list, OrderedSet, str, tuple)
_ABSENT = object()


class Matcher:
    """The matcher of one run. `get` is its attribute guard."""

    def __init__(self, get: Callable[[Any, str], Any]) -> None:
        self._get = get

    def match(self, subject: Any, pattern: tuple[Any, ...], /) -> dict[str, Any] | None:
        """The captured names, or None where the pattern does not match."""
        found: dict[str, Any] = {}
        return found if self._matches(subject, pattern, found) else None

    def _matches(self, subject: Any, pattern: tuple[Any, ...], found: dict[str, Any]) -> bool:
        match pattern:
            case ("value", value):
                return bool(subject == value())
            case ("is", constant):
                return subject is constant
            case ("as", inner, name):
                return self._as(subject, inner, name, found)
            case ("or", parts):
                return any(self._matches(subject, part, found) for part in parts)
            case ("sequence", parts):
                return self._sequence(subject, parts, found)
            case ("mapping", keys, parts, rest):
                return self._mapping(subject, keys, parts, rest, found)
            case ("class", cls, parts, names, named):
                return self._class(subject, cls(), parts, names, named, found)
        raise TypeError(f"unknown pattern {pattern[0]!r}")

    def _as(self, subject: Any, inner: Any, name: str | None, found: dict[str, Any]) -> bool:
        if inner is not None and not self._matches(subject, inner, found):
            return False
        if name is not None:
            found[name] = subject
        return True

    def _sequence(self, subject: Any, parts: tuple[Any, ...], found: dict[str, Any]) -> bool:
        if not isinstance(subject, Sequence) or isinstance(subject, (str, bytes, bytearray)):
            return False
        star = next((i for i, part in enumerate(parts) if part[0] == "star"), None)
        length = len(subject)
        if star is None:
            return length == len(parts) and all(self._matches(subject[i], part, found) for i, part in enumerate(parts))
        after = len(parts) - star - 1
        if length < star + after:
            return False
        if not all(self._matches(subject[i], parts[i], found) for i in range(star)):
            return False
        if parts[star][1] is not None:
            found[parts[star][1]] = [subject[i] for i in range(star, length - after)]
        return all(self._matches(subject[length - after + i], parts[star + 1 + i], found) for i in range(after))

    def _mapping(self, subject: Any, keys: Any, parts: Any, rest: str | None, found: dict[str, Any]) -> bool:
        if not isinstance(subject, Mapping) or len(subject) < len(keys):
            return False
        values = [key() for key in keys]
        get = self._get(subject, "get")
        for key, part in zip(values, parts, strict=True):
            value = get(key, _ABSENT)
            if value is _ABSENT or not self._matches(value, part, found):
                return False
        if rest is not None:
            found[rest] = {key: subject[key] for key in subject if key not in values}
        return True

    def _class(self, subject: Any, cls: Any, parts: Any, names: Any, named: Any, found: dict[str, Any]) -> bool:
        if not isinstance(cls, type):
            raise TypeError("called match pattern must be a class")
        if not isinstance(subject, cls):
            return False
        attributes = self._positional_names(cls, len(parts))
        if attributes is None:
            return self._matches(subject, parts[0], found)
        for name in names:
            if name in attributes:
                raise TypeError(f"{cls.__name__}() got multiple sub-patterns for attribute '{name}'")
        for name, part in zip([*attributes, *names], [*parts, *named], strict=True):
            try:
                value = self._get(subject, name)
            except AttributeError:
                return False
            if not self._matches(value, part, found):
                return False
        return True

    def _positional_names(self, cls: type, count: int) -> list[str] | None:
        """The attributes that positional sub-patterns stand for; None where the one pattern is for the subject itself."""
        if count == 0:
            return []
        names = getattr(cls, "__match_args__", None)
        if names is None and issubclass(cls, _SELF_MATCHING):
            if count > 1:
                raise TypeError(f"{cls.__name__}() accepts 1 positional sub-pattern ({count} given)")
            return None
        names = names or ()
        if type(names) is not tuple or any(type(name) is not str for name in names):
            raise TypeError(f"{cls.__name__}.__match_args__ must be a tuple of names")
        if count > len(names):
            plural = "" if len(names) == 1 else "s"
            raise TypeError(f"{cls.__name__}() accepts {len(names)} positional sub-pattern{plural} ({count} given)")
        return list(names[:count])
