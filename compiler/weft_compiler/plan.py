"""A plan: the immutable, serialisable input of a run."""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field

from weft_compiler.graph import Graph
from weft_compiler.tool_spec import ToolSpec

#: Version of the rules by which the machine executes a graph: the order in which strands go on, the ids of steps, what is
#: given to tools, how fuel is counted. Raised when a plan would run otherwise than before; the machine then does as before
#: for plans of older rules (`tests/machine/test_rules.py` watches).
#:
#: 2: a function of `re` costs as much when its pattern was used before.
RULES_VERSION = 2


class Limits(BaseModel):
    """What one run may use. A limit's error names the limit, the line and the setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Fuel (loop iterations and calls, roughly) that pure code may use between two steps: some minutes.
    fuel: int = Field(default=1_000_000_000, gt=0)
    #: Bytes that one value made by pure code may take, and characters of a string.
    value_bytes: int = Field(default=256 * 1024 * 1024, gt=0)
    #: Depth of calls of the orchestration's functions.
    call_depth: int = Field(default=900, gt=0)
    #: Characters that the run may print.
    output_chars: int = Field(default=1_000_000, gt=0)


def running_python() -> str:
    """The minor version that a run is pinned to, as `3.11`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


class Plan(BaseModel):
    """Graph + source + snapshot of the tools it uses + limits. `plan_id` is the sha256 of its canonical JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    source: str
    graph: Graph
    tools: tuple[ToolSpec, ...] = ()
    limits: Limits = Limits()
    python: str = Field(default_factory=running_python)
    rules: int = RULES_VERSION

    def canonical_json(self) -> str:
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def plan_id(self) -> str:
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def tool(self, name: str) -> ToolSpec:
        """The tool of that name. Raises KeyError where the plan does not use it."""
        for spec in self.tools:
            if spec.name == name:
                return spec
        raise KeyError(name)
