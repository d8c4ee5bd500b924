"""Results of tools as JSON: what a tool returned, made plain, then made text.

Always holds: the text is JSON as Python's own `json` reads it (NaN and the infinities included, since both
ends are Python), keys stand in the order in which the tool made them, and the text is never larger than the
limit. Nothing here knows tools or Temporal.

How values become plain: models, dataclasses and named tuples by pydantic's rules; datetimes, dates and times
in ISO 8601; Decimal, UUID, Path and enums as their text or value; sets and tuples as lists; bytes as URL-safe
base64; NumPy scalars and arrays as numbers and lists.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

#: The largest result unless a setting says otherwise.
RESULT_LIMIT = 64 * 1024 * 1024


class NotJson(ValueError):
    """A value that has no JSON form, or whose JSON is over the limit. The message says where, and the remedy."""


def encode(value: Any, *, limit: int | None = RESULT_LIMIT) -> bytes:
    """The JSON text of a value, in UTF-8. Raises NotJson for a value that has none or too much of it."""
    text = _dump(to_plain(value))
    if limit is not None and len(text) > limit:
        raise NotJson(
            f"the result is {len(text):,} bytes of JSON, over the limit of {limit:,} (WEFT_PAYLOAD_LIMIT). Return less (a page, a "
            "summary), or store the data elsewhere and return its address."
        )
    return text


def decode(text: bytes) -> Any:
    return json.loads(text)


def to_plain(value: Any, what: str = "result") -> Any:
    """The value made of dicts, lists, strings, numbers, booleans and None. Raises NotJson, which calls it `what`."""
    try:
        return _plain(value)
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        path, culprit = _locate(value, what)
        kind = type(culprit)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        raise NotJson(
            f"{path} is of type {name}, which has no JSON form ({_first_line(error)}). Return dicts, "
            f"lists, strings, "
            "numbers, booleans, None, dates, pydantic models or dataclasses."
        ) from error


def _plain(value: Any) -> Any:
    return to_jsonable_python(value, by_alias=True, bytes_mode="base64", fallback=_from_numpy)


def _from_numpy(value: Any) -> Any:
    if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"unable to serialise {type(value).__name__}")


def _dump(plain: Any) -> bytes:
    try:
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form, but JSON can escape it.
        return json.dumps(plain, separators=(",", ":")).encode()


def _locate(value: Any, path: str, depth: int = 0) -> tuple[str, Any]:
    """The innermost part of a value that has no JSON form, and the path to it."""
    for label, child in _children(value) if depth < 50 else ():
        try:
            _plain(child)
        except (PydanticSerializationError, ValueError, TypeError, RecursionError):
            return _locate(child, f"{path}{label}", depth + 1)
    return path, value


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", child) for key, child in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f"[{index}]", child) for index, child in enumerate(value)]
    return [(f".{name}", child) for name, child in getattr(value, "__dict__", {}).items()]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
