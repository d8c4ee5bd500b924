"""re on a linear-time engine: no pattern of an orchestration can run away.

Patterns are translated from Python's syntax to RE2's where the two differ (`\\Z`, `(?P=…)` is refused, verbose mode is stripped here). What
RE2 cannot do (look-around, back-references, possessive and atomic groups) raises `re.error` with a message that says so.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import re2

from weft_workflows.sandbox.names import plain_text

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment
    from weft_workflows.sandbox.meter import Meter


class RegexFlag(enum.IntFlag):
    """The flags of re, with CPython's values."""

    NOFLAG = 0
    ASCII = A = 256
    IGNORECASE = I = 2  # noqa: E741
    MULTILINE = M = 8
    DOTALL = S = 16
    UNICODE = U = 32
    VERBOSE = X = 64


_UNSUPPORTED = {
    "(?=": "look-ahead",
    "(?!": "look-ahead",
    "(?<=": "look-behind",
    "(?<!": "look-behind",
    "(?P=": "a reference to a group",
    "(?(": "a conditional group",
    "(?>": "an atomic group",
}
#: Characters of Unicode that Python's classes mean and RE2's do not.
_UNICODE_CLASSES = {"d": r"\p{Nd}", "w": r"\p{L}\p{N}_\p{Mn}", "s": r"\s\v\x1c-\x1f\x85\p{Z}"}
_INLINE = re.compile(r"\(\?([aiLmsux]+)\)")


def translate(pattern: str, flags: int, *, unicode: bool, dollar: str = r"\z") -> str:
    """The pattern in RE2's syntax, with `dollar` for `$`. Raises re.error for what RE2 cannot do."""
    result: list[str] = []
    i, in_class = 0, False
    while i < len(pattern):
        c = pattern[i]
        if c == "\\":
            piece, i = _escape(pattern, i, in_class, unicode)
            result.append(piece)
            continue
        if in_class:
            in_class = not (c == "]" and not _just_opened(result))
            result.append("\\[" if c == "[" else c)
        elif c == "[":
            in_class = True
            result.append(c)
        elif c == "(" and pattern.startswith("(?", i):
            i = _group(pattern, i, result)
            continue
        elif flags & RegexFlag.X and (c.isspace() or c == "#"):
            i = _skip_comment(pattern, i)
            continue
        elif c == "+" and result and _is_quantifier(pattern, i):
            raise re.error("possessive quantifiers are not supported: patterns run on a linear-time engine", pattern, i)
        elif c == "$" and not flags & RegexFlag.M:
            result.append(dollar)
        else:
            result.append(c)
        i += 1
    return "".join(result)


def _just_opened(result: list[str]) -> bool:
    return result[-1] == "[" or (result[-1] == "^" and len(result) > 1 and result[-2] == "[")


def _is_quantifier(pattern: str, i: int) -> bool:
    return (
        i > 0 and pattern[i - 1] in "*+?}" and (i < 2 or pattern[i - 2] != "\\") and not _literal_brace(pattern, i - 1)
    )


def _literal_brace(pattern: str, i: int) -> bool:
    return pattern[i] == "}" and re.search(r"\{\d*,?\d*\}$", pattern[max(0, i - 24) : i + 1]) is None


def _skip_comment(pattern: str, i: int) -> int:
    if pattern[i] != "#":
        return i + 1
    end = pattern.find("\n", i)
    return len(pattern) if end < 0 else end + 1


def _group(pattern: str, i: int, result: list[str]) -> int:
    """Takes over the head of a `(?…` group, or refuses it; gives the position after it."""
    for head, name in _UNSUPPORTED.items():
        if pattern.startswith(head, i):
            raise re.error(f"{name} is not supported: patterns run on a linear-time engine", pattern, i)
    if pattern.startswith("(?#", i):
        end = pattern.find(")", i)
        if end < 0:
            raise re.error("missing ), unterminated comment", pattern, i)
        return end + 1
    inline = _INLINE.match(pattern, i)
    if inline is not None:
        return inline.end()
    result.append("(?")
    return i + 2


def _escape(pattern: str, i: int, in_class: bool, unicode: bool) -> tuple[str, int]:
    """One escape sequence in RE2's syntax, and the position after it."""
    if i + 1 >= len(pattern):
        raise re.error("bad escape (end of pattern)", pattern, i)
    c = pattern[i + 1]
    if c.isdigit() and c != "0" and not in_class and not re.match(r"\\[0-3][0-7]{2}", pattern[i:]):
        raise re.error("a reference to a group is not supported: patterns run on a linear-time engine", pattern, i)
    if c == "Z" and not in_class:
        return r"\z", i + 2
    if c in "xuU":
        width = {"x": 2, "u": 4, "U": 8}[c]
        digits = pattern[i + 2 : i + 2 + width]
        if len(digits) < width or not all(each in "0123456789abcdefABCDEF" for each in digits):
            raise re.error(f"incomplete escape \\{c}{digits}", pattern, i)
        return re.escape(chr(int(digits, 16))) if c != "x" else f"\\x{digits}", i + 2 + width
    if unicode and c in "dws":
        inner = _UNICODE_CLASSES[c]
        return (inner if in_class else f"[{inner}]"), i + 2
    if unicode and c in "DWS" and not in_class:
        return f"[^{_UNICODE_CLASSES[c.lower()]}]", i + 2
    if c.isascii() and c.isalpha() and c not in "abBAdDfnrsStvwWx":
        raise re.error(f"bad escape \\{c}", pattern, i)
    return ("\\x08" if c == "b" and in_class else c if not c.isascii() else f"\\{c}"), i + 2


class Match:
    """A match, with the interface of re.Match."""

    __slots__ = ("_inner", "endpos", "pos", "re")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        [
            "group",
            "groups",
            "groupdict",
            "start",
            "end",
            "span",
            "expand",
            "re",
            "string",
            "pos",
            "endpos",
            "lastindex",
            "lastgroup",
            "regs",
        ]
    )

    def __init__(self, inner: Any, pattern: Pattern, pos: int, endpos: int) -> None:
        self._inner, self.re, self.pos, self.endpos = inner, pattern, pos, endpos

    @property
    def string(self) -> Any:
        return self._inner.string

    @property
    def regs(self) -> tuple[tuple[int, int], ...]:
        return tuple(self.span(i) for i in range(self.re.groups + 1))

    @property
    def lastindex(self) -> int | None:
        best, end = None, -1
        for i in range(1, self.re.groups + 1):
            if self._inner.end(i) > end or (best is None and self._inner.end(i) >= 0):
                best, end = i, self._inner.end(i)
        return best

    @property
    def lastgroup(self) -> str | None:
        last = self.lastindex
        return next((name for name, index in self.re.groupindex.items() if index == last), None)

    def _index(self, group: Any) -> int:
        index = self.re.groupindex.get(group, -1) if isinstance(group, str) else group
        if not isinstance(index, int) or not 0 <= index <= self.re.groups:
            raise IndexError("no such group")
        return index

    def group(self, *groups: Any) -> Any:
        found = tuple(self._inner.group(self._index(each)) for each in groups or (0,))
        return found[0] if len(found) == 1 else found

    def __getitem__(self, group: Any) -> Any:
        return self.group(group)

    def groups(self, default: Any = None) -> tuple[Any, ...]:
        found = (self._inner.group(i) for i in range(1, self.re.groups + 1))
        return tuple(default if each is None else each for each in found)

    def groupdict(self, default: Any = None) -> dict[str, Any]:
        found = {name: self._inner.group(index) for name, index in self.re.groupindex.items()}
        return {name: default if each is None else each for name, each in found.items()}

    def start(self, group: Any = 0) -> int:
        return int(self._inner.start(self._index(group)))

    def end(self, group: Any = 0) -> int:
        return int(self._inner.end(self._index(group)))

    def span(self, group: Any = 0) -> tuple[int, int]:
        return self.start(group), self.end(group)

    def expand(self, template: Any) -> Any:
        return expand(template, self)

    def __repr__(self) -> str:
        return f"<re.Match object; span={self.span()}, match={self.group()!r}>"


_REFERENCE = re.compile(r"\\(?:g<([^>]*)>|([1-9]\d?)|(.))", re.DOTALL)
_TEMPLATE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\\": "\\"}


def expand(template: Any, match: Match) -> Any:
    """A replacement template with the groups of a match filled in."""
    if isinstance(template, (bytes, bytearray)):
        text = bytes(template).decode("latin-1")
        return _expanded(text, match, lambda value: (value or b"").decode("latin-1")).encode("latin-1")
    return _expanded(template, match, lambda value: value or "")


def _expanded(template: str, match: Match, show: Callable[[Any], str]) -> str:
    def fill(found: re.Match[str]) -> str:
        name, number, other = found.groups()
        if name is not None:
            if not name.isdigit() and name not in match.re.groupindex:
                raise IndexError(f"unknown group name {name!r}")
            return show(match.group(int(name) if name.isdigit() else name))
        if number is not None:
            if int(number) > match.re.groups:
                raise re.error(f"invalid group reference {number}", template, found.start() + 1)
            return show(match.group(int(number)))
        if other in _TEMPLATE_ESCAPES:
            return _TEMPLATE_ESCAPES[other]
        if other.isascii() and other.isalpha():
            raise re.error(f"bad escape \\{other}", template, found.start())
        return f"\\{other}"

    return _REFERENCE.sub(fill, template)


class Pattern:
    """A compiled pattern, with the interface of re.Pattern."""

    __slots__ = ("_before_newline", "_inner", "_meter", "flags", "groupindex", "groups", "pattern")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        [
            "match",
            "search",
            "fullmatch",
            "findall",
            "finditer",
            "sub",
            "subn",
            "split",
            "pattern",
            "flags",
            "groups",
            "groupindex",
        ]
    )

    def __init__(self, pattern: Any, flags: int, meter: Meter) -> None:
        if isinstance(pattern, Pattern) or not isinstance(pattern, (str, bytes)):
            raise TypeError("first argument must be string or compiled pattern")
        text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
        text = "".join(str.__iter__(text))
        meter.check_size(len(text) * 256, "a compiled pattern")
        flags = _with_inline(text, flags)
        unicode = isinstance(pattern, str) and not flags & RegexFlag.A
        self.pattern, self._meter = pattern, meter
        self.flags = flags | (RegexFlag.U if unicode else 0)
        self._inner = _compiled(translate(text, flags, unicode=unicode), flags, pattern)
        # `$` also matches before a newline that ends the text. RE2 can say so only for texts with no other newline.
        ended = translate(text, flags, unicode=unicode, dollar="(?m:$)")
        self._before_newline = _compiled(ended, flags, pattern) if "$" in text else self._inner
        self.groups = int(self._inner.groups)
        names = dict(sorted(dict(self._inner.groupindex).items(), key=lambda pair: pair[1]))
        self.groupindex: dict[str, int] = {k if isinstance(k, str) else k.decode(): v for k, v in names.items()}

    def _text(self, string: Any) -> Any:
        if not isinstance(string, (str, bytes, bytearray)):
            raise TypeError(f"expected string or bytes-like object, got '{type(string).__name__}'")
        if isinstance(self.pattern, str) != isinstance(string, str):
            kinds = ("string", "bytes-like object") if isinstance(self.pattern, str) else ("bytes", "string")
            raise TypeError(f"cannot use a {kinds[0]} pattern on a {kinds[1]}")
        self._meter.charge((len(string) >> 4) * (1 + (len(self.pattern) >> 4)) + 1)
        if isinstance(string, bytearray):
            return bytes(string)
        if isinstance(string, str) and not string.isascii():
            return string.encode("utf-8", "replace").decode("utf-8") if _has_surrogate(string) else string
        return string

    def _engine(self, text: Any) -> Any:
        if self._before_newline is self._inner:
            return self._inner
        newline = "\n" if isinstance(text, str) else b"\n"
        return self._before_newline if text.find(newline) == len(text) - 1 >= 0 else self._inner

    def _one(self, how: str, string: Any, pos: Any, endpos: Any) -> Match | None:
        text = self._text(string)
        first = 0 if pos is None else max(0, min(pos, len(text)))
        last = len(text) if endpos is None else max(0, min(endpos, len(text)))
        found = getattr(self._engine(text), how)(text, first, last)
        return None if found is None else Match(found, self, first, last)

    def match(self, string: Any, pos: Any = None, endpos: Any = None) -> Match | None:
        return self._one("match", string, pos, endpos)

    def fullmatch(self, string: Any, pos: Any = None, endpos: Any = None) -> Match | None:
        return self._one("fullmatch", string, pos, endpos)

    def search(self, string: Any, pos: Any = None, endpos: Any = None) -> Match | None:
        return self._one("search", string, pos, endpos)

    def _all(self, string: Any, pos: Any = None, endpos: Any = None) -> Iterator[Match]:
        text = self._text(string)
        first = 0 if pos is None else max(0, min(pos, len(text)))
        last = len(text) if endpos is None else max(0, min(endpos, len(text)))
        for found in self._engine(text).finditer(text, first, last):
            self._meter.charge(2)
            yield Match(found, self, first, last)

    def finditer(self, string: Any, pos: Any = None, endpos: Any = None) -> Iterator[Match]:
        return iter(list(self._all(string, pos, endpos)))

    def findall(self, string: Any, pos: Any = None, endpos: Any = None) -> list[Any]:
        empty = string[:0] if isinstance(string, (str, bytes)) else b""
        if self.groups == 0:
            return [found.group() for found in self._all(string, pos, endpos)]
        if self.groups == 1:
            return [found.groups(empty)[0] for found in self._all(string, pos, endpos)]
        return [found.groups(empty) for found in self._all(string, pos, endpos)]

    def split(self, string: Any, maxsplit: int = 0) -> list[Any]:
        pieces: list[Any] = []
        last = 0
        if maxsplit >= 0:
            for found in self._all(string):
                if maxsplit and len(pieces) >= maxsplit * (self.groups + 1):
                    break
                pieces.append(string[last : found.start()])
                pieces.extend(found.groups())
                last = found.end()
        return [*pieces, string[last:]]

    def subn(self, repl: Any, string: Any, count: int = 0) -> tuple[Any, int]:
        pieces: list[Any] = []
        last = made = size = 0
        for found in self._all(string):
            if count and made >= count:
                break
            pieces.append(string[last : found.start()])
            pieces.append(repl(found) if callable(repl) else expand(repl, found))
            size += len(pieces[-1]) if pieces[-1] else 0
            if size > 4096:
                self._meter.check_size(size, "a string")
            last = found.end()
            made += 1
        pieces.append(string[last:])
        return string[:0].join(pieces), made

    def sub(self, repl: Any, string: Any, count: int = 0) -> Any:
        return self.subn(repl, string, count)[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and (self.pattern, self.flags) == (other.pattern, other.flags)

    def __hash__(self) -> int:
        return hash((self.pattern, int(self.flags)))

    def __repr__(self) -> str:
        shown = RegexFlag(self.flags & ~RegexFlag.U)
        names = "|".join(f"re.{each.name}" for each in RegexFlag if each.value and shown & each)
        return f"re.compile({self.pattern!r}{', ' + names if names else ''})"


def _has_surrogate(string: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in string)


def _with_inline(text: str, flags: int) -> int:
    inline = _INLINE.match(text)
    for letter in inline[1] if inline else "":
        flags |= {"a": 256, "i": 2, "L": 0, "m": 8, "s": 16, "u": 32, "x": 64}[letter]
    return int(flags)


def _compiled(text: str, flags: int, pattern: Any) -> Any:
    is_bytes = isinstance(pattern, bytes)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    prefix = "".join(letter for letter, flag in (("i", 2), ("m", 8), ("s", 16)) if flags & flag)
    if is_bytes:
        options.encoding = re2.Options.Encoding.LATIN1
    source = (f"(?{prefix})" if prefix else "") + text
    try:
        return re2.compile(source.encode("latin-1") if is_bytes else source, options)
    except re2.error as error:
        # CPython's own compiler words the mistakes that both engines see; it does not match anything here.
        re.compile(plain_text(pattern), flags & ~RegexFlag.U if is_bytes else flags)
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error.args[0])
        raise re.error(f"{reason} (patterns run on a linear-time engine)", pattern) from None


def re_module(environment: Environment) -> dict[str, Any]:
    meter = environment.meter
    kept: dict[Any, Pattern] = {}

    def compiled(pattern: Any, flags: Any = 0) -> Pattern:
        if isinstance(pattern, Pattern):
            if flags:
                raise ValueError("cannot process flags argument with a compiled pattern")
            return pattern
        key = (type(pattern), pattern, int(flags))
        if type(pattern) not in (str, bytes):
            return Pattern(pattern, int(flags), meter)
        if key in kept:
            if environment.services.rules >= 2:
                # As for a new one. What is kept here is in no checkpoint, and fuel must not tell a restored run from another.
                meter.check_size(len(pattern) * 256, "a compiled pattern")
        else:
            if len(kept) >= 256:
                kept.clear()
            kept[key] = Pattern(pattern, int(flags), meter)
        return kept[key]

    def direct(name: str) -> Callable[..., Any]:
        def call(pattern: Any, string: Any, flags: Any = 0) -> Any:
            return getattr(compiled(pattern, flags), name)(string)

        return call

    def split(pattern: Any, string: Any, maxsplit: int = 0, flags: Any = 0) -> Any:
        return compiled(pattern, flags).split(string, maxsplit)

    def sub(pattern: Any, repl: Any, string: Any, count: int = 0, flags: Any = 0) -> Any:
        return compiled(pattern, flags).sub(repl, string, count)

    def subn(pattern: Any, repl: Any, string: Any, count: int = 0, flags: Any = 0) -> Any:
        return compiled(pattern, flags).subn(repl, string, count)

    found: dict[str, Any] = {name: direct(name) for name in ("match", "search", "fullmatch", "findall", "finditer")}
    found |= {
        name: getattr(RegexFlag, name)
        for name in [
            "A",
            "ASCII",
            "I",
            "IGNORECASE",
            "M",
            "MULTILINE",
            "S",
            "DOTALL",
            "X",
            "VERBOSE",
            "U",
            "UNICODE",
            "NOFLAG",
        ]
    }
    return found | {
        "RegexFlag": RegexFlag,
        "Match": environment.stand_ins.shown(Match),
        "Pattern": environment.stand_ins.shown(Pattern),
        "compile": compiled,
        "error": re.error,
        "PatternError": re.error,
        "escape": re.escape,
        "purge": kept.clear,
        "split": split,
        "sub": sub,
        "subn": subn,
    }
