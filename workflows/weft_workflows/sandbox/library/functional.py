"""functools and operator. What reads attributes by name on the caller's behalf is ours and asks the guard."""

from __future__ import annotations

import functools
import operator
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.sandbox.names import exact

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment

_COPIED = ("__module__", "__name__", "__qualname__", "__doc__")
_ABSENT = object()


class CacheInfo(tuple[Any, ...]):
    """What `cache_info` gives."""

    __slots__ = ()
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("hits", "misses", "maxsize", "currsize"))
    hits = property(operator.itemgetter(0))
    misses = property(operator.itemgetter(1))
    maxsize = property(operator.itemgetter(2))
    currsize = property(operator.itemgetter(3))

    def __repr__(self) -> str:
        return f"CacheInfo(hits={self[0]}, misses={self[1]}, maxsize={self[2]}, currsize={self[3]})"


class CachedFunction:
    # `lru_cache` and `cache`: plain state, so that it can be kept. `entries` is in the order of last use.

    __slots__ = ("__doc__", "__name__", "entries", "function", "hits", "maxsize", "misses", "typed")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        ("cache_info", "cache_clear", "__name__", "__doc__", "__wrapped__")
    )

    def __init__(self, function: Callable[..., Any], maxsize: int | None, typed: bool) -> None:
        self.function = function
        self.maxsize = None if maxsize is None else max(0, maxsize)
        self.typed = typed
        self.entries: OrderedDict[Any, Any] = OrderedDict()
        self.hits = self.misses = 0
        self.__name__ = getattr(function, "__name__", "function")
        self.__doc__ = getattr(function, "__doc__", None)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return self.function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        key: Any = (args, tuple(kwargs.items()))
        if self.typed:
            key += (tuple(map(type, args)), tuple(map(type, kwargs.values())))
        value = self.entries.get(key, _ABSENT)
        if value is not _ABSENT:
            self.hits += 1
            self.entries.move_to_end(key)
            return value
        self.misses += 1
        value = self.function(*args, **kwargs)
        if self.maxsize != 0:
            self.entries[key] = value
            if self.maxsize is not None and len(self.entries) > self.maxsize:
                self.entries.popitem(last=False)
        return value

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def cache_info(self) -> CacheInfo:
        return CacheInfo((self.hits, self.misses, self.maxsize, len(self.entries)))

    def cache_clear(self) -> None:
        self.entries.clear()
        self.hits = self.misses = 0


class CachedProperty:
    # `cached_property`: computed once, then kept in the instance under its name.

    __slots__ = ("__doc__", "function", "name")

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.name: str | None = None
        self.__doc__ = getattr(function, "__doc__", None)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        if self.name is None:
            raise TypeError("Cannot use cached_property instance without calling __set_name__ on it.")
        kept = instance.__dict__
        value = kept.get(self.name, _ABSENT)
        if value is _ABSENT:
            value = kept[self.name] = self.function(instance)
        return value


class SingleDispatch:
    # `singledispatch`: picks by the type of the first argument, along its hierarchy.

    __slots__ = ("__doc__", "__name__", "default", "registered")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(("register", "dispatch", "__name__", "__doc__"))

    def __init__(self, function: Callable[..., Any]) -> None:
        self.default = function
        self.registered: dict[Any, Callable[..., Any]] = {}
        self.__name__ = getattr(function, "__name__", "function")
        self.__doc__ = getattr(function, "__doc__", None)

    def register(self, cls: Any, function: Callable[..., Any] | None = None) -> Any:
        if function is None and not isinstance(cls, type):
            hints = [hint for name, hint in cls.__annotations__.items() if name != "return"]
            self.registered[hints[0]] = cls
            return cls
        if function is None:
            return functools.partial(self.register, cls)
        self.registered[cls] = function
        return function

    def dispatch(self, cls: type) -> Callable[..., Any]:
        for base in cls.__mro__:
            if base in self.registered:
                return self.registered[base]
        for kind, function in self.registered.items():
            if issubclass(cls, kind):
                return function
        return self.default

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not args:
            raise TypeError(f"{self.__name__} requires at least 1 positional argument")
        return self.dispatch(type(args[0]))(*args, **kwargs)


def functools_module(environment: Environment) -> dict[str, Any]:
    get, store = environment.attributes.get, environment.attributes.set

    def update_wrapper(wrapper: Any, wrapped: Any, *_: Any, **__: Any) -> Any:
        for name in _COPIED:
            try:
                store(wrapper, name, get(wrapped, name))
            except AttributeError:
                continue
        for name, value in environment.attributes.given_to(wrapped).items():
            store(wrapper, name, value)
        try:
            store(wrapper, "__wrapped__", wrapped)
        except AttributeError:
            return wrapper
        return wrapper

    def wraps(wrapped: Any, *_: Any, **__: Any) -> Any:
        return lambda wrapper: update_wrapper(wrapper, wrapped)

    def lru_cache(maxsize: Any = 128, typed: bool = False) -> Any:
        if callable(maxsize):
            return CachedFunction(maxsize, 128, False)
        return lambda function: CachedFunction(function, maxsize, typed)

    def reduce(function: Any, iterable: Iterable[Any], *initial: Any) -> Any:
        return functools.reduce(function, environment.walking.bulk(iterable), *initial)

    def total_ordering(cls: type) -> type:
        if not environment.classes.owns(cls):
            raise TypeError("total_ordering works on the orchestration's own classes")
        return functools.total_ordering(cls)

    return {
        "reduce": reduce,
        "partial": functools.partial,
        "wraps": wraps,
        "update_wrapper": update_wrapper,
        "lru_cache": lru_cache,
        "cache": lambda function: CachedFunction(function, None, False),
        "cached_property": CachedProperty,
        "total_ordering": total_ordering,
        "cmp_to_key": functools.cmp_to_key,
        "singledispatch": SingleDispatch,
        "WRAPPER_ASSIGNMENTS": _COPIED,
        "WRAPPER_UPDATES": (),
    }


class AttributeGetter:
    """`attrgetter`: reads dotted names through the guard."""

    __slots__ = ("_get", "names")

    def __init__(self, get: Callable[[Any, str], Any], names: tuple[Any, ...]) -> None:
        if not names:
            raise TypeError("attrgetter expected 1 argument, got 0")
        if not all(isinstance(name, str) for name in names):
            raise TypeError("attribute name must be a string")
        self._get = get
        self.names = tuple(exact(name) for name in names)

    def __call__(self, target: Any, /) -> Any:
        found = tuple(self._walk(target, name) for name in self.names)
        return found[0] if len(found) == 1 else found

    def _walk(self, target: Any, path: str) -> Any:
        for name in path.split("."):
            target = self._get(target, name)
        return target


class MethodCaller:
    """`methodcaller`: calls a method that the guard gives."""

    __slots__ = ("_get", "args", "kwargs", "name")

    def __init__(
        self, get: Callable[[Any, str], Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if not isinstance(name, str):
            raise TypeError("method name must be a string")
        self._get = get
        self.name = exact(name)
        self.args = args
        self.kwargs = kwargs

    def __call__(self, target: Any, /) -> Any:
        return self._get(target, self.name)(*self.args, **self.kwargs)


def operator_module(environment: Environment) -> dict[str, Any]:
    from weft_workflows.sandbox.allowed import ALLOWED_MODULES

    arithmetic, walking, get = environment.arithmetic, environment.walking, environment.attributes.get

    def attrgetter(*names: Any) -> AttributeGetter:
        return AttributeGetter(get, names)

    def methodcaller(name: str, /, *args: Any, **kwargs: Any) -> MethodCaller:
        return MethodCaller(get, name, args, kwargs)

    def added(left: Any, right: Any, /) -> Any:
        return arithmetic.sized(left + right)

    def added_in_place(left: Any, right: Any, /) -> Any:
        left += walking.addend(right)
        return left

    def contains(container: Any, value: Any, /) -> bool:
        return arithmetic.contains(container, value)

    def getitem(container: Any, key: Any, /) -> Any:
        return arithmetic.sliced(container[key])

    def setitem(container: Any, key: Any, value: Any, /) -> None:
        container[key] = walking.addend(value)

    return {name: getattr(operator, name) for name in ALLOWED_MODULES["operator"]} | {
        "attrgetter": attrgetter,
        "methodcaller": methodcaller,
        "add": added,
        "concat": added,
        "iadd": added_in_place,
        "contains": contains,
        "getitem": getitem,
        "setitem": setitem,
        "mul": arithmetic.multiply,
        "pow": arithmetic.power,
        "lshift": arithmetic.shift,
        "mod": arithmetic.modulo,
        "countOf": walking.metered(operator.countOf),
        "indexOf": walking.metered(operator.indexOf),
    }
