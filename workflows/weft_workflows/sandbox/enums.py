"""The functional form of enums, `Enum("Color", "RED BLUE")`, with what a class statement would be refused.

`EnumMeta.__call__` asks the class for `_create_`, and finds one in the class itself before the metaclass's. Each enum of
an orchestration gets one that checks the names: a member that is a function would become a method, of any special name.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weft_workflows.sandbox.facades import facade, real_of
from weft_workflows.sandbox.names import exact

if TYPE_CHECKING:
    from weft_workflows.sandbox.classes import Classes

_create: Any = enum.EnumMeta.__dict__["_create_"]
#: Types that members may also be.
_MIXED = (int, str, float, bytes, complex, type(None))


def check_functional_form(cls: Any, classes: Classes) -> None:
    """Puts the checked form into an enum class. One that has members cannot be called to make a class."""

    def create(kind: Any, /, class_name: Any, names: Any, **options: Any) -> Any:
        return functional(kind, classes, class_name, names, **options)

    type.__setattr__(cls, "_create_", classmethod(create))


def functional(
    kind: Any,
    classes: Classes,
    class_name: Any,
    names: Any,
    *,
    type: Any = None,  # noqa: A002 - enum's own name
    start: Any = 1,
    boundary: Any = None,
    **_: Any,
) -> Any:
    """A new enum class of the orchestration."""
    if type is not None and type not in _MIXED:
        raise TypeError("the members of an enum cannot be of that type in an orchestration")
    name = exact(class_name)
    made = _create(
        kind,
        name,
        _members(names),
        module="__main__",
        qualname=name,
        type=type,
        start=start,
        boundary=boundary,
    )
    return classes.trust(made)


def _members(names: Any) -> Any:
    if isinstance(names, str):
        names = exact(names).replace(",", " ").split()
    pairs = list(names.items() if isinstance(names, Mapping) else names)
    if all(isinstance(each, str) for each in pairs):
        return list(map(_member_name, pairs))
    checked = []
    for name, value in pairs:
        if any(hasattr(value, special) for special in ("__get__", "__set__", "__delete__")):
            raise TypeError(f"the member {name!r} of an enum cannot be a function or a descriptor")
        checked.append((_member_name(name), value))
    return checked


def _member_name(name: Any) -> str:
    plain = exact(name)
    if plain.startswith("_") or plain == "mro" or not plain.isidentifier():
        raise ValueError(f"invalid enum member name: {plain!r}")
    return plain


def enum_facade(real: Any, classes: Classes) -> Any:
    """A stand-in for `Enum` and its like, from which classes derive as from the real one."""

    def call(class_name: Any, names: Any = None, *more: Any, **options: Any) -> Any:
        if names is None:
            raise TypeError(f"{class_name!r} is not a valid {real.__qualname__}")
        return functional(real, classes, class_name, [names, *more] if more else names, **options)

    return facade(real, call)


def behind_enum(kind: Any) -> Any:
    """`Enum` itself where its stand-in was given: a class may take over its methods by name. Any other class as it is."""
    real = real_of(kind)
    return real if isinstance(real, enum.EnumMeta) else kind
