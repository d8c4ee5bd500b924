"""What parsing and compiling cost: `ast` beside libcst, and a whole compile, side by side in one process.

    uv run --with libcst python benchmarks/parsing.py

Prints the median of several rounds in milliseconds. Without libcst, its rows are left out.
"""

from __future__ import annotations

import ast
import importlib.util
import statistics
import time
from collections.abc import Callable

from weft_compiler.compile import compile_source
from weft_compiler.tool_spec import Parameter, ToolSpec

ROUNDS = 15
SCRIPT = '''
import asyncio, json

# Who spent more than the budget?
async def check(quarter):
    """Members over their budget."""
    members = await get_members("engineering")
    expenses = await asyncio.gather(*[get_expenses(m["id"], quarter) for m in members])
    found = []
    for member, lines in zip(members, expenses):
        total = sum(line["amount"] for line in lines)
        if total <= 100:
            continue
        try:
            budget = await get_budget(member["level"])
        except KeyError as error:
            print("no budget for", error)
            continue
        # Only what is over counts
        if total > budget["limit"]:
            found.append({"name": member["name"], "over": total - budget["limit"]})
        else:
            print(f"{member['name']}: {total:.2f}")
    found.sort(key=lambda row: -row["over"])
    return found


result = asyncio.run(check("Q3"))
print(json.dumps(result, indent=2))
'''
TOOLS = [
    ToolSpec(name="get_members", parameters=(Parameter(name="department"),)),
    ToolSpec(name="get_expenses", parameters=(Parameter(name="member"), Parameter(name="quarter"))),
    ToolSpec(name="get_budget", parameters=(Parameter(name="level"),)),
]


def milliseconds(work: Callable[[], object]) -> float:
    """The median of several rounds after one that does not count."""
    work()
    taken: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def main() -> None:
    print(f"{SCRIPT.count(chr(10)) - 1} lines")
    print(f"ast, with positions       {milliseconds(lambda: ast.parse(SCRIPT)):6.2f} ms")
    if importlib.util.find_spec("libcst") is not None:
        import libcst
        from libcst.metadata import MetadataWrapper, PositionProvider

        module = libcst.parse_module(SCRIPT)
        print(f"libcst, parsing           {milliseconds(lambda: libcst.parse_module(SCRIPT)):6.2f} ms")
        positions = milliseconds(lambda: MetadataWrapper(module).resolve(PositionProvider))
        print(f"libcst, positions         {positions:6.2f} ms")
    print(f"a whole compile to a plan {milliseconds(lambda: compile_source(SCRIPT, TOOLS)):6.2f} ms")


if __name__ == "__main__":
    main()
