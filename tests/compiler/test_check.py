"""The checker passes sound graphs, and names each fault under its node."""

from __future__ import annotations

import pytest
from weft_compiler.check import BrokenGraph, check_graph
from weft_compiler.compile import compile_source
from weft_compiler.graph import (
    Attempt,
    Break,
    Call,
    Code,
    Compute,
    Continue,
    Graph,
    Invoke,
    Loop,
    Map,
    Node,
    Return,
    Span,
    Spawn,
)

from tests.compiler import pages
from tests.compiler.graphs import ENTRY, SOURCE, TOOLS, at, block, compute, everything, expr, function, module, stmts


def faults(graph: Graph, source: str | None = SOURCE, tools: tuple[str, ...] | None = TOOLS) -> list[str]:
    """What the checker says, without the graph around it."""
    with pytest.raises(BrokenGraph) as broken:
        check_graph(graph, source=source, tools=tools)
    general, _, tree = str(broken.value).partition("\n\ngraph v")
    marks = [line.strip().removeprefix("^^^ ") for line in tree.split("\n") if line.strip().startswith("^^^")]
    return [*general.split("\n")[1:], *marks]


def broken_node(*nodes: Node, local: tuple[str, ...] = ("x", "y")) -> list[str]:
    return faults(module(*nodes, local=local))


def loop(**fields: object) -> Loop:
    return Loop.model_validate(
        {"id": "n", "span": at(1), "head": block(), "body": block(), "orelse": block(), **fields}
    )


def test_sound_graphs_pass() -> None:
    check_graph(everything(), source=SOURCE, tools=TOOLS)
    check_graph(module())


@pytest.mark.parametrize(
    "example",
    [example for example in pages.read_examples() if example.kind == "good"],
    ids=lambda example: example.slug,
)
def test_what_the_compiler_makes_passes(example: pages.Example) -> None:
    graph = compile_source(example.text, pages.TOOLS).graph
    check_graph(graph, source=example.text, tools=[tool.name for tool in pages.TOOLS])


def test_the_message_shows_the_fault_under_its_node() -> None:
    graph = module(Return(id="r", span=at(3), value=expr("x"), reads=("y",)), local=("x", "y"))
    with pytest.raises(BrokenGraph) as broken:
        check_graph(graph)
    assert str(broken.value) == (
        "the compiler made a broken graph\n\n"
        "graph v1, entry <module>\n\n"
        "async def <module>():\n"
        "  L3 return x\n"
        "  ^^^ reads x but `reads` does not say so; `reads` names y, which nothing here reads"
    )


def test_faults_of_the_graph_itself() -> None:
    wrong_key = everything().model_copy(update={"entry": "main"})
    assert faults(wrong_key) == ["the entry 'main' is not among the functions"]
    other = function("other", block(), parameters=("a",), span=at(99))
    misnamed = Graph(entry=ENTRY, functions={ENTRY: function(ENTRY, block()), "one": other})
    assert faults(misnamed) == [
        "one: the function there is named 'other'",
        "one: the parameter 'a' is no declared variable",
        f"one: the span {at(99)!r} ends outside the source",
    ]


def test_ids_are_unique_in_a_function() -> None:
    twice = [compute("n", 1, "pass"), compute("n", 2, "pass")]
    assert "the id 'n' is used twice" in broken_node(*twice)[0]
    check_graph(module(twice[0], functions=(function("f", block(twice[1])),)))


@pytest.mark.parametrize(
    ("span", "fault"),
    [
        (Span(line=3, col=5, end_line=3, end_col=2), "is not a range"),
        (Span(line=0, col=0, end_line=1, end_col=2), "is not a range"),
        (Span(line=3, col=0, end_line=3, end_col=99), "ends outside the source"),
        (Span(line=3, col=0, end_line=41, end_col=0), "ends outside the source"),
    ],
)
def test_spans(span: Span, fault: str) -> None:
    (found,) = broken_node(Return(id="n", span=span, value=None))
    assert fault in found


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        (Break(id="n", span=at(1)), "leaves a loop, but there is no loop around it"),
        (Continue(id="n", span=at(1)), "leaves a loop, but there is no loop around it"),
        (compute("n", 1, "if x:\n    break", reads=("x",), exits=("break",)), "leaves a loop, but there is no loop"),
        (compute("n", 1, "return x", reads=("x",)), "leaves by ['return'] but `exits` says []"),
        (compute("n", 1, "x", reads=("x",), exits=("return",)), "leaves by [] but `exits` says ['return']"),
        (
            compute("n", 1, "for y in ():\n    break\nelse:\n    return", writes=("y",)),
            "leaves by ['return'] but `exits` says []",
        ),
        (compute("n", 1, "def f():\n    return 1", exits=("return",)), "leaves by [] but `exits` says ['return']"),
        (compute("n", 1, "x", reads=()), "reads x but `reads` does not say so"),
        (compute("n", 1, "x = y", reads=("y",)), "writes x but `writes` does not say so"),
        (compute("n", 1, "import x", writes=("x", "y")), "`writes` names y, which nothing here writes"),
        (compute("n", 1, "[x for x in y]", reads=("x",)), "reads y but `reads` does not say so"),
        (compute("n", 1, "1", reads=("x",)), "`reads` names x, which nothing here reads"),
        (compute("n", 1, "async def f():\n    await x", writes=("f",)), "the code waits: Await"),
        (compute("n", 1, "f = [x async for x in y]", reads=("y",)), "the code waits: comprehension"),
        (Return(id="n", span=at(1), value=stmts("x = 1")), "the code does not parse: 'x = 1'"),
        (Return(id="n", span=at(1), value=Code(text="1 + 2", lines="1*2")), "speaks of 2 nodes, but the code has 3"),
        (compute("n", 1, "def f(): ...", functions=("f",)), "there is no function 'f'"),
        (Call(id="n", span=at(1), tool="fly", value=expr("fly()")), "there is no tool or function 'fly'"),
        (Invoke(id="n", span=at(1), callee="fly", value=expr("fly()")), "there is no function 'fly'"),
        (Map(id="n", span=at(1), callees=("fly",), value=expr("f()")), "there is no tool or function 'fly'"),
        (Spawn(id="n", span=at(1), callees=("fly",), code=stmts("f()")), "there is no tool or function 'fly'"),
        (
            Call(id="n", span=at(1), tool="alert", value=expr("alert()"), target="x"),
            "writes x but `writes` does not say so",
        ),
        (loop(), "either an iterable or a test"),
        (
            loop(test=expr("1"), target="x", writes=("x",)),
            "a `for` has a target and a `while` has none",
        ),
        (
            loop(iterable=expr("()"), target="x", writes=("x",), head=block(compute("h", 1, "pass"))),
            "only a `while` has nodes before its test",
        ),
        (
            loop(test=expr("1"), orelse=block(Break(id="b", span=at(2)))),
            "leaves a loop, but there is no loop around it",
        ),
        (
            Attempt(id="n", span=at(1), body=block(), handlers=(), orelse=block(), final=block()),
            "a try has handlers or a finally",
        ),
    ],
)  # fmt: skip
def test_faults_of_nodes(node: Node, fault: str) -> None:
    (found,) = broken_node(node)
    assert fault in found


def test_stubs_stand_in_the_order_of_their_functions() -> None:
    text = "def f(): ...\ndef g(): ...\ndef h(): return 1"
    f, g, h = (function(name, block()) for name in "fgh")
    check_graph(module(compute("n", 1, text, functions=("f", "g")), functions=(f, g, h)))
    for wrong in (("g", "f"), ("h",), ("f", "h")):
        (found,) = faults(module(compute("n", 1, text, functions=wrong), functions=(f, g, h)))
        assert "has no `def` with the body `...`" in found


def test_regions_may_speak_for_what_is_within_them() -> None:
    inner = Compute(id="c", span=at(2), code=stmts("y = x"), reads=("x",), writes=("y",))
    for more in ({}, {"reads": ("x",), "writes": ("y",)}):
        check_graph(module(loop(test=expr("1"), body=block(inner), **more), local=("x", "y")))
