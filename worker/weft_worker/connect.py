"""The connection to Temporal: which server, how, and what to say when there is none.

In order: `--address`, then what configures every Temporal client (`TEMPORAL_ADDRESS`, profiles of its
configuration file), then the embedded server of the state directory.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft_worker.embedded import EmbeddedServerError, ServerLease, is_kept_up
from weft_worker.problems import CommandFailed, failed

if TYPE_CHECKING:
    from temporalio.api.workflowservice.v1 import DescribeNamespaceResponse
    from temporalio.client import Client

    from weft_worker.payloads import Storage
    from weft_worker.settings import Settings

_CONNECT_TIMEOUT = 5.0
#: What a server says that accepts connections but does not serve yet, and the seconds until it is asked again.
_STARTING = "not healthy"
_RETRY_AFTER = 0.02
#: The server's own default of one day would delete the history of runs that people come back to.
RETENTION = timedelta(days=90)
_CONFIGURING = ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE")


def address_is_configured(address: str | None) -> bool:
    """Whether a server is named, by the argument or by Temporal's own configuration; else the embedded one is
    meant.

    Imports the client library only where a configuration exists.
    """
    if address:
        return True
    if not any(os.environ.get(name) for name in _CONFIGURING) and not _configuration_file().exists():
        return False
    return "target_host" in _configured()


@dataclass
class Target:
    """A server to connect to. Where it is the embedded one, `lease` keeps it running.

    `state` is the state directory, which holds the payloads that are too large for histories.
    """

    address: str | None
    state: Path
    lease: ServerLease | None = None

    @classmethod
    def choose(cls, address: str | None, state: Path) -> Target:
        """The server that is named, else a lease on the embedded one, which starts in the background."""
        if address_is_configured(address):
            return cls(address, state)
        return cls(None, state, ServerLease(state))

    @property
    def stays(self) -> bool:
        """Whether the server outlives this command, and its UI with it."""
        return self.lease is None or is_kept_up(self.lease.state)

    def close(self) -> None:
        """Give the lease up, if there is one; the last one ends the server."""
        if self.lease is not None:
            self.lease.close()


@dataclass(frozen=True)
class Connection:
    """An open connection. `ui` is the web UI's address for the namespace's runs, None where it is unknown; `storage`
    keeps what is too large for their histories, and is None where a client was made elsewhere.
    """

    client: Client
    ui: str | None
    storage: Storage | None = None

    def run_url(self, run_id: str) -> str | None:
        from urllib.parse import quote

        return self.ui and f"{self.ui}/namespaces/{self.client.namespace}/workflows/{quote(run_id, safe='')}"


async def connect(target: Target, settings: Settings) -> Connection:
    """Connect within a few seconds. Raises CommandFailed with one line that says what to do."""
    from weft_worker.payloads import storage_of

    storage = storage_of(settings, target.state)
    if target.lease is None:
        config = _configured() | ({"target_host": target.address} if target.address else {})
        client = await _client(config, settings, storage)
        _name_owner(storage, client, config["target_host"], await _describe(client))
        return Connection(client, settings.ui_url or _ui_of(config["target_host"]), storage)
    try:
        server = await asyncio.to_thread(target.lease.wait)
    except EmbeddedServerError as error:
        raise failed(str(error), type_="ServerError") from None
    client = await _client({"target_host": server.address}, settings, storage)
    described = await _describe(client)
    _name_owner(storage, client, f"the embedded server of {target.state}", described)
    await _keep_history(client, described)
    return Connection(client, server.ui_url, storage)


async def _client(config: dict[str, Any], settings: Settings, storage: Storage) -> Client:
    from temporalio.client import Client

    from weft_worker.logs import open_runtime

    data_converter = storage.converter
    runtime = open_runtime(settings.log_level)
    address = config["target_host"]
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            while True:
                try:
                    return await Client.connect(**config, data_converter=data_converter, runtime=runtime)
                except RuntimeError as error:
                    if _STARTING not in str(error):
                        raise
                await asyncio.sleep(_RETRY_AFTER)
    except TimeoutError:
        raise _no_server(address, f"no answer in {_CONNECT_TIMEOUT:.0f} s") from None
    except (RuntimeError, ValueError) as error:
        raise _no_server(address, _cause(error)) from None


def _no_server(address: str, why: str) -> CommandFailed:
    return failed(
        f"no Temporal server at {address} ({why}). Start one there, name another with --address HOST:PORT or"
        " TEMPORAL_ADDRESS, or name none to use the embedded one",
        type_="ConnectionError",
    )


def _cause(error: Exception) -> str:
    """The innermost words of the bridge's chained message."""
    text = str(error).replace("\n", " ")
    for known in ("Connection refused", "dns error", "invalid", "tls", "certificate"):
        if known.lower() in text.lower():
            return known.lower()
    return text[:120]


async def _describe(client: Client) -> DescribeNamespaceResponse | None:
    """The client's namespace; None where the server does not tell."""
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
    from temporalio.service import RPCError

    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        return await client.workflow_service.describe_namespace(request, timeout=timedelta(seconds=_CONNECT_TIMEOUT))
    except RPCError:
        return None


def _name_owner(storage: Storage, client: Client, address: str, described: DescribeNamespaceResponse | None) -> None:
    """Tell the storage whose payloads it will keep."""
    from weft_worker.storage.directory import Namespace

    fallback = sha256(f"{address}/{client.namespace}".encode()).hexdigest()
    id_ = fallback if described is None else described.namespace_info.id
    storage.directory.namespace = Namespace(id_, client.namespace, address)


async def _keep_history(client: Client, described: DescribeNamespaceResponse | None) -> None:
    """See to it that the embedded server keeps finished runs; the setting lives in its database."""
    from temporalio.api.namespace.v1 import NamespaceConfig
    from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest

    service = client.workflow_service
    if described is None or described.config.workflow_execution_retention_ttl.ToTimedelta() >= RETENTION:
        return
    config = NamespaceConfig()
    config.workflow_execution_retention_ttl.FromTimedelta(RETENTION)
    await service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=config))


def _configured() -> dict[str, Any]:
    """What Temporal's own configuration says. Raises CommandFailed where its file is broken."""
    from temporalio.envconfig import ClientConfig

    try:
        return dict(ClientConfig.load_client_connect_config())
    except (RuntimeError, ValueError, OSError) as error:
        raise failed(f"Temporal's configuration cannot be read: {error}", type_="ConfigurationError") from None


def _configuration_file() -> Path:
    """Where Temporal's tools keep their configuration by default (the SDK's `envconfig`)."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", str(Path.home() / "AppData" / "Roaming")))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "temporalio" / "temporal.toml"


def _ui_of(address: str) -> str | None:
    """The web UI that belongs to an address by custom: Temporal Cloud's, or port 8233 of a local development
    server.
    """
    host, _, port = address.rpartition(":")
    if host.endswith((".tmprl.cloud", ".api.temporal.io")):
        return "https://cloud.temporal.io"
    if host in ("localhost", "127.0.0.1", "[::1]"):
        return f"http://{host}:{int(port) + 1000}" if port.isdigit() else None
    return None
