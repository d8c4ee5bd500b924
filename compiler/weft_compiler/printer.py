"""Prints a graph: the canonical text that tests compare (`tree`), a flowchart (`mermaid`), the data (`json`).

The tree has one node a line, `L` with its source line in front, regions indented, titles behind `#`; code of
several lines follows its node behind `|`. Temporaries are shown as `.t1`. The same graph gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from weft_compiler.graph import Attempt, Block, Branch, Function, Graph, Loop, Node, With
from weft_compiler.mermaid import render_mermaid
from weft_compiler.phrases import describe, describe_handler
from weft_compiler.tool_spec import ToolSpec

GraphFormat = Literal["tree", "mermaid", "json"]
#: Faults to show under their nodes: (function, node id) -> text.
Marks = Mapping[tuple[str, str], str]

_STEP = "  "


def render_graph(graph: Graph, form: GraphFormat, *, tools: Iterable[ToolSpec] = ()) -> str:
    """The graph as text without a final newline. `tools` lets the flowchart mark calls by their effect."""
    match form:
        case "tree":
            return render_tree(graph)
        case "mermaid":
            return render_mermaid(graph, tools)
        case "json":
            return graph.model_dump_json(indent=2)


def render_tree(graph: Graph, marks: Marks | None = None) -> str:
    """The canonical text form; `marks` are shown under their nodes."""
    lines = [f"graph v{graph.version}, entry {graph.entry}"]
    if graph.inputs:
        inputs = (name if required else f"{name} (optional)" for name, required in graph.inputs.items())
        lines.append(f"inputs: {', '.join(inputs)}")
    if graph.modules:
        lines.append(f"modules: {', '.join(graph.modules)}")
    for name, function in graph.functions.items():
        lines += ["", _heading(name, function), *_Tree(name, marks or {}).block(function.body, _STEP)]
    return "\n".join(lines)


class _Tree:
    """Prints the blocks of one function."""

    def __init__(self, function: str, marks: Marks) -> None:
        self.function = function
        self.marks = marks

    def block(self, block: Block, indent: str) -> Iterator[str]:
        if not block.nodes:
            yield f"{indent}(nothing)"
        for node in block.nodes:
            yield from self.node(node, indent)

    def node(self, node: Node, indent: str) -> Iterator[str]:
        yield from self._own_lines(node, indent)
        if mark := self.marks.get((self.function, node.id)):
            yield f"{indent}^^^ {mark}"
        inner = indent + _STEP
        match node:
            case Branch():
                yield from self.block(node.then, inner)
                yield from self._optional("else:", node.orelse, indent)
            case Loop():
                if node.head.nodes:
                    yield f"{indent}before each test:"
                    yield from self.block(node.head, inner)
                    yield f"{indent}do:"
                yield from self.block(node.body, inner)
                yield from self._optional("else:", node.orelse, indent)
            case Attempt():
                yield from self.block(node.body, inner)
                for handler in node.handlers:
                    yield f"{indent}{describe_handler(node, handler)}:"
                    yield from self.block(handler.body, inner)
                yield from self._optional("else:", node.orelse, indent)
                yield from self._optional("finally:", node.final, indent)
            case With():
                yield from self.block(node.body, inner)

    def _own_lines(self, node: Node, indent: str) -> Iterator[str]:
        text = describe(node)
        colon = ":" if isinstance(node, (Branch, Loop, Attempt, With)) else ""
        title = f"  # {node.title}" if node.title else ""
        head, *rest = text.split("\n")
        if not rest:
            yield f"{indent}L{node.span.line} {text}{colon}{title}"
            return
        kind, _, first = head.partition(" ")
        yield f"{indent}L{node.span.line} {kind}{title}"
        yield from (f"{indent}{_STEP}| {line}".rstrip() for line in (first, *rest))

    def _optional(self, heading: str, block: Block, indent: str) -> Iterator[str]:
        if block.nodes:
            yield f"{indent}{heading}"
            yield from self.block(block, indent + _STEP)


def _heading(name: str, function: Function) -> str:
    kind = "async def" if function.is_async else "def"
    scopes = [f"{word} {', '.join(names)}" for word, names in _scopes(function) if names]
    return f"{kind} {name}({function.signature}):{'  # ' + '; '.join(scopes) if scopes else ''}"


def _scopes(function: Function) -> list[tuple[str, tuple[str, ...]]]:
    return [("captured", function.cells), ("from outside", function.frees)]
