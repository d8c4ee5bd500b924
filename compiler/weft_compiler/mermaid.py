"""A graph as a Mermaid flowchart for reviewers: a subgraph each function, loop and try, tools by their effect.

Edges follow control, not data. `break`, `continue` and `return` are drawn to where they lead. Labels
are cut so that a chart stays readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from weft_compiler.graph import (
    Attempt,
    Block,
    Branch,
    Break,
    Call,
    Continue,
    Function,
    Graph,
    Invoke,
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
)
from weft_compiler.phrases import describe, describe_handler
from weft_compiler.tool_spec import ToolSpec

_LABEL = 70
_LIST = re.compile(r"^(\d*)([.)*+-])(?=\s)")
_STYLES = (
    "classDef read fill:#e3f2fd,stroke:#1565c0,color:#0d2b45",
    "classDef idempotent fill:#fff8e1,stroke:#ef9f00,color:#4a3000",
    "classDef write fill:#fdecea,stroke:#c62828,color:#4a0d0d",
)


@dataclass(frozen=True)
class _Exit:
    """An edge that still looks for its end: from where, with which label."""

    source: str
    label: str = ""


def render_mermaid(graph: Graph, tools: Iterable[ToolSpec] = ()) -> str:
    """The flowchart's text. Calls of tools that are not in `tools` carry no mark."""
    chart = _Chart({spec.name: str(spec.effect) for spec in tools})
    for index, (name, function) in enumerate(graph.functions.items()):
        chart.function(f"f{index}", name, function)
    return "\n".join(["flowchart TD", *(f"  {line}" for line in (*_STYLES, *chart.lines, *chart.edges))])


@dataclass
class _LoopEnds:
    head: str
    breaks: list[_Exit] = field(default_factory=list)


class _Chart:
    def __init__(self, effects: dict[str, str]) -> None:
        self.effects = effects
        #: Subgraphs with their nodes; a node belongs to the subgraph that mentions it, so edges come last.
        self.lines: list[str] = []
        self.edges: list[str] = []
        self.depth = 0
        self.count = 0
        self.loops: list[_LoopEnds] = []
        self.end = ""

    def function(self, ident: str, name: str, function: Function) -> None:
        self._open(ident, f"{name}({function.signature})")
        start = self._node("([", "start", "])")
        self.end = self._node("([", "end", "])")
        self._connect(self._block(function.body, [_Exit(start)]), self.end)
        self._close()

    def _block(self, block: Block, entries: list[_Exit]) -> list[_Exit]:
        for node in block.nodes:
            entries = self._draw(node, entries)
        return entries

    def _draw(self, node: Node, entries: list[_Exit]) -> list[_Exit]:
        match node:
            case Branch():
                return self._branch(node, entries)
            case Loop():
                return self._loop(node, entries)
            case Attempt():
                return self._attempt(node, entries)
            case With():
                return self._with(node, entries)
            case Break():
                self.loops[-1].breaks += entries
                return []
            case Continue():
                self._connect(entries, self.loops[-1].head, "next")
                return []
        here = self._step(node)
        self._connect(entries, here)
        if isinstance(node, Return):
            self._connect([_Exit(here)], self.end)
        return [] if isinstance(node, (Return, Raise)) else [_Exit(here)]

    def _step(self, node: Node) -> str:
        match node:
            case Call():
                effect = self.effects.get(node.tool)
                return self._node("[", _label(node), "]" + (f":::{effect}" if effect else ""))
            case Parallel() | Map() | Invoke() | Scope() | Spawn():
                return self._node("[[", _label(node), "]]")
            case Sleep():
                return self._node("([", _label(node), "])")
            case _:
                return self._node("[", _label(node), "]")

    def _branch(self, node: Branch, entries: list[_Exit]) -> list[_Exit]:
        test = self._node("{", _label(node), "}")
        self._connect(entries, test)
        yes = self._block(node.then, [_Exit(test, "yes")])
        return yes + self._block(node.orelse, [_Exit(test, "no")])

    def _loop(self, node: Loop, entries: list[_Exit]) -> list[_Exit]:
        self._open(self._ident(), f"loop, line {node.span.line}")
        if node.iterable is not None or not node.head.nodes:
            head = test = self._node("{{", _label(node), "}}")
            self._connect(entries, head)
        else:
            head = self._node("((", "again", "))")
            self._connect(entries, head)
            inside = self._block(node.head, [_Exit(head)])
            test = self._node("{{", _label(node), "}}")
            self._connect(inside, test)
        ends = _LoopEnds(head)
        self.loops.append(ends)
        self._connect(
            self._block(node.body, [_Exit(test, "each" if node.iterable is not None else "true")]), head, "next"
        )
        self.loops.pop()
        self._close()
        return self._block(node.orelse, [_Exit(test, "done")]) + ends.breaks

    def _attempt(self, node: Attempt, entries: list[_Exit]) -> list[_Exit]:
        self._open(self._ident(), f"try, line {node.span.line}")
        start = self._node("(", "try", ")")
        self._connect(entries, start)
        exits = self._block(node.orelse, self._block(node.body, [_Exit(start)]))
        for handler in node.handlers:
            caught = self._node("(", describe_handler(node, handler), ")")
            self.edges.append(f"{start} -. error .-> {caught}")
            exits += self._block(handler.body, [_Exit(caught)])
        self._close()
        if not node.final.nodes:
            return exits
        final = self._node("(", "finally", ")")
        self._connect(exits, final)
        self.edges.append(f"{start} -. error .-> {final}")
        return self._block(node.final, [_Exit(final)])

    def _with(self, node: With, entries: list[_Exit]) -> list[_Exit]:
        self._open(self._ident(), f"with, line {node.span.line}")
        start = self._node("(", _label(node), ")")
        self._connect(entries, start)
        exits = self._block(node.body, [_Exit(start)])
        self._close()
        return exits

    def _connect(self, exits: list[_Exit], target: str, label: str = "") -> None:
        for leaving in exits:
            words = leaving.label or label
            self.edges.append(f"{leaving.source} -->{f'|{words}|' if words else ''} {target}")

    def _node(self, left: str, label: str, right: str) -> str:
        ident = self._ident()
        self._line(f'{ident}{left}"{_escape(label)}"{right}')
        return ident

    def _ident(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def _open(self, ident: str, label: str) -> None:
        self._line(f'subgraph {ident}["{_escape(label)}"]')
        self.depth += 1

    def _close(self) -> None:
        self.depth -= 1
        self._line("end")

    def _line(self, text: str) -> None:
        self.lines.append("  " * self.depth + text)


def _label(node: Node) -> str:
    first = "; ".join(line.strip() for line in describe(node).split("\n")).replace(":; ", ": ")
    title = f"{node.title}: " if node.title else ""
    text = f"{title}{first}"
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"


def _escape(label: str) -> str:
    """The label as Mermaid takes it literally. What looks like a Markdown list would not be drawn at all."""
    for character, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        label = label.replace(character, entity)
    return _LIST.sub(lambda match: f"{match[1]}#{ord(match[2])};", label)
