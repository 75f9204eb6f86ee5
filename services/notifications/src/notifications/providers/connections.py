"""Connections to providers: each provider is a bridge of the connector kit, with the limits of its contract."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import structlog
from connector_kit.adapter import CallContext
from connector_kit.bridge import Bridge, InvalidBridgeError
from connector_kit.call_outcome import CallOutcome
from connector_kit.folder import BridgeFolder, RegisterConnection
from connector_kit.manifest.manifest import Manifest, Transport
from connector_kit.resilience.policy import CallKind
from connector_kit.transports.http import TlsIdentity
from connector_kit.transports.smpp.bridge import SmppBridge
from connector_kit.transports.smpp.connection import NotBoundError, SmppTarget
from connector_kit.transports.smtp import SmtpBridge, SmtpTarget
from pydantic import BaseModel, Field, SecretStr
from wanderamt.contracts import Channel
from wanderamt.kernel.line_text import LineText

from notifications.providers import provider_folders

BIND_INTERVAL_S: Final = 5.0

StoreRaw = Callable[[str, Sequence[bytes]], Awaitable[None]]

log = structlog.get_logger()


class ProviderConfig(BaseModel):
    """The contract with one provider. `settings` and limits override those of its bridge.toml."""

    bridge: str = Field(description="textgate, courier, smsc or relay")
    url: str = Field(description="https://… , smpp://system_id@host:port or smtp://user@host:port")
    secrets: dict[str, SecretStr] = {}
    settings: dict[str, LineText] = {}
    weight: float = Field(50, gt=0, description="its share of the channel's messages while all providers are healthy")
    rate_per_s: float | None = Field(None, gt=0, description="messages per second")
    max_concurrent_calls: int | None = Field(None, ge=1, description="concurrent messages")
    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None


class ProviderClient(Protocol):
    """A provider, whatever its protocol is."""

    @property
    def manifest(self) -> Manifest: ...

    async def call(
        self, operation: str, question: bytes, context: CallContext, *, kind: CallKind = CallKind.EXECUTE
    ) -> CallOutcome: ...


@dataclass(frozen=True, slots=True)
class ProviderConnection:
    """`receipt_key`: signs the receipts that it posts; empty: it posts none."""

    client: ProviderClient
    channel: Channel
    manifest: Manifest
    adapter: Any
    receipts: bool
    receipt_key: SecretStr


@dataclass
class Providers:
    """Component: all provider connections. It keeps those open that deliver receipts."""

    connections: Mapping[str, ProviderConnection]
    health_problem: str = ""
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        clients = [connection.client for connection in self.connections.values()]
        smpp_bridges = [client for client in clients if isinstance(client, SmppBridge)]
        if smpp_bridges:
            self._task = asyncio.create_task(self._stay_bound(smpp_bridges), name="providers-bound")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for connection in self.connections.values():
            client = connection.client
            await (client.transport.close() if isinstance(client, Bridge) else client.close())  # type: ignore[attr-defined]

    async def _stay_bound(self, bridges: Sequence[SmppBridge]) -> None:
        """A provider that is down is no health problem of this service: its messages wait, its breaker opens."""
        while True:
            for bridge in bridges:
                try:
                    await bridge.connect()
                except NotBoundError as error:
                    log.warning("provider.not_bound", provider=bridge.manifest.id, reason=str(error))
            await asyncio.sleep(BIND_INTERVAL_S)


def connect(configs: Mapping[str, ProviderConfig], *, sender: str, store_raw: StoreRaw) -> Providers:
    """`store_raw`: stores receipts. Raises InvalidBridgeError for an unknown bridge or a secret without a value."""
    folders = provider_folders()
    connections = {}
    for name, config in configs.items():
        if config.bridge not in folders:
            raise InvalidBridgeError(
                f"WANDERAMT_PROVIDERS: {name} names the bridge {config.bridge}; known are {', '.join(sorted(folders))}"
            )
        connections[name] = _connect(name, config, folders[config.bridge], sender, partial(store_raw, name))
    return Providers(connections)


def _connect(
    name: str,
    config: ProviderConfig,
    folder: BridgeFolder,
    sender: str,
    store_raw: Callable[[Sequence[bytes]], Awaitable[None]],
) -> ProviderConnection:
    limits = folder.manifest.limits
    limits = limits.model_copy(
        update={
            "rate_per_s": config.rate_per_s or limits.rate_per_s,
            "max_concurrent_calls": config.max_concurrent_calls or limits.max_concurrent_calls,
        }
    )
    manifest = folder.manifest.model_copy(update={"id": name, "limits": limits})
    mail = manifest.transport is Transport.SMTP
    own_settings = {**({"name": sender} if mail else {"sender": sender}), **config.settings}
    identity = (
        TlsIdentity(config.certificate, config.key, config.authorities) if config.certificate and config.key else None
    )
    connection = RegisterConnection(config.url, config.secrets, own_settings, identity)
    adapter = folder.adapter(connection)
    settings = {**manifest.settings, **own_settings}
    return ProviderConnection(
        _client(manifest, adapter, folder, config, connection, settings, store_raw),
        Channel.EMAIL if mail else Channel.SMS,
        manifest,
        adapter,
        settings.get("receipts") == "true",
        config.secrets.get("receipt_key", SecretStr("")),
    )


def _client(
    manifest: Manifest,
    adapter: Any,
    folder: BridgeFolder,
    config: ProviderConfig,
    connection: RegisterConnection,
    settings: Mapping[str, str],
    store_raw: Callable[[Sequence[bytes]], Awaitable[None]],
) -> ProviderClient:
    url = urlsplit(config.url)
    host, user = url.hostname or "", url.username or ""
    password = config.secrets.get("password", SecretStr(""))
    match manifest.transport:
        case Transport.SMPP:
            smpp_target = SmppTarget(host, url.port or 2775, user, password.get_secret_value())
            return SmppBridge(manifest, adapter, folder.models, smpp_target, store_raw)
        case Transport.SMTP:
            authorities = str(config.authorities or "")
            start_tls = settings.get("start_tls") != "false"
            smtp_target = SmtpTarget(host, url.port or 25, user, password, start_tls, authorities)
            return SmtpBridge(manifest, adapter, folder.models, smtp_target)
    return folder.with_manifest(manifest).bridge(connection)
