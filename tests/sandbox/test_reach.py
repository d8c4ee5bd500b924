"""Walks at random over all that an orchestration can reach, by the guard's own functions, and looks at what it gets hold of.

Each step takes an attribute of a reached object, calls it with reached objects, asks for its type, or iterates over it. Nothing
that comes back may be one of Python's insides or of ours.
"""

from __future__ import annotations

import ast
import builtins
import collections
import itertools
import random
import sys
import types
from typing import Any

import pytest
from weft_workflows.sandbox.allowed import ALLOWED_MODULES
from weft_workflows.sandbox.arithmetic import Arithmetic
from weft_workflows.sandbox.attribute_table import CALLABLE_SPECIALS, NEVER
from weft_workflows.sandbox.attributes import Attributes
from weft_workflows.sandbox.classes import Classes
from weft_workflows.sandbox.environment import Environment
from weft_workflows.sandbox.facades import StandIns
from weft_workflows.sandbox.guard import guard
from weft_workflows.sandbox.meter import LimitExceeded, Meter
from weft_workflows.sandbox.text import Formatting
from weft_workflows.sandbox.walking import Walking

from tests.sandbox.running import Services, run_guarded

_INSIDES: tuple[type, ...] = (
    types.ModuleType,
    types.FrameType,
    types.CodeType,
    types.CellType,
    Attributes,
    Arithmetic,
    Classes,
    Environment,
    Formatting,
    Meter,
    Services,
    StandIns,
    Walking,
)
#: Types whose descriptors would give away insides of the objects that they are asked about.
_OPEN_INSIDES = (
    type, types.FunctionType, types.MethodType, types.FrameType, types.CodeType, types.GeneratorType, types.CoroutineType,
    types.ModuleType, types.TracebackType, types.BuiltinFunctionType,
)  # fmt: skip
_DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)
#: Names that are tried on everything, besides those that the object itself knows.
_INNER = """
__class__ __base__ __bases__ __mro__ __subclasses__ __globals__ __builtins__ __code__ __closure__ __func__ __self__ __dict__ __wrapped__
__module__ __loader__ __spec__ __reduce__ __reduce_ex__ __getstate__ __setstate__ __getattribute__ __init_subclass__ __objclass__
__weakref__ __origin__ __args__ __supertype__ __traceback__ __context__ __cause__ func gen meter environment function container _inner
_meter _weft_real
"""
_TEMPTING = sorted(NEVER | CALLABLE_SPECIALS | set(_INNER.split()))
#: What orchestrations make, as further places to start from.
_MADE = """
import collections, contextlib, dataclasses, decimal, enum, functools, io, itertools, operator, re, string
from typing import NamedTuple, Generic, TypeVar
class A:
    x = 1
    def m(self, *a): return self
    @property
    def p(self): return self
    @classmethod
    def c(cls): return cls
    @staticmethod
    def s(): return 1
    @functools.cached_property
    def q(self): return 2
class E(enum.Enum):
    ONE = 1
class N(NamedTuple):
    a: int = 1
class G(Generic[TypeVar("T")]):
    pass
@dataclasses.dataclass
class D:
    a: int = 1
    b: list = dataclasses.field(default_factory=list)
class X(Exception):
    pass
def f(*a, **k): return a
def g(): yield 1
async def co(): return 1
@contextlib.contextmanager
def cm(): yield 1
try: {}["a"]
except KeyError as error: e = error
things = [A, A(), A().m, E, E.ONE, N, N(), G, G[int], D, D(), X(1), f, g, g(), cm, cm(), e, lambda: 1, functools.partial(f, 1),
    functools.lru_cache(f), operator.attrgetter("x"), operator.itemgetter(0), operator.methodcaller("m"), itertools.count(),
    re.compile("a"), re.match("(a)", "a"), decimal.Decimal(1), decimal.getcontext(), io.StringIO("a"), string.Template("$a"),
    iter([1]), iter({1: 2}), iter({1}), reversed([1]), {1: 2}.items(), range(3), range(10**12), slice(1), collections.deque([1]),
    collections.Counter("a"), super(A, A()), dataclasses.fields(D), E.__members__, list[int], int | None, b"a", 1.5, 1j, None, ...]
"""


def _forbidden(value: Any) -> str | None:
    kind = type(value)
    if issubclass(kind, _INSIDES):
        return f"a {kind.__name__}"
    if value is type or (isinstance(value, type) and issubclass(value, type) and value.__module__ != "builtins"):
        return "a metaclass"
    if isinstance(value, type) and issubclass(value, _INSIDES):
        return f"the class {value.__name__}"
    if kind in _DESCRIPTORS and value.__objclass__ in _OPEN_INSIDES:
        return f"the descriptor {value!r}"
    if kind is dict and (value is builtins.__dict__ or "__builtins__" in value or "__import__" in value):
        return "a namespace"
    if value in _REAL:
        return f"the real {value!r}"
    return None


class _Real(list[Any]):
    """Functions that no orchestration may hold, by identity."""

    def __contains__(self, value: object) -> bool:
        return any(value is each for each in self)


_REAL = _Real(
    [
        builtins.open, builtins.eval, builtins.exec, builtins.compile, builtins.__import__, builtins.getattr,
        builtins.setattr, builtins.globals, builtins.vars, object.__subclasses__, object.__reduce_ex__, str.format, str.format_map,
        sys._getframe,
    ]
)  # fmt: skip


class Walk:
    """A walk of one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.services = Services(fuel=20_000, value_bytes=1_000_000)
        self.environment = Environment(self.services)
        self.builtins = self.environment.namespace["__builtins__"]
        self.reached: list[tuple[Any, str]] = []
        self.known: set[int] = set()

    def start(self) -> None:
        for name, value in sorted(self.builtins.items()):
            if not name.startswith("__"):
                self.reach(value, name)
        for name in sorted(set(ALLOWED_MODULES) - {"asyncio", "urllib"}):
            self.reach(self.environment.load(name), name)
        code = compile(guard(ast.parse(_MADE)), "orchestration.py", "exec")
        exec(code, self.environment.namespace)
        for number, value in enumerate(self.environment.namespace["things"]):
            self.reach(value, f"things[{number}]")

    def reach(self, value: Any, how: str) -> None:
        found = _forbidden(value)
        assert found is None, f"{how} is {found}"
        if id(value) not in self.known and len(self.reached) < 5_000:
            self.known.add(id(value))
            self.reached.append((value, how))

    def step(self) -> None:
        value, how = self.random.choice(self.reached)
        try:
            self._act(value, how)
        except LimitExceeded:
            self.services.meter.tripped = None
        except AssertionError as failed:
            if "is a" in str(failed) or "is the" in str(failed):
                raise
        except BaseException as error:  # noqa: BLE001 - most of what is tried must fail
            self.reach(error, f"error of {how}")
        self.services.meter.refill()

    def _act(self, value: Any, how: str) -> None:
        action = self.random.randrange(10)
        if action < 5:
            name = self._name(value)
            self.reach(self.builtins["getattr"](value, name), f"{how}.{name}")
        elif action < 8:
            others = [self.random.choice(self.reached) for _ in range(self.random.randrange(3))]
            result = value(*[each for each, _ in others])
            self.reach(result, f"{how}({', '.join(name for _, name in others)})")
        elif action == 8:
            self.reach(self.builtins["type"](value), f"type({how})")
        else:
            for element in itertools.islice(self.builtins["iter"](value), 5):
                self.reach(element, f"element of {how}")

    def _name(self, value: Any) -> str:
        own = dir(value)
        if own and self.random.random() < 0.6:
            return self.random.choice(own)
        return self.random.choice(_TEMPTING)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_inside_is_reached(seed: int) -> None:
    walk = Walk(seed)
    walk.start()
    for _ in range(1_500):
        walk.step()
    assert len(walk.reached) > 800


def test_the_attributes_of_everything_reached_at_the_start() -> None:
    walk = Walk(0)
    walk.start()
    for value, how in list(walk.reached):
        for name in sorted({*dir(value), *_TEMPTING}):
            try:
                found = walk.environment.attributes.get(value, name)
            except Exception:  # noqa: BLE001 - whatever refuses it
                continue
            walk.reach(found, f"{how}.{name}")
        walk.services.meter.refill()


def test_the_walk_starts_from_what_programs_make() -> None:
    assert run_guarded(_MADE).error is None
    assert (
        collections.Counter(type(value).__name__ for value in run_guarded(_MADE).namespace["things"])["function"] >= 2
    )
