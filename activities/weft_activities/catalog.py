"""The tools that a run may use, collected from files and modules.

Always holds: a catalog is ordered by name and has each name once. A source is the path of a Python file or a dotted
module, each optionally with `:attribute` (a tool, or a list, tuple or dict of tools); without it, every tool in the
module's namespace is taken. All that is wrong with the sources is reported together. How a module is found and run
is `sources`' business.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from weft_compiler.tool_spec import ToolSpec

from weft_activities.sources import SourceError, load_module, split_source
from weft_activities.tool import Tool, tool_of


class CatalogError(Exception):
    """Sources from which no catalog can be made. `problems` are complete sentences, in the order of the sources."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class UnknownTool(LookupError):
    """A name that no tool of the catalog bears. `closest` are names like it, the best first."""

    def __init__(self, name: str, names: Sequence[str]) -> None:
        self.name = name
        self.closest = tuple(difflib.get_close_matches(name, names, 3))
        if self.closest:
            hint = f"did you mean {' or '.join(repr(near) for near in self.closest)}?"
        else:
            hint = f"the tools are {', '.join(names)}" if names else "there are no tools"
        super().__init__(f"there is no tool {name!r}: {hint}")


class Catalog:
    """Tools by name, in the order of their names."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        """Raises CatalogError where two different tools bear one name."""
        given = _distinct(tools)
        problems = _name_clashes(given)
        if problems:
            raise CatalogError(problems)
        self._tools = {tool.name: tool for tool in sorted(given, key=lambda tool: tool.name)}

    def specs(self) -> list[ToolSpec]:
        return [tool.spec for tool in self]

    def names(self) -> list[str]:
        return list(self._tools)

    def get(self, name: str) -> Tool:
        """Raises UnknownTool, which names the closest ones."""
        try:
            return self._tools[name]
        except KeyError:
            raise UnknownTool(name, self.names()) from None

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: object) -> bool:
        return name in self._tools


def load_catalog(sources: Sequence[str]) -> Catalog:
    """The tools of all sources. Raises CatalogError with every problem of every source."""
    tools: list[Tool] = []
    problems: list[str] = []
    for source in sources:
        try:
            tools += _tools_of(source)
        except SourceError as error:
            problems.append(str(error))
    problems += _name_clashes(_distinct(tools))
    if problems:
        raise CatalogError(problems)
    return Catalog(tools)


def _tools_of(source: str) -> list[Tool]:
    location, attribute = split_source(source)
    module = load_module(location)
    found = _collect(module, attribute, source) if attribute else _all_tools(module, source)
    if not found:
        raise SourceError(
            f"{source} has no tools: decorate its functions with @tool (from weft_activities import tool), or name "
            "another source"
        )
    return found


def _all_tools(module: ModuleType, source: str) -> list[Tool]:
    return [
        _undecorated(value, tool, source) for value in vars(module).values() if (tool := tool_of(value)) is not None
    ]


def _collect(module: ModuleType, attribute: str, source: str) -> list[Tool]:
    try:
        value: Any = getattr(module, attribute)
    except AttributeError:
        near = difflib.get_close_matches(attribute, list(vars(module)), 1)
        hint = f"did you mean {near[0]!r}?" if near else "name one that it defines"
        raise SourceError(f"{source}: the module has no {attribute!r}: {hint}") from None
    if isinstance(value, Mapping):
        value = list(value.values())
    members = list(value) if isinstance(value, (list, tuple, set, frozenset, Catalog)) else [value]
    found = []
    for member in members:
        tool = tool_of(member)
        if tool is None:
            raise SourceError(
                f"{source}: {member!r} is no tool: {attribute!r} must be a function under @tool or a list of such "
                f"functions"
            )
        found.append(_undecorated(member, tool, source))
    return found


def _undecorated(value: Any, tool: Tool, source: str) -> Tool:
    """The tool, unless a decorator above @tool wrapped its function: a step would run without that decorator."""
    if value is not tool and value is not tool.function:
        raise SourceError(
            f"{source}: a decorator above @tool wraps {tool.name!r} ({tool.place}), and steps would run without it: "
            f"put "
            "@tool on top"
        )
    return tool


def _distinct(tools: Iterable[Tool]) -> list[Tool]:
    """Each definition once: a tool may come in through several modules, and a file may have been run twice."""
    first: dict[tuple[str, str], Tool] = {}
    for tool in tools:
        first.setdefault((tool.name, tool.place), tool)
    return list(first.values())


def _name_clashes(tools: Sequence[Tool]) -> list[str]:
    by_name: dict[str, list[Tool]] = {}
    for tool in tools:
        by_name.setdefault(tool.name, []).append(tool)
    return [
        f"there are {len(same)} tools named {name!r}, at {' and at '.join(t.place for t in same)}: rename all but one, "
        "or give it @tool(name=...)"
        for name, same in sorted(by_name.items())
        if len(same) > 1
    ]
