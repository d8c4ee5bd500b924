"""What a compile costs, by the length of the orchestration.

    python -m benchmarks.compiling

Prints a table: milliseconds of CPU time, the best of several rounds, for a dense program of functions and for one of
top-level statements; the last one stands in `README.md`.
"""

from __future__ import annotations

import time

from weft_compiler.compile import compile_source

from benchmarks.parsing import SCRIPT, TOOLS

LENGTHS = (30, 100, 400, 2000)
_HEAD = "import asyncio, json\n"
_FUNCTION = SCRIPT[SCRIPT.index("# Who spent") : SCRIPT.index("result = asyncio")].rstrip() + "\n\n"
_STATEMENTS = """# The members of department {0}
row{0} = await get_members("d{0}")
total += len(row{0})
for member in row{0}:
    if member["id"] > {0}:
        print(f"{{member['name']}}: {{total}}")
"""


def functions(lines: int) -> str:
    """About so many lines of asynchronous functions that are called in turn."""
    count = max(1, round((lines - 2) / (_FUNCTION.count("\n") + 1)))
    parts = [_FUNCTION.replace("check(", f"check{number}(") for number in range(count)]
    calls = [f"found{number} = await check{number}('Q{number}')\n" for number in range(count)]
    return "".join([_HEAD, *parts, *calls, "return found0\n"])


def statements(lines: int) -> str:
    """About so many lines of top-level statements."""
    count = max(1, round((lines - 2) / _STATEMENTS.count("\n")))
    return "".join([_HEAD, "total = 0\n", *(_STATEMENTS.format(number) for number in range(count))])


def milliseconds(source: str) -> float:
    rounds = max(3, 2000 // source.count("\n"))
    return min(_once(source) for _ in range(rounds)) * 1000


def _once(source: str) -> float:
    began = time.process_time()
    compile_source(source, TOOLS)
    return time.process_time() - began


def main() -> None:
    print("| program | lines | ms | µs a line |\n| --- | --- | --- | --- |")
    for name, make in (("functions", functions), ("statements", statements)):
        for length in LENGTHS:
            source = make(length)
            lines, taken = source.count("\n"), milliseconds(source)
            print(f"| {name} | {lines:,} | {taken:.1f} | {taken / lines * 1000:.0f} |")


if __name__ == "__main__":
    main()
