"""The namespace in which guarded code runs."""

from __future__ import annotations

import builtins
import importlib
import random
import types
from typing import Any, Protocol

from weft_workflows.sandbox.allowed import ALLOWED_BUILTINS, ALLOWED_MODULES
from weft_workflows.sandbox.meter import Meter


class Services(Protocol):
    """What the machine supplies to the sandbox of one run."""

    meter: Meter
    random: random.Random

    def now(self) -> float: ...

    def write(self, text: str) -> None: ...

    def module(self, name: str) -> Any | None: ...


def new_globals(services: Services) -> dict[str, Any]:
    """A fresh namespace for guarded code."""
    allowed = {name: getattr(builtins, name) for name in ALLOWED_BUILTINS}
    allowed["__build_class__"] = builtins.__build_class__

    def write_line(*values: Any, sep: str | None = " ", end: str | None = "\n", **_: Any) -> None:
        services.write((sep or " ").join(map(str, values)) + ("\n" if end is None else end))

    def import_module(name: str, *_: Any) -> Any:
        return load_module(services, name)

    allowed["print"] = write_line
    allowed["__import__"] = import_module
    namespace: dict[str, Any] = {"__builtins__": allowed, "__name__": "__main__"}
    services.meter.attach(namespace)
    return namespace


def load_module(services: Services, name: str) -> Any:
    """The module of that name, built for this run. Raises ImportError where it is not allowed."""
    supplied = services.module(name)
    if supplied is not None:
        return supplied
    if name not in ALLOWED_MODULES:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    real = importlib.import_module(name)
    return types.SimpleNamespace(**{n: getattr(real, n) for n in ALLOWED_MODULES[name] if hasattr(real, n)})
