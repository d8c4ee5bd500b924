"""A graph with every kind of node, built by hand, for the tests of the printers and of the checker."""

from __future__ import annotations

import ast

from weft_compiler.code import expression_code, statements_code
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
    Graph,
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
    Span,
    Spawn,
)

ENTRY = "<module>"
SOURCE = "\n".join(["# a line of the source"] * 40)
TOOLS = ("get_team", "get_budget", "alert")


def at(line: int) -> Span:
    return Span(line=line, col=0, end_line=line, end_col=5)


def expr(text: str) -> Code:
    return expression_code(ast.parse(text, mode="eval").body)


def stmts(text: str, *functions: str) -> Code:
    return statements_code(ast.parse(text).body, functions)


def block(*nodes: Node) -> Block:
    return Block(nodes=nodes)


def compute(ident: str, line: int, text: str, *, functions: tuple[str, ...] = (), **more: tuple[str, ...]) -> Compute:
    return Compute.model_validate({"id": ident, "span": at(line), "code": stmts(text, *functions), **more})


def function(name: str, body: Block, **more: object) -> Function:
    fields = {"name": name, "qualname": name, "is_async": True, "span": at(1), "body": body, **more}
    return Function.model_validate(fields)


def module(*nodes: Node, local: tuple[str, ...] = (), functions: tuple[Function, ...] = (), **more: object) -> Graph:
    """A graph whose entry has these nodes."""
    entry = function(ENTRY, block(*nodes), locals=local)
    table = {ENTRY: entry, **{one.name: one for one in functions}}
    return Graph.model_validate({"entry": ENTRY, "functions": table, **more})


def everything() -> Graph:
    loop = Loop(
        id="loop",
        span=at(6),
        title="Spending of each member",
        iterable=expr("members"),
        target="m",
        head=block(),
        body=block(
            Branch(
                id="branch",
                span=at(7),
                test=expr("m['left']"),
                reads=("m",),
                then=block(Continue(id="continue", span=at(8))),
                orelse=block(Break(id="break", span=at(10))),
            ),
            Call(
                id="budget",
                span=at(11),
                tool="get_budget",
                value=expr("get_budget(m['level'])"),
                target="__weft_t1",
                implicit=True,
                reads=("m",),
                writes=("__weft_t1",),
            ),
            compute("push", 11, "budgets.append(__weft_t1)", reads=("budgets", "__weft_t1")),
        ),
        orelse=block(compute("else", 13, "print('all')")),
        fresh=("m",),
        reads=("members", "m", "budgets"),
        writes=("m",),
    )
    wait = Loop(
        id="while",
        span=at(14),
        head=block(Sleep(id="sleep", span=at(14), value=expr("asyncio.sleep(1)"))),
        test=expr("not total"),
        body=block(compute("sum", 15, "total = sum(budgets)", reads=("budgets",), writes=("total",))),
        orelse=block(),
        reads=("total", "budgets"),
        writes=("total",),
    )
    attempt = Attempt(
        id="try",
        span=at(16),
        body=block(
            Parallel(
                id="gather",
                span=at(17),
                branches=("alert", "report"),
                value=expr("asyncio.gather(alert(1), report(2))"),
            ),
            Map(
                id="map",
                span=at(18),
                callees=("report",),
                over="members",
                value=expr("asyncio.gather(*[report(x) for x in members])"),
                target="reports",
                reads=("members",),
                writes=("reports",),
            ),
        ),
        handlers=(
            Handler(
                span=at(19),
                types=expr("ValueError"),
                name="e",
                body=block(Raise(id="raise", span=at(20), value=expr("KeyError(1)"), cause=expr("e"), reads=("e",))),
            ),
            Handler(span=at(21), types=None, name=None, body=block(Raise(id="again", span=at(22), value=None))),
        ),
        orelse=block(Spawn(id="spawn", span=at(24), callees=("report",), code=stmts("asyncio.create_task(report(3))"))),
        final=block(
            Scope(
                id="scope",
                span=at(26),
                scope="wait_for",
                callees=("alert",),
                value=expr("asyncio.wait_for(alert(2), 5)"),
            )
        ),
        reads=("members", "e"),
        writes=("reports", "e"),
    )
    report = function(
        "report",
        block(
            Invoke(id="invoke", span=at(29), callee="*", value=expr("stage(x)"), reads=("stage", "x")),
            Invoke(id="plain", span=at(30), callee="report", awaited=False, value=expr("report(x)"), reads=("x",)),
            Return(id="return", span=at(31), value=expr("x"), reads=("x",)),
        ),
        signature="x, stage=None",
        parameters=("x", "stage"),
        locals=("x",),
        cells=("stage",),
        span=at(28),
    )
    definition = compute(
        "def",
        28,
        "async def report(x, stage=None):\n    ...\nbudgets = []\ntotal = 0",
        functions=("report",),
        writes=("budgets", "total"),
    )
    call = Call(
        id="team",
        span=at(3),
        title="The team",
        tool="get_team",
        value=expr("get_team('eng')"),
        target="members",
        writes=("members",),
    )
    join = Join(id="join", span=at(32), value=expr("members['task']"), reads=("members",))
    done = Return(id="done", span=at(33), value=None)
    return module(
        call,
        definition,
        loop,
        wait,
        attempt,
        join,
        done,
        local=("members", "m", "__weft_t1", "budgets", "total", "reports", "e"),
        functions=(report,),
        modules=("asyncio",),
        inputs={"team": True, "year": False},
    )
