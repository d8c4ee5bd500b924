"""json, copy, dataclasses, enum, collections, hashlib, io, pprint and difflib for one run."""

from __future__ import annotations

import collections
import copy
import dataclasses
import difflib
import enum
import hashlib
import io
import json
import keyword
import pprint
import textwrap
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from weft_workflows.sandbox.allowed import ALLOWED_MODULES
from weft_workflows.sandbox.enums import enum_facade
from weft_workflows.sandbox.names import is_special
from weft_workflows.sandbox.sets import FrozenOrderedSet, OrderedSet

if TYPE_CHECKING:
    from weft_workflows.sandbox.environment import Environment


def json_module(environment: Environment) -> dict[str, Any]:
    formatting, meter, get = environment.formatting, environment.meter, environment.attributes.get

    def dumps(obj: Any, *, indent: Any = None, cls: None = None, **options: Any) -> str:
        if cls is not None:
            raise TypeError("json.dumps() takes no encoder class in an orchestration; pass `default`")
        if (isinstance(indent, int) and indent > 100) or (isinstance(indent, str) and len(indent) > 100):
            raise ValueError("json.dumps() indents by at most 100 characters in an orchestration")
        formatting.weigh(obj)
        text = json.dumps(obj, indent=indent, **options)
        meter.check_size(len(text), "a JSON text")
        return text

    def loads(s: Any, *, cls: None = None, **options: Any) -> Any:
        if cls is not None:
            raise TypeError("json.loads() takes no decoder class in an orchestration; pass `object_hook`")
        if isinstance(s, (str, bytes, bytearray)):
            meter.check_size(len(s) * 8, "what a JSON text holds")
        return json.loads(s, **options)

    def dump(obj: Any, fp: Any, **options: Any) -> None:
        get(fp, "write")(dumps(obj, **options))

    def load(fp: Any, **options: Any) -> Any:
        return loads(get(fp, "read")(), **options)

    return {"dumps": dumps, "loads": loads, "dump": dump, "load": load, "JSONDecodeError": json.JSONDecodeError}


_ATOMIC = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type,
    range,
    types.FunctionType,
    types.BuiltinFunctionType,
    property,
)


class Copying:
    """copy and deepcopy by type, without `__reduce__` and its like, which would let a value choose what is called and written."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def charge(self, amount: int) -> None:
        self._environment.meter.charge(amount)

    def copy(self, x: Any) -> Any:
        kind = type(x)
        self._environment.meter.charge()
        own = self._environment.classes.owns(kind)
        if own and hasattr(kind, "__copy__"):
            return kind.__copy__(x)
        if kind in (list, dict, bytearray, OrderedSet, collections.deque, collections.defaultdict, collections.Counter,
                    collections.OrderedDict, collections.ChainMap):  # fmt: skip
            return self._environment.attributes.get(x, "copy")()
        if own and not isinstance(x, (enum.Enum, BaseException)):
            return self._instance(x, kind, lambda value: value, {})
        if isinstance(x, BaseException):
            return self._exception(x, lambda value: value)
        if kind is types.SimpleNamespace:
            return types.SimpleNamespace(**x.__dict__)
        return x

    def deepcopy(self, x: Any, memo: dict[int, Any] | None = None) -> Any:
        memo = {} if memo is None else memo
        return self._deep(x, memo)

    def _deep(self, x: Any, memo: dict[int, Any]) -> Any:
        kind = type(x)
        if kind in _ATOMIC:
            return x
        found = memo.get(id(x))
        if found is not None:
            return found
        self._environment.meter.charge()
        made = self._deep_container(x, kind, memo)
        memo[id(x)] = made
        memo.setdefault(id(memo), []).append(x)
        return made

    def _deep_container(self, x: Any, kind: type, memo: dict[int, Any]) -> Any:
        def deep(value: Any) -> Any:
            return self._deep(value, memo)

        if self._environment.classes.owns(kind):
            if hasattr(kind, "__deepcopy__"):
                return kind.__deepcopy__(x, memo)
            if isinstance(x, BaseException):
                return self._exception(x, deep)
            return x if isinstance(x, enum.Enum) else self._instance(x, kind, deep, memo)
        if kind in (tuple, list, FrozenOrderedSet):
            self.charge(len(x))
        if kind in (tuple, FrozenOrderedSet):
            return kind([deep(value) for value in x])
        if kind in (list, collections.deque, OrderedSet):
            return self._filled(x, kind, deep, memo)
        if kind in (dict, collections.OrderedDict, collections.defaultdict, collections.Counter):
            return self._mapping(x, kind, deep, memo)
        if kind is types.SimpleNamespace:
            return types.SimpleNamespace(**deep(x.__dict__))
        if isinstance(x, BaseException):
            return self._exception(x, deep)
        if kind in (bytearray, io.StringIO) or isinstance(x, (types.GeneratorType, types.CoroutineType)):
            if kind is bytearray:
                return bytearray(x)
            raise TypeError(f"cannot pickle '{kind.__name__}' object")
        return x

    def _filled(self, x: Any, kind: Any, deep: Callable[[Any], Any], memo: dict[int, Any]) -> Any:
        made: Any = collections.deque(maxlen=x.maxlen) if kind is collections.deque else kind()
        memo[id(x)] = made
        put = made.add if kind is OrderedSet else made.append
        for value in x:
            put(deep(value))
        return made

    def _mapping(self, x: Any, kind: Any, deep: Callable[[Any], Any], memo: dict[int, Any]) -> Any:
        made = collections.defaultdict(x.default_factory) if kind is collections.defaultdict else kind()
        memo[id(x)] = made
        for key, value in dict.items(x):
            dict.__setitem__(made, deep(key), deep(value)) if kind is collections.Counter else made.__setitem__(
                deep(key), deep(value)
            )
        return made

    def _instance(self, x: Any, kind: Any, deep: Callable[[Any], Any], memo: dict[int, Any]) -> Any:
        """An instance of an orchestration class: same class, copied attributes, slots and, for subclasses of builtins, contents."""
        made = _blank(x, kind, deep)
        memo[id(x)] = made
        if isinstance(x, dict):
            dict.update(made, {deep(key): deep(value) for key, value in dict.items(x)})
        elif isinstance(x, list):
            list.extend(made, [deep(value) for value in list.__iter__(x)])
        for name, value in getattr(x, "__dict__", {}).items():
            made.__dict__[name] = deep(value)
        for base in kind.__mro__:
            slots = base.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if not is_special(name) and hasattr(x, name):
                    object.__setattr__(made, name, deep(getattr(x, name)))
        return made

    def _exception(self, x: BaseException, deep: Callable[[Any], Any]) -> BaseException:
        made = type(x).__new__(type(x), *x.args)
        made.args = deep(x.args)
        made.__dict__.update({name: deep(value) for name, value in x.__dict__.items()})
        copied: BaseException = made
        return copied


def _blank(x: Any, kind: Any, deep: Callable[[Any], Any]) -> Any:
    """A new instance that no constructor of the orchestration has seen."""
    bases: tuple[Any, ...] = (tuple, str, bytes, int, float)
    for base in bases:
        if isinstance(x, base):
            content: Any = [deep(value) for value in tuple.__iter__(x)] if base is tuple else base(x)
            return base.__new__(kind, content)
    for base in (dict, list, object):
        if isinstance(x, base):
            return base.__new__(kind)
    raise TypeError(f"cannot copy {kind.__name__!r}")


def copy_module(environment: Environment) -> dict[str, Any]:
    copying = Copying(environment)

    def shallow(x: Any) -> Any:
        return copying.copy(x)

    def deep(x: Any, memo: dict[int, Any] | None = None) -> Any:
        return copying.deepcopy(x, memo)

    return {"copy": shallow, "deepcopy": deep, "Error": copy.Error, "error": copy.Error}


_DATACLASS_OPTIONS = frozenset(
    ["init", "repr", "eq", "order", "unsafe_hash", "frozen", "match_args", "kw_only", "slots"]
)


def dataclasses_module(environment: Environment) -> dict[str, Any]:
    found = {name: getattr(dataclasses, name) for name in ALLOWED_MODULES["dataclasses"]}
    copying = Copying(environment)

    def dataclass(cls: Any = None, /, **options: Any) -> Any:
        unknown = options.keys() - _DATACLASS_OPTIONS
        if unknown:
            raise TypeError(f"dataclass() got an unexpected keyword argument '{sorted(unknown)[0]}'")
        return (lambda each: make(each, options)) if cls is None else make(cls, options)

    def make(cls: Any, options: dict[str, Any]) -> Any:
        if not environment.classes.owns(cls):
            raise TypeError("dataclass() works on the orchestration's own classes")
        _fix_annotations(cls)
        environment.meter.charge(3_000)
        made = environment.classes.construct(lambda: dataclasses.dataclass(cls, **options))
        if made is not cls:
            environment.classes.trust(made)
        return made

    def asdict(obj: Any, *, dict_factory: Any = dict) -> Any:
        check(obj, "asdict")
        return _plain(obj, dict_factory, copying)

    def astuple(obj: Any, *, tuple_factory: Any = tuple) -> Any:
        check(obj, "astuple")
        return _plain(obj, lambda pairs: tuple_factory([value for _, value in pairs]), copying)

    def check(obj: Any, name: str) -> None:
        if isinstance(obj, type) or not dataclasses.is_dataclass(obj):
            raise TypeError(f"{name}() should be called on dataclass instances")

    def replace(obj: Any, /, **changes: Any) -> Any:
        check(obj, "replace")
        return dataclasses.replace(obj, **changes)

    ours: dict[str, Any] = {"dataclass": dataclass, "asdict": asdict, "astuple": astuple, "replace": replace}
    return found | ours


def _fix_annotations(cls: Any) -> None:
    """Checks the names of fields, which become program text, and keeps what was checked: a mapping could answer twice differently."""
    if "__annotations__" not in cls.__dict__ and not hasattr(cls, "__annotate__"):
        return
    given = cls.__annotations__
    if type(given) is not dict:
        raise TypeError("the annotations of a data class must be a plain dict")
    for name in given:
        if type(name) is not str or not name.isidentifier() or keyword.iskeyword(name) or is_special(name):
            raise TypeError(f"Field names must be valid identifiers: {name!r}")
    cls.__annotations__ = dict(given)


def _plain(value: Any, make: Callable[[Any], Any], copying: Copying) -> Any:
    """A dataclass instance and what it holds, as plain containers."""
    copying.charge(3)
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        return make(
            [(each.name, _plain(getattr(value, each.name), make, copying)) for each in dataclasses.fields(kind)]
        )
    if kind in (list, tuple):
        return kind([_plain(each, make, copying) for each in value])
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return kind(*[_plain(each, make, copying) for each in value])
    if isinstance(value, dict):
        return {_plain(key, make, copying): _plain(each, make, copying) for key, each in dict.items(value)}
    return copying.deepcopy(value)


def enum_module(environment: Environment) -> dict[str, Any]:
    found = {name: getattr(enum, name) for name in ALLOWED_MODULES["enum"]}
    for name, value in found.items():
        if isinstance(value, enum.EnumMeta):
            found[name] = environment.stand_ins.stand_for(value, enum_facade(value, environment.classes))
    return found


def collections_module(environment: Environment) -> dict[str, Any]:
    def namedtuple(typename: Any, field_names: Any, *, rename: bool = False, defaults: Any = None, **_: Any) -> Any:
        environment.meter.charge(1_500)
        names = field_names if isinstance(field_names, str) else [str(name) for name in field_names]
        made = collections.namedtuple(str(typename), names, rename=rename, defaults=defaults, module=None)  # type: ignore[misc, arg-type]
        made.__module__ = "__main__"
        return environment.classes.trust(made)

    return {name: getattr(collections, name) for name in ALLOWED_MODULES["collections"]} | {"namedtuple": namedtuple}


class Hash:
    """A hash object."""

    __slots__ = ("_charge", "_inner")
    __weft_names__: ClassVar[frozenset[str]] = frozenset(
        ["update", "digest", "hexdigest", "copy", "name", "digest_size", "block_size"]
    )

    def __init__(self, inner: Any, charge: Callable[[int], None]) -> None:
        self._inner, self._charge = inner, charge

    @property
    def name(self) -> str:
        return str(self._inner.name)

    @property
    def digest_size(self) -> int:
        return int(self._inner.digest_size)

    @property
    def block_size(self) -> int:
        return int(self._inner.block_size)

    def update(self, data: Any, /) -> None:
        if isinstance(data, (bytes, bytearray)):
            self._charge(len(data) >> 5)
        self._inner.update(data)

    def digest(self) -> bytes:
        return bytes(self._inner.digest())

    def hexdigest(self) -> str:
        return str(self._inner.hexdigest())

    def copy(self) -> Hash:
        return Hash(self._inner.copy(), self._charge)


def hashlib_module(environment: Environment) -> dict[str, Any]:
    names = [name for name in ALLOWED_MODULES["hashlib"] if name != "new"]

    def maker(name: str) -> Callable[..., Hash]:
        def make(string: Any = b"", /, *, usedforsecurity: bool = True, **options: Any) -> Hash:
            environment.meter.charge(10)
            made = Hash(getattr(hashlib, name)(usedforsecurity=usedforsecurity, **options), environment.meter.charge)
            made.update(string)
            return made

        return make

    makers = {name: maker(name) for name in names}

    def new(name: Any, string: Any = b"", /, **options: Any) -> Hash:
        if not isinstance(name, str) or name.lower() not in makers:
            raise ValueError(f"unsupported hash type {name}")
        return makers[name.lower()](string, **options)

    return makers | {"new": new}


def io_module(_environment: Environment) -> dict[str, Any]:
    return {"StringIO": io.StringIO, "BytesIO": io.BytesIO}


def pprint_module(environment: Environment) -> dict[str, Any]:
    def pformat(object: Any, *args: Any, **kwargs: Any) -> str:  # noqa: A002 - pprint's own name
        environment.formatting.weigh(object)
        return pprint.pformat(object, *args, **kwargs)

    def show(object: Any, stream: Any = None, *args: Any, **kwargs: Any) -> None:  # noqa: A002
        environment.namespace["__builtins__"]["print"](pformat(object, *args, **kwargs), file=stream)

    def pp(object: Any, *args: Any, sort_dicts: bool = False, **kwargs: Any) -> None:  # noqa: A002
        show(object, *args, sort_dicts=sort_dicts, **kwargs)

    return {"pformat": pformat, "pprint": show, "pp": pp}


def textwrap_module(environment: Environment) -> dict[str, Any]:
    """The prefixes that each line gets are limited, since there may be many lines."""
    metered, meter = environment.walking.metered, environment.meter

    def limited(name: str) -> Callable[..., Any]:
        native = metered(getattr(textwrap, name), -2)

        def call(text: Any, *args: Any, **kwargs: Any) -> Any:
            longest = max((len(each) for each in (*args, *kwargs.values()) if isinstance(each, str)), default=0)
            if isinstance(text, str):
                meter.check_size(len(text) * max(1, longest), "a wrapped text")
                if len(text) > 1_000:
                    # A word longer than a line is cut off piece by piece, and what is left is copied each time.
                    meter.charge(max(map(len, text.split()), default=0) ** 2 >> 8)
            return native(text, *args, **kwargs)

        return call

    return {name: limited(name) for name in ALLOWED_MODULES["textwrap"]}


def difflib_module(environment: Environment) -> dict[str, Any]:
    """The time of a comparison grows with the product of the lengths, which is charged before it begins."""
    meter = environment.meter

    def charge(first: Any, second: Any) -> None:
        if hasattr(first, "__len__") and hasattr(second, "__len__"):
            meter.charge(len(first) * len(second) >> 2)

    class SequenceMatcher(difflib.SequenceMatcher[Any]):
        __weft_names__ = frozenset(["ratio", "quick_ratio", "real_quick_ratio", "get_matching_blocks", "get_opcodes", "find_longest_match", "set_seqs", "set_seq1", "set_seq2", "a", "b", "get_grouped_opcodes"])  # fmt: skip

        def __init__(self, isjunk: Any = None, a: Any = "", b: Any = "", autojunk: bool = True) -> None:
            charge(a, b)
            super().__init__(isjunk, a, b, autojunk)

        a: Any
        b: Any

        def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Any:
            first = len(self.a) if ahi is None else ahi
            second = len(self.b) if bhi is None else bhi
            meter.charge((max(0, first - alo) * max(0, second - blo) >> 4) + 1)
            return super().find_longest_match(alo, ahi, blo, bhi)

        def quick_ratio(self) -> float:
            meter.charge(len(self.a) + len(self.b))
            return super().quick_ratio()

        def set_seq1(self, a: Any) -> None:
            charge(a, getattr(self, "b", ""))
            super().set_seq1(a)

        def set_seq2(self, b: Any) -> None:
            charge(getattr(self, "a", ""), b)
            super().set_seq2(b)

    def get_close_matches(word: Any, possibilities: Iterable[Any], n: int = 3, cutoff: float = 0.6) -> list[Any]:
        candidates = list(environment.walking.bulk(possibilities))
        for each in candidates:
            charge(word, each)
        return difflib.get_close_matches(word, candidates, n, cutoff)

    def compared(name: str) -> Callable[..., Any]:
        native = getattr(difflib, name)

        def compare(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
            charge(a, b)
            return iter(list(native(a, b, *args, **kwargs)))

        return compare

    functions = {name: compared(name) for name in ("unified_diff", "context_diff", "ndiff")}
    return {"SequenceMatcher": SequenceMatcher, "get_close_matches": get_close_matches, **functions}
