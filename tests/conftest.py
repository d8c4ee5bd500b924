"""What tests of several folders share: one embedded server for the session, and the option that writes what cases expect."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from weft_worker.embedded import ServerInfo, ServerLease

# What the oracle asserts is shown as what tests assert.
pytest.register_assert_rewrite("tests.oracle.suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write the expected outcomes and graphs of the cases")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


@pytest.fixture(scope="session")
def server_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of the session's embedded server; `weft --state-dir` of it shares that server."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def temporal_server(server_state: Path) -> Iterator[ServerInfo]:
    """The session's embedded server: `.address` is host:port, the namespace is `default`."""
    with ServerLease(server_state) as lease:
        yield lease.wait()


def pytest_configure() -> None:
    """Lets Ctrl-C reach the commands under test: a shell starts what runs in its background deaf to it, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
