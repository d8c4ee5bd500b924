"""Attempts to get out of the sandbox through the library, and what a review added.

Each must be refused by the guard or end in an exception. `escaped(x)` stands for success: a program calls it with what it got hold
of, and must never get that far. Separated by blank lines.
"""

from __future__ import annotations

_TEXT = r"""
import operator
escaped(operator.attrgetter("__class__.__base__")(1))

import operator
escaped(operator.attrgetter("__globals__")(lambda: 0))

import operator
escaped(operator.methodcaller("__subclasses__")(object))

import operator
escaped(operator.methodcaller("format", 1)("{0.__class__.__mro__}"))

import functools
escaped(functools.wraps(lambda: 0).func)

import functools
@functools.wraps(print)
def f(): pass
escaped(f.__wrapped__.__self__)

import functools
escaped(functools.partial(getattr, print)("__self__"))

import functools
escaped(functools.reduce(getattr, ["__class__", "__base__"], 1))

import functools
functools.update_wrapper(print, len)
escaped(print.__wrapped__)

import functools
class A:
    __qualname__ = "x"
    __wrapped__ = 1
escaped(1)

import string
escaped(string.Formatter().format("{0.__class__.__mro__}", 1))

from string import Template
class T(Template): pattern = "(a+)+$"
escaped(1)

import dataclasses
class A: pass
A.__annotations__["x=escaped(1)"] = int
dataclasses.dataclass(A)
if "x=escaped(1)" in A.__annotations__: escaped(1)
raise ValueError

import dataclasses
class A:
    __annotations__ = {"x): escaped(1)\n def g(": int}
escaped(dataclasses.dataclass(A))

import dataclasses
escaped(dataclasses.make_dataclass("A", ["x"]))

import dataclasses
escaped(dataclasses.dataclass(int))

from collections import namedtuple
escaped(namedtuple("P", "x y").__new__.__globals__)

from collections import namedtuple
escaped(namedtuple("P", ["x=1"]))

from collections import namedtuple
escaped(namedtuple("P", "x")._make.__func__.__globals__)

import enum
escaped(enum.sys)

from enum import Enum
class C(Enum): A = 1
escaped(C._member_map_.__class__.__base__)

from enum import Enum
class C(Enum): A = 1
escaped(type(C)("X", (), {}).__class__)

from typing import get_type_hints
escaped(1)

import typing
escaped(typing.sys)

import typing
escaped(typing.get_origin(typing.Type[int])("X", (), {}))

import typing
escaped(typing.List[int].__origin__.__class__)

from typing import ForwardRef
escaped(1)

import copy
escaped(copy.copyreg)

import copy
class A: pass
a = A()
a.__dict__["__reduce_ex__"] = lambda p: escaped(p)
a.__dict__["__deepcopy__"] = lambda m: escaped(m)
copy.deepcopy(a); copy.copy(a)
raise ValueError

import logging
escaped(logging.os)

import logging
escaped(logging.getLogger().manager)

import logging
logging.FileHandler("/tmp/x")
escaped(1)

import logging
escaped(logging.getLogger()._library)

import logging
class Stream:
    def write(self, text): escaped(text) if "weft" in text else print(text)
h = logging.StreamHandler(Stream())
h.setFormatter(logging.Formatter("{x.__class__.__mro__} {x._library} {message}", style="{"))
logging.getLogger().addHandler(h)
logging.warning("y", extra={"x": h})

import logging
escaped(type(logging.StreamHandler()).handle)

import logging
class Mine(logging.StreamHandler):
    def handle(self, record): escaped(record)

import traceback
escaped(traceback.walk_stack(None))

import contextlib
escaped(contextlib.sys)

import contextlib
@contextlib.contextmanager
def f(): yield
escaped(f().gen.gi_frame)

import contextlib
@contextlib.contextmanager
def f(): yield
escaped(f.__wrapped__.__globals__)

import io
escaped(io.open("/etc/passwd"))

import io
escaped(io.FileIO)

import uuid
escaped(uuid.os)

import decimal
decimal.getcontext().prec = 10**9
escaped(1)

import decimal
decimal.getcontext().traps = {}
escaped(1)

import decimal
escaped(decimal.Context(prec=10**9))

import hashlib
escaped(hashlib.file_digest)

import hashlib
escaped(hashlib.sha256(b"")._inner)

import types
escaped(types.FunctionType)

escaped(type(lambda: 0)((lambda: 0).__code__, {}))

escaped(type((i for i in ())).gi_frame.__get__)

class P:
    @property
    def x(self): return 1
escaped(P.x.fget.__globals__)

class A:
    def __init_subclass__(cls): escaped(cls.__base__)
class B(A): pass

class A:
    def __set_name__(self, owner, name): escaped(owner.__base__)
class B: x = A()

class A:
    def __class_getitem__(cls, k): return cls.__base__
escaped(A[1])

__weft_get__ = lambda *a: 1
escaped(1)

def f(__weft_get__): pass
escaped(1)

global __weft_fuel__
__weft_fuel__ = 10**9
escaped(1)

escaped(__weft_get__)

class A:
    __weft_names__ = {"x"}
escaped(1)

import json as __weft_get__
escaped(1)

x = 5
x.__weft_names__ = 1
escaped(1)

class __builtins__: pass
escaped(1)

def __import__(*a): pass
escaped(1)

from json import *
escaped(1)

from . import x
escaped(1)

class D(dict):
    def __init__(self): self.__dict__ = self
d = D()
escaped(1)

from types import SimpleNamespace
n = SimpleNamespace()
n.__class__ = int
escaped(1)

class N(str):
    def __eq__(self, o): return True
    def __hash__(self): return hash("upper")
    def startswith(self, *a): return False
    def endswith(self, *a): return False
escaped(getattr(print, N("__self__")))

class N(str):
    def __str__(self): return "upper"
escaped(getattr((lambda: 0), N("__globals__")))

class L(list):
    def __class__(self): return int
escaped(1)

class A:
    __class__ = int
escaped(1)

x = [print]
escaped(x[0].__self__)

escaped(str.join.__objclass__)

escaped(str.__dict__)

escaped(dict.__init_subclass__.__self__)

escaped(int.from_bytes.__self__.__base__)

escaped(classmethod(lambda c: c).__func__.__globals__)

escaped(staticmethod(print).__wrapped__.__self__)

try: raise StopIteration(print)
except StopIteration as e: escaped(e.value.__self__)

import asyncio
escaped(asyncio.subprocess)

import datetime
escaped(datetime.sys)

import datetime
escaped(datetime.datetime.now.__globals__)

import zoneinfo
escaped(zoneinfo.ZoneInfo("../../etc/passwd"))

import urllib.request
escaped(1)

import urllib.parse
escaped(urllib.parse.re)

import csv
escaped(csv.register_dialect("x"))

import pprint
escaped(pprint._sys)

import difflib
escaped(difflib.SequenceMatcher(None, "a", "b").__class__.__base__)

import heapq
escaped(heapq.__builtins__)

import textwrap
escaped(textwrap.re)

import itertools
escaped(itertools.count().meter)

import itertools
escaped(itertools.chain.meter)

import itertools
escaped(itertools.count.__base__)

escaped({1}._items)

escaped(range.shown_as)

escaped(type._weft_call)

escaped(type.shown_as)

escaped(iter({1: 1}).container)

escaped(iter(int, 1)._meter)

import sys
escaped(sys.stdout._write)

import functools
@functools.cache
def f(): pass
escaped(f.function.__globals__)

class N(str):
    def __eq__(self, o): return True
    def __hash__(self): return hash("append")
escaped(object.__getattribute__([], N("__class__")).__base__)

class N(str):
    def __eq__(self, o): return True
    def __hash__(self): return hash("__name__")
escaped(object.__getattribute__(lambda: 0, N("__globals__")))

import operator
g = operator.attrgetter("x")
type(g).__init__(g, escaped, ("y",))

import hashlib
h = hashlib.sha256(b"")
type(h).__init__(h, 1, 2)
escaped(1)

from contextlib import redirect_stdout
escaped(1)

import collections
from collections import abc
escaped(abc.sys)

from urllib import request
escaped(1)

from json import decoder
escaped(1)

import json.decoder
escaped(1)

from typing import sys
escaped(1)

class A:
    def __mro_entries__(self, bases): return (type,)
escaped(1)

x = {}
x.keys().mapping |= {"a": 1}
escaped(x.keys().mapping.__class__.__base__)

def f(*, __builtins__): pass
escaped(1)

try: pass
except ValueError as __builtins__: pass
escaped(1)

import json as __builtins__
escaped(1)

[__builtins__ := 1]
escaped(1)

for __builtins__ in [1]: pass
escaped(1)

match 1:
    case __builtins__: escaped(1)

class A(dict): pass
escaped(A().__reduce_ex__(2))

escaped(ValueError.__init_subclass__.__self__.__base__)

class A:
    x = 1
escaped(A.x.__class__.__mro__)

class A:
    __x = print
    def go(self): return self.__x.__self__
escaped(A().go())

def deco(c):
    c.__init__.__globals__
    return c
@deco
class A:
    def __init__(self): pass
escaped(1)
"""

#: The attempts, in order.
LIBRARY_ESCAPES: tuple[str, ...] = tuple(part.strip("\n") + "\n" for part in _TEXT.strip("\n").split("\n\n"))
