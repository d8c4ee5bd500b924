"""Tools collected from files and modules, as a person names them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from weft_activities import sources, tool
from weft_activities.catalog import Catalog, CatalogError, UnknownTool, load_catalog
from weft_activities.sources import split_source
from weft_activities.tool import Tool, tool_of

HEAD = "from weft_activities import tool\n"


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Leaves the process's modules and path as they were."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sources, "_folders", [])
    monkeypatch.chdir(tmp_path)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + textwrap.dedent(text))
    return str(path)


def problems(*names: str) -> str:
    with pytest.raises(CatalogError) as caught:
        load_catalog(names)
    return str(caught.value)


def test_a_files_tools_in_the_order_of_their_names(tmp_path: Path) -> None:
    file = write(
        tmp_path / "tools.py",
        """
        @tool
        def zebra(): "Last."
        @tool(effect="read")
        async def ant(): ...
        def no_tool(): ...
        alias = zebra
        """,
    )
    catalog = load_catalog([file])
    assert catalog.names() == ["ant", "zebra"]
    assert [spec.description for spec in catalog.specs()] == ["", "Last."]
    assert len(catalog) == 2
    assert "ant" in catalog
    assert catalog.get("zebra").place == f"{file}:3"


def test_an_unknown_name_gets_the_closest(tmp_path: Path) -> None:
    catalog = load_catalog([write(tmp_path / "t.py", "@tool\ndef get_expenses(): ...")])
    with pytest.raises(UnknownTool, match=r"no tool 'get_expense': did you mean 'get_expenses'\?"):
        catalog.get("get_expense")
    with pytest.raises(UnknownTool, match="the tools are get_expenses"):
        catalog.get("x")
    with pytest.raises(UnknownTool, match="there are no tools"):
        Catalog().get("x")


def test_a_file_finds_its_neighbours_also_later(tmp_path: Path) -> None:
    write(tmp_path / "a" / "near.py", "VALUE = 1")
    write(tmp_path / "a" / "late.py", "VALUE = 2")
    file = write(
        tmp_path / "a" / "tools.py",
        """
        import near
        @tool
        def f():
            import late
            return [near.VALUE, late.VALUE]
        """,
    )
    assert load_catalog([file]).get("f").function() == [1, 2]


def test_files_and_neighbours_of_the_same_names_do_not_clash(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder / "near.py", f"VALUE = {folder!r}")
        write(tmp_path / folder / "tools.py", f"import near\n@tool\ndef {folder}(): return near.VALUE")
    catalog = load_catalog([str(tmp_path / "a" / "tools.py"), str(tmp_path / "b" / "tools.py")])
    assert [found.function() for found in catalog] == ["a", "b"]


@pytest.mark.parametrize("stem", ["json", "sys", "two words", "weft_activities"])
def test_a_file_may_bear_any_name(tmp_path: Path, stem: str) -> None:
    file = write(tmp_path / "a" / f"{stem}.py", "@tool\ndef f(): return __name__")
    name = load_catalog([file]).get("f").function()
    assert name != stem
    assert name in sys.modules


def test_dataclasses_and_models_of_a_file_resolve_their_hints(tmp_path: Path) -> None:
    file = write(
        tmp_path / "t.py",
        """
        from __future__ import annotations
        """,
    )
    Path(file).write_text(
        "from __future__ import annotations\n"
        + HEAD
        + textwrap.dedent(
            """
            from dataclasses import dataclass
            from pydantic import BaseModel
            @dataclass
            class Point:
                next: Point | None = None
            class Box(BaseModel):
                at: Point
            @tool
            def f(box: Box) -> Point: return box.at
            """
        )
    )
    assert load_catalog([file]).get("f").spec.input_schema["required"] == ["box"]


def test_a_tool_that_comes_in_twice_is_one(tmp_path: Path) -> None:
    base = write(tmp_path / "base.py", "@tool\ndef f(): ...")
    more = write(tmp_path / "more.py", "from base import f\n@tool\ndef g(): ...")
    assert load_catalog([more, base, base]).names() == ["f", "g"]


def test_a_loaded_file_is_not_run_again(tmp_path: Path) -> None:
    file = write(tmp_path / "t.py", "@tool\ndef f(): ...")
    assert load_catalog([file]).get("f") is load_catalog([file]).get("f")


def test_dotted_modules_and_attributes(tmp_path: Path) -> None:
    write(tmp_path / "shop" / "__init__.py", "")
    file = write(
        tmp_path / "shop" / "tools.py",
        """
        @tool
        def f(): ...
        @tool
        def g(): ...
        READS = [f]
        BY_NAME = {"g": g}
        NONE = [len]
        """,
    )
    assert load_catalog(["shop.tools"]).names() == ["f", "g"]
    assert load_catalog(["shop.tools:READS"]).names() == ["f"]
    assert load_catalog([f"{file}:BY_NAME"]).names() == ["g"]
    assert load_catalog(["shop.tools:f", "shop.tools:g"]).names() == ["f", "g"]
    assert "<built-in function len> is no tool" in problems("shop.tools:NONE")
    assert "has no 'READ': did you mean 'READS'?" in problems("shop.tools:READ")


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    first = write(tmp_path / "a.py", "@tool\ndef f(): ...")
    second = write(tmp_path / "b.py", "\n@tool\ndef f(): ...")
    text = problems(first, second, "missing.py", str(tmp_path), "no such", "absent.module")
    assert f"2 tools named 'f', at {first}:2 and at {second}:3" in text
    assert "missing.py does not exist: check the path" in text
    assert f"{tmp_path} is a folder" in text
    assert "'no such' is neither a Python file nor a module's dotted name" in text
    assert "No module named 'absent'" in text
    assert len(text.splitlines()) == 5


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1", "has no tools: decorate its functions with @tool"),
        ("def f(:", r"t.py:2: SyntaxError: "),
        ("import nothing_like_it", "No module named 'nothing_like_it' (line 2 of "),
        ("import nothing_like_it", "Install 'nothing_like_it' in this environment"),
        ("import t_near", "ZeroDivisionError: division by zero (line 2 of "),
        ("import t_near", "t_near.py: 1 / 0)"),
        ("raise SystemExit(1)", "if __name__ == '__main__':"),
        ("@tool\ndef f(a: len): ...", "t.py:2: tool 'f': "),
        (
            "from functools import wraps\ndef d(g): return wraps(g)(lambda: None)\n@d\n@tool\ndef f(): ...",
            "a decorator above @tool wraps 'f'",
        ),
    ],
)
def test_a_source_that_cannot_be_used_says_why(tmp_path: Path, code: str, said: str) -> None:
    write(tmp_path / "t_near.py", "1 / 0")
    text = problems(write(tmp_path / "t.py", code))
    assert said in text
    assert "Traceback" not in text
    assert "weft_activities/" not in text


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root and Windows read everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    file = write(tmp_path / "t.py", "")
    Path(file).chmod(0)
    assert "cannot be read: Permission denied" in problems(file)


def test_a_failed_file_can_be_loaded_once_it_is_corrected(tmp_path: Path) -> None:
    file = write(tmp_path / "t.py", "1 / 0")
    assert "ZeroDivisionError" in problems(file)
    Path(file).write_text(HEAD + "@tool\ndef corrected_now(): ...")
    assert load_catalog([file]).names() == ["corrected_now"]


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("tools.py", ("tools.py", None)),
        ("a.b:c", ("a.b", "c")),
        ("x/tools.py:c", ("x/tools.py", "c")),
        ("C:\\x\\tools.py", ("C:\\x\\tools.py", None)),
        ("C:\\x\\tools.py:c", ("C:\\x\\tools.py", "c")),
    ],
)
def test_sources_are_split_at_the_attribute(source: str, parts: tuple[str, str | None]) -> None:
    assert split_source(source) == parts


def test_a_catalog_of_tools_at_hand() -> None:
    @tool
    def f() -> None: ...

    found = tool_of(f)
    assert isinstance(found, Tool)
    assert list(Catalog([found, found])) == [found]


def test_the_package_imports_neither_temporal_nor_anything_slow() -> None:
    code = (
        "import sys, weft_activities\n"
        "sys.exit(bool({'temporalio', 'anthropic', 'mcp', 'asyncio.base_events'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
