"""Between the values of an orchestration and JSON: arguments of tools, results of tools, the result of a run."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import uuid
from collections import deque
from collections.abc import Mapping, Set
from typing import Any

from weft_compiler.tool_spec import ToolSpec

from weft_workflows.sandbox.environment import weigh_now

_KEYS = (str, int, float, bool, type(None))


def arguments_json(spec: ToolSpec, bound: dict[str, Any]) -> str:
    """The JSON object of a call's arguments by name. Raises TypeError for what JSON cannot hold."""
    flat: dict[str, Any] = {}
    for parameter in spec.parameters:
        if parameter.name not in bound:
            continue
        if parameter.kind == "var_keyword":
            flat.update(bound[parameter.name])
        else:
            flat[parameter.name] = bound[parameter.name]
    weigh_now(flat)
    try:
        return to_json(flat)
    except (TypeError, ValueError) as problem:
        raise type(problem)(f"{spec.name}(): {problem}") from None


def to_json(value: Any) -> str:
    """JSON text of a value; dates, decimals, sets, tuples and data classes as JSON has them.

    Raises TypeError for values that have no such form, ValueError for circular ones.
    """
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


def result_json(value: Any) -> str:
    """JSON text of a run's result. What JSON cannot hold is given as its `repr`, so that no result is lost.

    Both may run methods of the program, which may raise anything.
    """
    for text_of in (to_json, _represented):
        try:
            return text_of(value)
        except Exception:
            continue
    return json.dumps(f"<{type(value).__name__} object whose repr() failed>")


def _represented(value: Any) -> str:
    return json.dumps(repr(value))


def from_json(text: str) -> Any:
    return json.loads(text)


def _plain(value: Any) -> Any:
    """A value that `json` can write, one level deep."""
    match value:
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return value.total_seconds()
        case decimal.Decimal() | fractions.Fraction() | uuid.UUID():
            return str(value)
        case enum.Enum():
            return value.value
        case Set() | deque():
            return list(value)
        case bytes():
            return value.decode("utf-8")
        case Mapping():
            return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
