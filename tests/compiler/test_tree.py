"""Walking over syntax trees gives what `ast` gives, in its order."""

from __future__ import annotations

import ast
import sys
import sysconfig
from pathlib import Path

import pytest
from weft_compiler.tree import children, walk

LIBRARY = Path(sysconfig.get_path("stdlib"))
#: Modules that use every statement and expression between them; where a Python lacks one, it is left out.
MODULES = ("ast", "asyncio/taskgroups", "dataclasses", "enum", "inspect", "typing", "unittest/mock", "zipfile")
WRITTEN = """
match [1, {"a": 2}, None, -1.5, "s"]:
    case [1, {"a": x, **rest}, None, *others] if x: pass
    case dict(keys=k, items=(1 | 2) as n): pass
    case str() | True | -1.5 | {}: pass
def f(a, /, b: int = 1, *c, d=None, e, **g) -> int:
    global p
    typed: int
    typed: list[int] = []
    nonlocal_ = [*c, {**g, "k": b}, {1, 2}, a[1:2, ::3], f"{a!r:>{b}}"]
    def inner():
        nonlocal nonlocal_
        yield
        yield from a
    async def other():
        async with x as y, z: await y
        async for i in [j async for j in k]: return (lambda: 1)
    try: del a, b.c
    except* (A, B) as error: raise X from error
    else: assert a, "m"
    finally: pass
    while (n := 1) < 2 <= 3: break
    return not a if b else -c @ d
"""


NEWER = "type Alias[T: int, *Ts, **P] = list[T]\ndef f[T](x: T) -> T: return x\nclass C[T]: pass\n"


def trees() -> list[ast.AST]:
    files = [LIBRARY / f"{name}.py" for name in MODULES]
    written = (WRITTEN, NEWER) if sys.version_info >= (3, 12) else (WRITTEN,)
    return [ast.parse(text) for text in (*written, *(file.read_text("utf-8") for file in files if file.exists()))]


@pytest.mark.parametrize("tree", trees(), ids=lambda tree: f"{len(list(ast.walk(tree)))} nodes")
def test_nodes_come_in_the_order_of_ast(tree: ast.AST) -> None:
    expected = [node for node in ast.walk(tree) if not isinstance(node, ast.expr_context)]
    assert list(map(id, walk(tree))) == list(map(id, expected))
    for node in expected:
        below = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context)]
        assert list(map(id, children(node))) == list(map(id, below))


def test_every_kind_of_node_is_walked() -> None:
    met = {type(node) for tree in trees() for node in walk(tree)}
    kinds = {kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, (ast.stmt, ast.expr))}
    named = {kind.__name__ for kind in kinds if kind.__module__ == "ast" and kind not in (ast.stmt, ast.expr)}
    removed_or_newer = {"Num", "Str", "Bytes", "NameConstant", "Ellipsis", "TypeAlias", "TemplateStr", "Interpolation"}
    assert named - {kind.__name__ for kind in met} <= removed_or_newer
