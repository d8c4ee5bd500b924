"""Which exceptions of a tool are its answer, and which are troubles of the moment; and how both are told.

An *answer* goes to the program at once. A *transient* failure is tried again under the tool's policy. What is
transient stands in this table; everything that it does not name is an answer.

- ConnectionError and its kin, TimeoutError (asyncio's and socket's are the same class): transient, the other side
  may be back soon.
- OSError about a path or the right to it (FileNotFoundError, FileExistsError, IsADirectoryError,
  NotADirectoryError, PermissionError, and by number ENOTEMPTY, EROFS, EXDEV, EINVAL, …): answer, since asking
  again finds the same file system. ChildProcessError, ProcessLookupError: answer, the process does not come back.
- OSError that is a ValueError too (UnsupportedOperation, an untrusted certificate, the InvalidURL of requests):
  answer, the call itself is wrong.
- Any other OSError (a full disk, no free descriptor, a name that does not resolve): transient, it passes when the
  load or the network does.
- An HTTP answer that a client library raises: transient for 408, 425, 429, 502, 503, 504, where the server asks to
  try later; answer for every other status, which is the server's verdict.
- Transport errors of httpx, httpcore, aiohttp, requests, urllib3, botocore, anthropic, openai, which do not all
  derive from OSError: transient. Their errors for wrong URLs, redirects and decoding: answer.
- ExceptionGroup: transient if all its members are. Temporal's ApplicationError: as its `non_retryable` says.

Libraries are recognised by the names of classes and their modules, so that none is imported for it. Temporal is
imported only when an error is about to be given to it.
"""

from __future__ import annotations

import builtins
import errno
import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from weft_activities.json_values import NotJson, decode, encode

if TYPE_CHECKING:
    from temporalio.exceptions import ApplicationError

_LASTING: tuple[type[OSError], ...] = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    ChildProcessError,
    ProcessLookupError,
)
_LASTING_ERRNO = frozenset(
    {
        errno.E2BIG,
        errno.EBADF,
        errno.EINVAL,
        errno.ELOOP,
        errno.EMLINK,
        errno.ENAMETOOLONG,
        errno.ENODEV,
        errno.ENOEXEC,
        errno.ENOTEMPTY,
        errno.ENOTTY,
        errno.ENXIO,
        errno.EROFS,
        errno.ESPIPE,
        errno.EXDEV,
    }
)
_RETRY_STATUS = frozenset({408, 425, 429, 502, 503, 504})

#: Root module -> names of base classes. The first class of an exception's MRO that is named decides.
_TRANSIENT_CLASSES = {
    "httpx": {"TransportError"},
    "httpcore": {"NetworkError", "TimeoutException", "RemoteProtocolError", "ProxyError"},
    "aiohttp": {"ClientConnectionError", "ClientPayloadError"},
    "requests": {"ConnectionError", "Timeout", "ChunkedEncodingError"},
    "urllib3": {"TimeoutError", "ProtocolError", "NewConnectionError", "MaxRetryError", "ProxyError"},
    "botocore": {"HTTPClientError"},
    "anthropic": {"APIConnectionError"},
    "openai": {"APIConnectionError"},
}
_LASTING_CLASSES = {
    "httpx": {"UnsupportedProtocol", "LocalProtocolError"},
    "aiohttp": {"InvalidURL", "ClientConnectorCertificateError"},
    "requests": {"RequestException"},
}
_HTTP_CLIENTS = frozenset({"httpx", "aiohttp", "requests", "urllib", "anthropic", "openai"})

#: Seconds; a longer pause that somebody asks for is a mistake, or nothing that a step should wait for.
_LONGEST_WAIT = 30 * 86_400
_MESSAGE_LIMIT = 8_000
_ARGUMENT_LIMIT = 32_000
_TRACEBACK_LIMIT = 8_000
_HERE = str(Path(__file__).parent) + os.sep


@dataclass(frozen=True)
class ToolFailure:
    """What remains of an exception once it has left the tool.

    `type` is the class's name and `base_type` the name of the nearest builtin class; the exception itself is a builtin
    exactly where `builtin` is true (a class of one's own may bear a builtin's name). `arguments` are the exception's
    args as JSON values; what JSON cannot carry has become its repr. `traceback` shows the tool's frames only.
    `retry_after` is how many seconds to wait before the next attempt, where the exception says so.
    """

    type: str
    message: str
    arguments: list[Any]
    base_type: str
    builtin: bool
    transient: bool
    traceback: str
    retry_after: float | None = None


class Retry(ConnectionError):
    """Raised by a tool that wants to be tried again, `after` so many seconds where it knows: an answer like "429, come
    back in a minute". It counts as an attempt. A program gets it, as a ConnectionError, when the attempts are spent.
    """

    def __init__(self, message: str = "to be tried again", *, after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = after


def describe_failure(error: BaseException, never: Sequence[str] = ()) -> ToolFailure:
    """What is told of an exception. Those of classes named in `never`, or derived from them, are answers."""
    cls = type(error)
    transient = is_transient(error) and not any(base.__name__ in never for base in cls.__mro__)
    return ToolFailure(
        type=_type_name(error),
        message=_cut(_message(error), _MESSAGE_LIMIT),
        arguments=_arguments(error),
        base_type=_builtin_base(cls),
        builtin=cls.__module__ == builtins.__name__,
        transient=transient,
        traceback=_traceback_text(error),
        retry_after=_retry_after(error) if transient else None,
    )


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed a little later. See the table above."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_transient(member) for member in error.exceptions)
    if _application_error(error):
        return not getattr(error, "non_retryable", False)
    status = _http_status(error)
    if status is not None:
        return status in _RETRY_STATUS
    named = _named_in_table(error)
    return _is_transient_builtin(error) if named is None else named


def as_application_error(failure: ToolFailure, reported: tuple[Any, ...] = ()) -> ApplicationError:
    """The error that tells Temporal: details are the exception's args, its nearest builtin base's name, and the details
    that the tool `reported` last, where there are any.

    An answer is benign: it is an outcome of the run, and no fault of the worker to warn of in its log.
    """
    from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

    return ApplicationError(
        failure.message,
        failure.arguments,
        failure.base_type,
        *([list(reported)] if reported else []),
        type=failure.type,
        non_retryable=not failure.transient,
        next_retry_delay=timedelta(seconds=failure.retry_after) if failure.retry_after else None,
        category=ApplicationErrorCategory.UNSPECIFIED if failure.transient else ApplicationErrorCategory.BENIGN,
    )


def tool_frames(error: BaseException) -> TracebackType | None:
    """The traceback from the tool's own first frame on."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(_HERE):
        frame = frame.tb_next
    return frame


def _is_transient_builtin(error: BaseException) -> bool:
    if not isinstance(error, OSError) or isinstance(error, (*_LASTING, ValueError)):
        return False
    reason = getattr(error, "reason", None)
    if isinstance(reason, OSError):
        # urllib's URLError only wraps what happened.
        return is_transient(reason)
    return isinstance(error, (ConnectionError, TimeoutError)) or error.errno not in _LASTING_ERRNO


def _named_in_table(error: BaseException) -> bool | None:
    for cls in type(error).__mro__:
        root = cls.__module__.partition(".")[0]
        if cls.__name__ in _TRANSIENT_CLASSES.get(root, ()):
            return True
        if cls.__name__ in _LASTING_CLASSES.get(root, ()):
            return False
    return None


def _http_status(error: BaseException) -> int | None:
    """The status of the HTTP answer that a client library's exception stands for."""
    if not any(cls.__module__.partition(".")[0] in _HTTP_CLIENTS for cls in type(error).__mro__):
        return None
    response = getattr(error, "response", None)
    for holder, name in ((response, "status_code"), (error, "status_code"), (error, "status"), (error, "code")):
        status = getattr(holder, name, None)
        # Some hold 0 where there was no answer.
        if isinstance(status, int) and status >= 100:
            return status
    return None


def _retry_after(error: BaseException) -> float | None:
    """Seconds to wait before the next attempt: the exception's own `retry_after`, a Temporal error's delay, or the
    header `Retry-After` of the HTTP answer that it stands for.
    """
    delay = getattr(error, "next_retry_delay", None)
    if isinstance(delay, timedelta):
        return delay.total_seconds()
    said = getattr(error, "retry_after", None)
    if said is None and _http_status(error) is not None:
        get = getattr(getattr(getattr(error, "response", error), "headers", None), "get", None)
        said = get("Retry-After") if callable(get) else None
    return _seconds(said)


def _seconds(said: Any) -> float | None:
    """A positive number of seconds: given as one, as text, or as the date of HTTP."""
    if isinstance(said, str):
        try:
            said = float(said)
        except ValueError:
            said = _until(said)
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if 0 < said <= _LONGEST_WAIT else None


def _until(date: str) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return (then - datetime.now(UTC)).total_seconds()


def _application_error(error: BaseException) -> bool:
    return any(
        cls.__name__ == "ApplicationError" and cls.__module__ == "temporalio.exceptions" for cls in type(error).__mro__
    )


def _type_name(error: BaseException) -> str:
    own = getattr(error, "type", None) if _application_error(error) else None
    return own if isinstance(own, str) else type(error).__name__


def _message(error: BaseException) -> str:
    if _application_error(error):
        return str(getattr(error, "message", error))
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 (a faulty __str__ must not hide the failure)
        return f"<its __str__ raised {type(broken).__name__}>"


def _arguments(error: BaseException) -> list[Any]:
    plain: list[Any]
    if _application_error(error):
        plain = [_message(error)]
    elif isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        # `args` lacks the file's name, which belongs to the message.
        plain = [error.errno, error.strerror, _as_json(error.filename)]
    else:
        plain = [_as_json(argument) for argument in error.args]
    try:
        encode(plain, limit=_ARGUMENT_LIMIT)
    except NotJson:
        return [_cut(_message(error), _MESSAGE_LIMIT)]
    return plain


def _as_json(value: Any) -> Any:
    try:
        return decode(encode(value, limit=None))
    except NotJson:
        return _cut(repr(value), _MESSAGE_LIMIT)


def _builtin_base(cls: type[BaseException]) -> str:
    return next(base.__name__ for base in cls.__mro__ if base.__module__ == builtins.__name__)


def _traceback_text(error: BaseException) -> str:
    lines = traceback.format_exception(type(error), error, tool_frames(error))
    text = "".join(lines)
    return text if len(text) <= _TRACEBACK_LIMIT else "…\n" + text[-_TRACEBACK_LIMIT:]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
