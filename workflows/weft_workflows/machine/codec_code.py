"""Where code stands in a plan: between code objects and their places (function, node, slot, path), both ways.

A native function of a run is kept as the place of its code: the graph's function whose code it is, the node, which of the
node's codes (`slot`), and the way down through the code objects nested in it. Compiling the same plan with the same
Python gives the same places.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from weft_compiler import graph

if TYPE_CHECKING:
    from weft_workflows.machine.native import Form, NativeCode
    from weft_workflows.machine.unit import LoadedFunction


class Place(NamedTuple):
    """`path` gives at each level which of the nested code objects to take, as text: `0.2`."""

    function: str
    node: str
    slot: str
    path: str


class Outline:
    """The nodes and blocks of one function, by id."""

    def __init__(self, function: graph.Function) -> None:
        self.nodes: dict[str, graph.Node] = {}
        self.blocks: dict[tuple[str, str], graph.Block] = {("", "body"): function.body}
        pending = [function.body]
        while pending:
            for node in pending.pop().nodes:
                self.nodes[node.id] = node
                for slot, block in _blocks(node):
                    self.blocks[node.id, slot] = block
                    pending.append(block)


def _blocks(node: graph.Node) -> Iterator[tuple[str, graph.Block]]:
    match node:
        case graph.Branch():
            yield from (("then", node.then), ("orelse", node.orelse))
        case graph.Loop():
            yield from (("head", node.head), ("body", node.body), ("orelse", node.orelse))
        case graph.Attempt():
            yield from (("body", node.body), ("orelse", node.orelse), ("final", node.final))
            yield from ((f"handler{index}", handler.body) for index, handler in enumerate(node.handlers))
        case graph.With():
            yield "body", node.body


class Places:
    """The places of all code of a unit that is compiled by now."""

    def __init__(self, functions: dict[str, LoadedFunction]) -> None:
        self._functions = functions
        self._known: dict[int, Place] = {}
        self._seen: dict[str, int] = {}

    def find(self, code: types.CodeType) -> Place | None:
        """The place of a code object; None where it is not of this unit."""
        found = self._known.get(id(code))
        if found is None:
            self._learn()
            found = self._known.get(id(code))
        return found

    def code_at(self, place: Place) -> types.CodeType:
        """The code at a place, compiled if it was not yet. Raises KeyError or IndexError where there is none."""
        loaded = self._functions[place.function]
        code = native_of(loaded, place.node, place.slot).code
        for step in place.path.split("."):
            code = _nested(code)[int(step)]
        return code

    def _learn(self) -> None:
        for key, loaded in self._functions.items():
            natives = loaded.natives()
            if self._seen.get(key) == len(natives):
                continue
            self._seen[key] = len(natives)
            for (node, slot), native in natives.items():
                self._learn_nested(native.code, Place(key, node, slot, ""))

    def _learn_nested(self, outer: types.CodeType, place: Place) -> None:
        pending = [(outer, place.path)]
        while pending:
            code, path = pending.pop()
            for index, inner in enumerate(_nested(code)):
                inner_path = f"{path}.{index}" if path else str(index)
                self._known[id(inner)] = place._replace(path=inner_path)
                pending.append((inner, inner_path))


def _nested(code: types.CodeType) -> list[types.CodeType]:
    return [each for each in code.co_consts if isinstance(each, types.CodeType)]


def native_of(loaded: LoadedFunction, node_id: str, slot: str) -> NativeCode:
    """The native code in a slot of a node, by the same key under which the interpreter has it."""
    node = loaded.outline.nodes[node_id]
    code, form = _code_in(node, slot)
    return loaded.native(node, slot, code, form)


def _code_in(node: Any, slot: str) -> tuple[Any, Form]:
    match slot:
        case "code":
            return node.code, "statements"
        case "value":
            plain_call = isinstance(node, graph.Invoke) and not node.awaited
            return node.value, "invoke" if plain_call else "value"
        case "test":
            return node.test, "test"
        case "iterable":
            return node.iterable, "value"
        case "manager":
            return node.manager, "value"
        case "raise":
            return tuple(each for each in (node.value, node.cause) if each is not None), "raise"
    return node.handlers[int(slot.removeprefix("types"))].types, "value"
