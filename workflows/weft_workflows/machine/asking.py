"""Asking generators that hold steps: what Python's own functions do with an iterator, done by frames that may wait.

`consume` decides by what is really called and with what. A builtin that stops early (`next`, `any`, `all`) stops here too; a
lazy one (`zip`, `enumerate`, `map`) gives an iterator that is asked in the same way; any other gets a list. What is asked is
state of the run: frames and iterators are kept by their slots.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weft_compiler.consumers import EAGER, LAZY

from weft_workflows.machine.frames import Outcome
from weft_workflows.machine.futures import CancelledError, Loop
from weft_workflows.machine.generators import AskGenerator, AsyncGenerator, Generator
from weft_workflows.machine.lazy_iterators import (
    OURS,
    Chained,
    Enumerated,
    Filtered,
    LazyIterator,
    Mapped,
    OwnIterator,
    Sliced,
    While,
    Zipped,
    begin,
    is_stepped,
    own_next,
)
from weft_workflows.machine.stepped import SteppedFrame
from weft_workflows.machine.values import Coroutine, Immediate, MachineFunction
from weft_workflows.sandbox.classes import special_method
from weft_workflows.sandbox.environment import environment_of
from weft_workflows.sandbox.library.kept import Kept
from weft_workflows.sandbox.meter import LimitExceeded

if TYPE_CHECKING:
    from weft_workflows.machine.futures import Task
    from weft_workflows.machine.program import Program


def ask(iterator: Any, method: str = "__next__", *args: Any) -> Coroutine:
    """A call of a method of an iterator that holds steps. Raises StopIteration at its end."""
    if isinstance(iterator, LazyIterator):
        return Coroutine(method, AskLazy(iterator))
    if isinstance(iterator, OwnIterator):
        return Coroutine(method, AskOwn(iterator))
    if (following := own_next(iterator)) is not None:
        return following.start((iterator,), {})
    value = args[0] if method == "send" else None
    error: BaseException | None = None
    if method == "close":
        error = GeneratorExit()
    elif method == "throw":
        error = args[0]() if isinstance(args[0], type) else args[0]
    return Coroutine(method, AskGenerator(iterator, method, value, error))


class AskLazy(SteppedFrame):
    """Asks a lazy iterator's sources in turn until it has an element."""

    __slots__ = ("items", "iterator")

    def __init__(self, iterator: LazyIterator) -> None:
        super().__init__()
        self.iterator = iterator
        self.items: list[Any] = []

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        iterator = self.iterator
        while iterator.more():
            if len(self.items) == len(iterator.sources):
                given, element = iterator.take(self.items)
                self.items = []
                if given:
                    return Outcome("done", element)
                continue
            source = iterator.sources[len(self.items)]
            if is_stepped(source):
                return self.wait(ask(source), "answered")
            try:
                self.items.append(next(source))
            except StopIteration:
                self._ended()
        raise StopIteration

    def answered(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if isinstance(error, StopIteration):
            self._ended()
        elif error is not None:
            raise error
        else:
            self.items.append(value)
        return self.begin(program, task, None, None)

    def position(self) -> str:
        return f"source[{self.iterator.place(len(self.items))}]"

    def _ended(self) -> None:
        if not self.iterator.source_ended(len(self.items)):
            self.items = []


class AskOwn(SteppedFrame):
    """Asks an iterator of the orchestration's own once more."""

    __slots__ = ("iterator",)

    def __init__(self, iterator: OwnIterator) -> None:
        super().__init__()
        self.iterator = iterator

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        self.iterator.asked += 1
        return self.wait(ask(self.iterator.iterator), "answered")

    def answered(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is not None:
            raise error
        return Outcome("done", value)

    def position(self) -> str:
        return f"next[{self.iterator.asked - 1}]"


class AskNext(SteppedFrame):
    """`next` with a default for the iterator's end."""

    __slots__ = ("default", "iterator")

    def __init__(self, iterator: Any, default: Any) -> None:
        super().__init__()
        self.iterator = iterator
        self.default = default

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        return self.wait(ask(self.iterator), "answered")

    def answered(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if isinstance(error, StopIteration):
            return Outcome("done", self.default)
        if error is not None:
            raise error
        return Outcome("done", value)


class Decide(SteppedFrame):
    """`any`, or `all` where `found` is False: asks until an element decides."""

    __slots__ = ("found", "iterator")

    def __init__(self, iterator: Any, found: bool) -> None:
        super().__init__()
        self.iterator = iterator
        self.found = found

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        return self.wait(ask(self.iterator), "answered")

    def answered(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if isinstance(error, StopIteration):
            return Outcome("done", not self.found)
        if error is not None:
            raise error
        if bool(value) is self.found:
            return Outcome("done", self.found)
        return self.begin(program, task, None, None)


class TakeAll(SteppedFrame):
    """Calls a function with lists in place of the iterators that hold steps, each run to its end before."""

    __slots__ = ("arguments", "callee", "items", "keywords", "place")

    def __init__(self, callee: Any, arguments: list[Any], keywords: dict[str, Any]) -> None:
        super().__init__()
        self.callee = callee
        self.arguments = arguments
        self.keywords = keywords
        self.items: list[Any] = []
        #: Which of the arguments is run.
        self.place = 0

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        for place, argument in enumerate(self.arguments):
            if is_stepped(argument):
                self.place = place
                return self.wait(ask(argument), "answered")
        return Outcome("done", self.callee(*self.arguments, **self.keywords))

    def position(self) -> str:
        return f"source[{self.place}]"

    def answered(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if error is None:
            self.items.append(value)
        elif isinstance(error, StopIteration):
            self.arguments[self.place] = self.items
            self.items = []
        else:
            raise error
        return self.begin(program, task, None, None)


def close_dropped(program: Program, iterator: Any) -> Coroutine | None:
    """Closes generators as Python does when it drops them: what they raise is lost.

    Those that hold steps are closed by a coroutine, which is returned; asynchronous ones at a later turn of the loop.
    """
    if isinstance(iterator, AsyncGenerator):
        if iterator.state == "suspended":
            program.loop.call_soon(CloseLater(iterator, program.loop))
        return None
    dropped = list(_generators_in(iterator))
    if any(each.waits for each in dropped):
        return Coroutine("close", CloseAll(dropped))
    for each in dropped:
        _close_now(each)
    return None


def _generators_in(iterator: Any) -> Iterator[Generator]:
    """The generator itself, or those that it wraps."""
    if type(iterator) is Generator:
        yield iterator
    elif isinstance(iterator, LazyIterator):
        for source in iterator.sources:
            yield from _generators_in(source)
    elif isinstance(iterator, Kept) or type(iterator) in (enumerate, zip):
        for held in gc.get_referents(iterator):
            for source in held if type(held) is tuple else (held,):
                yield from _generators_in(source)


def _close_now(generator: Generator) -> None:
    try:
        generator.close()
    except LimitExceeded:
        raise
    except BaseException:
        pass


class CloseAll(SteppedFrame):
    """Closes generators one after the other, of which some hold steps."""

    __slots__ = ("generators",)

    def __init__(self, generators: list[Generator]) -> None:
        super().__init__()
        self.generators = generators

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if not self.generators:
            return Outcome("done", None)
        return self.wait(ask(self.generators.pop(0), "close"), "closed")

    def closed(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if isinstance(error, CancelledError):
            raise error
        return self.begin(program, task, None, None)


class CloseLater:
    """An entry of the ready queue: starts the task that closes an asynchronous generator, as asyncio does."""

    __slots__ = ("generator", "loop", "path")

    def __init__(self, generator: AsyncGenerator, loop: Loop) -> None:
        self.generator = generator
        self.loop = loop
        assert loop.current is not None
        self.path = loop.current.spawn_path("aclose")

    def run(self) -> None:
        self.loop.create_task(self.generator.aclose(), path=self.path)


_LAZY: dict[str, Any] = {
    "enumerate": Enumerated,
    "zip": Zipped,
    "map": Mapped,
    "filter": Filtered,
    "filterfalse": lambda function, iterable: Filtered(function, iterable, wanted=False),
    "takewhile": While,
    "dropwhile": lambda function, iterable: While(function, iterable, dropping=True),
    "islice": Sliced,
    "chain": Chained,
}


def consume(
    program: Program, callee: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Coroutine | Immediate | None:
    """A call that asks iterators which hold steps; None where it does not."""
    if type(callee) is types.MethodType and isinstance(callee.__self__, OURS) and is_stepped(callee.__self__):
        return ask(callee.__self__, callee.__name__, *args)
    if _is_own(program, callee):
        return None
    name = _name_of(program, callee)
    if isinstance(callee, _NAMED) and callee.__name__ in _TAKING:
        args = tuple(_begun(program, each) for each in args)
    elif name != "next" and not any(isinstance(each, OURS) for each in args):
        return None
    if not any(map(is_stepped, args)):
        return None
    match name:
        case "next":
            return Coroutine(name, AskNext(*args)) if len(args) > 1 else ask(args[0])
        case "any" | "all":
            return Coroutine(name, Decide(args[0], name == "any"))
        case _ if name in _LAZY:
            return Immediate(_LAZY[name](*args, **kwargs))
        case _:
            return Coroutine(name, TakeAll(callee, [*args], kwargs))


def _begun(program: Program, value: Any) -> Any:
    """The iterator over an object of the orchestration's own, where that is one which holds steps; else the value."""
    if not environment_of(program).classes.owns(type(value)) or special_method(value, "keys") is not None:
        return value
    if not isinstance(special_method(value, "__iter__"), MachineFunction) and own_next(value) is None:
        return value
    return begin(value)


def _is_own(program: Program, callee: Any) -> bool:
    """Whether a function or class of the orchestration is called: it asks by its own code."""
    function = callee.__func__ if type(callee) is types.MethodType else callee
    if isinstance(function, types.FunctionType):
        return function.__globals__ is program.namespace
    return isinstance(function, MachineFunction) or environment_of(program).classes.owns(callee)


def _name_of(program: Program, callee: Any) -> str:
    """The name of a builtin, or of one of the sandbox's itertools; empty for all others."""
    found = next((n for n in _BUILTINS if program.namespace["__builtins__"].get(n) is callee), "")
    if not found and isinstance(callee, type) and issubclass(callee, Kept):
        return callee.__name__
    return found


#: What has a name that says what it does, and no code of the orchestration's behind that name.
_NAMED = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_TAKING = EAGER | LAZY | {"any", "all"}
_BUILTINS = ("next", "any", "all", "enumerate", "zip", "map", "filter")
#: What a checkpoint keeps by its slots.
STORED: tuple[type, ...] = (
    AskLazy, AskNext, AskOwn, CloseAll, CloseLater, Decide, TakeAll, Enumerated, Zipped, Mapped, Filtered, While, Sliced, Chained,
    OwnIterator,
)  # fmt: skip
