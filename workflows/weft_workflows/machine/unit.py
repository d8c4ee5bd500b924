"""A plan, loaded: the graph with its native code. Shared by all runs of the plan in one process.

Nothing here belongs to a run. Native code is compiled when it is first needed.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

from weft_compiler.graph import Code, Function, Node
from weft_compiler.plan import Plan
from weft_compiler.reading import read_plan

from weft_workflows.machine.codec_code import Outline, Places
from weft_workflows.machine.native import Form, NativeCode, UnitNames, compile_native
from weft_workflows.machine.values import ToolFunction
from weft_workflows.sandbox.tracing import Origin

_KEPT_UNITS = 64


class LoadedFunction:
    """A function of the graph with its native code."""

    def __init__(self, function: Function, names: UnitNames) -> None:
        self.function = function
        self.key = function.name
        self.qualname = function.qualname
        self.short_name = function.qualname.rpartition(".")[2]
        self.is_async = function.is_async
        #: A plain function that the machine has to run because it holds steps.
        self.holds_steps = not function.is_async and not function.is_generator
        self.is_module = function.name == "<module>"
        self.locals = frozenset(function.locals)
        self.cells = frozenset(function.cells)
        self.captured = self.cells | frozenset(function.frees)
        self._names = names
        self._natives: dict[tuple[str, str], NativeCode] = {}

    def native(self, node: Node, slot: str, code: Code | tuple[Code, ...], form: Form) -> NativeCode:
        """The native form of one of a node's codes. `slot` tells the codes of one node apart."""
        key = (node.id, slot)
        found = self._natives.get(key)
        if found is None:
            found = self._natives[key] = compile_native(code, form, self.function, self._names)
        return found

    def natives(self) -> dict[tuple[str, str], NativeCode]:
        """What is compiled by now, by node id and slot. Not to be changed."""
        return self._natives

    @cached_property
    def outline(self) -> Outline:
        """The function's nodes and blocks by id."""
        return Outline(self.function)


class Unit:
    """A loaded plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        names = UnitNames(file=f"<weft {plan.file}>", functions=plan.graph.functions)
        self.file = names.file
        self.origin = Origin(plan.file, tuple(plan.source.splitlines()))
        self.functions = {key: LoadedFunction(f, names) for key, f in plan.graph.functions.items()}
        self.entry = self.functions[plan.graph.entry]
        self.tools = {spec.name: ToolFunction(spec) for spec in plan.tools}
        #: Where each piece of native code comes from.
        self.places = Places(self.functions)


_units: OrderedDict[str, Unit] = OrderedDict()


def load_unit(plan_json: str) -> Unit:
    """The unit of a plan given as JSON; units used lately are kept. Raises UnfitPlan."""
    unit = _units.pop(plan_json, None)
    if unit is None:
        unit = Unit(read_plan(plan_json))
    _units[plan_json] = unit
    while len(_units) > _KEPT_UNITS:
        _units.popitem(last=False)
    return unit
