"""What the text of a value shows of other values, type by type, so that it can be measured before it is made.

Asks builtin types, never an override. Holds nothing of a run.
"""

from __future__ import annotations

import collections
import collections.abc
import enum
import functools
import types
from collections.abc import Callable, Iterable
from typing import Any

from weft_workflows.sandbox.iterators import unwrap
from weft_workflows.sandbox.library.kept import Kept
from weft_workflows.sandbox.sets import is_ordered_set

Parts = Callable[[Any], Iterable[Any]]
_arguments: Any = BaseException.__dict__["args"]


def _items(value: Any) -> Iterable[Any]:
    for key, item in list(dict.items(value)):
        yield key
        yield item


def _fields(value: Any) -> Iterable[Any]:
    return [getattr(value, name, None) for name in type(value).__dataclass_fields__]


_PARTS: tuple[tuple[Any, Parts], ...] = (
    (dict, _items),
    (list, list.__iter__),
    (tuple, tuple.__iter__),
    ((set, frozenset, type({}.keys()), type({}.values()), type({}.items())), iter),
    (collections.deque, collections.deque.__iter__),
    (BaseException, lambda value: _arguments.__get__(value)),
    (types.MappingProxyType, lambda value: (unwrap(value),)),
    (types.SimpleNamespace, lambda value: _items(value.__dict__)),
    (functools.partial, lambda value: (value.func, value.args, value.keywords)),
    (enum.Enum, lambda value: (value._value_,)),
    (slice, lambda value: (value.start, value.stop, value.step)),
    (collections.ChainMap, lambda value: (value.maps,)),
    (collections.abc.MappingView, lambda value: (getattr(value, "_mapping", None),)),
    (Kept, lambda value: (getattr(value, "object", None),)),
)


def parts_of_type(kind: type) -> Parts | None:
    """How to get at the parts of that type's values; None where they show none."""
    if is_ordered_set(kind):
        return _ordered
    for base, parts in _PARTS:
        if issubclass(kind, base):
            return parts
    return _fields if _has_generated_text(kind) else None


def _ordered(value: Any) -> Iterable[Any]:
    return list(value._items)


def _has_generated_text(kind: type) -> bool:
    """Whether `__repr__` is the one that `dataclass` made: guarded code has the guards among its globals."""
    method = kind.__repr__
    if not hasattr(kind, "__dataclass_fields__") or type(method) is not types.FunctionType:
        return False
    return "__weft_get__" not in method.__globals__
