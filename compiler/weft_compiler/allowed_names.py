"""The names that pure orchestration code may use: builtins and, for each allowed module, what it exposes.

Plain data, read by the compiler (for diagnostics and close names) and by the sandbox (which builds exactly these names for each
run). Nothing is imported here, and a name that stands here must be supplied by the sandbox: a test compares the two.
"""

from __future__ import annotations

_EXCEPTIONS = """
ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError BrokenPipeError BufferError
BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError
DeprecationWarning EOFError EncodingWarning EnvironmentError Exception ExceptionGroup FileExistsError FileNotFoundError
FloatingPointError FutureWarning GeneratorExit IOError ImportError ImportWarning IndentationError IndexError InterruptedError
IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError
NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError ProcessLookupError RecursionError
ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning
SystemError SystemExit TabError TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError
UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning ZeroDivisionError
"""

_FUNCTIONS = """
Ellipsis False None NotImplemented True __debug__
abs aiter all anext any ascii bin bool bytearray bytes callable chr classmethod complex delattr dict dir divmod enumerate filter
float format frozenset getattr hasattr hash hex id int isinstance issubclass iter len list map max min next object oct ord pow
print property range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip
"""

#: Every builtin name that an orchestration may use.
ALLOWED_BUILTINS: tuple[str, ...] = tuple(sorted((_EXCEPTIONS + _FUNCTIONS).split()))

_MODULES: dict[str, str] = {
    "__future__": "annotations division print_function absolute_import unicode_literals generator_stop",
    "abc": "ABC abstractmethod abstractproperty",
    "asyncio": (
        "gather create_task ensure_future TaskGroup wait_for timeout timeout_at sleep wait as_completed shield Semaphore "
        "BoundedSemaphore Lock Event Condition Queue LifoQueue PriorityQueue QueueEmpty QueueFull to_thread run Task Future "
        "CancelledError TimeoutError InvalidStateError FIRST_COMPLETED FIRST_EXCEPTION ALL_COMPLETED current_task all_tasks "
        "iscoroutine iscoroutinefunction isfuture QueueShutDown get_running_loop get_event_loop"
    ),
    "base64": (
        "b64encode b64decode standard_b64encode standard_b64decode urlsafe_b64encode urlsafe_b64decode b32encode b32decode "
        "b16encode b16decode b85encode b85decode encodebytes decodebytes"
    ),
    "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    "calendar": (
        "monthrange isleap leapdays weekday monthcalendar timegm day_name day_abbr month_name month_abbr MONDAY TUESDAY "
        "WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY"
    ),
    "cmath": (
        "acos acosh asin asinh atan atanh cos cosh e exp inf infj isclose isfinite isinf isnan log log10 nan nanj phase pi "
        "polar rect sin sinh sqrt tan tanh tau"
    ),
    "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple",
    "collections.abc": (
        "AsyncGenerator AsyncIterable AsyncIterator Awaitable ByteString Callable Collection Container Coroutine Generator "
        "Hashable ItemsView Iterable Iterator KeysView Mapping MappingView MutableMapping MutableSequence MutableSet "
        "Reversible Sequence Set Sized ValuesView"
    ),
    "contextlib": (
        "AbstractAsyncContextManager AbstractContextManager AsyncContextDecorator AsyncExitStack ContextDecorator ExitStack aclosing "
        "asynccontextmanager closing contextmanager nullcontext suppress"
    ),
    "copy": "copy deepcopy Error error",
    "csv": "reader writer DictReader DictWriter QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC Error",
    "dataclasses": "dataclass field fields asdict astuple replace is_dataclass FrozenInstanceError MISSING KW_ONLY InitVar Field",
    "datetime": "date datetime time timedelta timezone tzinfo MINYEAR MAXYEAR UTC",
    "decimal": (
        "Decimal Context getcontext setcontext localcontext ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN "
        "ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP ROUND_05UP DecimalException InvalidOperation DivisionByZero Overflow "
        "Underflow Inexact Rounded Clamped Subnormal FloatOperation"
    ),
    "difflib": "SequenceMatcher get_close_matches unified_diff context_diff ndiff",
    "enum": "Enum IntEnum StrEnum Flag IntFlag auto unique",
    "fractions": "Fraction",
    "functools": (
        "reduce partial wraps update_wrapper lru_cache cache cached_property total_ordering cmp_to_key singledispatch "
        "WRAPPER_ASSIGNMENTS WRAPPER_UPDATES"
    ),
    "hashlib": "md5 sha1 sha224 sha256 sha384 sha512 sha3_256 sha3_512 blake2b blake2s new",
    "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
    "html": "escape unescape",
    "io": "StringIO BytesIO",
    "itertools": (
        "accumulate batched chain combinations combinations_with_replacement compress count cycle dropwhile filterfalse groupby "
        "islice pairwise permutations product repeat starmap takewhile tee zip_longest"
    ),
    "json": "dumps loads dump load JSONDecodeError",
    "logging": (
        "getLogger basicConfig debug info warning warn error exception critical log DEBUG INFO WARNING WARN ERROR CRITICAL "
        "NOTSET Logger StreamHandler NullHandler Formatter getLevelName"
    ),
    "math": (
        "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e erf erfc exp exp2 expm1 fabs "
        "factorial floor fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt lcm ldexp lgamma log log10 "
        "log1p log2 modf nan nextafter perm pi pow prod radians remainder sin sinh sqrt sumprod tan tanh tau trunc ulp"
    ),
    "numbers": "Number Complex Real Rational Integral",
    "operator": (
        "abs add and_ attrgetter concat contains countOf delitem eq floordiv ge getitem gt iadd index indexOf inv invert is_ "
        "is_not itemgetter le lshift lt matmul methodcaller mod mul ne neg not_ or_ pos pow rshift setitem sub truediv truth xor"
    ),
    "pprint": "pprint pformat pp",
    "random": (
        "random uniform randint randrange choice choices shuffle sample gauss normalvariate expovariate betavariate triangular "
        "gammavariate lognormvariate paretovariate weibullvariate vonmisesvariate getrandbits randbytes seed Random"
    ),
    "re": (
        "A ASCII I IGNORECASE M MULTILINE S DOTALL X VERBOSE U UNICODE NOFLAG RegexFlag Match Pattern compile error PatternError "
        "escape findall finditer fullmatch match purge search split sub subn"
    ),
    "statistics": (
        "mean fmean geometric_mean harmonic_mean median median_low median_high median_grouped mode multimode quantiles pstdev "
        "pvariance stdev variance covariance correlation linear_regression StatisticsError NormalDist"
    ),
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation printable whitespace capwords Template",
    "sys": (
        "exit maxsize version version_info float_info int_info maxunicode byteorder getrecursionlimit stdout stderr argv exc_info "
        "exception"
    ),
    "textwrap": "wrap fill dedent indent shorten",
    "time": "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns strftime strptime gmtime localtime mktime",
    "traceback": (
        "format_exc format_exception format_exception_only format_list format_tb extract_tb print_exc print_exception print_tb "
        "FrameSummary TracebackException"
    ),
    "types": "SimpleNamespace MappingProxyType NoneType",
    "typing": (
        "Annotated Any AnyStr Awaitable Callable ClassVar Coroutine DefaultDict Deque Dict Final FrozenSet Generator Generic "
        "Iterable Iterator List Literal LiteralString Mapping MutableMapping MutableSequence NamedTuple Never NewType NoReturn "
        "NotRequired Optional ParamSpec Protocol Required Self Sequence Set Tuple Type TypeAlias TypedDict TypeVar Union "
        "TYPE_CHECKING AsyncIterator AsyncGenerator AsyncIterable Collection Counter Hashable SupportsFloat SupportsInt assert_never "
        "cast final get_args get_origin overload override runtime_checkable"
    ),
    "urllib.parse": "quote quote_plus unquote unquote_plus urlencode urljoin urlparse urlsplit urlunparse urlunsplit parse_qs parse_qsl urldefrag",
    "uuid": "UUID uuid1 uuid3 uuid4 uuid5 NAMESPACE_DNS NAMESPACE_URL NAMESPACE_OID NAMESPACE_X500",
    "zoneinfo": "ZoneInfo ZoneInfoNotFoundError available_timezones",
}

#: Every module that an orchestration may use, with the names that it exposes. `urllib` exposes its submodule only.
ALLOWED_MODULES: dict[str, tuple[str, ...]] = {
    **{name: tuple(names.split()) for name, names in _MODULES.items()},
    "urllib": ("parse",),
}
