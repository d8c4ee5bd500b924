"""`weft compile` and `weft explain`: what the compiler makes of an orchestration, and what it says of it."""

from __future__ import annotations

import sys
from typing import Literal

from weft_compiler.diagnostics import CompileFailed, Diagnostic, render
from weft_compiler.printer import render_graph

from weft_worker.cli.output import print_text, say
from weft_worker.outcome import COMPLETED, FAILED
from weft_worker.prepare import compile_file
from weft_worker.problems import misused


def show_compiled(
    plan_file: str,
    tools: list[str],
    *,
    inputs: str | None,
    limits: list[str],
    form: Literal["tree", "mermaid", "json"],
    style: Literal["full", "concise", "json"],
) -> int:
    """Print the graph on stdout, or the diagnostics: as JSON on stdout, for people on stderr. Returns the
    exit code.
    """
    warnings: list[Diagnostic] = []
    try:
        plan = compile_file(plan_file, tools, inputs, warnings.append, limits=limits)
    except CompileFailed as failure:
        color = style == "full" and sys.stderr.isatty()
        text = render(failure.diagnostics, failure.source, style, file=failure.file, color=color)
        (print_text if style == "json" else say)(text)
        return FAILED
    if warnings:
        say(render(warnings, plan.source, style, file=plan.file))
    print_text(render_graph(plan.graph, form, tools=plan.tools).rstrip("\n"))
    return COMPLETED


def show_explanation(code: str) -> int:
    """Print the page of a diagnostic's code. Returns the exit code."""
    from weft_compiler.codes import explain

    try:
        print_text(explain(code).rstrip("\n"))
    except KeyError as error:
        raise misused(str(error.args[0])) from None
    return COMPLETED
