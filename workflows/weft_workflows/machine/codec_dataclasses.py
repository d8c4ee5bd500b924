"""Data classes of the orchestration: how the decorator is applied again.

Kept are the decorator's options and the fields; the methods are generated anew by the same library.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from weft_workflows.machine.codec_names import Surroundings

_FIELD_OPTIONS = ("init", "repr", "hash", "compare", "kw_only")
_OPTIONS = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")
#: From Python 3.12 on.
_LATER_OPTIONS = ("match_args", "kw_only", "slots", "weakref_slot")


def dataclass_of(_run: Surroundings, value: type) -> tuple[Any, ...] | None:
    """Options and own fields of a data class; None for any other class."""
    params = value.__dict__.get("__dataclass_params__")
    if params is None:
        return None
    options = {name: getattr(params, name) for name in (*_OPTIONS, *_LATER_OPTIONS) if hasattr(params, name)}
    inherited = {
        id(field) for base in value.__mro__[1:] for field in base.__dict__.get("__dataclass_fields__", {}).values()
    }
    own = [_field(field) for field in value.__dict__["__dataclass_fields__"].values() if id(field) not in inherited]
    return (options, *own)


def _field(field: Any) -> tuple[Any, ...]:
    """One field: name, sort, options, metadata, default, factory."""
    sort = field._field_type.name
    options = tuple(getattr(field, name) for name in _FIELD_OPTIONS)
    return (field.name, sort, options, dict(field.metadata) or None, field.default, field.default_factory)


def fill_dataclass(target: Any, kept: tuple[Any, ...]) -> None:
    """Applies the decorator to a class that has its other attributes already."""
    options, *fields = kept
    slots = {name: each for name, each in target.__dict__.items() if isinstance(each, types.MemberDescriptorType)}
    defaults = {name: value for name, value in target.__dict__.items() if name in {field[0] for field in fields}}
    target.__annotations__ = {field[0]: _annotation(field[1]) for field in fields}
    for name, sort, chosen, metadata, default, factory in fields:
        made = _remade(sort, chosen, metadata, default, factory)
        if made is not None:
            type.__setattr__(target, name, made)
    target.__doc__ = "generated text is slow to make and replaced below"
    again = {name: value for name, value in options.items() if name not in ("slots", "weakref_slot")}
    dataclasses.dataclass(target, **again)
    for name, value in {**slots, **defaults}.items():
        type.__setattr__(target, name, value)
    for name, _sort, _chosen, _metadata, default, _factory in fields:
        # A class variable has had other values since; its field keeps the first.
        target.__dataclass_fields__[name].default = default
    for name, value in options.items():
        setattr(target.__dataclass_params__, name, value)


def _annotation(sort: str) -> Any:
    return {"_FIELD_CLASSVAR": typing.ClassVar, "_FIELD_INITVAR": dataclasses.InitVar[Any]}.get(sort, "Any")


def _remade(sort: str, chosen: tuple[Any, ...], metadata: Any, default: Any, factory: Any) -> Any:
    if sort == "_FIELD_CLASSVAR":
        return None
    options = dict(zip(_FIELD_OPTIONS, chosen, strict=True))
    if default is not dataclasses.MISSING:
        options["default"] = default
    elif factory is not dataclasses.MISSING:
        options["default_factory"] = factory
    return dataclasses.field(metadata=metadata, **options)
