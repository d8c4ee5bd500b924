"""What builtins and library functions do with a generator that they are given.

By name: the machine looks again when the call comes, at what is called and with what.
"""

from __future__ import annotations

import ast
import builtins

from weft_compiler.resolve import Names, Scope

#: Those that take all elements before anything of theirs can be seen.
EAGER = frozenset(
    {
        *("list", "tuple", "set", "frozenset", "dict", "sorted", "sum", "min", "max", "bytes", "bytearray"),
        *("join", "extend", "extendleft", "update", "fromkeys", "union", "intersection", "difference", "writelines"),
        *("symmetric_difference", "difference_update", "intersection_update", "symmetric_difference_update"),
        *(
            "issubset",
            "issuperset",
            "isdisjoint",
            "writerows",
            "Counter",
            "deque",
            "OrderedDict",
            "nlargest",
            "nsmallest",
        ),
        *("reduce", "fsum", "prod", "mean", "fmean", "median", "median_low", "median_high", "mode", "multimode"),
        *("stdev", "pstdev", "variance", "pvariance", "geometric_mean", "harmonic_mean", "quantiles", "subtract"),
    }
)
#: Those that stop asking when they know enough.
DECIDING = frozenset({"any", "all", "next"})
#: Those that give an iterator which asks in its turn.
LAZY = frozenset({"enumerate", "zip", "map", "filter", "islice", "chain", "takewhile", "dropwhile", "filterfalse"})
#: A generator's own methods.
ASKING = frozenset({"__next__", "send", "throw", "close"})
#: Those that give, keep or show the generator itself.
_HARMLESS = frozenset(
    {"iter", "print", "isinstance", "type", "id", "repr", "str", "callable", "bool", "hash", "object"}
)


#: Methods of stacks that enter a manager.
ENTERING = frozenset({"enter_context"})


def consumer_name(func: ast.expr) -> str:
    """The last part of what is called; empty where it has no name."""
    match func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def can_wait(call: ast.Call) -> bool:
    """Whether the machine knows how to ask a generator that holds steps on behalf of what is called."""
    name = consumer_name(call.func)
    if name == "zip" and call.keywords:
        return False
    return name in ENTERING or name in EAGER or name in DECIDING or name in LAZY or name in ASKING


def is_library(func: ast.expr, names: Names, scope: Scope) -> bool:
    """Whether a builtin or a function of a module is called that would run its iterable inside Python."""
    if consumer_name(func) in _HARMLESS:
        return False
    if isinstance(func, ast.Name):
        bindings = names.bindings(scope, func.id)
        return all(isinstance(b, ast.ImportFrom) for b in bindings) if bindings else hasattr(builtins, func.id)
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
        return all(isinstance(b, ast.Import) for b in names.bindings(scope, func.value.id))
    return False
