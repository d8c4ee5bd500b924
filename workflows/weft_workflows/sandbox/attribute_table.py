"""Which attributes of which builtin and standard types an orchestration may use. Data only.

A name that is not here does not exist for an orchestration. `__weft_names__` in the namespace of a trusted class (the sandbox's and
the machine's own) says the same for that class; orchestrations cannot write such an identifier.
"""

from __future__ import annotations

import collections
import collections.abc
import csv
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import random
import statistics
import string
import time
import types
import urllib.parse
import uuid
import zoneinfo
from typing import Any

from weft_workflows.sandbox.sets import FrozenOrderedSet, OrderedSet

_TEXT = """
capitalize casefold center count encode endswith expandtabs find index isalnum isalpha isascii isdecimal isdigit isidentifier islower
isnumeric isprintable isspace istitle isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind
rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper zfill format format_map
"""
_BYTES = """
capitalize center count decode endswith expandtabs find fromhex hex index isalnum isalpha isascii isdigit islower isspace istitle
isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip
split splitlines startswith strip swapcase title translate upper zfill
"""
_NUMBER = "conjugate real imag"
_LIST = "append clear copy count extend index insert pop remove reverse sort"
_DICT = "clear copy fromkeys get items keys pop popitem setdefault update values"
_SET = "copy difference intersection isdisjoint issubset issuperset symmetric_difference union"
_MUTABLE_SET = "add clear difference_update discard intersection_update pop remove symmetric_difference_update update"
_EXCEPTION = """
args add_note with_traceback __cause__ __context__ __suppress_context__ __notes__ name obj_name path value code errno
strerror filename filename2 reason start end encoding object exceptions message split subgroup derive msg doc pos lineno colno offset
text
"""
_FUNCTION = "__name__ __doc__ __qualname__ __module__"
_DATE = "ctime day fromisocalendar fromisoformat fromordinal isocalendar isoformat isoweekday max min month replace resolution strftime strptime"
_DATE_MORE = "timetuple toordinal weekday year fromtimestamp today"
_DATETIME = """
astimezone combine date dst fold hour microsecond minute now second time timestamp timetz tzinfo tzname utcfromtimestamp utcnow
utcoffset utctimetuple
"""
_DECIMAL = """
adjusted as_integer_ratio as_tuple canonical compare compare_signal compare_total compare_total_mag conjugate copy_abs copy_decimal
copy_negate copy_sign exp fma from_float imag is_canonical is_finite is_infinite is_nan is_normal is_qnan is_signed is_snan
is_subnormal is_zero ln log10 logb logical_and logical_invert logical_or logical_xor max max_mag min min_mag next_minus next_plus
next_toward normalize number_class quantize radix real remainder_near rotate same_quantum scaleb shift sqrt to_eng_string
to_integral to_integral_exact to_integral_value
"""
_ITERATOR = "__next__ __iter__"
_STREAM = (
    "close closed flush getvalue read readable readline readlines seek tell truncate write writelines writable seekable"
)

_URL = "scheme netloc path query fragment username password hostname port geturl _replace _asdict"

_RANDOM = """
random uniform randint randrange choice choices shuffle sample gauss normalvariate expovariate betavariate triangular gammavariate
lognormvariate paretovariate weibullvariate vonmisesvariate getrandbits randbytes seed
"""

_TABLE: list[tuple[Any, str]] = [
    (str, _TEXT),
    (bytes, _BYTES),
    (bytearray, _BYTES + "append clear copy extend insert pop remove reverse"),
    (int, _NUMBER + " as_integer_ratio bit_count bit_length denominator from_bytes numerator to_bytes is_integer"),
    (bool, _NUMBER + " as_integer_ratio bit_count bit_length denominator from_bytes numerator to_bytes is_integer"),
    (float, _NUMBER + " as_integer_ratio fromhex hex is_integer"),
    (complex, _NUMBER),
    (list, _LIST),
    (tuple, "count index"),
    (dict, _DICT),
    (set, _SET + " " + _MUTABLE_SET),
    (frozenset, _SET),
    (OrderedSet, _SET + " " + _MUTABLE_SET),
    (FrozenOrderedSet, _SET),
    (range, "count index start step stop"),
    (slice, "indices start step stop"),
    (type({}.keys()), "isdisjoint mapping"),
    (type({}.items()), "isdisjoint mapping"),
    (type({}.values()), "mapping"),
    (type(None), ""),
    (property, "setter getter deleter"),
    (staticmethod, _FUNCTION),
    (classmethod, _FUNCTION),
    (types.FunctionType, _FUNCTION),
    (types.MethodType, _FUNCTION),
    (types.BuiltinFunctionType, _FUNCTION),
    (types.MethodDescriptorType, _FUNCTION),
    (types.WrapperDescriptorType, _FUNCTION),
    (types.MethodWrapperType, _FUNCTION),
    (types.GeneratorType, "send throw close __next__ __iter__"),
    (types.CoroutineType, "close"),
    (types.AsyncGeneratorType, "asend athrow aclose __anext__ __aiter__"),
    (types.MappingProxyType, "copy get items keys values"),
    (types.SimpleNamespace, ""),
    (BaseException, _EXCEPTION),
    (datetime.date, _DATE + " " + _DATE_MORE),
    (datetime.datetime, _DATE + " " + _DATE_MORE + " " + _DATETIME),
    (
        datetime.time,
        "dst fold fromisoformat hour isoformat max microsecond min minute replace resolution second strftime tzinfo tzname utcoffset",
    ),
    (datetime.timedelta, "days max microseconds min resolution seconds total_seconds"),
    (datetime.timezone, "dst fromutc max min tzname utc utcoffset"),
    (zoneinfo.ZoneInfo, "dst fromutc key tzname utcoffset"),
    (type(datetime.date(2000, 1, 1).isocalendar()), "week weekday year"),
    (decimal.Decimal, _DECIMAL),
    (
        decimal.Context,
        "prec rounding Emin Emax capitals clamp copy create_decimal divide add subtract multiply quantize",
    ),
    (
        fractions.Fraction,
        "as_integer_ratio denominator from_decimal from_float imag limit_denominator numerator real conjugate is_integer",
    ),
    (uuid.UUID, "bytes bytes_le clock_seq fields hex int is_safe node time urn variant version"),
    (
        collections.deque,
        "append appendleft clear copy count extend extendleft index insert maxlen pop popleft remove reverse rotate",
    ),
    (collections.Counter, _DICT + " elements most_common subtract total"),
    (collections.defaultdict, _DICT + " default_factory"),
    (collections.OrderedDict, _DICT + " move_to_end"),
    (
        collections.ChainMap,
        "clear copy fromkeys get items keys maps new_child parents pop popitem setdefault update values",
    ),
    (functools.partial, "func args keywords"),
    (collections.abc.Mapping, "get items keys values"),
    (collections.abc.MutableMapping, "get items keys values pop popitem clear update setdefault"),
    (collections.abc.Sequence, "index count"),
    (collections.abc.MutableSequence, "index count append reverse extend pop remove insert clear"),
    (collections.abc.Set, "isdisjoint"),
    (collections.abc.MutableSet, "isdisjoint add discard remove pop clear"),
    (collections.abc.Generator, "send throw close"),
    (collections.abc.KeysView, "isdisjoint"),
    (collections.abc.ItemsView, "isdisjoint"),
    (collections.abc.ValuesView, ""),
    (urllib.parse.ParseResult, _URL + " params"),
    (urllib.parse.SplitResult, _URL),
    (urllib.parse.DefragResult, "url fragment geturl"),
    (time.struct_time, "tm_year tm_mon tm_mday tm_hour tm_min tm_sec tm_wday tm_yday tm_isdst tm_gmtoff tm_zone"),
    (io.StringIO, _STREAM),
    (io.BytesIO, _STREAM),
    (
        type(csv.reader([]).dialect),
        "delimiter doublequote escapechar lineterminator quotechar quoting skipinitialspace strict",
    ),
    (
        statistics.NormalDist,
        "mean median mode stdev variance zscore cdf inv_cdf overlap pdf from_samples",
    ),
    (type(statistics.linear_regression([1, 2], [1, 2])), "slope intercept"),
    (string.Template, "substitute safe_substitute template get_identifiers is_valid"),
    (types.TracebackType, "tb_lineno"),
    (dataclasses.Field, "name type default default_factory init repr hash compare metadata kw_only"),
    (enum.Enum, "name value _name_ _value_"),
    *((kind, "name value _name_ _value_") for kind in (enum.Flag, enum.IntEnum, enum.StrEnum, enum.IntFlag)),
    (
        random.Random,
        _RANDOM,
    ),
]
_ITERATORS: tuple[Any, ...] = (
    iter([]),
    iter(()),
    iter(""),
    iter(b""),
    iter(range(0)),
    enumerate(()),
    zip(),
    map(str, ()),
    filter(None, ()),
    reversed([]),
    reversed(()),
    iter({}),
    iter({}.values()),
    iter({}.items()),
    iter(int, 0),
)
_TABLE.extend((type(each), _ITERATOR) for each in _ITERATORS)

#: Type -> the names of its attributes, methods and properties that may be used, on instances and on the class.
ATTRIBUTES: dict[type, frozenset[str]] = {kind: frozenset(names.split()) for kind, names in _TABLE}

#: Special methods that may be called by name on a class of the orchestration, on `super()`, and on the builtin types above.
CALLABLE_SPECIALS = frozenset(
    [
        "__init__",
        "__eq__",
        "__ne__",
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
        "__hash__",
        "__len__",
        "__contains__",
        "__getitem__",
        "__setitem__",
        "__delitem__",
        "__iter__",
        "__next__",
        "__enter__",
        "__exit__",
        "__aenter__",
        "__aexit__",
        "__post_init__",
        "__init_subclass__",
        "__missing__",
        "__bool__",
        "__int__",
        "__float__",
        "__index__",
        "__abs__",
        "__neg__",
        "__reversed__",
        "__await__",
    ]
)
#: Further special methods that may be called by name where the orchestration itself defines them.
OWN_SPECIALS = CALLABLE_SPECIALS | frozenset(
    [
        "__str__",
        "__repr__",
        "__format__",
        "__call__",
        "__add__",
        "__radd__",
        "__iadd__",
        "__sub__",
        "__rsub__",
        "__isub__",
        "__mul__",
        "__rmul__",
        "__imul__",
        "__truediv__",
        "__rtruediv__",
        "__itruediv__",
        "__floordiv__",
        "__rfloordiv__",
        "__ifloordiv__",
        "__mod__",
        "__rmod__",
        "__imod__",
        "__pow__",
        "__rpow__",
        "__ipow__",
        "__matmul__",
        "__rmatmul__",
        "__imatmul__",
        "__and__",
        "__rand__",
        "__iand__",
        "__or__",
        "__ror__",
        "__ior__",
        "__xor__",
        "__rxor__",
        "__ixor__",
        "__lshift__",
        "__rlshift__",
        "__ilshift__",
        "__rshift__",
        "__rrshift__",
        "__irshift__",
        "__invert__",
        "__pos__",
        "__divmod__",
        "__rdivmod__",
        "__round__",
        "__floor__",
        "__ceil__",
        "__trunc__",
        "__complex__",
        "__getattr__",
        "__setattr__",
        "__delattr__",
        "__get__",
        "__set__",
        "__delete__",
        "__set_name__",
        "__class_getitem__",
        "__copy__",
        "__deepcopy__",
        "__length_hint__",
        "__aiter__",
        "__anext__",
        "__sizeof__",
        "__bytes__",
        "__dir__",
        "__fspath__",
        "__new__",
        "__replace__",
    ]
)
#: Special names that the body of a class may bind.
CLASS_BODY_SPECIALS = OWN_SPECIALS | frozenset(
    [
        "__slots__",
        "__match_args__",
        "__doc__",
        "__module__",
        "__qualname__",
        "__annotations__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__conditional_annotations__",
        "__classcell__",
        "__classdictcell__",
        "__static_attributes__",
        "__firstlineno__",
        "__type_params__",
        "__orig_bases__",
        "__parameters__",
        "__order__",
    ]
)
#: Attributes through which generators, frames, code and tracebacks give away what is not the orchestration's.
NEVER = frozenset(
    [
        "gi_frame",
        "gi_code",
        "gi_yieldfrom",
        "gi_running",
        "cr_frame",
        "cr_code",
        "cr_await",
        "cr_origin",
        "cr_running",
        "ag_frame",
        "ag_code",
        "ag_await",
        "ag_running",
        "f_back",
        "f_builtins",
        "f_code",
        "f_globals",
        "f_locals",
        "f_trace",
        "f_generator",
        "tb_frame",
        "tb_next",
        "tb_lasti",
        "co_code",
        "co_consts",
        "func_globals",
        "func_code",
        "mro",
        "gettrace",
        "settrace",
    ]
)
#: Attributes of builtin exceptions that may be set.
EXCEPTION_STORES = frozenset(("__cause__", "__context__", "__suppress_context__"))
#: Special names that Python looks up in the class only: an instance may have them, to no effect.
UNSEEN_ON_INSTANCES = frozenset(("__enter__", "__exit__", "__aenter__", "__aexit__"))
#: Attributes of the orchestration's functions that may be set beside ordinary names.
FUNCTION_STORES = frozenset(("__name__", "__qualname__", "__doc__", "__wrapped__"))
#: Elements from which on a method that walks a whole value is charged for it.
LARGE = 2_000
#: Such values: the binary logarithm of how many elements cost one unit of fuel.
LINEAR: dict[type, int] = {
    **dict.fromkeys((str, bytes, bytearray), 6),
    **dict.fromkeys((dict, OrderedSet, FrozenOrderedSet, collections.deque, collections.defaultdict), 2),
    **dict.fromkeys((collections.OrderedDict, collections.Counter), 0),
}
#: Methods of theirs that look at one element, or hand out a view.
CONSTANT = frozenset(
    [
        "add",
        "append",
        "appendleft",
        "discard",
        "endswith",
        "get",
        "isascii",
        "items",
        "keys",
        "mapping",
        "maxlen",
        "move_to_end",
        "pop",
        "popitem",
        "popleft",
        "setdefault",
        "startswith",
        "values",
    ]
)
