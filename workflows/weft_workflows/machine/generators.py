"""Generators that the machine runs, so that they can be half-way through while the run waits.

A generator's frame stands on a task's stack only while it runs. Plain generators that hold no step run wherever they are
asked, in native code too; asynchronous ones, and those that hold steps, are asked through a frame of their own, which may wait.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from weft_compiler import graph

from weft_workflows.machine.frames import Frame, Given, Outcome, Resumption
from weft_workflows.machine.futures import Task
from weft_workflows.machine.stepped import SteppedFrame
from weft_workflows.machine.values import Coroutine, EffectfulCall
from weft_workflows.sandbox.classes import special_method
from weft_workflows.sandbox.iterators import iterate

if TYPE_CHECKING:
    from weft_workflows.machine.graph_frame import GraphFrame
    from weft_workflows.machine.program import Program
    from weft_workflows.machine.unit import LoadedFunction


class _Suspended:
    """What plain and asynchronous generators share. `state` is `created`, `suspended`, `running` or `finished`."""

    __slots__ = ("frame", "name", "state")
    #: What Python calls it, and the method that closes it.
    kind: ClassVar[str]
    closing: ClassVar[str]

    def __init__(self, name: str, frame: GraphFrame) -> None:
        self.name = name
        self.frame: GraphFrame | None = frame
        self.state = "created"

    def __getattr__(self, name: str) -> Any:
        match name:
            case "__name__":
                return self.name.rpartition(".")[2]
            case "__qualname__":
                return self.name
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def check(self, value: Any) -> None:
        if self.state == "created" and value is not None:
            raise TypeError(f"can't send non-None value to a just-started {self.kind}")

    def finish(self) -> None:
        self.state = "finished"
        self.frame = None

    @abstractmethod
    def busy(self, asking: str) -> Exception:
        """The error of asking it while it runs."""

    @abstractmethod
    def end(self, value: Any) -> Exception:
        """What says that it has ended, with what it returned."""


class Begun:
    """The iterator over a generator expression's first iterable: its loop takes it as it is."""

    __slots__ = ("iterator",)

    def __init__(self, iterator: Any) -> None:
        self.iterator = iterator


def begun(loaded: LoadedFunction, iterable: Any) -> Begun:
    """Begins the first iterable of a generator expression, as its loop would."""
    loop = loaded.function.body.nodes[0]
    assert isinstance(loop, graph.Loop)
    return Begun(async_iterator(iterable) if loop.is_async else iterate(iterable))


def async_iterator(iterable: Any) -> Any:
    """What `async for` asks. Raises TypeError with CPython's wording."""
    name = type(iterable).__name__
    begin = special_method(iterable, "__aiter__")
    if begin is None:
        raise TypeError(f"'async for' requires an object with __aiter__ method, got {name}")
    iterator = begin(iterable)
    if special_method(iterator, "__anext__") is None:
        kind = type(iterator).__name__
        raise TypeError(f"'async for' received an object from __aiter__ that does not implement __anext__: {kind}")
    return iterator


class Generator(_Suspended):
    """A plain generator. It is its own iterator.

    One whose code waits (`waits`) is asked through a frame too, since asking it may suspend the task.
    """

    __slots__ = ()
    kind = "generator"
    closing = "close"
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        {"__iter__", "__next__", "close", "send", "throw", "__name__", "__qualname__"}
    )

    def __repr__(self) -> str:
        return f"<generator object {self.name}>"

    @property
    def waits(self) -> bool:
        return self.frame is not None and self.frame.loaded.function.waits

    def busy(self, asking: str) -> Exception:
        return ValueError("generator already executing")

    def end(self, value: Any) -> Exception:
        return StopIteration() if value is None else StopIteration(value)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._go_on(None, None)

    def send(self, value: Any) -> Any:
        return self._go_on(value, None)

    def throw(self, error: Any) -> Any:
        return self._go_on(None, error() if isinstance(error, type) else error)

    def close(self) -> None:
        if self.state == "created":
            self.finish()
        if self.state == "finished":
            return
        try:
            self._go_on(None, GeneratorExit())
        except (GeneratorExit, StopIteration):
            return
        raise RuntimeError("generator ignored GeneratorExit")

    def _go_on(self, value: Any, error: BaseException | None) -> Any:
        """Runs to the next `yield`. Raises StopIteration at the end."""
        if self.state == "running":
            raise self.busy("next")
        self.check(value)
        if self.frame is None or (self.state == "created" and error is not None):
            self.finish()
            if error is not None:
                raise error
            raise self.end(None)
        outcome = self._run(self.frame, value, error)
        if outcome.kind == "give":
            return outcome.value
        self.finish()
        raise self.end(outcome.value)

    def _run(self, frame: GraphFrame, value: Any, error: BaseException | None) -> Outcome:
        program = frame.program
        self.state = "running"
        program.inline.append(frame)
        try:
            if error is not None:
                program.chain(error)
            outcome = frame.resume(program, program.loop.current, value, error)
            if outcome.kind in ("wait", "yield"):
                raise EffectfulCall(f"{self.name}() holds steps and cannot be run from inside Python")
        except StopIteration as stopped:
            self.finish()
            raise RuntimeError("generator raised StopIteration") from stopped
        except BaseException:
            self.finish()
            raise
        finally:
            program.inline.pop()
        self.state = "suspended"
        return outcome


class AsyncGenerator(_Suspended):
    """An asynchronous generator."""

    __slots__ = ()
    kind = "async generator"
    closing = "aclose"
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        {"__aiter__", "__anext__", "aclose", "asend", "athrow", "__name__", "__qualname__"}
    )

    def __repr__(self) -> str:
        return f"<async_generator object {self.name}>"

    def busy(self, asking: str) -> Exception:
        return RuntimeError(f"{asking}(): asynchronous generator is already running")

    def end(self, value: Any) -> Exception:
        return StopAsyncIteration()

    def __aiter__(self) -> AsyncGenerator:
        return self

    def __anext__(self) -> Coroutine:
        return Coroutine("__anext__", AskGenerator(self, "anext", None, None))

    def asend(self, value: Any) -> Coroutine:
        return Coroutine("asend", AskGenerator(self, "asend", value, None))

    def athrow(self, error: Any) -> Coroutine:
        raised = error() if isinstance(error, type) else error
        return Coroutine("athrow", AskGenerator(self, "athrow", None, raised))

    def aclose(self) -> Coroutine:
        return Coroutine("aclose", AskGenerator(self, "aclose", None, GeneratorExit()))


#: Their names in messages.
Generator.__name__ = "generator"
AsyncGenerator.__name__ = "async_generator"


class AskGenerator(Frame):
    """Asks a generator for its next element. Raises StopAsyncIteration at its end, or StopIteration for a plain one."""

    __slots__ = ("asked", "asking", "error", "generator", "value")

    def __init__(
        self, generator: AsyncGenerator | Generator, asking: str, value: Any, error: BaseException | None
    ) -> None:
        self.generator = generator
        #: Which method asks, such as `anext`, `asend`, `athrow` or `aclose`.
        self.asking = asking
        self.value = value
        self.error = error
        self.asked = False

    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if self.asked:
            return self._answered(value, error)
        if error is not None:
            raise error
        generator = self.generator
        if generator.state == "running":
            raise generator.busy(self.asking)
        generator.check(self.value)
        if generator.frame is None or (generator.state == "created" and self.error is not None):
            generator.finish()
            if self.asking == generator.closing:
                return Outcome("done", None)
            raise self.error or generator.end(None)
        self.asked = True
        generator.state = "running"
        return Outcome("wait", Resumption(generator.frame, self.value, self.error))

    def _answered(self, value: Any, error: BaseException | None) -> Outcome:
        generator = self.generator
        closing = self.asking == generator.closing
        if isinstance(value, Given):
            generator.state = "suspended"
            if closing:
                raise RuntimeError(f"{generator.kind} ignored GeneratorExit")
            return Outcome("done", value.value)
        generator.finish()
        end = generator.end(value)
        if closing and (error is None or isinstance(error, (GeneratorExit, type(end)))):
            return Outcome("done", None)
        if isinstance(error, (StopIteration, type(end))):
            raise stopped_inside(generator.kind, error)
        raise error or end


def stopped_inside(kind: str, error: BaseException) -> RuntimeError:
    """What leaves a coroutine or a generator whose code raised what would be taken for its end."""
    wrapped = RuntimeError(f"{kind} raised {type(error).__name__}")
    wrapped.__cause__ = wrapped.__context__ = error
    return wrapped


_NONE: Any = object()


def ask_next(iterator: Any, default: Any = _NONE, /) -> Any:
    """The builtin `anext`."""
    following = special_method(iterator, "__anext__")
    if following is None:
        raise TypeError(f"'{type(iterator).__name__}' object is not an async iterator")
    asked = following(iterator)
    return asked if default is _NONE else Coroutine("anext", NextOrDefault(asked, default))


class NextOrDefault(SteppedFrame):
    """`anext` with a default for the iterator's end."""

    __slots__ = ("asked", "default")

    def __init__(self, asked: Any, default: Any) -> None:
        super().__init__()
        self.asked = asked
        self.default = default

    def begin(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        return self.wait(self.asked, "answered")

    def answered(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if isinstance(error, StopAsyncIteration):
            return Outcome("done", self.default)
        if error is not None:
            raise error
        return Outcome("done", value)
