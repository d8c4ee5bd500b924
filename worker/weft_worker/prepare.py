"""From a command line to something that can run: reads the orchestration, loads the tools, compiles, checks
the inputs.

What always holds: nothing has run when this returns or raises, and all that is wrong is reported at once.
Temporal is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft_compiler.compile import compile_source
from weft_compiler.diagnostics import CompileFailed, Diagnostic, render

from weft_worker.outcome import FAILED, USAGE
from weft_worker.problems import CommandFailed, Problem
from weft_worker.read_inputs import unread_inputs

if TYPE_CHECKING:
    from weft_activities.catalog import Catalog
    from weft_compiler.plan import Limits, Plan
    from weft_compiler.tool_spec import ToolSpec

    from weft_worker.fakes import Fakes

_TEXT_LIMIT = 2_000_000


@dataclass(frozen=True)
class Prepared:
    """A plan with what it is run with. `tool_sources` can be loaded from any working directory."""

    plan: Plan
    inputs: dict[str, Any]
    catalog: Catalog | None
    fakes: Fakes | None
    tool_sources: tuple[str, ...]
    #: What the compiler finds doubtful, rendered for people; empty where it finds nothing.
    warnings: str = ""


class _Problems:
    """Collects what is wrong; usage errors exit with 2, refusals by the compiler with 1."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.exit_code = USAGE
        self.type = "UsageError"
        self.warnings = ""

    def add(self, message: str, code: str = "usage") -> None:
        self.found.append(Problem(code, message))

    def refuse(self, diagnostics: Sequence[Diagnostic], failure: CompileFailed, color: bool) -> None:
        errors = [each for each in diagnostics if each.severity == "error"]
        if not errors:
            return
        self.exit_code, self.type = FAILED, "CompileError"
        text = render(errors, failure.source, "full", file=failure.file, color=color).rstrip("\n")
        texts = [text] + [""] * (len(errors) - 1)
        rows = json.loads(render(errors, failure.source, "json", file=failure.file))
        # What the compiler found comes first: it is what the exit code and the JSON object's error speak of.
        self.found[:0] = [
            Problem(each.code, each.message, each.span.line, text, row)
            for each, text, row in zip(errors, texts, rows, strict=True)
        ]

    def raise_if_any(self) -> None:
        if self.found:
            raise CommandFailed(self.found, exit_code=self.exit_code, type_=self.type)


def prepare(
    plan_file: str,
    tools: Sequence[str],
    *,
    inputs: str | None = None,
    fake: str | None = None,
    limits: Sequence[str] = (),
    color: bool = False,
) -> Prepared:
    """Compile the orchestration in `plan_file` against `tools`, with the run's inputs.

    `inputs` is a JSON object or `@FILE`; `fake` a file of fakes; `limits` are texts like `fuel=N`. Raises
    CommandFailed with everything that is wrong.
    """
    problems = _Problems()
    source = _read(plan_file, problems)
    given = _parse_inputs(inputs, problems)
    bounds = _read_limits(limits, problems)
    catalog = _load_tools(tools, problems)
    fakes = _load_fakes(fake, problems)
    plan = None
    if source is not None and not (tools and catalog is None) and not (fake and fakes is None):
        specs = catalog.specs() if catalog is not None else fakes.specs() if fakes is not None else ()
        plan = _compile(source, plan_file, specs, given, bounds, problems, color)
    if plan is not None:
        _check(plan, given, fakes, problems)
    problems.raise_if_any()
    assert plan is not None
    assert given is not None
    return Prepared(plan, given, catalog, fakes, absolute_sources(tools), problems.warnings)


def compile_file(
    plan_file: str,
    tools: Sequence[str],
    inputs: str | None = None,
    on_warning: Callable[[Diagnostic], None] | None = None,
    *,
    limits: Sequence[str] = (),
) -> Plan:
    """The plan of an orchestration. Raises CommandFailed where something cannot be read or loaded,
    CompileFailed where the compiler refuses.
    """
    problems = _Problems()
    source = _read(plan_file, problems)
    given = _parse_inputs(inputs, problems)
    bounds = _read_limits(limits, problems)
    catalog = _load_tools(tools, problems)
    problems.raise_if_any()
    assert source is not None
    specs = catalog.specs() if catalog else ()
    return compile_source(source, specs, file=plan_file, inputs=list(given or ()), limits=bounds, on_warning=on_warning)


def check_plan(plan: Plan, inputs: dict[str, Any], fakes: Fakes | None) -> None:
    """Raise CommandFailed where a plan cannot be run with those inputs and fakes."""
    problems = _Problems()
    _check(plan, inputs, fakes, problems)
    problems.raise_if_any()


def inputs_for(plan: Plan, text: str) -> dict[str, Any]:
    """The inputs that `text` gives to a plan that is there already. Raises CommandFailed where they do not fit."""
    problems = _Problems()
    given = _parse_inputs(text, problems)
    if given is not None:
        _check(plan, given, None, problems)
    problems.raise_if_any()
    assert given is not None
    return given


def load_tools(sources: Sequence[str]) -> Catalog | None:
    """The catalog of those sources, None where there are none. Raises CommandFailed."""
    problems = _Problems()
    catalog = _load_tools(sources, problems)
    problems.raise_if_any()
    return catalog


def absolute_sources(sources: Sequence[str]) -> tuple[str, ...]:
    """Tool sources as they can be loaded from anywhere: files by absolute path, modules by name."""
    return tuple(str(Path(each).absolute()) if Path(each).exists() else each for each in sources)


def _read(plan_file: str, problems: _Problems) -> str | None:
    path = Path(plan_file)
    try:
        data = path.read_bytes()
        if len(data) > _TEXT_LIMIT:
            problems.add(f"{plan_file} has {len(data)} bytes; an orchestration may have {_TEXT_LIMIT}")
            return None
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.add(f"{plan_file} is not UTF-8 text (byte {error.start}): save it as UTF-8")
    except OSError as error:
        problems.add(f"the orchestration {plan_file} cannot be read: {error.strerror or error}")
    return None


def _parse_inputs(text: str | None, problems: _Problems) -> dict[str, Any] | None:
    if text is None:
        return {}
    where = "--inputs"
    if text.startswith("@"):
        where = text[1:]
        try:
            text = Path(where).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            problems.add(f"the inputs' file {where} cannot be read: {getattr(error, 'strerror', None) or error}")
            return None
    try:
        inputs = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        problems.add(f'{where} is not valid JSON: {error}. Write {{"name": value, ...}}, or @FILE')
        return None
    if not isinstance(inputs, dict):
        kind = "an array" if isinstance(inputs, list) else "a single value"
        problems.add(f'{where} is {kind}, not an object of inputs by name: write {{"name": value, ...}}')
        return None
    return inputs


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_limits(given: Sequence[str], problems: _Problems) -> Limits | None:
    from weft_worker.limits import LimitsError, read_limits

    try:
        return read_limits(given)
    except LimitsError as error:
        for each in error.problems:
            problems.add(each)
        return None


def _load_tools(sources: Sequence[str], problems: _Problems) -> Catalog | None:
    if not sources:
        return None
    from weft_activities.catalog import CatalogError, load_catalog

    try:
        return load_catalog(sources)
    except CatalogError as error:
        for each in error.problems:
            problems.add(each)
        return None


def _load_fakes(file: str | None, problems: _Problems) -> Fakes | None:
    if file is None:
        return None
    from weft_worker.fakes import FakesError, load_fakes

    try:
        return load_fakes(file)
    except FakesError as error:
        problems.add(str(error))
        return None


def _compile(
    source: str,
    file: str,
    specs: Sequence[ToolSpec],
    inputs: dict[str, Any] | None,
    limits: Limits | None,
    problems: _Problems,
    color: bool,
) -> Plan | None:
    try:
        warnings: list[Diagnostic] = []
        plan = compile_source(
            source, specs, file=file, inputs=list(inputs or ()), limits=limits, on_warning=warnings.append
        )
        if warnings:
            problems.warnings = render(warnings, source, "full", file=file, color=color)
        return plan
    except CompileFailed as failure:
        # Inputs that could not be read would have been names: what is unknown for that reason is no error of
        # its own.
        passed_over = {"unknown-name"} if inputs is None else set()
        problems.refuse([each for each in failure.diagnostics if each.code not in passed_over], failure, color)
        return None


def _check(plan: Plan, inputs: dict[str, Any] | None, fakes: Fakes | None, problems: _Problems) -> None:
    if inputs is not None:
        _check_inputs(plan, inputs, problems)
    if fakes is not None:
        _check_fakes(plan, fakes, problems)


def _check_inputs(plan: Plan, inputs: dict[str, Any], problems: _Problems) -> None:
    expected = plan.graph.inputs
    missing = [name for name, required in expected.items() if required and name not in inputs]
    unknown = [name for name in inputs if name not in expected]
    if missing:
        example = json.dumps(dict.fromkeys(missing, "..."))
        problems.add(
            f"missing input{_s(missing)} {_names(missing)}: give {_it(missing)} with --inputs '{example}'",
            "missing-input",
        )
    if unknown:
        takes = f"it takes {_names(list(expected))}" if expected else "it takes none"
        problems.add(f"the orchestration has no input{_s(unknown)} {_names(unknown)}; {takes}", "unknown-input")
    if unread := unread_inputs(plan, list(inputs)) if inputs else []:
        problems.add(
            f"the orchestration has no input{_s(unread)} {_names(unread)}: nothing in it reads {_it(unread)};"
            f" leave {_it(unread)} out of --inputs, or read {_it(unread)}",
            "unknown-input",
        )


def _check_fakes(plan: Plan, fakes: Fakes, problems: _Problems) -> None:
    """A run with fakes calls nothing real: a tool that nobody fakes is an error before anything runs."""
    missing = [spec.name for spec in plan.tools if spec.name not in fakes.names()]
    if missing:
        problems.add(
            f"there is no fake for {_names(missing)}, which the orchestration calls: add {_it(missing)} to {fakes.file}"
        )


def _names(names: list[str]) -> str:
    return ", ".join(names)


def _s(names: list[str]) -> str:
    return "s" if len(names) > 1 else ""


def _it(names: list[str]) -> str:
    return "them" if len(names) > 1 else "it"
