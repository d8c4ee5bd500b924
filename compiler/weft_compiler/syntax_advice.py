"""What to do about a syntax error, where CPython's message alone does not say it.

Advice is found by the message and by the faulty line; the first that fits is given. It proposes, and changes nothing.
"""

from __future__ import annotations

import keyword
import re

_FENCE = re.compile(r"\s*(```|~~~)")
#: By CPython's message.
_BY_MESSAGE: tuple[tuple[str, str], ...] = (
    (r"invalid character '[\u2018-\u201f\u00ab\u00bb\u2032\u2033]'", "write straight quotes: `\"` or `'`"),
    (r"invalid character '[\u2010-\u2015\u2212]'", "write an ordinary minus: `-`"),
    (r"invalid non-printable character", "write an ordinary space"),
    (r"invalid character", "use letters, digits and underscores in names, and Python's own signs"),
    (r"f-string|t-string", "use other quotes inside the braces than around the text, or name the value before"),
    (r"unterminated triple-quoted", "close it with the same three quotes"),
    (r"unterminated", "close it with the same quote; a text over several lines takes three"),
    (r"was never closed", "close the bracket"),
    (r"does not match|unmatched", "close each bracket with its own kind"),
    (r"inconsistent use of tabs", "indent with spaces only"),
    (r"expected an indented block", "indent the body by four spaces; `pass` is a body that does nothing"),
    (r"indent", "align it with the statements of its block"),
    (r"Missing parentheses in call to 'print'", "write `print(…)`"),
    (r"multiple exception types", "write `except ValueError as e:`, and several types in brackets"),
    (r"positional argument follows", "put it before the named arguments, or name it"),
    (r"'(break|continue)'.* (outside|not properly)", "use `return`, or put the rest under an `if`"),
    (r"before global declaration", "put the `global` line first in the function"),
    (r"before nonlocal declaration", "put the `nonlocal` line first in the function"),
    (r"'return' outside|'yield' outside", "put it into a function"),
    (r"instead of '='", "compare with `==`, or assign in a statement before"),
)
#: By the faulty line.
_BY_LINE: tuple[tuple[str, str], ...] = (
    (r"\s*else\s+if\b", "write `elif`"),
    (r"\s*(const|let|var)\s+\w", "leave that word out: `name = …` is all that an assignment takes"),
    (r"\s*(function|func|fn)\s+\w", "write `def name(…):`, or `async def name(…):`"),
    (r".*=>", "write `lambda x: …`, or a comprehension"),
    (r".*&&|.*\|\|", "write `and`, `or` and `not`"),
    (r".*\w(\+\+|--)", "write `name += 1` or `name -= 1`"),
    (r".*\?.*:", "write `a if condition else b`"),
    (r"\s*(import|from)\b", "write `import module` or `from module import name`"),
    (r"\s*(except|finally)\b", "put a `try:` before it, on the same indentation"),
    (r"[A-Z][\w']*,? +\w+ +\w+.*[:.!]?\s*$", "leave sentences out, or make them comments: `# …`"),
)


def is_fence(line: str) -> bool:
    """Whether a line is one of those that Markdown puts around code."""
    return _FENCE.match(line) is not None


def without_fences(text: str) -> str:
    """The text with its Markdown fences emptied."""
    return re.sub(r"(?m)^[ \t]*(```|~~~).*$", "", text)


def problem_of(message: str, line: str) -> str:
    """CPython's message, or a better one where CPython cannot know what the line is."""
    return "a Markdown fence is not Python" if is_fence(line) else message


def advice(message: str, line: str) -> str | None:
    """One line that says what to write instead; None where nothing particular is known."""
    if is_fence(line):
        return "give the code alone, without the lines of backquotes"
    named = re.match(r"\s*(\w+)\s*=[^=]", line)
    if named is not None and keyword.iskeyword(named[1]):
        return f"`{named[1]}` is a word of Python itself: choose another name, such as `{named[1]}_`"
    if message == "expected ':'" and re.match(_BY_LINE[0][0], line) is None:
        return "end the line with `:`"
    by_message = next((text for words, text in _BY_MESSAGE if re.search(words, message)), None)
    by_line = next((text for words, text in _BY_LINE if re.match(words, line)), None)
    return by_message or by_line
