"""contextlib, as far as nothing in it waits: managers with plain state, so that they can stay entered while a run waits.

What holds: each class keeps all that it needs in its slots. A generator here is anything that answers to `__next__`,
`throw` and `close`. What has to wait (asynchronous managers, exits that hold steps) is the machine's, which shares
`Unwinding` and `judge` with this file; it must not be known here.
"""

from __future__ import annotations

import abc
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.sandbox.classes import special_method
from weft_workflows.sandbox.meter import LimitExceeded
from weft_workflows.sandbox.tracing import set_traceback, traceback_of

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment

_SYNC_NAMES = frozenset(("__enter__", "__exit__"))
_ASYNC_NAMES = frozenset(("__aenter__", "__aexit__"))
#: What `__exit__` is told where there is no exception.
NOTHING = (None, None, None)


def shown_as(name: str) -> Callable[[type], type]:
    """Gives a class the name that contextlib's own has."""

    def rename(kind: type) -> type:
        kind.__name__ = kind.__qualname__ = name
        kind.__module__ = "contextlib"
        return kind

    return rename


# -- what classes of the orchestration may derive from ---------------------------------------------------------------------


@shown_as("AbstractContextManager")
class AbstractContextManager(abc.ABC):
    __slots__ = ()
    __weft_names__: ClassVar[frozenset[str]] = _SYNC_NAMES

    def __class_getitem__(cls, _item: Any) -> Any:
        return cls

    def __enter__(self) -> Any:
        return self

    @abc.abstractmethod
    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        return None

    @classmethod
    def __subclasshook__(cls, other: type) -> Any:
        return _has(other, _SYNC_NAMES) if cls is AbstractContextManager else NotImplemented


@shown_as("AbstractAsyncContextManager")
class AbstractAsyncContextManager(abc.ABC):
    __slots__ = ()
    __weft_names__: ClassVar[frozenset[str]] = _ASYNC_NAMES

    def __class_getitem__(cls, _item: Any) -> Any:
        return cls

    async def __aenter__(self) -> Any:
        return self

    @abc.abstractmethod
    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> Any:
        return None

    @classmethod
    def __subclasshook__(cls, other: type) -> Any:
        return _has(other, _ASYNC_NAMES) if cls is AbstractAsyncContextManager else NotImplemented


def _has(kind: type, names: frozenset[str]) -> Any:
    found = all(any(name in base.__dict__ for base in kind.__mro__) for name in names)
    return True if found else NotImplemented


@shown_as("ContextDecorator")
class ContextDecorator:
    """Lets a manager decorate functions."""

    __slots__ = ()

    def __weft_again__(self) -> Any:
        """The manager for one more call."""
        return self

    def __call__(self, function: Callable[..., Any]) -> Decorated:
        return Decorated(self, function)


class Decorated:
    # A function inside a manager.

    __slots__ = ("__doc__", "__name__", "function", "manager")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__name__", "__doc__", "__wrapped__"))

    def __init__(self, manager: Any, function: Callable[..., Any]) -> None:
        self.manager = manager
        self.function = function
        self.__name__ = getattr(function, "__name__", "inner")
        self.__doc__ = getattr(function, "__doc__", None)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return self.function

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else bound(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.manager.__weft_again__():
            return self.function(*args, **kwargs)


def bound(function: Callable[..., Any], instance: Any) -> Any:
    """A method of what is no Python function."""
    return types.MethodType(function, instance)


# -- small managers --------------------------------------------------------------------------------------------------------


@shown_as("suppress")
class Suppress:
    __slots__ = ("kinds",)
    __weft_names__: ClassVar[frozenset[str]] = _SYNC_NAMES

    def __init__(self, *exceptions: type[BaseException]) -> None:
        self.kinds = exceptions

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        if kind is None:
            return None
        if issubclass(kind, self.kinds):
            return True
        if sys.version_info >= (3, 12) and issubclass(kind, BaseExceptionGroup):
            _matched, rest = error.split(self.kinds)
            if rest is None:
                return True
            raise rest
        return False


@shown_as("nullcontext")
class NullContext:
    __slots__ = ("enter_result",)
    __weft_names__: ClassVar[frozenset[str]] = _SYNC_NAMES | _ASYNC_NAMES | {"enter_result"}

    def __init__(self, enter_result: Any = None) -> None:
        self.enter_result = enter_result

    def __enter__(self) -> Any:
        return self.enter_result

    def __exit__(self, *_details: Any) -> None:
        return None

    async def __aenter__(self) -> Any:
        return self.enter_result

    async def __aexit__(self, *_details: Any) -> None:
        return None


@shown_as("closing")
class Closing:
    """Closes what it holds; its `close` is looked up by the guard."""

    __slots__ = ("_get", "thing")
    __weft_names__: ClassVar[frozenset[str]] = _SYNC_NAMES | {"thing"}

    def __init__(self, get: Callable[[Any, str], Any], thing: Any) -> None:
        self._get = get
        self.thing = thing

    def __enter__(self) -> Any:
        return self.thing

    def closing_call(self) -> Callable[..., Any]:
        found: Callable[..., Any] = self._get(self.thing, "close")
        return found

    def __exit__(self, *_details: Any) -> None:
        self.closing_call()()


# -- generators as managers --------------------------------------------------------------------------------------------------


class Standing:
    """Where an error came from so far. What a manager throws into its generator and gets back tells no more than that."""

    __slots__ = ("error", "trace")

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.trace = traceback_of(error)

    def restore(self) -> None:
        set_traceback(self.error, self.trace)


def judge(
    thrown: BaseException, raised: BaseException, standing: Standing, ends: tuple[type[BaseException], ...]
) -> bool:
    """What an exit says after its generator was thrown `thrown` and raised: True suppresses. Raises what is new.

    `ends` are the exceptions that a generator cannot let through; the first of them is its own end.
    """
    if isinstance(raised, ends[0]):
        return raised is not thrown
    wrapped = isinstance(raised, RuntimeError) and isinstance(thrown, ends) and raised.__cause__ is thrown
    if raised is not thrown and not wrapped:
        raise raised
    standing.restore()
    return False


class Making:
    # `contextmanager(function)`: calls the generator function, and makes a manager of that kind.

    __slots__ = ("__doc__", "__name__", "function", "made")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("__name__", "__doc__", "__wrapped__"))

    def __init__(self, made: type[OfGenerator], function: Callable[..., Any]) -> None:
        self.made = made
        self.function = function
        self.__name__ = getattr(function, "__name__", "helper")
        self.__doc__ = getattr(function, "__doc__", None)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return self.function

    def __repr__(self) -> str:
        return f"<function {self.__name__}>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else bound(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.made(self.function, args, kwargs)


class OfGenerator:
    """What plain and asynchronous managers of generators share."""

    __slots__ = ("arguments", "function", "generator", "keywords", "used")

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.generator = function(*arguments, **keywords)
        self.used = False

    def __weft_again__(self) -> Any:
        """A new manager of the same call."""
        return type(self)(self.function, self.arguments, self.keywords)

    def use(self) -> None:
        """Raises AttributeError where the manager was entered before, as contextlib happens to do."""
        if self.used:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute 'args'")
        self.used = True


@shown_as("_GeneratorContextManager")
class GeneratorManager(OfGenerator, ContextDecorator):
    __slots__ = ()
    __weft_names__: ClassVar[frozenset[str]] = _SYNC_NAMES

    def __enter__(self) -> Any:
        self.use()
        try:
            return next(self.generator)
        except StopIteration:
            raise RuntimeError("generator didn't yield") from None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if kind is None:
            return self._end()
        thrown = kind() if error is None else error
        standing = Standing(thrown)
        try:
            self.generator.throw(thrown)
        except LimitExceeded:
            raise
        except BaseException as raised:  # noqa: BLE001 - whatever the generator raises
            return judge(thrown, raised, standing, (StopIteration,))
        return self._close("generator didn't stop after throw()")

    def _end(self) -> bool:
        try:
            next(self.generator)
        except StopIteration:
            return False
        return self._close("generator didn't stop")

    def _close(self, message: str) -> bool:
        try:
            raise RuntimeError(message)
        finally:
            self.generator.close()


# -- stacks of exits -----------------------------------------------------------------------------------------------------------


class Unwinding:
    """An exit from a stack: which exception is under way while its exits run, as CPython's stacks have it.

    `outer` is the exception that is handled around the exit.
    """

    __slots__ = ("error", "outer", "pending", "received", "suppressed")

    def __init__(self, error: BaseException | None, outer: BaseException | None) -> None:
        self.error = error
        self.outer = outer
        self.received = error is not None
        self.suppressed = False
        #: Whether `error` was raised by an exit.
        self.pending = False

    def details(self) -> tuple[Any, Any, Any]:
        return NOTHING if self.error is None else (type(self.error), self.error, traceback_of(self.error))

    def returned(self, result: Any) -> None:
        """An exit has given its result."""
        if result:
            self.suppressed = True
            self.pending = False
            self.error = None

    def failed(self, error: BaseException) -> None:
        """An exit has raised: what was under way becomes the context of that."""
        self._chain(error)
        self.pending = True
        self.error = error

    def _chain(self, new: BaseException) -> None:
        while True:
            context = new.__context__
            if context is None or context is self.error:
                return
            if context is self.outer:
                break
            new = context
        new.__context__ = self.error

    def finish(self) -> bool:
        """Whether the exception is suppressed. Raises what an exit raised."""
        if self.pending:
            assert self.error is not None
            context = self.error.__context__
            try:
                raise self.error
            except BaseException:
                self.error.__context__ = context
                raise
        return self.received and self.suppressed


#: Whether asynchronous, form, target, arguments, keywords.
Exit = tuple[bool, str, Any, tuple[Any, ...], dict[str, Any]]


class Exits:
    """What plain and asynchronous stacks share. The form of an exit says what the target is: a `manager`, an `exit` that is told the exception, or a plain `callback`."""

    __slots__ = ("exits",)

    def __init__(self) -> None:
        self.exits: list[Exit] = []

    def pop_all(self) -> Any:
        other = type(self)()
        other.exits, self.exits = self.exits, []
        return other

    def enter_context(self, cm: Any) -> Any:
        method = entering(cm, is_async=False)
        result = method(cm)
        self.exits.append((False, "manager", cm, (), {}))
        return result

    def push(self, exit: Any) -> Any:  # noqa: A002 - contextlib's name
        form = "manager" if special_method(exit, "__exit__") is not None else "exit"
        self.exits.append((False, form, exit, (), {}))
        return exit

    def callback(self, callback: Any, /, *args: Any, **kwds: Any) -> Any:
        self.exits.append((False, "callback", callback, args, kwds))
        return callback


def entering(manager: Any, is_async: bool) -> Any:
    """The method that enters a manager. Raises TypeError where it is none."""
    kind = type(manager)
    enter, leave = ("__aenter__", "__aexit__") if is_async else ("__enter__", "__exit__")
    found = special_method(manager, enter)
    if found is None or special_method(manager, leave) is None:
        what = "asynchronous context manager" if is_async else "context manager"
        raise TypeError(f"'{kind.__module__}.{kind.__qualname__}' object does not support the {what} protocol")
    return found


def exit_call(exit_: Exit, details: tuple[Any, Any, Any]) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The function that an exit calls, with its arguments."""
    is_async, form, target, arguments, keywords = exit_
    match form:
        case "manager":
            return special_method(target, "__aexit__" if is_async else "__exit__"), (target, *details), {}
        case "exit":
            return target, details, {}
    return target, arguments, keywords


@shown_as("ExitStack")
class ExitStack(Exits):
    __slots__ = ()
    __weft_names__: ClassVar[frozenset[str]] = _SYNC_NAMES | {"callback", "close", "enter_context", "pop_all", "push"}

    def __enter__(self) -> ExitStack:
        return self

    def __exit__(self, _kind: Any, error: Any, _trace: Any) -> bool:
        unwinding = Unwinding(error, sys.exception())
        while self.exits:
            exit_ = self.exits.pop()
            function, args, kwargs = exit_call(exit_, unwinding.details())
            try:
                result = function(*args, **kwargs)
            except LimitExceeded:
                raise
            except BaseException as raised:  # noqa: BLE001 - whatever an exit raises
                unwinding.failed(raised)
            else:
                unwinding.returned(exit_[1] != "callback" and result)
        return unwinding.finish()

    def close(self) -> None:
        self.__exit__(*NOTHING)


#: What classes of an orchestration may derive from.
CONTEXT_BASES: frozenset[type] = frozenset((AbstractContextManager, AbstractAsyncContextManager, ContextDecorator))


def contextlib_module(environment: Environment) -> dict[str, Any]:
    """The names of contextlib; those that wait are the machine's to add."""
    get = environment.attributes.get

    def closing(thing: Any) -> Closing:
        return Closing(get, thing)

    def contextmanager(func: Callable[..., Any]) -> Making:
        return Making(GeneratorManager, func)

    return {
        "AbstractAsyncContextManager": AbstractAsyncContextManager,
        "AbstractContextManager": AbstractContextManager,
        "ContextDecorator": ContextDecorator,
        "ExitStack": ExitStack,
        "closing": closing,
        "contextmanager": contextmanager,
        "nullcontext": NullContext,
        "suppress": Suppress,
    }
