"""How values leave a program: the JSON form of tool arguments and of a run's result.

Shared by everything that compares runs, so that two runs are compared on what the outside world could see.
"""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID


def to_json_value(value: Any) -> Any:
    """The plain JSON value of `value`; raises TypeError for what has none. The result shares nothing with
    `value`.
    """
    return json.loads(json.dumps(_plain(value)))


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() | deque():
            return [_plain(item) for item in value]
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal() | UUID():
            return str(value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
