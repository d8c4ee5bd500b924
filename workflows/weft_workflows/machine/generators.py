"""Generators that the machine runs, so that they can be half-way through while the run waits.

A generator's frame stands on a task's stack only while it runs. Plain generators run wherever they are asked, in native
code too, since they hold no step; asynchronous ones are asked through a frame of their own, which may wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.machine.frames import Frame, Given, Outcome, Resumption
from weft_workflows.machine.futures import Task
from weft_workflows.machine.values import Coroutine, EffectfulCall

if TYPE_CHECKING:
    from weft_workflows.machine.graph_frame import GraphFrame
    from weft_workflows.machine.program import Program


class _Suspended:
    """What plain and asynchronous generators share. `state` is `created`, `suspended`, `running` or `finished`."""

    __slots__ = ("frame", "name", "state")

    def __init__(self, name: str, frame: GraphFrame) -> None:
        self.name = name
        self.frame: GraphFrame | None = frame
        self.state = "created"

    def check(self, kind: str, value: Any) -> None:
        if self.state == "running":
            raise ValueError(f"{kind} already executing")
        if self.state == "created" and value is not None:
            raise TypeError(f"can't send non-None value to a just-started {kind}")

    def finish(self) -> None:
        self.state = "finished"
        self.frame = None


class Generator(_Suspended):
    """A plain generator. It is its own iterator."""

    __slots__ = ()
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"__iter__", "__next__", "close", "send", "throw"})

    def __repr__(self) -> str:
        return f"<generator object {self.name}>"

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
        self.check("generator", value)
        if self.frame is None or (self.state == "created" and error is not None):
            self.finish()
            if error is not None:
                raise error
            raise StopIteration
        outcome = self._run(self.frame, value, error)
        if outcome.kind == "give":
            return outcome.value
        self.finish()
        raise StopIteration(outcome.value)

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
    __weft_names__: ClassVar[frozenset[str]] = frozenset({"__aiter__", "__anext__", "aclose", "asend", "athrow"})

    def __repr__(self) -> str:
        return f"<async_generator object {self.name}>"

    def __aiter__(self) -> AsyncGenerator:
        return self

    def __anext__(self) -> Coroutine:
        return Coroutine("__anext__", AskGenerator(self, None, None, closing=False))

    def asend(self, value: Any) -> Coroutine:
        return Coroutine("asend", AskGenerator(self, value, None, closing=False))

    def athrow(self, error: Any) -> Coroutine:
        raised = error() if isinstance(error, type) else error
        return Coroutine("athrow", AskGenerator(self, None, raised, closing=False))

    def aclose(self) -> Coroutine:
        return Coroutine("aclose", AskGenerator(self, None, GeneratorExit(), closing=True))


class AskGenerator(Frame):
    """Asks an asynchronous generator for its next element. Raises StopAsyncIteration at its end."""

    __slots__ = ("asked", "closing", "error", "generator", "value")

    def __init__(self, generator: AsyncGenerator, value: Any, error: BaseException | None, closing: bool) -> None:
        self.generator = generator
        self.value = value
        self.error = error
        self.closing = closing
        self.asked = False

    def resume(self, program: Program, task: Task, value: Any, error: BaseException | None) -> Outcome:
        if self.asked:
            return self._answered(value, error)
        if error is not None:
            raise error
        generator = self.generator
        generator.check("async generator", self.value)
        if generator.frame is None or (generator.state == "created" and self.error is not None):
            generator.finish()
            if self.closing:
                return Outcome("done", None)
            raise self.error or StopAsyncIteration()
        self.asked = True
        generator.state = "running"
        return Outcome("wait", Resumption(generator.frame, self.value, self.error))

    def _answered(self, value: Any, error: BaseException | None) -> Outcome:
        generator = self.generator
        if isinstance(value, Given):
            generator.state = "suspended"
            if self.closing:
                raise RuntimeError("async generator ignored GeneratorExit")
            return Outcome("done", value.value)
        generator.finish()
        if self.closing and (error is None or isinstance(error, (GeneratorExit, StopAsyncIteration))):
            return Outcome("done", None)
        if isinstance(error, (StopIteration, StopAsyncIteration)):
            raise RuntimeError(f"async generator raised {type(error).__name__}") from error
        raise error or StopAsyncIteration()
