"""What people read of one node: a phrase for each kind, the same in the tree and in the flowchart."""

from __future__ import annotations

import re
from typing import assert_never

from weft_compiler.graph import (
    Attempt,
    Branch,
    Break,
    Call,
    Code,
    Compute,
    Continue,
    Handler,
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

_Waiting = Call | Invoke | Parallel | Map | Join | Scope | Sleep

_TEMPORARY = re.compile(r"\b__weft_(\w+?)(?:__)?\b")


def show(text: str) -> str:
    """Code or a name as people see it: temporaries begin with a dot."""
    return _TEMPORARY.sub(r".\1", text)


def describe(node: Node) -> str:
    """The node in one phrase, without its line and its blocks; code of several lines is not cut."""
    match node:
        case Compute():
            return f"compute {show(node.code.text)}"
        case Spawn():
            return f"spawn {_callees(node.callees)}{show(node.code.text)}"
        case Call() | Invoke() | Parallel() | Map() | Join() | Scope() | Sleep():
            return _describe_waiting(node)
        case Branch():
            return f"if {show(node.test.text)}"
        case Loop():
            return _loop(node)
        case Attempt():
            return "try"
        case With():
            target = f" as {show(node.target)}" if node.target is not None else ""
            return f"{'async ' if node.is_async else ''}with {show(node.manager.text)}{target}"
        case Yield():
            words = "yield from" if node.delegate else "yield"
            text = f"{words} {show(node.value.text)}" if node.value else words
            return f"{text} -> {show(node.target)}" if node.target is not None else text
        case Return():
            return f"return {show(node.value.text)}" if node.value else "return"
        case Raise():
            cause = f" from {show(node.cause.text)}" if node.cause else ""
            return f"raise {show(node.value.text)}{cause}" if node.value else "raise"
        case Break():
            return "break"
        case Continue():
            return "continue"
        case _:
            assert_never(node)


def describe_handler(node: Attempt, handler: Handler) -> str:
    """`except KeyError as error`."""
    types = f" {show(handler.types.text)}" if handler.types else ""
    name = f" as {show(handler.name)}" if handler.name else ""
    return f"except{'*' if node.is_star else ''}{types}{name}"


def _describe_waiting(node: _Waiting) -> str:
    match node:
        case Call():
            return f"call {_awaiting(node.value, node.target)}{' (implicit)' if node.implicit else ''}"
        case Invoke():
            kind = "invoke" if node.awaited else "invoke sync"
            return f"{kind} {'* ' if node.callee == '*' else ''}{_awaiting(node.value, node.target)}"
        case Parallel():
            return f"parallel {_callees(node.branches)}{_awaiting(node.value, node.target)}"
        case Map():
            over = f" over {show(node.over)}" if node.over else ""
            return f"map [{', '.join(node.callees)}{over}] {_awaiting(node.value, node.target)}"
        case Join():
            return f"join {_awaiting(node.value, node.target)}"
        case Scope():
            return f"scope {node.scope} {_callees(node.callees)}{_awaiting(node.value, node.target)}"
        case Sleep():
            return f"sleep {_awaiting(node.value, node.target)}"
        case _:
            assert_never(node)


def _callees(names: tuple[str, ...]) -> str:
    return f"[{', '.join(names)}] " if names else ""


def _awaiting(value: Code, target: str | None) -> str:
    return f"{show(value.text)} -> {show(target)}" if target is not None else show(value.text)


def _loop(node: Loop) -> str:
    fresh = f" (fresh {', '.join(node.fresh)})" if node.fresh else ""
    if node.iterable is not None:
        return f"{'async ' if node.is_async else ''}for {show(node.target or '')} in {show(node.iterable.text)}{fresh}"
    return f"while {show(node.test.text) if node.test else ''}{fresh}"
