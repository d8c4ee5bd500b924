"""Attempts to get out of the sandbox through objects, classes, names and modules.

Each must be refused by the guard or end in an exception. `escaped(x)` stands for success: a program calls it with what it got hold
of, and must never get that far. Separated by blank lines.
"""

from __future__ import annotations

_TEXT = r"""
escaped(().__class__.__bases__)

escaped(().__class__.__mro__)

escaped(object.__subclasses__())

escaped(type.__subclasses__(object))

escaped(type(type(1))("X", (), {}))

escaped(type("X", (), {}))

escaped((1).__class__.__class__("X", (), {}))

escaped(type(type)("X", (object,), {}))

escaped((lambda: 0).__globals__)

escaped((lambda: 0).__code__)

escaped((lambda: 0).__closure__)

def f(): pass
escaped(f.__builtins__)

def f(): pass
f.__code__ = (lambda: 1).__code__
escaped(1)

escaped(print.__self__)

escaped(len.__self__)

escaped([].append.__self__)

escaped(print.__globals__)

escaped(getattr(print, "__globals__"))

escaped(getattr(getattr, "__func__"))

escaped(getattr(f"{1}", "__class__").__base__)

escaped("{0.__class__.__mro__}".format(1))

escaped("{0.__globals__}".format(lambda: 0))

escaped("{a.__class__.__base__}".format_map({"a": 1}))

escaped(str.format("{0.__class__.__mro__}", 1))

f = "{0.__class__.__mro__}".format
escaped(f(1))

escaped(list(map("{0.__class__.__mro__}".format, [1])))

class S(str): pass
escaped(S("{0.__class__.__mro__}").format(1))

class S(str):
    def go(self, x): return super().format(x)
escaped(S("{0.__class__.__mro__}").go(1))

escaped(__builtins__)

escaped(__import__("os"))

import os
escaped(os)

import sys
escaped(sys.modules)

import sys
escaped(sys._getframe())

from sys import modules
escaped(modules)

import json
escaped(json.codecs)

import json
escaped(json.decoder)

import json
escaped(json.__dict__)

import json
escaped(json.__loader__)

import json
escaped(json.dumps.__globals__)

import collections
escaped(collections._sys)

import collections.abc
escaped(collections.abc.sys)

import random
escaped(random._os)

import random
escaped(random.random.__self__)

import statistics
escaped(statistics.sys)

import re
escaped(re.sys)

from re import _compiler
escaped(_compiler)

import importlib
escaped(importlib)

import builtins
escaped(builtins)

import ctypes
escaped(ctypes)

import subprocess
escaped(subprocess)

from os import system
escaped(system)

import os.path
escaped(os)

import collections.os
escaped(1)

escaped(open("/etc/passwd"))

escaped(eval("1"))

exec("escaped(1)")

escaped(compile("1", "", "eval"))

escaped(globals())

escaped(locals())

escaped(vars())

escaped(dir())

escaped(input())

escaped(breakpoint)

escaped(memoryview(b"x"))

escaped(__loader__)

escaped(__spec__)

def g(): yield
escaped(g().gi_frame)

def g(): yield
escaped(g().gi_frame.f_back.f_globals)

def g(): yield
escaped(g().gi_code)

async def c(): pass
x = c()
y = getattr(x, "cr_frame", None)
x.close()
if y is not None: escaped(y)
raise ValueError

async def ag(): yield
escaped(ag().ag_frame)

escaped((i for i in ()).gi_frame)

try: 1 / 0
except Exception as e: escaped(e.__traceback__.tb_frame)

try: 1 / 0
except Exception as e: escaped(e.__traceback__.tb_next)

try: 1 / 0
except Exception as e: escaped(getattr(e.__traceback__, "tb_" + "frame"))

try: None.x
except AttributeError as e:
    if e.obj is not None: escaped(e.obj)
raise ValueError

def g():
    try: yield
    finally: pass
x = g()
escaped(x.gi_yieldfrom)

class M(type): pass
escaped(M)

class A(metaclass=lambda *a: escaped(a)): pass

class A: pass
A.__class__ = type
escaped(1)

class A: pass
class B: pass
a = A()
a.__class__ = B
escaped(1)

class A:
    def __del__(self): pass
escaped(1)

class A: pass
A.__del__ = lambda self: 1
escaped(1)

class A:
    def __reduce__(self): return (print, ())
escaped(1)

class A:
    def __reduce_ex__(self, p): return (print, ())
escaped(1)

class A:
    def __getattribute__(self, n): return 1
escaped(1)

class A:
    def __instancecheck__(self, n): return True
escaped(1)

class A: pass
escaped(A.__subclasses__())

class A: pass
escaped(A.__base__)

class A: pass
escaped(A.__dict__)

class A:
    def m(self): pass
escaped(A.m.__globals__)

class A:
    def m(self): pass
escaped(A().m.__func__.__globals__)

class A:
    def __init__(self): pass
escaped(A.__init__.__globals__)

class A:
    __match_args__ = ("__class__",)
match A():
    case A(x): escaped(x.__base__)

class A:
    __match_args__ = ("gi_frame",)
escaped(1)

def g(): yield
match g():
    case object(gi_frame=f): escaped(f)
raise ValueError

match (lambda: 0):
    case object(__globals__=f): escaped(f)
raise ValueError

match 1:
    case object(__class__=c): escaped(c.__base__)

from abc import ABC
class A(ABC):
    __match_args__ = ("gi_frame",)
escaped(1)

from abc import ABC
class A(ABC): x = 1
A.register(int)
escaped(1)

class A:
    __slots__ = ("__dict__", "__weakref__")
class B(A): pass
escaped(B().__reduce_ex__(2))

escaped(object().__reduce_ex__(2))

escaped(object.__new__(int))

escaped(object.__getattribute__((lambda: 0), "__globals__"))

class A:
    def go(self): return super().__getattribute__("__class__").__base__
escaped(A().go())

object.__setattr__(lambda: 0, "__code__", 1)
escaped(1)

object.__setattr__(print, "x", 1)
escaped(1)

import json
json.dumps = 1
escaped(1)

import json
setattr(json, "x", 1)
escaped(1)

import json
json.dumps.x = 1
escaped(1)

int.x = 1
escaped(1)

del str.upper
escaped(1)

escaped((lambda f=getattr: f(f, "__self__"))())

escaped([getattr(x, "__self__") for x in [print]])

escaped({**getattr(print, "__dict__")})

escaped(sorted([print], key=lambda p: p.__self__))

escaped(f"{print.__self__}")

escaped(f"{1:{print.__self__}}")

escaped("%s" % print.__self__)

x = print
x.__self__ += 1
escaped(1)

del print.__self__
escaped(1)

for print.__x__ in [1]: pass
escaped(1)

with open("/etc/passwd") as f: escaped(f)

import contextlib
with contextlib.nullcontext(1) as print.__self__: pass
escaped(1)

a, print.__self__ = 1, 2
escaped(1)

escaped(super().__thisclass__)

class A:
    def go(self): return super().__self__
escaped(A().go())

class A:
    def go(self): return super().__init__.__self__.__class__.__base__
escaped(A().go())

class A:
    __slots__ = ["__dict__", "__class__"]
escaped(1)

class A:
    __slots__ = ["_x"]
    __module__ = "os"
import dataclasses
dataclasses.dataclass(A)
escaped(A.__init__.__globals__)

print.__call__.__self__.x = 1
escaped(1)

import functools
class A:
    @functools.cached_property
    def x(self): return 1
escaped(A.x.function.__globals__)

import functools
@functools.singledispatch
def f(x): return x
escaped(f.default.__globals__)

import functools
p = functools.partial(print)
p.__setstate__((escaped, (), {}, {}))

import enum
class E(enum.Enum):
    A = 1
    def __del__(self): pass
escaped(1)

import enum
class E(enum.Enum):
    A = 1
    def __reduce_ex__(self, p): return (print, ())
escaped(1)

import enum
E = enum.Enum("E", {"mro": 1})
escaped(E)

from datetime import datetime
escaped(datetime.strptime.__globals__)

import decimal
escaped(decimal.localcontext(prec=10**9))

import random
random.Random().__class__.__init__.__globals__
escaped(1)

import csv
class D:
    delimiter = ","
escaped(csv.writer(D()))

import statistics
escaped(statistics.NormalDist(0, 1).samples(10**9))
"""

#: The attempts, in order.
ESCAPES: tuple[str, ...] = tuple(part.strip("\n") + "\n" for part in _TEXT.strip("\n").split("\n\n"))
