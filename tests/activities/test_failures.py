"""Which exceptions are answers, which are transient, and what is left of them."""

from __future__ import annotations

import errno
import io
import socket
import ssl
import subprocess
import sys
import types
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
from temporalio.exceptions import ApplicationError
from weft_activities.failures import Retry, as_application_error, describe_failure, is_transient


def foreign(module: str, name: str, *bases: type, **attributes: Any) -> BaseException:
    """An exception of a class as a library would define it."""
    error = type(name, bases or (Exception,), {"__module__": module})("x")
    for key, value in attributes.items():
        setattr(error, key, value)
    assert isinstance(error, BaseException)
    return error


def answer(status: int, headers: dict[str, str] | None = None) -> Any:
    return types.SimpleNamespace(status_code=status, headers=headers or {})


REQUESTS = type("RequestException", (OSError,), {"__module__": "requests.exceptions"})
HTTPX = type("TransportError", (Exception,), {"__module__": "httpx"})


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ConnectionResetError("x"), True),
        (BrokenPipeError("x"), True),
        (TimeoutError(), True),
        (socket.timeout(), True),  # noqa: UP041
        (socket.gaierror(socket.EAI_AGAIN, "x"), True),
        (OSError("x"), True),
        (OSError(errno.ENOSPC, "x"), True),
        (OSError(errno.EMFILE, "x"), True),
        (OSError(errno.ENOTEMPTY, "x"), False),
        (OSError(errno.EROFS, "x"), False),
        (FileNotFoundError("x"), False),
        (FileExistsError("x"), False),
        (PermissionError("x"), False),
        (IsADirectoryError("x"), False),
        (ProcessLookupError("x"), False),
        (io.UnsupportedOperation("x"), False),
        (ValueError("x"), False),
        (KeyError("x"), False),
        (MemoryError(), False),
        (subprocess.TimeoutExpired("x", 1), False),
        (URLError("x"), True),
        (URLError(ConnectionRefusedError("x")), True),  # type: ignore[arg-type]
        (URLError(ssl.SSLCertVerificationError("x")), False),  # type: ignore[arg-type]
        (HTTPError("http://h", 503, "x", None, None), True),  # type: ignore[arg-type]
        (HTTPError("http://h", 404, "x", None, None), False),  # type: ignore[arg-type]
        (foreign("requests.exceptions", "ConnectionError", REQUESTS), True),
        (foreign("requests.exceptions", "TooManyRedirects", REQUESTS), False),
        (foreign("requests.exceptions", "InvalidURL", REQUESTS, ValueError), False),
        (foreign("requests.exceptions", "HTTPError", REQUESTS, response=answer(429)), True),
        (foreign("requests.exceptions", "HTTPError", REQUESTS, response=answer(500)), False),
        (foreign("httpx", "ConnectTimeout", HTTPX), True),
        (foreign("httpx", "UnsupportedProtocol", HTTPX), False),
        (foreign("httpx", "HTTPStatusError", response=answer(502)), True),
        (foreign("httpx", "HTTPStatusError", response=answer(403)), False),
        (foreign("aiohttp.client_exceptions", "ClientPayloadError"), True),
        (foreign("aiohttp.client_exceptions", "ClientResponseError", status=503), True),
        (foreign("anthropic", "APIConnectionError"), True),
        (foreign("anthropic", "RateLimitError", status_code=429), True),
        (foreign("billing", "HTTPStatusError", response=answer(503)), False),
        (ExceptionGroup("x", [ConnectionError(), TimeoutError()]), True),
        (ExceptionGroup("x", [ConnectionError(), ValueError()]), False),
        (ApplicationError("x"), True),
        (ApplicationError("x", non_retryable=True), False),
    ],
    ids=lambda value: f"{type(value).__module__}.{type(value).__name__}" if isinstance(value, BaseException) else "",
)
def test_the_table(error: BaseException, transient: bool) -> None:
    assert is_transient(error) is transient


class InsufficientFunds(ValueError):
    pass


def test_a_failure_keeps_type_message_arguments_and_base() -> None:
    told = describe_failure(InsufficientFunds("too little", {"missing": 5}, {1, 2}))
    assert (told.type, told.base_type, told.builtin) == ("InsufficientFunds", "ValueError", False)
    assert told.arguments == ["too little", {"missing": 5}, [1, 2]]
    assert not told.transient
    told = describe_failure(KeyError("k"))
    assert (told.type, told.message, told.arguments, told.builtin) == ("KeyError", "'k'", ["k"], True)


def test_an_error_of_the_file_system_can_be_made_again_with_its_message() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        open("/does/not/exist")  # noqa: PTH123, SIM115
    told = describe_failure(caught.value)
    assert str(FileNotFoundError(*told.arguments)) == told.message


def test_what_json_cannot_carry_becomes_text() -> None:
    thing = object()
    assert describe_failure(ValueError(thing)).arguments == [repr(thing)]


def test_large_failures_are_cut() -> None:
    told = describe_failure(ValueError("x" * 1_000_000))
    assert len(told.message) < 10_000
    assert len(str(told.arguments)) < 10_000
    assert len(told.traceback) < 10_000


def test_temporals_own_error_keeps_the_type_that_the_tool_gave_it() -> None:
    told = describe_failure(ApplicationError("no money", type="Refused", non_retryable=True))
    assert (told.type, told.message, told.arguments, told.base_type) == (
        "Refused",
        "no money",
        ["no money"],
        "Exception",
    )


def test_a_broken_str_does_not_hide_the_failure() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert describe_failure(Odd()).message == "<its __str__ raised RuntimeError>"


def test_for_temporal() -> None:
    error = as_application_error(describe_failure(InsufficientFunds("no", 3)))
    assert (error.type, error.non_retryable, list(error.details)) == (
        "InsufficientFunds",
        True,
        [["no", 3], "ValueError"],
    )
    assert not as_application_error(describe_failure(ConnectionError())).non_retryable


HEADERS = {"Retry-After": "12"}


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Retry("later", after=30), 30),
        (Retry("later"), None),
        (foreign("lib", "Slow", OSError, retry_after="1.5"), 1.5),
        (foreign("lib", "Slow", OSError, retry_after=-3), None),
        (foreign("lib", "Slow", OSError, retry_after="soon"), None),
        (foreign("lib", "Slow", OSError, retry_after=float("nan")), None),
        (foreign("lib", "Slow", OSError, retry_after=True), None),
        (foreign("lib", "Slow", OSError, retry_after=10**9), None),
        (foreign("lib", "Refused", ValueError, retry_after=5), None),
        (foreign("httpx", "HTTPStatusError", response=answer(429, HEADERS)), 12),
        (foreign("httpx", "HTTPStatusError", response=answer(404, HEADERS)), None),
        (foreign("aiohttp", "ClientResponseError", status=503, headers=HEADERS), 12),
        (ApplicationError("x", next_retry_delay=timedelta(minutes=1)), 60),
    ],
    ids=repr,
)
def test_when_to_try_again(error: BaseException, seconds: float | None) -> None:
    failure = describe_failure(error)
    assert failure.retry_after == seconds
    assert as_application_error(failure).next_retry_delay == (timedelta(seconds=seconds) if seconds else None)


def test_when_to_try_again_as_a_date() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    failure = describe_failure(foreign("httpx", "HTTPStatusError", response=answer(503, {"Retry-After": then})))
    assert failure.retry_after is not None
    assert 60 < failure.retry_after <= 100


def test_classes_that_are_never_tried_again() -> None:
    assert describe_failure(ConnectionResetError()).transient
    for name in ("ConnectionResetError", "ConnectionError", "Exception"):
        assert not describe_failure(ConnectionResetError(), [name]).transient
    assert not describe_failure(Retry(after=3), ["Retry"]).transient
    assert describe_failure(Retry(after=3), ["Retry"]).retry_after is None


def test_classification_imports_no_temporal() -> None:
    code = (
        "import sys, weft_activities.failures, weft_activities.invoke, weft_activities.catalog\n"
        "sys.exit('temporalio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
