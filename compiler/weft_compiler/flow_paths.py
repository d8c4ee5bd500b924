"""Flows: what the value of an expression may hold, and in which containers.

A flow is a set of pairs (item, path): the item is a call site or a function, the path the containers that it lies in, the
outermost first: `l` for a collection, `d` for a mapping's values, `q` for a queue, `a` for a coroutine that gives the item,
a digit for that place of a tuple.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from weft_compiler.resolve import FunctionNode, RunnableNode

Use = Literal["consumed", "needed", "escaped"]
#: The containers around an item, the outermost first: `l`, `d`, `q`, `a` or a digit each; empty for the item itself.
Path = str
_DEEPEST = 4


@dataclass(frozen=True)
class ToolValue:
    """A tool as a value."""

    name: str


@dataclass(frozen=True, eq=False)
class FunctionValue:
    """A function of the orchestration as a value; one object for each `def` or lambda."""

    node: FunctionNode | ast.Lambda


@dataclass(frozen=True, eq=False)
class GeneratorValue:
    """A plain generator that a function or a generator expression made; one object for each of those."""

    node: RunnableNode


@dataclass(frozen=True, eq=False)
class ClassValue:
    """A class of the orchestration as a value; one object for each `class` statement."""

    node: ast.ClassDef


@dataclass(frozen=True, eq=False)
class Site:
    """A call whose value is a coroutine unless it is awaited: of a tool, or of an asynchronous function."""

    call: ast.Call
    callee: ToolValue | FunctionValue
    #: True where `map` or the like makes the calls.
    mapped: bool = False


Item = ToolValue | FunctionValue | GeneratorValue | ClassValue | Site
Flow = frozenset[tuple[Item, Path]]
NOTHING: Flow = frozenset()


def wrapped(flow: Flow, container: Path = "l") -> Flow:
    """The flow as seen in a container of that kind."""
    return frozenset((item, (container + path)[:_DEEPEST]) for item, path in flow)


def taken(flow: Flow) -> Flow:
    """What a subscript or `pop` takes out of a container of any kind."""
    return frozenset((item, path[1:]) for item, path in flow if path)


def iterated(flow: Flow) -> Flow:
    """What iteration gives; a mapping gives its keys, which are nothing of interest."""
    return frozenset((item, path[1:]) for item, path in flow if path and path[0] != "d")


def got(flow: Flow) -> Flow:
    """What `get` gives: of a queue a coroutine that takes something out, of other containers the thing itself."""
    return frozenset((item, ("a" if path[0] == "q" else "") + path[1:]) for item, path in flow if path)


def awaited(flow: Flow) -> Flow:
    """What `await` takes out of coroutines that give an item."""
    return frozenset((item, path[1:]) for item, path in flow if path[:1] == "a")


def at_place(flow: Flow, place: int) -> Flow:
    """What destructuring gives to the target at that place."""
    return frozenset((item, path[1:]) for item, path in flow if path and path[0] in ("l", str(place)))


def bare(flow: Flow) -> Flow:
    """The part of the flow that lies in no container."""
    return frozenset((item, path) for item, path in flow if not path)


def generators_in(flow: Flow) -> frozenset[GeneratorValue]:
    """The generators that the value itself can be."""
    return frozenset(item for item, path in flow if not path and isinstance(item, GeneratorValue))


def place_of(item: Item) -> tuple[int, int, str]:
    """Where an item stands in the source; tools have no place and come first."""
    match item:
        case ToolValue():
            return (0, 0, item.name)
        case FunctionValue() | GeneratorValue() | ClassValue():
            return (item.node.lineno, item.node.col_offset, "")
        case Site():
            return (item.call.lineno, item.call.col_offset, "")


def ordered(flow: Flow) -> list[tuple[Item, Path]]:
    return sorted(flow, key=lambda found: (*place_of(found[0]), found[1]))
