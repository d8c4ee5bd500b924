"""Turns pure Python trees into the `Code` of graph nodes, and back.

The text is what `ast.unparse` prints; since the tree that the machine parses from it has the same shape, one line number
per located node, in `ast.walk` order, is all that is needed to give errors the orchestration's own lines.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from weft_compiler.graph import Code
from weft_compiler.tree import walk

#: Builtins under names that no orchestration can rebind; the machine supplies them.
FORMATTERS = frozenset({"__weft_format", "__weft_str", "__weft_repr", "__weft_ascii"})


def expression_code(node: ast.expr, functions: tuple[str, ...] = ()) -> Code:
    """The code of one expression."""
    return _code(ast.Expression(node), functions)


def statements_code(statements: list[ast.stmt], functions: tuple[str, ...] = ()) -> Code:
    """The code of some statements."""
    return _code(ast.Module(statements, []), functions)


def parse_code(code: Code, mode: str = "exec") -> ast.AST:
    """The tree of a code, each node on its line of the orchestration. `mode` is `exec` or `eval`."""
    tree = ast.parse(code.text, mode=mode)
    located = [node for node in walk(tree) if hasattr(node, "lineno")]
    for node, line in zip(located, decode_lines(code.lines), strict=True):
        node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
        node.col_offset = node.end_col_offset = 0  # type: ignore[attr-defined]
    return tree


def decode_lines(text: str) -> Iterator[int]:
    """The line of each located node. The text is `line` or `line*count`, separated by commas."""
    for part in text.split(",") if text else ():
        line, _, count = part.partition("*")
        for _ in range(int(count or 1)):
            yield int(line)


def _encode_lines(lines: Iterable[int]) -> str:
    runs: list[list[int]] = []
    for line in lines:
        if runs and runs[-1][0] == line:
            runs[-1][1] += 1
        else:
            runs.append([line, 1])
    return ",".join(str(line) if count == 1 else f"{line}*{count}" for line, count in runs)


def _code(tree: ast.Expression | ast.Module, functions: tuple[str, ...]) -> Code:
    text = ast.unparse(ast.fix_missing_locations(tree))
    if isinstance(tree, ast.Module):
        again: ast.AST = ast.parse(text)
    else:
        again = ast.parse(text, mode="eval")
    if ast.dump(again) != ast.dump(tree):
        text = ast.unparse(_PlainStrings().visit(tree))
    return Code(text=text, lines=_encode_lines(_lines(tree)), functions=functions)


def _lines(tree: ast.AST) -> Iterator[int]:
    for node in walk(tree):
        if hasattr(node, "lineno"):
            yield node.lineno


class _PlainStrings(ast.NodeTransformer):
    """Writes f-strings whose printed form would not parse to the same tree as calls of `str.format`'s parts.

    Needed before Python 3.12, where an expression in an f-string may not hold a backslash or the string's own quotes.
    """

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        self.generic_visit(node)
        parts = ast.Tuple([_formatted(value) for value in node.values], ast.Load())
        joined = ast.Call(ast.Attribute(ast.Constant(""), "join", ast.Load()), [parts], [])
        ast.copy_location(joined, node)
        for inner in walk(joined):
            if "lineno" in inner._attributes and not hasattr(inner, "lineno"):
                ast.copy_location(inner, node)
        return joined


def _formatted(value: ast.expr) -> ast.expr:
    return formatting_call(value) if isinstance(value, ast.FormattedValue) else value


def formatting_call(value: ast.FormattedValue) -> ast.expr:
    """The call that gives the text of one place of an f-string."""
    shown = value.value
    if value.conversion != -1:
        convert = {"s": "str", "r": "repr", "a": "ascii"}[chr(value.conversion)]
        shown = ast.Call(ast.Name(f"__weft_{convert}", ast.Load()), [shown], [])
        if value.format_spec is None:
            return shown
    spec = value.format_spec if value.format_spec is not None else ast.Constant("")
    return ast.Call(ast.Name("__weft_format", ast.Load()), [shown, spec], [])
