"""The tables of allowed names and what the sandbox supplies agree, and the proofs about numbers hold."""

from __future__ import annotations

import ast
import importlib
import sys

import pytest
from weft_compiler.allowed_names import ALLOWED_BUILTINS, ALLOWED_MODULES
from weft_workflows.machine.aio import AsyncioModule
from weft_workflows.sandbox.environment import load_module, new_globals
from weft_workflows.sandbox.guard import Refused, guard
from weft_workflows.sandbox.numbers_of import UNBOUNDED, NumberTypes

from tests.machine.running import start
from tests.sandbox.running import NOW, Services, run_guarded

#: What of contextlib waits.
_OF_THE_MACHINE = {"AsyncContextDecorator", "AsyncExitStack", "aclosing", "asynccontextmanager"}
_OWN_MODULES = sorted(name for name in ALLOWED_MODULES if name != "asyncio")


@pytest.mark.parametrize("name", _OWN_MODULES)
def test_module_has_exactly_its_names(name: str) -> None:
    module = load_module(Services(), name)
    real = importlib.import_module(name)
    expected = {each for each in ALLOWED_MODULES[name] if hasattr(real, each)}
    given = {each for each in vars(module) if each != "__name__"}
    assert expected - given <= {"ByteString"} | (_OF_THE_MACHINE if name == "contextlib" else set())
    assert given <= set(ALLOWED_MODULES[name])


def test_contextlib_of_the_machine_has_exactly_its_names() -> None:
    machine, _ = start("await step()")
    assert set(vars(machine._program.module("contextlib"))) - {"__name__"} == set(ALLOWED_MODULES["contextlib"])


def test_asyncio_has_exactly_its_names() -> None:
    assert set(ALLOWED_MODULES["asyncio"]) == AsyncioModule.__weft_names__


def test_builtins_are_the_allowed_ones() -> None:
    builtins = new_globals(Services())["__builtins__"]
    assert set(builtins) - {"__build_class__", "__import__"} == set(ALLOWED_BUILTINS)


def test_runs_share_no_module() -> None:
    one, two = Services(), Services()
    new_globals(one)
    new_globals(two)
    for name in _OWN_MODULES:
        assert load_module(one, name) is not load_module(two, name)
        assert load_module(one, name) is load_module(one, name)


@pytest.mark.parametrize("name", ["os", "nonsense", "urllib.request", "asyncio"])
def test_other_modules_are_missing(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"No module named '{name}'"):
        load_module(Services(), name)


def test_world_comes_from_the_run() -> None:
    source = """
import time, random, uuid, datetime
print(time.time(), datetime.datetime.now(), datetime.datetime.utcnow(), datetime.date.today(), datetime.datetime.now(datetime.UTC))
print(random.random(), uuid.uuid4(), random.Random().random(), list({"b", "a", "c"}), id(object()), hash(None))
"""
    first = run_guarded(source)
    assert first == run_guarded(source)
    assert f"{NOW} 2023-11-14 22:13:20 2023-11-14 22:13:20 2023-11-14 2023-11-14 22:13:20+00:00" in first.output
    assert "['b', 'a', 'c']" in first.output


def test_logging_and_streams_are_output() -> None:
    source = """
import logging, sys
logging.basicConfig(level=logging.INFO)
log = logging.getLogger("plan")
log.info("seen %d of %s", 1, "x"); log.debug("no")
try: {}["k"]
except KeyError: log.exception("failed")
print("err", file=sys.stderr); sys.stdout.write("w")
"""
    output = run_guarded(source).output
    assert output.startswith("INFO:plan:seen 1 of x\nERROR:plan:failed\nTraceback")
    assert output.endswith("KeyError: 'k'\nerr\nw")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x = 1\n    x += 2.5", "unbounded"),
        ("x = 0\n    for i in range(9): x += i * i", "unbounded"),
        ("x = 1\n    for i in range(9): x = x * 31 % 1000", "bounded"),
        ("x = 1\n    for i in range(9): x = x * x", "unbounded"),
        ("x = 1\n    x = 'a'", None),
        ("x = 1\n    x += other", None),
        ("x = 1\n    del x", None),
        ("x = 1\n    def g():\n        nonlocal x\n        x = 'a'", None),
        ("x = 1\n    for x in other: pass", None),
        ("x = 1\n    [x := 'a' for y in other]", None),
        ("global x\n    x = 1", None),
        ("x = 1\n    try: pass\n    except ValueError as x: pass", None),
        ("x = 1\n    import json as x", None),
        ("x = 1\n    with other as x: pass", None),
        ("x = 1\n    match other:\n        case [x]: pass", None),
        ("x, y = 1, 2", None),
        ("x = y = 1", None),
    ],
)
def test_number_proofs(body: str, expected: str | None) -> None:
    function = ast.parse(f"def f(other):\n    {body}\n").body[0]
    assert isinstance(function, ast.FunctionDef)
    bits = NumberTypes(function, frozenset()).variables.get("x")
    assert (None if bits is None else "unbounded" if bits >= UNBOUNDED else "bounded") == expected


def test_guard_is_deterministic_and_keeps_lines() -> None:
    source = "def f(x):\n    '''doc'''\n    return [y.z + 1\n            for y in x]\n\nclass A:\n    b = lambda self: self.c\n"
    first, second = guard(ast.parse(source)), guard(ast.parse(source))
    assert ast.dump(first, include_attributes=True) == ast.dump(second, include_attributes=True)
    function = compile(first, "f.py", "exec").co_consts[0]
    assert function.co_consts[0] == "doc"
    assert function.co_firstlineno == 1
    assert function.co_freevars == ()


@pytest.mark.parametrize("source", ["type X = int", "from json import *", "__builtins__", "def f(__weft_get__): pass"])
def test_refused(source: str) -> None:
    if source.startswith("type ") and sys.version_info < (3, 12):
        pytest.skip("this Python cannot parse the text")
    if source.startswith("type "):
        assert guard(ast.parse(source))
        return
    with pytest.raises(Refused):
        guard(ast.parse(source))


def test_deep_code_is_refused_or_guarded() -> None:
    assert guard(ast.parse("x = " + " + ".join(["a"] * 400)))
    with pytest.raises(Refused):
        guard(ast.parse("x = " + "-" * 2000 + "1"))


def test_traceback_lines_are_the_orchestrations() -> None:
    source = "x = 1\n\ndef f():\n    y = x\n    return y.nothing\n\nf()\n"
    try:
        exec(compile(guard(ast.parse(source)), "orchestration.py", "exec"), new_globals(Services()))
    except AttributeError as error:
        lines = []
        step = error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename == "orchestration.py":
                lines.append(step.tb_lineno)
            step = step.tb_next
        assert lines == [7, 5]
    else:
        raise AssertionError("no error")


def test_comprehension_targets_are_numbers_only_if_bound_once() -> None:
    source = """
def f(x=5):
    x = 5
    return [1 for a in range(2) for b in [0, 0] if (x if a else "s") and a in (0, 1) for x in ["ab"] if x * 10**10]
f()
"""
    assert (run_guarded(source).error or "").startswith("LimitExceeded")
    twice = "[1 for i in range(2) for j in [0, 1] if not j or i * 10**10 for i in ['ab']]"
    assert (run_guarded(twice).error or "").startswith("LimitExceeded")
