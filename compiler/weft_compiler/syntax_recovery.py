"""Goes on after a syntax error: puts a harmless statement for the faulty one, on the same lines, at the same depth.

The result is only good for finding further errors. Where the extent of the fault cannot be told (an open bracket, a
wrong indentation) there is none, so that no error is reported that the first one brought about.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Sequence

from weft_compiler.diagnostics import split_lines

_HOPELESS = ("was never closed", "unterminated triple-quoted", "does not match", "indent", "unexpected EOF")
_CLAUSE = re.compile(r"\s*(elif|else|except|finally|case)\b")
_WORD = re.compile(r"\s*([a-z]+)\b")
#: What stands for a compound statement's header; anything else is a simple statement.
_HEADERS = {
    "if": "if True:",
    "for": "if True:",
    "while": "if True:",
    "with": "if True:",
    "async": "if True:",
    "def": "if True:",
    "class": "if True:",
    "try": "try:",
    "elif": "elif True:",
    "else": "else:",
    "except": "except Exception:",
    "finally": "finally:",
    "case": "case 0:",
}


def without_statement(text: str, line: int, message: str) -> str | None:
    """The text with the logical line that holds `line` replaced; None where that would only lead to false errors."""
    if any(words in message for words in _HOPELESS):
        return None
    lines = split_lines(text)
    extent = _logical_line("\n".join(lines), line)
    if extent is None:
        return None
    first, last = extent
    lines[first - 1 : last] = [_stand_in(lines, first, last)] + [""] * (last - first)
    return "\n".join(lines)


def brought_about(message: str, line: str, col: int) -> bool:
    """Whether an error after the first one is likely to be its consequence: of depth, of brackets, or at a clause."""
    if "indent" in message or message.startswith("unmatched"):
        return True
    clause = _CLAUSE.match(line)
    return clause is not None and clause.start(1) == col


def _logical_line(text: str, line: int) -> tuple[int, int] | None:
    """First and last line of the statement or header that holds `line`, where CPython's tokenizer can tell."""
    start: int | None = None
    end = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                end = token.start[0]
                if start is not None and start <= line <= end:
                    return start, end
                start = None
            elif start is None and token.type not in _BETWEEN:
                start = token.start[0]
    except (tokenize.TokenError, SyntaxError):
        return (line, line) if start in (None, line) and end < line else None
    return None


_BETWEEN = (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)


def _stand_in(lines: Sequence[str], first: int, last: int) -> str:
    line = lines[first - 1]
    indent = line[: len(line) - len(line.lstrip())]
    word = _WORD.match(line)
    has_body = _depth_after(lines, last) > len(indent)
    if word is not None and word[1] == "match" and has_body:
        return f"{indent}match 0:"
    header = _HEADERS.get(word[1]) if word is not None else None
    if header is None:
        return f"{indent}{'if True:' if has_body else 'pass'}"
    return f"{indent}{header}{'' if has_body else ' pass'}"


def _depth_after(lines: Sequence[str], last: int) -> int:
    """The indentation of the next line that holds code."""
    for line in lines[last:]:
        code = line.lstrip()
        if code and not code.startswith("#"):
            return len(line) - len(code)
    return 0
