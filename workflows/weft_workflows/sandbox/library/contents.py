"""Which module of the library is made by whom. Every name of `ALLOWED_MODULES` comes from here, and none besides."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weft_workflows.sandbox.allowed import ALLOWED_MODULES
from weft_workflows.sandbox.library import (
    contexts,
    data,
    functional,
    iteration,
    numeric,
    regex,
    tables,
    tracebacks,
    typed,
    world,
)
from weft_workflows.sandbox.names import plain_text

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment

#: Modules whose own functions are harmless and take a time that the lengths of their arguments bound. The number is the binary
#: logarithm of how many elements cost one unit of fuel, or a negative one for units per element; None leaves the functions as they are.
_TAKEN: dict[str, int | None] = {
    "abc": None,
    "base64": 2,
    "bisect": 12,
    "calendar": 6,
    "cmath": None,
    "collections.abc": None,
    "csv": None,
    "heapq": 0,
    "html": 0,
    "numbers": None,
    "string": None,
    "types": None,
    "urllib.parse": 3,
    "__future__": None,
}

_MAKERS: dict[str, Callable[[Environment], dict[str, Any]]] = {
    "collections": data.collections_module,
    "contextlib": contexts.contextlib_module,
    "copy": data.copy_module,
    "dataclasses": data.dataclasses_module,
    "datetime": world.datetime_module,
    "decimal": numeric.decimal_module,
    "difflib": data.difflib_module,
    "enum": data.enum_module,
    "fractions": numeric.fractions_module,
    "functools": functional.functools_module,
    "hashlib": data.hashlib_module,
    "io": data.io_module,
    "itertools": iteration.itertools_module,
    "json": data.json_module,
    "logging": world.logging_module,
    "math": numeric.math_module,
    "operator": functional.operator_module,
    "pprint": data.pprint_module,
    "random": world.random_module,
    "re": regex.re_module,
    "statistics": numeric.statistics_module,
    "textwrap": data.textwrap_module,
    "sys": world.sys_module,
    "time": world.time_module,
    "traceback": tracebacks.traceback_module,
    "typing": typed.typing_module,
    "uuid": world.uuid_module,
    "zoneinfo": world.zoneinfo_module,
}


#: Functions that cost so much whatever they are given, in rounds of a loop: those of `heapq` look at a few elements of a long list.
_FIXED: dict[str, dict[str, int]] = {
    "heapq": dict.fromkeys(("heappush", "heappop", "heappushpop", "heapreplace"), 3),
    "calendar": {"monthcalendar": 150, "monthrange": 10},
}


#: Modules that keep what they worked out, by their arguments, for the whole process.
_SHARING = frozenset(("urllib.parse",))


def contents(environment: Environment, name: str) -> dict[str, Any]:
    """The names of a module for one run. Names that this version of Python does not have are left out."""
    if name == "urllib":
        return {"parse": environment.load("urllib.parse")}
    if name in _MAKERS:
        made = _MAKERS[name](environment)
        return {key: made[key] for key in ALLOWED_MODULES[name] if key in made}
    if name not in _TAKEN:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return _taken(environment, name)


def _taken(environment: Environment, name: str) -> dict[str, Any]:
    real = importlib.import_module(name)
    weight = _TAKEN.get(name)
    found: dict[str, Any] = {}
    for key in ALLOWED_MODULES[name]:
        if not hasattr(real, key) or (
            name == "collections.abc" and key == "ByteString" and sys.version_info >= (3, 12)
        ):
            continue
        value = getattr(real, key)
        is_function = callable(value) and not isinstance(value, type)
        fixed = _FIXED.get(name, {}).get(key)
        if fixed is not None:
            value = _at_a_price(environment, value, fixed)
        elif weight is not None and is_function:
            value = environment.walking.metered(_of_exact_text(value) if name in _SHARING else value, weight)
        found[key] = value
    return found | _KEPT_NAMES.get(name, _no_names)(environment)


def _no_names(_environment: Environment) -> dict[str, Any]:
    return {}


#: What takes the place of names whose own objects no checkpoint could keep.
_KEPT_NAMES: dict[str, Callable[[Environment], dict[str, Any]]] = {
    "csv": tables.csv_names,
    "heapq": tables.heapq_names,
}


def _at_a_price(environment: Environment, function: Callable[..., Any], price: int) -> Callable[..., Any]:
    charge = environment.meter.charge

    def call(*args: Any, **kwargs: Any) -> Any:
        charge(price)
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = function.__name__
    call.__module__ = function.__module__
    return call


def _of_exact_text(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*map(plain_text, args), **{name: plain_text(value) for name, value in kwargs.items()})

    call.__name__, call.__module__ = function.__name__, function.__module__
    return call
