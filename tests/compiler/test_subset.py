"""The subset: the table is complete, and each rule about constructs, names and imports refuses what it should."""

from __future__ import annotations

import ast
import sys

import pytest
from weft_compiler.allowed_names import ALLOWED_BUILTINS, ALLOWED_MODULES
from weft_compiler.codes import CODES
from weft_compiler.diagnostics import Diagnostic, Reporter
from weft_compiler.source import parse_source
from weft_compiler.subset import JUDGED, VERDICTS, Refused, check_subset
from weft_compiler.subset_names import REFUSED_BUILTINS


def check(text: str, tools: tuple[str, ...] = ()) -> tuple[Diagnostic, ...]:
    reporter = Reporter(text, "plan.py")
    source = parse_source(text, "plan.py", reporter)
    assert source is not None, reporter.diagnostics
    check_subset(source, reporter, tools=tools)
    return reporter.diagnostics


def found(text: str, tools: tuple[str, ...] = ()) -> list[tuple[int, str]]:
    """Column (from 0) and code of each diagnostic."""
    return [(one.span.col, one.code) for one in check(text, tools)]


def concrete(kind: type[ast.AST]) -> list[type[ast.AST]]:
    """The classes of `ast` itself that trees are made of; old aliases of `Constant` never are."""
    if kind is ast.Constant:
        return [kind]
    below = [sub for sub in kind.__subclasses__() if sub.__module__ in ("ast", "_ast")]
    return [leaf for sub in below for leaf in concrete(sub)] if below else [kind]


def test_the_table_has_every_class_of_this_python() -> None:
    names = {leaf.__name__ for kind in JUDGED for leaf in concrete(kind)}
    assert names <= set(VERDICTS)


def test_the_table_has_nothing_but_classes_of_some_python() -> None:
    newer = {
        (3, 12): {"TypeAlias", "TypeVar", "ParamSpec", "TypeVarTuple"},
        (3, 14): {"TemplateStr", "Interpolation"},
    }
    not_yet = {name for version, names in newer.items() if version > sys.version_info[:2] for name in names}
    assert {name for name in VERDICTS if not hasattr(ast, name)} == not_yet


def test_refusals_have_codes() -> None:
    assert {verdict.code for verdict in VERDICTS.values() if isinstance(verdict, Refused)} <= set(CODES)


def test_what_is_allowed_is_not_refused() -> None:
    assert not REFUSED_BUILTINS & set(ALLOWED_BUILTINS)
    assert {"open", "eval", "exec", "input", "globals", "__import__", "exit"} <= REFUSED_BUILTINS


@pytest.mark.parametrize(
    "text",
    [
        "import json, math, collections.abc\nimport statistics as st\nfrom urllib import parse\nimport urllib.parse",
        "from __future__ import annotations\nfrom collections import abc, Counter\nfrom typing import Any",
        "class C(Base):\n    __slots__ = ('a',)\n    def __init__(self): super().__init__()",
        "class C:\n    def __eq__(self, other): return True\n    __hash__ = None",
        "class T(TypedDict, total=False):\n    a: int",
        "if __name__ == '__main__':\n    print(__doc__)",
        "__all__ = ['f']\n__version__ = '1'",
        "def open(path): return path\nopen('x')",
        "def f(input): return input\nf(1)",
        "try: pass\nexcept ValueError as exit: print(exit)",
        "x.__class__.__name__\ne.__cause__",
        "x.open('a'); f(eval=1)",
        "def g():\n    yield 1\nwith a as b: pass\nmatch x:\n    case {'a': b, **rest}: pass",
        "lambda x: (y := x)\nglobal z\ndel z",
        "async def f():\n    def g():\n        yield 1\n    return [(yield_) for yield_ in g()]",
        "class C:\n    __private = 1\n    def _weft(self): return self.__private",
    ],
)
def test_accepted(text: str) -> None:
    assert check(text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class A(metaclass=M, total=1): pass", [(8, "metaclass")]),
        ("import os.path, json, socket", [(7, "refused-import"), (22, "refused-import")]),
        ("import xml.dom as json", [(7, "refused-import")]),
        ("from os import path, sep", [(0, "refused-import")]),
        ("from json import dumps, JSONDecoder", [(24, "refused-import-name")]),
        ("from math import *\nsqrt(2)", [(17, "star-import")]),
        ("from . import a\nfrom .a import b", [(0, "relative-import"), (0, "relative-import")]),
        ("open('x').read()", [(0, "refused-builtin")]),
        ("f = [eval, __import__]", [(5, "refused-builtin"), (11, "refused-builtin")]),
        ("__weft_x = 1\nprint(__weft_x)", [(0, "reserved-name")]),
        ("f(__weft=1)", [(2, "reserved-name")]),
        ("def f(__weft_a): pass", [(6, "reserved-name")]),
        ("import json as __weft", [(7, "reserved-name")]),
        ("x.__weft_t1", [(0, "reserved-name")]),
        ("try: pass\nexcept E as __weft_e: pass", [(0, "reserved-name")]),
        ("match x:\n    case [*__weft_r]: pass", [(10, "reserved-name")]),
        ("match x:\n    case {**__weft_r}: pass", [(9, "reserved-name")]),
        ("match x:\n    case C(__weft_a=1): pass", [(9, "reserved-name")]),
        ("def f():\n    global __weft_g", [(4, "reserved-name")]),
        ("print(__file__)", [(6, "dunder-name")]),
        ("__builtins__['open']", [(0, "dunder-name")]),
        ("def __f__(): pass\n__f__()", [(0, "dunder-name")]),
        ("f.__globals__['x']", [(0, "refused-attribute")]),
        ("del f.__code__", [(4, "refused-attribute")]),
        ("g.gi_frame.f_back", [(0, "refused-attribute"), (0, "refused-attribute")]),
        ("class A:\n    def __del__(self): pass\n    __reduce__ = 1", [(4, "refused-method"), (4, "refused-method")]),
    ],
)
def test_refused(text: str, expected: list[tuple[int, str]]) -> None:
    assert found(text) == expected


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python cannot parse the text")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type A = int", [(0, "type-alias")]),
        ("def f[T](x: T): pass", [(6, "type-parameters")]),
        ("class C[*Ts, **P]: pass", [(8, "type-parameters"), (13, "type-parameters")]),
    ],
)
def test_refused_since_3_12(text: str, expected: list[tuple[int, str]]) -> None:
    assert found(text) == expected


@pytest.mark.skipif(sys.version_info < (3, 14), reason="this Python cannot parse the text")
def test_refused_since_3_14() -> None:
    assert {one.code for one in check("t'{x}'")} == {"template-string"}


def test_a_tool_may_have_the_name_of_a_builtin() -> None:
    assert check("open('x')", tools=("open",)) == ()


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("import requests", "make the request in a tool and call the tool here"),
        ("import urllib.request", "make the request in a tool and call the tool here"),
        ("import jsn", "did you mean `json`?"),
        ("import antigravity", "do this part in a tool and call the tool here"),
        ("from tools import get_user", "leave this line out: tools are there without an import"),
        ("from math import *\nprint(sqrt(pi))", "name what you use: `from math import pi, sqrt`"),
        ("from math import *", "name what you use: `from math import acos, acosh`"),
        ("from json import loadss", "did you mean `loads`?"),
        ("from json import encoder", "do this part in a tool and call the tool here"),
        ("input()", "make it an input of the run: a parameter of the entry function"),
        ("open('x')", "make it a tool: write a function that does this part, and call that here"),
    ],
)
def test_remedies(text: str, remedy: str) -> None:
    (one,) = check(text, tools=("get_user",))
    assert one.help == remedy


def test_every_allowed_module_can_be_imported() -> None:
    assert check("\n".join(f"import {module}" for module in ALLOWED_MODULES)) == ()
