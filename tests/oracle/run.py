"""Runs an orchestration in plain CPython, on a virtual clock, with fake tools: what any other way of
running it must equal.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from weft_workflows.local import VIRTUAL_EPOCH

from tests.oracle.clock import Clock, VirtualLoop
from tests.oracle.fakes import Arguments, FakeTool, ToolCall, World, as_function
from tests.oracle.script import Script, prepare
from tests.oracle.values import to_json_value


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `result` is a JSON value, None where it failed; `error` is the exception's type and
    message.
    """

    result: Any = None
    stdout: str = ""
    error: tuple[str, str] | None = None
    calls: tuple[ToolCall, ...] = ()
    #: Virtual seconds at the end.
    ended: float = 0.0
    #: What `error` tells of, under CPython; the text of its traceback, in the machine.
    failure: BaseException | None = field(default=None, compare=False)
    traceback: str = field(default="", compare=False)

    def __str__(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        if self.error is None:
            yield f"result: {json.dumps(self.result, ensure_ascii=False)}"
        else:
            yield f"error: {': '.join(self.error)}"
        if self.stdout:
            yield "output:" if self.stdout.endswith("\n") else "output, without a newline at its end:"
            yield from (f"  {line}".rstrip() for line in self.stdout.removesuffix("\n").split("\n"))
        if self.calls:
            yield "steps:"
            yield from (f"  {call}" for call in self.calls)
        yield f"ended: {self.ended:g}"


def run_cpython(
    source: str,
    tools: Mapping[str, FakeTool],
    inputs: Mapping[str, Any] | None = None,
    *,
    modules: Mapping[str, Any] | None = None,
) -> Outcome:
    """The outcome under CPython. `modules` are bound before the script runs, as scripts that import nothing
    expect.

    Raises SyntaxError for what is no Python; exceptions of the script are part of the outcome.
    """
    script = prepare(source, tools)
    run = _Run(World(tools), dict(inputs or {}))
    with _asyncio_of(run.loop_run), _time_of(run.clock), _output_to(run.stdout), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run.outcome(script, dict(modules or {}))


@dataclass
class _Run:
    world: World
    inputs: dict[str, Any]
    clock: Clock = field(default_factory=Clock)
    calls: list[ToolCall] = field(default_factory=list)
    stdout: io.StringIO = field(default_factory=io.StringIO)

    def outcome(self, script: Script, namespace: dict[str, Any]) -> Outcome:
        namespace |= self._tools() | {"__name__": "__main__", script.inputs_name: self.inputs}
        if script.entry is None:
            namespace |= self.inputs
        exec(script.code, namespace)
        result: Any = None
        error: BaseException | None = None
        try:
            value = namespace[script.name]()
            result = to_json_value(self.loop_run(value) if script.is_async else value)
        except (Exception, asyncio.CancelledError, SystemExit) as failure:  # noqa: BLE001  (part of the outcome)
            error = failure
        said = None if error is None else (type(error).__name__, _message(error))
        ended = round(self.clock.now, 6)
        return Outcome(result, self.stdout.getvalue(), said, tuple(self.calls), ended, error)

    def loop_run(self, main: Any, *, debug: bool | None = None) -> Any:
        """`asyncio.run` on the run's clock."""
        with asyncio.Runner(debug=debug, loop_factory=lambda: VirtualLoop(self.clock)) as runner:
            return runner.run(main)

    def _tools(self) -> dict[str, Callable[..., Any]]:
        return {name: as_function(tool.spec, self._call(tool)) for name, tool in self.world.tools.items()}

    def _call(self, tool: FakeTool) -> Callable[[Arguments], Awaitable[Any]]:
        async def call(arguments: Arguments) -> Any:
            self.calls.append(ToolCall.of(self.clock.now, tool.spec, arguments))
            return await self.world.perform(tool.spec.name, arguments, _rest)

        return call


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  (the script's own `__str__`)
        return "<exception str() failed>"


@contextlib.contextmanager
def _output_to(stream: io.StringIO) -> Iterator[None]:
    """Both outputs and logging into the stream, with logging as it is in a new process."""
    root = logging.RootLogger(logging.WARNING)
    with (
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
        mock.patch.object(logging, "root", root),
        mock.patch.multiple(logging.Logger, root=root, manager=logging.Manager(root)),
        mock.patch.object(logging.Formatter, "converter", time.gmtime),
    ):
        yield


async def _rest(seconds: float) -> None:
    """Waits by a timer even where the delay is zero, as a step does: `asyncio.sleep(0)` sets none."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    timer = loop.call_later(seconds, over.set_result, None)
    try:
        await over
    finally:
        timer.cancel()


@contextlib.contextmanager
def _asyncio_of(run: Callable[..., Any]) -> Iterator[None]:
    """asyncio on the run's clock, without its accidents (the order of a set, threads), and where it is older than the
    reference (3.13), with the reference's `wait_for` and `TaskGroup`.
    """
    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(asyncio, "run", run))
        patches.enter_context(mock.patch.object(asyncio, "as_completed", _as_completed))
        patches.enter_context(mock.patch.object(asyncio, "to_thread", _to_thread))
        patches.enter_context(mock.patch.object(asyncio.tasks, "all_tasks", _all_tasks))
        patches.enter_context(mock.patch.object(asyncio.tasks, "set", InOrder, create=True))
        patches.enter_context(mock.patch.object(asyncio.taskgroups, "set", InOrder, create=True))
        if sys.version_info < (3, 12):
            patches.enter_context(mock.patch.object(asyncio, "wait_for", _wait_for))
            patches.enter_context(mock.patch.object(asyncio, "TaskGroup", _TaskGroup))
        yield


@contextlib.contextmanager
def _time_of(clock: Clock) -> Iterator[None]:
    """The clocks of `time` on the run's clock. (Those of `datetime` cannot be replaced.)"""

    def read() -> float:
        return VIRTUAL_EPOCH + clock.now

    def read_ns() -> int:
        # From here logging has its times since 3.13.
        return round(read() * 1e9)

    with mock.patch.multiple(time, time=read, time_ns=read_ns, monotonic=read, perf_counter=read):
        yield


class _TaskGroup(asyncio.TaskGroup):
    """Counts cancellations as the reference does: takes back its own that came while it waited for its tasks, and repeats
    one from outside where it has errors to raise, which 3.11 forgot.
    """

    async def __aexit__(self, *error: Any) -> Any:
        own = vars(self)
        parent, taken_back = own["_parent_task"], own["_parent_cancel_requested"]
        try:
            return await super().__aexit__(*error)
        except BaseExceptionGroup:
            if own["_parent_cancel_requested"] and not taken_back:
                parent.uncancel()
            if parent.cancelling():
                parent.uncancel()
                parent.cancel()
            raise


class InOrder(set[Any]):
    """A set that iterates in the order of insertion: in which order asyncio cancels tasks is an accident of addresses."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._items = dict.fromkeys(items)
        super().__init__(self._items)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._items))

    def add(self, item: Any) -> None:
        super().add(item)
        self._items[item] = None

    def discard(self, item: Any) -> None:
        super().discard(item)
        self._items.pop(item, None)

    def remove(self, item: Any) -> None:
        super().remove(item)
        del self._items[item]

    def pop(self) -> Any:
        item, _ = self._items.popitem()
        super().discard(item)
        return item


def _all_tasks(loop: VirtualLoop) -> InOrder:
    """The tasks that are not done, the oldest first."""
    return InOrder(task for task in loop.made if not task.done())


#: The genuine one, which `_asyncio_of` replaces.
_AS_COMPLETED = asyncio.as_completed


def _as_completed(fs: Iterable[Any], *, timeout: float | None = None) -> Any:
    """Makes the tasks at once, as it does since 3.13, and in their order: CPython goes by the order of a set."""
    return _AS_COMPLETED([asyncio.ensure_future(f) for f in dict.fromkeys(fs)], timeout=timeout)


async def _to_thread(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Calls it here, when the others have had a turn: a real thread answers at a time that nobody can tell."""
    await asyncio.sleep(0)
    return function(*args, **kwargs)


async def _wait_for(awaitable: Any, timeout: float | None) -> Any:
    """Waits in the caller's own task, as `wait_for` does since 3.12; 3.11 made a task, which takes a turn more."""
    if timeout is not None and timeout <= 0:
        return await _if_done(asyncio.ensure_future(awaitable))
    async with asyncio.timeout(timeout):
        return await awaitable


async def _if_done(future: asyncio.Future[Any]) -> Any:
    if not future.done():
        future.cancel()
        await asyncio.wait([future])
    try:
        return future.result()
    except asyncio.CancelledError as error:
        raise TimeoutError from error
