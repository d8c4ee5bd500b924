"""A running program: everything of one run that the machine holds, and what its sandbox and frames ask of it."""

from __future__ import annotations

import contextvars
import decimal
import hashlib
import random
import types
from collections.abc import Callable
from typing import Any

from weft_workflows.machine import generators
from weft_workflows.machine.aio import AsyncioModule
from weft_workflows.machine.asking import consume
from weft_workflows.machine.checkpoint_refusals import refuse_unstorable
from weft_workflows.machine.contexts import contextlib_of, waiting_call, waiting_entry, waiting_exit
from weft_workflows.machine.frames import call_handling, drive
from weft_workflows.machine.futures import Future, Loop, StepFuture, Task
from weft_workflows.machine.graph_frame import GraphFrame
from weft_workflows.machine.native import INVOKE, MAKE_FUNCTION, MAKE_GENERATOR, MISSING, OPERATE, UNBOUND
from weft_workflows.machine.operations import begin_call, begin_operation, builtins_with_methods
from weft_workflows.machine.protocol import Output
from weft_workflows.machine.tool_errors import ToolError
from weft_workflows.machine.unit import Unit
from weft_workflows.machine.values import Coroutine, Deferral, Immediate, MachineFunction
from weft_workflows.sandbox.environment import environment_of, load_module, make_current, new_globals
from weft_workflows.sandbox.meter import Meter
from weft_workflows.sandbox.tracing import own_traceback

#: Temporal lets an activity id have 1,000 characters; past this, ids are shortened by a digest.
_LONGEST_STEP_ID = 200


class Program:
    """One run. It is also the `Services` of its sandbox."""

    def __init__(self, unit: Unit, seed: int, trace: Callable[[int], None]) -> None:
        self.unit = unit
        self.seed = seed
        self.trace = trace
        #: The run's own context variables; each strand has a copy, in which its decimal context is.
        self.context = contextvars.Context()
        self.meter = Meter(unit.plan.limits)
        self.rules = unit.plan.rules
        self.random = random.Random(seed)
        self.loop = Loop(self._drive, self.meter.charge, self.context)
        #: Frames of generators that run inside native code, the innermost last; empty between events.
        self.inline: list[GraphFrame] = []
        #: Set while a generated `__init__` runs whose `__post_init__` holds steps.
        self.deferral: Deferral | None = None
        self.asyncio = AsyncioModule(self)
        self.namespace = self._make_namespace()
        self.context.run(make_current, self)

    def _make_namespace(self) -> dict[str, Any]:
        namespace = new_globals(self)
        environment_of(self).origin = self.unit.origin
        namespace["__builtins__"] |= {"ToolError": ToolError, "anext": generators.ask_next}
        namespace.update(
            {
                MAKE_FUNCTION: self._make_function,
                MAKE_GENERATOR: self._make_generator,
                INVOKE: self.invoke,
                OPERATE: self._operate,
                MISSING: KeyError,
                UNBOUND: NameError,
                **{f"__weft_{name}": namespace["__builtins__"][name] for name in ("format", "str", "repr", "ascii")},
            }
        )
        self.special_builtins = builtins_with_methods(namespace["__builtins__"])
        namespace.update(self.unit.tools)
        for name in self.unit.plan.graph.modules:
            namespace[name] = load_module(self, name)
        return namespace

    # -- services of the sandbox -------------------------------------------------------------------------------------

    def now(self) -> float:
        return self.loop.now

    def write(self, text: str) -> None:
        self.loop.commands.append(Output(text))

    def module(self, name: str) -> Any | None:
        match name:
            case "asyncio":
                return self.asyncio
            case "contextlib":
                return contextlib_of(self)
        return None

    def decimal_context(self) -> decimal.Context:
        """The run's decimal context."""
        return self.context.run(decimal.getcontext)

    def set_decimal_context(self, context: decimal.Context) -> None:
        self.context.run(decimal.setcontext, context)

    # -- functions and calls -----------------------------------------------------------------------------------------

    def _make_function(self, key: str) -> Callable[[types.FunctionType], MachineFunction]:
        def make(binder: types.FunctionType) -> MachineFunction:
            return MachineFunction(self, self.unit.functions[key], binder)

        return make

    def _make_generator(self, key: str, binder: types.FunctionType, iterable: Any) -> Any:
        """What a generator expression gives; its first iterable is begun at once."""
        function = MachineFunction(self, self.unit.functions[key], binder)
        return function(generators.begun(function.loaded, iterable))

    def invoke(self, callee: Any, /, *args: Any, **kwargs: Any) -> Coroutine | Immediate:
        """A call of a synchronous function that may hold steps, or that may ask a generator which does."""
        begun: Coroutine | Immediate | None = begin_call(self, callee, args, kwargs)
        if begun is None:
            begun = waiting_call(self, callee, args) or consume(self, callee, args, kwargs)
        return Immediate(callee(*args, **kwargs)) if begun is None else begun

    def _operate(self, operation: str, natively: Callable[[], Any], /, *operands: Any) -> Coroutine | Immediate:
        """An expression at which Python may call a method that holds steps."""
        begun = begin_operation(self, operation, operands)
        return Immediate(natively()) if begun is None else begun

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Calls what is native inside the exception that the running strand handles."""
        handled = self.handled()
        return function(*args, **kwargs) if handled is None else call_handling(handled, function, *args, **kwargs)

    def details_of(self, error: BaseException | None) -> tuple[Any, Any, Any]:
        """What an exit is told of an exception."""
        if error is None:
            return (None, None, None)
        return (type(error), error, own_traceback(error))

    def waiting_entry(self, manager: Any) -> Coroutine | None:
        """The entry of a plain manager of the library that holds steps; None for any other manager."""
        return waiting_entry(manager)

    def waiting_exit(self, manager: Any, error: BaseException | None) -> Coroutine | None:
        """The exit of a plain manager of the library that may hold steps; None for any other manager."""
        return waiting_exit(manager, error)

    def start(self, inputs: dict[str, Any]) -> Task:
        """The main strand: the module's own code."""
        frame = GraphFrame(self, self.unit.entry)
        frame.temporaries["__weft_inputs"] = inputs
        self.namespace.update({k: v for k, v in inputs.items() if self._is_global_input(k)})
        return self.loop.create_task(Coroutine("<module>", frame), "Task-0")

    def _is_global_input(self, name: str) -> bool:
        """Whether top-level code reads the input as a variable (else a function takes it as a parameter)."""
        return not any(name in f.function.parameters for f in self.unit.functions.values())

    # -- what frames ask ---------------------------------------------------------------------------------------------

    def _drive(self, task: Task, finished: Future | None, error: BaseException | None) -> None:
        drive(self, task, finished, error)

    def handled(self) -> BaseException | None:
        """The exception that the running strand handles at the moment, if any."""
        task = self.loop.current
        stack = [] if task is None else task.frames
        for frame in [*reversed(self.inline), *reversed(stack)] if self.inline else reversed(stack):
            if (error := frame.handled()) is not None:
                return error
        return None

    def chain(self, error: BaseException) -> None:
        """Gives an error that is thrown into the running strand the exception handled there as its context."""
        handled = self.handled()
        if handled is None or handled is error:
            return
        context = handled
        while context.__context__ is not None:
            if context.__context__ is error:
                context.__context__ = None
                break
            context = context.__context__
        error.__context__ = handled

    def check_depth(self, task: Task) -> None:
        """Raises RecursionError where the orchestration's functions call each other too deeply."""
        limit = self.unit.plan.limits.call_depth
        if len(task.frames) >= limit:
            error = RecursionError("maximum recursion depth exceeded")
            error.add_note(f"the limit is {limit:,} calls; if this is intended, raise it with `--limit call_depth=N`")
            raise error

    def check_keepable(self, task: Task) -> None:
        """Raises TypeError where the strand, which is about to wait, holds a value that no checkpoint can keep."""
        refuse_unstorable(self, task)

    def start_step(self, task: Task, tool: str, arguments: str) -> StepFuture:
        """Starts a step at the strand's call path."""
        step = _step_id(task.position(), tool)
        return self.loop.start_step(step, tool, arguments, task.line_now(), _title(task), task.group)


def _step_id(position: str, tool: str) -> str:
    last = position.rpartition("/")[2].partition("[")[0].partition(".")[0]
    step = position if last == tool else f"{position}/{tool}".lstrip("/")
    if len(step) <= _LONGEST_STEP_ID:
        return step
    digest = hashlib.sha256(step.encode()).hexdigest()[:16]
    return f"~{digest}/{step[-(_LONGEST_STEP_ID - 20) :]}"


def _title(task: Task) -> str:
    for frame in reversed(task.frames):
        if isinstance(frame, GraphFrame):
            return (frame.node.title if frame.node is not None else None) or ""
    return ""
