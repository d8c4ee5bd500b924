"""The pytest plugin of the package: the fixture `weft_run`, with which a project tests its orchestrations.

Nothing heavy is imported before the fixture is used: pytest loads this file in every project that has Weft
installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from weft_activities.catalog import Catalog
    from weft_compiler.plan import Plan

    from weft_worker.fakes import Fakes
    from weft_worker.prepare import Prepared


@dataclass(frozen=True)
class WeftError:
    """How an orchestration failed. `line` is a line of its source."""

    type: str
    message: str
    line: int
    step: str


@dataclass(frozen=True)
class WeftRun:
    """What a run did. `steps` are (tool, arguments by name) in the order in which the program called them."""

    status: str
    result: Any
    stdout: str
    steps: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    error: WeftError | None = None


class RunOrchestration(Protocol):
    """The type of the fixture `weft_run`."""

    def __call__(
        self,
        source: str | Path,
        *,
        tools: Sequence[Any] | str | Path = (),
        fakes: Mapping[str, Any] | str | Path | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> WeftRun: ...


@pytest.fixture
def weft_run() -> RunOrchestration:
    """Runs an orchestration in memory, with fakes for its tools, and says what it did.

        def test_the_report_names_the_region(weft_run):
            run = weft_run(Path("report.py"), fakes={"get_sales": [{"args": {"region": "EU"}, "result": 7}]})
            assert run.result == "EU: 7"
            assert run.steps == [("get_sales", {"region": "EU"})]

    The orchestration is a path (a `Path`, or a text of one line that ends in `.py`) or source text. `fakes`
    maps tools to functions, constant results or rules, or is the path of a fakes file, as for `weft run
    --fake`; time is virtual then. `tools` are functions under `@tool`, or sources as for `--tools`; without
    fakes they are called for real. With both, `tools` say what the tools take and `fakes` answer. An
    orchestration that the compiler refuses raises `CompileFailed`; one that fails is a run with an `error`.
    """
    return _run


def _run(
    source: str | Path,
    *,
    tools: Sequence[Any] | str | Path = (),
    fakes: Mapping[str, Any] | str | Path | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> WeftRun:
    import asyncio

    from weft_worker.in_memory import run_prepared

    __tracebackhide__ = True
    prepared = _prepare(source, tools, fakes, dict(inputs or {}))
    # A thread of its own, because the test itself may run in an event loop.
    run = _in_thread(lambda: asyncio.run(run_prepared(prepared, run_id="test")))
    error = run.error and WeftError(run.error.type, run.error.message, run.error.line, run.error.step)
    return WeftRun(run.status, run.result, run.stdout, [(step.tool, step.arguments) for step in run.steps], error)


def _prepare(
    source: str | Path,
    tools: Sequence[Any] | str | Path,
    fakes: Mapping[str, Any] | str | Path | None,
    inputs: dict[str, Any],
) -> Prepared:
    """What is to be run. What is wrong with it is told without our own frames: the test's line is meant."""
    from weft_activities.catalog import CatalogError
    from weft_compiler.diagnostics import CompileFailed

    from weft_worker.fakes import FakesError
    from weft_worker.prepare import Prepared
    from weft_worker.problems import CommandFailed

    __tracebackhide__ = True
    try:
        catalog, answers = _catalog_of(tools), _fakes_of(fakes)
        return Prepared(_compile(source, catalog, answers, inputs), inputs, catalog, answers, ())
    except (CatalogError, CommandFailed, CompileFailed, FakesError) as error:
        raise error.with_traceback(None) from None


def _compile(source: str | Path, catalog: Catalog | None, fakes: Fakes | None, inputs: dict[str, Any]) -> Plan:
    from weft_compiler.compile import compile_source

    from weft_worker.prepare import check_plan

    if isinstance(source, Path) or ("\n" not in source and source.endswith(".py")):
        text, file = Path(source).read_text("utf-8-sig"), str(source)
    else:
        text, file = source, "<test>"
    specs = catalog.specs() if catalog is not None else fakes.specs() if fakes is not None else ()
    plan = compile_source(text, specs, file=file, inputs=list(inputs))
    check_plan(plan, inputs, fakes)
    return plan


def _catalog_of(tools: Sequence[Any] | str | Path) -> Catalog | None:
    from weft_activities.catalog import Catalog, load_catalog
    from weft_activities.tool import make_tool, tool_of

    given = [tools] if isinstance(tools, str | Path) else list(tools)
    if not given:
        return None
    loaded = list(load_catalog([str(each) for each in given if isinstance(each, str | Path)]))
    functions = [each for each in given if not isinstance(each, str | Path)]
    return Catalog([*loaded, *(tool_of(each) or make_tool(each) for each in functions)])


def _fakes_of(fakes: Mapping[str, Any] | str | Path | None) -> Fakes | None:
    from weft_worker.fakes import load_fakes, make_fakes

    if fakes is None:
        return None
    return load_fakes(str(fakes)) if isinstance(fakes, str | Path) else make_fakes(fakes)


def _in_thread(work: Any) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()
