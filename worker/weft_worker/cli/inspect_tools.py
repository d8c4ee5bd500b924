"""`weft tools`: what the tools of files and modules are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft_worker.cli.output import print_json, print_text, show_value
from weft_worker.outcome import COMPLETED
from weft_worker.prepare import load_tools
from weft_worker.problems import misused

if TYPE_CHECKING:
    from weft_activities.catalog import Catalog
    from weft_compiler.tool_spec import ToolSpec


def show_tools(sources: list[str], *, as_json: bool) -> int:
    """List the tools of those sources by name. Returns the exit code."""
    specs = _load(sources).specs()
    if as_json:
        print_json({"tools": [spec.model_dump(mode="json") for spec in specs]})
        return COMPLETED
    width = max(len(signature(spec)) for spec in specs)
    for spec in specs:
        first_line = spec.description.strip().partition("\n")[0]
        print_text(f"{signature(spec):<{width}}  {spec.effect.value:<10}  {first_line}".rstrip())
    return COMPLETED


def show_tool(name: str, sources: list[str], *, as_json: bool) -> int:
    """Show one tool. Returns the exit code."""
    from weft_activities.catalog import UnknownTool

    try:
        tool = _load(sources).get(name)
    except UnknownTool as error:
        raise misused(str(error)) from None
    spec = tool.spec
    if as_json:
        print_json(spec.model_dump(mode="json"))
        return COMPLETED
    retry = spec.retry
    print_text(f"{signature(spec)}\n\n{spec.description.strip()}".rstrip())
    print_text(f"\neffect    {spec.effect.value}")
    in_all = f", {spec.total_timeout:g} s in all" if spec.total_timeout is not None else ""
    print_text(f"timeout   {spec.timeout:g} s{in_all}")
    print_text(f"attempts  {retry.max_attempts}, {retry.initial_interval:g} s to {retry.max_interval:g} s apart")
    if retry.non_retryable:
        print_text(f"never     {', '.join(retry.non_retryable)}: not tried again")
    print_text(f"defined   {tool.place}")
    print_text(f"takes     {show_value(spec.input_schema)}")
    if spec.output_schema is not None:
        print_text(f"gives     {show_value(spec.output_schema)}")
    return COMPLETED


def signature(spec: ToolSpec) -> str:
    """The tool as it is called: `name(a, b=?)`."""
    marks = {"var_positional": "*", "var_keyword": "**"}
    shown = []
    for each in spec.parameters:
        mark = marks.get(each.kind, "")
        shown.append(f"{mark}{each.name}" if each.required or mark else f"{each.name}=?")
    return f"{spec.name}({', '.join(shown)})"


def _load(sources: list[str]) -> Catalog:
    catalog = load_tools(sources)
    if catalog is None:
        raise misused("name the tools' file or module with --tools")
    return catalog
