"""The namespace in which guarded code runs: safe builtins, the guards, and the modules that it may import.

One `Environment` per run, made by `new_globals` and held by the run's meter. Nothing mutable is shared between runs.
"""

from __future__ import annotations

import random
import typing
import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from weft_workflows.sandbox.allowed import ALLOWED_MODULES
from weft_workflows.sandbox.arithmetic import Arithmetic
from weft_workflows.sandbox.attribute_table import LARGE, LINEAR
from weft_workflows.sandbox.attributes import Attributes
from weft_workflows.sandbox.classes import BASES, Classes
from weft_workflows.sandbox.facades import Module, StandIns
from weft_workflows.sandbox.library.contexts import CONTEXT_BASES
from weft_workflows.sandbox.matching import Matcher
from weft_workflows.sandbox.meter import Meter
from weft_workflows.sandbox.methods import install_methods
from weft_workflows.sandbox.safe_builtins import Builtins, make_type
from weft_workflows.sandbox.sets import OrderedSet, is_view, view_operator
from weft_workflows.sandbox.text import PLAIN_TYPES, Formatting
from weft_workflows.sandbox.tracing import Origin
from weft_workflows.sandbox.walking import Walking


class Services(Protocol):
    """What the machine supplies to the sandbox of one run."""

    #: Fuel and limits of the run.
    meter: Meter
    #: The version of the rules that the run has begun with (`plan.RULES_VERSION`).
    rules: int
    #: The run's own generator; its state is part of checkpoints.
    random: random.Random

    def now(self) -> float:
        """The run's clock, in Unix seconds."""

    def write(self, text: str) -> None:
        """Takes what the program prints or logs."""

    def module(self, name: str) -> Any | None:
        """A module that the machine supplies (`asyncio`); None leaves it to the sandbox."""


class Environment:
    """Everything that guarded code of one run reaches."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.meter = services.meter
        #: What tracebacks show of the source; the machine puts its own here.
        self.origin = Origin()
        self.namespace: dict[str, Any] = {"__name__": "__main__", "__doc__": None}
        self.modules: dict[str, Any] = {}
        self.classes = Classes(BASES | CONTEXT_BASES, self.meter.charge)
        self.classes.open.add(Module)
        self.stand_ins = StandIns()
        self.type = make_type(self.stand_ins)
        self.attributes = Attributes(self.namespace, self.classes, self.type, self.meter.charge)
        self.formatting = Formatting(self.meter, self.attributes.get)
        self.arithmetic = Arithmetic(self.meter, self.formatting)
        self.walking = Walking(self.meter)
        install_methods(self.attributes, self.meter, self.formatting, self.walking, services.now)
        self.namespace.update(self._guards())
        self.namespace["__builtins__"] = self._builtins()
        self.meter.attach(self.namespace)
        self.meter.environment = self

    def _builtins(self) -> dict[str, Any]:
        maker = Builtins(
            self.meter,
            self.classes,
            self.attributes,
            self.formatting,
            self.arithmetic,
            self.walking,
            self.services.write,
        )
        made = self.stand_ins.give(maker.make(self.type, self.stand_ins))
        made["__import__"] = self._import
        self.namespace["__weft_integral__"] = maker.integral
        return made

    def _guards(self) -> dict[str, Any]:
        """The functions and types that transformed code names, under those names."""
        attributes, arithmetic, walking = self.attributes, self.arithmetic, self.walking
        guards: dict[str, Any] = {
            "get": attributes.get,
            "method": attributes.method,
            "target": attributes.target,
            "proxy": attributes.proxy,
            "multiply": arithmetic.multiply,
            "power": arithmetic.power,
            "shift": arithmetic.shift,
            "modulo": arithmetic.modulo,
            "sized": arithmetic.sized,
            "sliced": arithmetic.sliced,
            "contains": _membership(arithmetic),
            "span": walking.span,
            "each": walking.each,
            "each_calling": walking.each_calling,
            "star": walking.star,
            "shifts": walking.shifts,
            "bulk": walking.bulk,
            "addend": walking.addend,
            "plain": self.formatting.plain,
            "field": self.formatting.converted,
            "match": Matcher(attributes.get).match,
            "tick": self.meter.charge,
            "check": self.meter.check,
            "out": self.meter.out_of_fuel,
            "set_operation": self._set_operation,
            "set": OrderedSet,
            "open": self.classes.open,
            "type": type,
            "slice": slice,
            "len": len,
            "plain_types": PLAIN_TYPES,
            "measure": self.formatting.measure,
            "measured": self.formatting.measured,
            "divide": arithmetic.divide,
            **{kind.__name__: kind for kind in (int, list, dict, str)},
            **self._in_place(),
        }
        return {f"__weft_{name}__": value for name, value in guards.items()}

    def _set_operation(self, symbol: str, left: Any, right: Any) -> Any:
        for operand in (left, right):
            if type(operand) in LINEAR and len(operand) > LARGE:
                self.meter.charge(len(operand) >> LINEAR[type(operand)])
        return _set_operation(symbol, left, right)

    def _in_place(self) -> dict[str, Callable[..., Any]]:
        """`x *= y` and its like, on a name, an element and an attribute."""
        operators: dict[str, Callable[[Any, Any], Any]] = {
            symbol: self.arithmetic.in_place(symbol) for symbol in ("*", "**", "<<")
        }
        operators["%"] = self.arithmetic.in_place_modulo
        operators["//"] = self.arithmetic.in_place_divide
        attributes = self.attributes

        def in_place(symbol: str, left: Any, right: Any) -> Any:
            return operators[symbol](left, right)

        def in_place_item(symbol: str, container: Any, key: Any, right: Any) -> None:
            container[key] = operators[symbol](container[key], right)

        def in_place_attribute(symbol: str, target: Any, name: str, right: Any) -> None:
            attributes.set(target, name, operators[symbol](attributes.get(target, name), right))

        return {"in_place": in_place, "in_place_item": in_place_item, "in_place_attribute": in_place_attribute}

    def _import(self, name: str, _globals: Any = None, _locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """What an `import` statement calls: `import a.b` gives `a`, `from a.b import c` gives `a.b`."""
        if level:
            raise ImportError("attempted relative import with no known parent package")
        module = self.load(name)
        if fromlist:
            return self._with_names(module, name, fromlist)
        return module if "." not in name else self._package(name.partition(".")[0])

    def _with_names(self, module: Any, name: str, wanted: Any) -> Any:
        """The module for a `from` import. A missing name is refused here: CPython would look for a real submodule of that name."""
        for each in wanted:
            if not hasattr(module, each) and f"{name}.{each}" in ALLOWED_MODULES:
                module = self._package(name)
            if not hasattr(module, each):
                raise ImportError(f"cannot import name {each!r} from {name!r}", name=name)
        return module

    def _package(self, name: str) -> Any:
        """A package with its loaded and allowed submodules."""
        package = self.load(name)
        for full in ALLOWED_MODULES:
            parent, _, child = full.rpartition(".")
            if parent == name and isinstance(package, Module):
                package.__dict__[child] = self.load(full)
        return package

    def load_again(self, names: Sequence[str]) -> None:
        """Loads what a run had loaded, in its order and nothing else; submodules are attributes of loaded packages."""
        for name in names:
            self.load(name)
        for parent in dict.fromkeys(name.rpartition(".")[0] for name in names):
            if parent in names:
                self._package(parent)

    def load(self, name: str) -> Any:
        """The module of that name. Raises ModuleNotFoundError where it is not allowed."""
        found = self.modules.get(name)
        if found is None:
            found = self.services.module(name)
            if found is None:
                found = self._make(name)
            self.modules[name] = found
        return found

    def _make(self, name: str) -> Any:
        from weft_workflows.sandbox.library.contents import contents

        if type(name) is not str or name not in ALLOWED_MODULES:
            raise ModuleNotFoundError(f"No module named {str(name)!r}", name=str(name))
        return Module(name, self.stand_ins.give(contents(self, name)))


def _membership(arithmetic: Arithmetic) -> Callable[[Any, Any], bool]:
    contains = arithmetic.contains

    def is_in(value: Any, container: Any) -> bool:
        return contains(container, value)

    return is_in


def _set_operation(symbol: str, left: Any, right: Any) -> Any:
    if is_view(left):
        return view_operator(symbol, left, right)
    match symbol:
        case "&":
            return left & right
        case "|":
            return left | right
        case "^":
            return left ^ right
    return left - right


def new_globals(services: Services) -> dict[str, Any]:
    """A fresh namespace for one run: `__builtins__`, `__name__` and the guards. No module is bound in it yet."""
    return Environment(services).namespace


def environment_of(services: Services) -> Environment:
    """The environment that `new_globals` made for these services, or a new one."""
    environment = services.meter.environment
    return environment if isinstance(environment, Environment) else Environment(services)


#: The environment of the run that is being executed, where code serves several runs and is not told which one asks.
_CURRENT: ContextVar[Environment] = ContextVar("weft_environment")


_latest: weakref.ref[Environment] | None = None


def take_over(services: Services) -> None:
    """Called before the run of these services goes on: forgets what `typing` kept of the run that was executed before.

    It keeps subscripts by their arguments for the whole process, and looking one up compares it with those of other runs.
    """
    global _latest
    environment = environment_of(services)
    if _latest is None or _latest() is not environment:
        for clear in getattr(typing, "_cleanups", ()):
            clear()
        _latest = weakref.ref(environment)


def make_current(services: Services) -> None:
    """Makes the environment of these services the current one of the context that this is called in."""
    _CURRENT.set(environment_of(services))


def weigh_now(value: Any) -> None:
    """Charges the current run for every part of a value that is about to be written out in C, as often as it is shared."""
    environment = _CURRENT.get(None)
    if environment is not None:
        environment.formatting.weigh(value)


def load_module(services: Services, name: str) -> Any:
    """The module object for `import name`: one for each run. Raises ModuleNotFoundError, as CPython words it, if not allowed."""
    return environment_of(services).load(name)


def adopt_class(services: Services, cls: type) -> type:
    """Makes a class that the machine rebuilt one of the orchestration's. Raises TypeError where it defines what it must not."""
    return environment_of(services).classes.adopt(cls)
