"""Runs an example in plain CPython on a real event loop with its real tools: what the graph's run must equal."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import io
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from weft_activities.catalog import load_catalog
from weft_activities.context import StepContext
from weft_activities.invoke import call_tool
from weft_activities.tool import Tool

from tests.examples.catalog import Example
from tests.oracle.fakes import as_function
from tests.oracle.script import prepare
from tests.oracle.values import to_json_value

MODULES = ("asyncio", "json", "math")


@dataclass(frozen=True)
class Run:
    """`calls` are the tools with their arguments as JSON text, in the order in which they were started."""

    result: Any
    stdout: str
    calls: list[tuple[str, str]]


def run_direct(example: Example) -> Run:
    """Runs the script with `await` put before the calls that lack one."""
    tools = {tool.name: tool for tool in load_catalog([str(example.tools)])}
    calls: list[tuple[str, str]] = []
    namespace: dict[str, Any] = {name: importlib.import_module(name) for name in MODULES}
    namespace |= {name: as_function(tool.spec, _Caller(tool, calls)) for name, tool in tools.items()}
    script = prepare(explicit(example.source(), example.implicit), tools)
    namespace |= {"__name__": "__main__", script.inputs_name: example.inputs}
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        exec(script.code, namespace)
        value = namespace[script.name]()
        result = asyncio.run(value) if script.is_async else value
    return Run(to_json_value(result), stdout.getvalue(), calls)


def explicit(source: str, tools: Collection[str]) -> str:
    """The source with `await` before each call of these tools that has none."""
    tree = ast.parse(source)
    return ast.unparse(ast.fix_missing_locations(_Await(tools).visit(tree)))


def canonical(arguments: Any) -> str:
    return json.dumps(arguments, sort_keys=True)


class _Caller:
    def __init__(self, tool: Tool, calls: list[tuple[str, str]]) -> None:
        self._tool = tool
        self._calls = calls

    async def __call__(self, arguments: dict[str, Any]) -> Any:
        self._calls.append((self._tool.name, canonical(arguments)))
        return await call_tool(self._tool, arguments, StepContext("direct", str(len(self._calls))))


class _Await(ast.NodeTransformer):
    def __init__(self, tools: Collection[str]) -> None:
        self._tools = tools

    def visit_Await(self, node: ast.Await) -> ast.AST:
        self.generic_visit(node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self._tools:
            return ast.copy_location(ast.Await(node), node)
        return node
