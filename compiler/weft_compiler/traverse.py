"""How a graph is walked: the blocks and the code that each node holds, and all nodes in program order.

One place knows this for the checker and the printers; a node kind that is added to the union fails to
type-check here first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, assert_never

from weft_compiler.graph import (
    Attempt,
    Block,
    Branch,
    Break,
    Call,
    Code,
    Compute,
    Continue,
    Function,
    Invoke,
    Join,
    Loop,
    Map,
    Node,
    Parallel,
    Raise,
    Return,
    Scope,
    Sleep,
    Spawn,
    With,
    Yield,
)

Form = Literal["expression", "statements"]


def blocks_of(node: Node) -> list[Block]:
    """The blocks that the node holds, in the order in which they may run."""
    match node:
        case Branch():
            return [node.then, node.orelse]
        case Loop():
            return [node.head, node.body, node.orelse]
        case Attempt():
            return [node.body, *(handler.body for handler in node.handlers), node.orelse, node.final]
        case With():
            return [node.body]
        case Compute() | Spawn() | Call() | Invoke() | Parallel() | Map() | Join() | Scope() | Sleep():
            return []
        case Return() | Raise() | Break() | Continue() | Yield():
            return []
        case _:
            assert_never(node)


def codes_of(node: Node) -> list[tuple[Code, Form]]:
    """The node's own code, without that of its blocks, in the order of evaluation."""
    match node:
        case Compute() | Spawn():
            return [(node.code, "statements")]
        case Call() | Invoke() | Parallel() | Map() | Join() | Scope() | Sleep():
            return [(node.value, "expression")]
        case Branch():
            return [(node.test, "expression")]
        case Loop():
            return _expressions(node.iterable, node.test)
        case Attempt():
            return _expressions(*(handler.types for handler in node.handlers))
        case With():
            return [(node.manager, "expression")]
        case Return() | Yield():
            return _expressions(node.value)
        case Raise():
            return _expressions(node.value, node.cause)
        case Break() | Continue():
            return []
        case _:
            assert_never(node)


def targets_of(node: Node) -> list[str]:
    """The variables that the node assigns itself, other than by its code."""
    match node:
        case Call() | Invoke() | Parallel() | Map() | Join() | Scope() | Sleep() | Loop() | With() | Yield():
            return [node.target] if node.target is not None else []
        case Attempt():
            return [handler.name for handler in node.handlers if handler.name is not None]
        case Compute() | Spawn() | Branch() | Return() | Raise() | Break() | Continue():
            return []
        case _:
            assert_never(node)


def nodes_of(block: Block) -> Iterator[Node]:
    """The block's nodes and all nodes within them, in program order."""
    pending = list(reversed(block.nodes))
    while pending:
        node = pending.pop()
        yield node
        inner = [child for held in blocks_of(node) for child in held.nodes]
        pending.extend(reversed(inner))


def all_nodes(function: Function) -> Iterator[Node]:
    """All nodes of a function, in program order."""
    return nodes_of(function.body)


def _expressions(*codes: Code | None) -> list[tuple[Code, Form]]:
    return [(code, "expression") for code in codes if code is not None]
