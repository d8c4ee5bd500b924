"""Executes one step: checks the arguments, calls the tool, makes its result plain JSON.

The same core serves the Temporal activity and the in-memory driver. Always holds: the tool gets arguments of the hinted
types or is not called; what comes out is JSON or an exception of the tool; a plain function runs in a thread of its
own and never blocks the event loop; a call keeps its place among the tool's concurrent ones until its code has ended,
also where nobody waits for it any more. Importing this costs no Temporal.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from weft_activities import json_values
from weft_activities.context import StepContext, running_step
from weft_activities.failures import ToolFailure, describe_failure
from weft_activities.limits import limiter_of
from weft_activities.schema import complaints
from weft_activities.tool import Tool

if TYPE_CHECKING:
    from temporalio.common import RawValue

__all__ = [
    "ResultError",
    "StepContext",
    "ToolFailure",
    "activity_for",
    "call_tool",
    "call_tool_json",
    "describe_failure",
]


class ResultError(ValueError):
    """A tool's result that is not JSON, is too large, or does not fit the tool's return hint."""


def activity_for(
    tool: Tool, *, result_limit: int | None = json_values.RESULT_LIMIT
) -> Callable[[dict[str, Any]], Coroutine[Any, Any, RawValue]]:
    """The Temporal activity of a tool: named after it, takes the arguments by name in one dict, gives JSON.

    `result_limit` is in bytes.
    """
    from weft_activities.activity import make_activity

    return make_activity(tool, result_limit)


async def call_tool(tool: Tool, arguments: dict[str, Any], step: StepContext) -> Any:
    """The tool's result as plain JSON values.

    Raises what the tool raises; before it runs, TypeError for missing or unknown arguments and ValueError for values
    that do not fit; after it, ResultError.
    """
    return json_values.decode(await call_tool_json(tool, arguments, step))


async def call_tool_json(
    tool: Tool,
    arguments: dict[str, Any],
    step: StepContext,
    *,
    result_limit: int | None = json_values.RESULT_LIMIT,
    lingers: bool = False,
) -> bytes:
    """`call_tool`, with the result as JSON text.

    A thread cannot be stopped. Where this is cancelled it ends at once all the same and drops the thread's late outcome,
    or, where it `lingers`, when the thread has ended: with its result if it gave one.
    """
    bound = _bind(tool, arguments)
    limiter = limiter_of(tool)
    await limiter.acquire()
    threads: list[asyncio.Future[Any]] = []
    try:
        with running_step(step):
            returned = await _run(tool, bound, step, threads, lingers)
    finally:
        _when_all_ended(threads, limiter.release)
    return _encode_result(tool, returned, result_limit)


def _when_all_ended(threads: list[asyncio.Future[Any]], act: Callable[[], None]) -> None:
    """Acts now, or once the thread that a cancelled call has left behind ends."""
    left = next((thread for thread in threads if not thread.done()), None)
    if left is None:
        act()
    else:
        left.add_done_callback(lambda _: act())


def _bind(tool: Tool, arguments: dict[str, Any]) -> inspect.BoundArguments:
    try:
        return tool.inputs.bind(arguments)
    except ValidationError as error:
        raise _argument_error(tool, error) from None


def _argument_error(tool: Tool, error: ValidationError) -> Exception:
    said = complaints(error, tool.spec.redact)
    unbound = [(path, kind) for path, kind, _ in said if kind in ("missing", "extra_forbidden") and path.isidentifier()]
    if len(unbound) < len(said):
        listed = "; ".join(f"{path}: {sentence}" for path, _, sentence in said)
        return ValueError(f"{tool.name}() got arguments that do not fit: {listed}")
    words = {"missing": "missing argument", "extra_forbidden": "unexpected argument"}
    listed = ", ".join(f"{words[kind]} {path!r}" for path, kind in unbound)
    return TypeError(f"{tool.name}(): {listed}; it takes ({', '.join(tool.spec.parameter_names())})")


async def _run(
    tool: Tool, bound: inspect.BoundArguments, step: StepContext, threads: list[asyncio.Future[Any]], lingers: bool
) -> Any:
    """Calls the function. Only a cancellation from outside leaves this as CancelledError."""
    try:
        if inspect.iscoroutinefunction(tool.function):
            return await tool.function(*bound.args, **bound.kwargs)
        ended = _in_thread(lambda: tool.function(*bound.args, **bound.kwargs), tool.name)
        threads.append(ended)
        returned = await _outcome(ended, step, lingers)
        # A plain function may hand out a coroutine, as a decorated one does.
        return await returned if inspect.isawaitable(returned) else returned
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            step.cancelled = True
            raise
        raise RuntimeError(f"{tool.name}() awaited a task that was cancelled") from error
    except Exception:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            # A person's Ctrl-C while a tool runs on the main thread's loop.
            raise
        raise RuntimeError(f"{tool.name}() raised {error!r}: a tool must not end the process that runs it") from error


def _in_thread(call: Callable[[], Any], name: str) -> asyncio.Future[tuple[Any, BaseException | None]]:
    """Begins a call in a thread of its own. Gives what it returned and what it raised, when it has ended.

    Not a pool: steps that block for minutes would starve it, and a pool's threads hold up the end of the process.
    How many run at once is bounded by the worker.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
    context = copy_context()

    def settle(value: Any, error: BaseException | None) -> None:
        if not outcome.done():
            outcome.set_result((value, error))

    def work() -> None:
        value, failure = None, None
        try:
            value = context.run(call)
        except BaseException as error:  # noqa: BLE001 (it is raised again where the call is awaited)
            failure = error
        try:
            loop.call_soon_threadsafe(settle, value, failure)
        except RuntimeError:
            # The loop has closed: nobody waits any more.
            return

    threading.Thread(target=work, name=f"weft-tool-{name}", daemon=True).start()
    return outcome


async def _outcome(ended: asyncio.Future[tuple[Any, BaseException | None]], step: StepContext, lingers: bool) -> Any:
    """What a thread gives. A thread that is told of a cancellation and raises has been cancelled."""
    try:
        value, failure = await asyncio.shield(ended)
    except asyncio.CancelledError:
        # The thread can look at it from now on.
        step.cancelled = True
        if not lingers:
            raise
        value, failure = await asyncio.shield(ended)
        if failure is not None:
            raise
    if failure is not None:
        raise failure
    return value


def _encode_result(tool: Tool, returned: Any, limit: int | None) -> bytes:
    try:
        return json_values.encode(tool.outputs.settle(returned), limit=limit)
    except ValidationError as error:
        said = "; ".join(f"{_result_path(path)}: {sentence}" for path, _, sentence in complaints(error))
        raise ResultError(
            f"{tool.name}() returned a value that does not fit its return hint: {said}. Correct the function or its "
            f"hint "
            f"({tool.place})"
        ) from None
    except json_values.NotJson as error:
        raise ResultError(f"{tool.name}(): {error}") from None


def _result_path(path: str) -> str:
    return "result" if not path else f"result{path}" if path.startswith("[") else f"result.{path}"
