"""What a checkpoint names instead of keeping: builtins, members of modules, hidden types, marks.

A name is looked up in the tables of the sandbox and in those below, never imported. The tables of a run hold its own
objects: `json.dumps` of a restored run is that run's own `json.dumps`.
"""

from __future__ import annotations

import binascii
import collections
import dataclasses
import decimal
import functools
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from weft_workflows.machine import contexts as waiting_contexts
from weft_workflows.machine import futures, tool_errors, values
from weft_workflows.machine.results import ResultTable
from weft_workflows.sandbox.attribute_table import ATTRIBUTES, CALLABLE_SPECIALS
from weft_workflows.sandbox.environment import Environment, environment_of
from weft_workflows.sandbox.facades import BigRange, Module
from weft_workflows.sandbox.iterators import DictIterator
from weft_workflows.sandbox.library import contexts, functional, iteration
from weft_workflows.sandbox.meter import LimitExceeded
from weft_workflows.sandbox.sets import SetIterator

if TYPE_CHECKING:
    from weft_workflows.machine.program import Program


class Unset:
    """The mark of a field, or a variable of a function, that has no value."""


UNSET = Unset()

#: Types that a program can hold though no module has them, and marks.
_HIDDEN: dict[str, Any] = {
    **{
        kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}": kind
        for kind in (
            *ATTRIBUTES,
            types.ModuleType, types.CellType, type(Ellipsis), type(NotImplemented), type(None), types.GenericAlias,
            types.UnionType, collections.deque, futures.CancelledError, futures.InvalidStateError, futures.StepFuture,
            values.EffectfulCall, LimitExceeded, binascii.Error, tool_errors.ToolError,
            *(getattr(decimal, name) for name in ("ConversionSyntax", "DivisionImpossible", "DivisionUndefined", "InvalidContext")
              if hasattr(decimal, name)),
        )
    },
    "weft.Module": Module,
    "weft.Coroutine": values.Coroutine,
    "weft.ToolFunction": values.ToolFunction,
    "weft.MachineFunction": values.MachineFunction,
    "weft.BigRange": BigRange,
    "weft.DictIterator": DictIterator,
    "weft.SetIterator": SetIterator,
    "weft.CachedFunction": functional.CachedFunction,
    "weft.GeneratorManager": contexts.GeneratorManager,
    "weft.AsyncGeneratorManager": waiting_contexts.AsyncGeneratorManager,
    "weft.unset": UNSET,
    "weft.end": iteration._END,
    "weft.absent": functional._ABSENT,
    "dataclasses.kw_only": dataclasses.KW_ONLY,
}  # fmt: skip


def _orderings() -> dict[str, Any]:
    """The comparison methods that `functools.total_ordering` puts into classes."""
    table: dict[str, list[tuple[str, Any]]] = getattr(functools, "_convert", {})
    return {f"{root} {name}": function for root, made in table.items() for name, function in made}


class Name(NamedTuple):
    """`group` is a module of the run, or `builtins`, `hidden`, `shown` (the stand-in of a hidden type), `ordering`."""

    group: str
    name: str


class Surroundings:
    """The run around the values: its program, and the names of what is not kept."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.environment: Environment = environment_of(program)
        #: Of the checkpoint that is being written or read.
        self.results = ResultTable()
        self._names: dict[int, Name] | None = None
        self._wrappers: dict[int, tuple[type, str, str]] | None = None

    # -- names -------------------------------------------------------------------------------------------------------

    def name_of(self, value: Any) -> Name | None:
        """The name of a value that is named, not kept; None for all others."""
        if self._names is None:
            self._names = self._read_names()
        return self._names.get(id(value))

    def named(self, group: str, name: str) -> Any:
        """The run's own object of that name. Raises KeyError where there is none."""
        return self._group(group)[name]

    def _group(self, group: str) -> dict[str, Any]:
        match group:
            case "builtins":
                found: dict[str, Any] = self.program.namespace["__builtins__"]
            case "hidden":
                found = _HIDDEN
            case "shown":
                stand_ins = self.environment.stand_ins
                kinds = {name: kind for name, kind in _HIDDEN.items() if isinstance(kind, type)}
                found = {name: stand_ins.shown(kind) for name, kind in kinds.items() if stand_ins.is_internal(kind)}
            case "ordering":
                found = _orderings()
            case "asyncio":
                module = self.program.asyncio
                found = {name: getattr(module, name) for name in module.__weft_names__} | {
                    "event loop": module.event_loop
                }
            case _:
                found = self.environment.load(group).__dict__
        return found

    def _read_names(self) -> dict[int, Name]:
        modules = [name for name in self.environment.modules if name != "asyncio"]
        names: dict[int, Name] = {}
        for group in ("builtins", "hidden", "shown", "ordering", *modules, "asyncio"):
            for name, value in sorted(self._group(group).items()):
                names.setdefault(id(value), Name(group, name))
        return names

    # -- methods that the sandbox has replaced -------------------------------------------------------------------------

    def wrapper_of(self, value: Any) -> tuple[type, str, str] | None:
        """The type, name and table of a function that stands for a method of a builtin type."""
        if self._wrappers is None:
            self._wrappers = {
                id(function): (kind, name, table)
                for table in ("methods", "class_methods")
                for (kind, name), function in getattr(self.environment.attributes, table).items()
            }
        return self._wrappers.get(id(value))

    def wrapper(self, kind: type, name: str, table: str) -> Any:
        return getattr(self.environment.attributes, table)[kind, name]

    def owns(self, kind: type) -> bool:
        """Whether a class is the orchestration's own."""
        return self.environment.classes.owns(kind)


def is_method(kind: type, name: str) -> bool:
    """Whether a program may have a method of that name of a type that is not its own."""
    for base in kind.__mro__:
        if name in ATTRIBUTES.get(base, ()) or name in base.__dict__.get("__weft_names__", ()):
            return True
    return name in CALLABLE_SPECIALS and any(name in base.__dict__ for base in kind.__mro__)
