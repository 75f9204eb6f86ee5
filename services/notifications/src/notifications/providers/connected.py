"""Providers as they are connected: each contract a bridge of its kind, with the limits of the contract."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import structlog
from connector_kit.adapter import Stamp
from connector_kit.bridge import Bridge, BrokenBridge
from connector_kit.folder import BridgeFolder, Connection
from connector_kit.manifest import Manifest, Transport
from connector_kit.policy import Beat
from connector_kit.smpp.bridge import SmppBridge
from connector_kit.smpp.link import Address, NotBound
from connector_kit.smtp import MailBridge, MailDoor
from connector_kit.transport import Identity
from connector_kit.verdict import Verdict
from pydantic import BaseModel, Field, SecretStr
from wanderamt.contracts import Channel

from notifications.providers import provider_folders

BIND_EVERY_S: Final = 5.0

Keep = Callable[[str, Sequence[bytes]], Awaitable[None]]

log = structlog.get_logger()


class Contract(BaseModel):
    """With one provider. `settings` override those of its bridge.toml, and so do the limits."""

    bridge: str = Field(description="textgate, courier, smsc or relay")
    url: str = Field(description="https://… , smpp://system_id@host:port or smtp://user@host:port")
    secrets: dict[str, SecretStr] = {}
    settings: dict[str, str] = {}
    weight: float = Field(50, gt=0, description="its part of the channel's messages while all are well")
    rate_per_s: float | None = Field(None, gt=0, description="messages a second that the contract allows")
    concurrency: int | None = Field(None, ge=1, description="messages under way at the same time")
    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None


class Caller(Protocol):
    """A provider, whatever it speaks."""

    @property
    def manifest(self) -> Manifest: ...

    async def call(self, operation: str, question: bytes, stamp: Stamp, *, beat: Beat = Beat.CALL) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Connected:
    """`receipt_key`: signs what it posts to us; empty: it posts nothing."""

    caller: Caller
    channel: Channel
    manifest: Manifest
    adapter: Any
    receipts: bool
    receipt_key: SecretStr


@dataclass
class Callers:
    """All of them, as a part of the service: connections that receipts come over are kept open."""

    connected: Mapping[str, Connected]
    trouble: str = ""
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        bound = [one.caller for one in self.connected.values() if isinstance(one.caller, SmppBridge)]
        if bound:
            self._task = asyncio.create_task(self._stay_bound(bound), name="providers-bound")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for one in self.connected.values():
            caller = one.caller
            await (caller.wire.close() if isinstance(caller, Bridge) else caller.close())  # type: ignore[attr-defined]

    async def _stay_bound(self, bridges: Sequence[SmppBridge]) -> None:
        """A provider that is away is no trouble of ours: messages wait, its breaker says so."""
        while True:
            for one in bridges:
                try:
                    await one.connect()
                except NotBound as error:
                    log.warning("provider.not_bound", provider=one.manifest.id, why=str(error))
            await asyncio.sleep(BIND_EVERY_S)


def connect(contracts: Mapping[str, Contract], *, sender: str, keep: Keep) -> Callers:
    """Raises BrokenBridge for a bridge that does not exist, or a secret without a value."""
    folders = provider_folders()
    connected = {}
    for name, contract in contracts.items():
        if contract.bridge not in folders:
            there = ", ".join(sorted(folders))
            raise BrokenBridge(f"WANDERAMT_PROVIDERS: {name} is to be a {contract.bridge}; there are: {there}")
        connected[name] = _connected(name, contract, folders[contract.bridge], sender, partial(keep, name))
    return Callers(connected)


def _connected(
    name: str, contract: Contract, folder: BridgeFolder, sender: str, keep: Callable[[Sequence[bytes]], Awaitable[None]]
) -> Connected:
    limits = folder.manifest.limits
    limits = limits.model_copy(
        update={
            "rate_per_s": contract.rate_per_s or limits.rate_per_s,
            "concurrency": contract.concurrency or limits.concurrency,
        }
    )
    manifest = folder.manifest.model_copy(update={"id": name, "limits": limits})
    mail = manifest.transport is Transport.SMTP
    settings = {**({"name": sender} if mail else {"sender": sender}), **contract.settings}
    identity = (
        Identity(contract.certificate, contract.key, contract.authorities)
        if contract.certificate and contract.key
        else None
    )
    connection = Connection(contract.url, contract.secrets, settings, identity)
    adapter = folder.adapter(connection)
    told = {**manifest.settings, **settings}
    caller = _caller(manifest, adapter, folder, contract, connection, told, keep)
    return Connected(
        caller,
        Channel.EMAIL if mail else Channel.SMS,
        manifest,
        adapter,
        told.get("receipts") == "true",
        contract.secrets.get("receipt_key", SecretStr("")),
    )


def _caller(
    manifest: Manifest,
    adapter: Any,
    folder: BridgeFolder,
    contract: Contract,
    connection: Connection,
    told: Mapping[str, str],
    keep: Callable[[Sequence[bytes]], Awaitable[None]],
) -> Caller:
    where = urlsplit(contract.url)
    host, user = where.hostname or "", where.username or ""
    password = contract.secrets.get("password", SecretStr(""))
    match manifest.transport:
        case Transport.SMPP:
            address = Address(host, where.port or 2775, user, password.get_secret_value())
            return SmppBridge(manifest, adapter, folder.models, address, keep)
        case Transport.SMTP:
            authorities = str(contract.authorities or "")
            start_tls = told.get("start_tls") != "false"
            door = MailDoor(host, where.port or 25, user, password, start_tls, authorities)
            return MailBridge(manifest, adapter, folder.models, door)
    return folder.with_manifest(manifest).bridge(connection)
