"""Notifications with a real database and simulated providers on real sockets, without Kafka: tests call the event handler."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from connector_kit.testing.simulator import HttpSimulator
from connector_kit.testing.smpp_simulator import SmppFaults, SmppSimulator
from connector_kit.testing.smtp_simulator import SmtpFaults, SmtpSimulator
from notifications.app import build
from notifications.handlers.context import NotificationContext
from notifications.handlers.events import on_events
from notifications.providers.connections import ProviderConfig
from notifications.providers.courier.simulator import Courier
from notifications.providers.textgate.adapter import SIGNATURE
from notifications.providers.textgate.simulator import Gateway
from notifications.settings import NotificationSettings
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import Environment, utc_now
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.contracts import (
    AppointmentBooked,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    DocumentIssued,
    Event,
    EventHeader,
)
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner
from wanderamt.shell.service import Service
from wanderamt_local.state import Secrets, free_port

KEY = "receipt-key"


@dataclass
class NotificationsEnv:
    """A service with its simulated providers, and helpers for tests.

    `ahead`: how far the service's clock is ahead of the real time. `settings`: in plain text, for another process.
    """

    service: Service
    secrets: Secrets
    gate: Gateway
    courier: Courier
    smsc: SmppSimulator
    post: SmtpSimulator
    settings: dict[str, Any] = field(default_factory=dict)
    ahead: timedelta = timedelta()
    numbers: int = 0

    @property
    def database(self) -> Any:
        return self.service.context.database

    @property
    def context(self) -> NotificationContext:
        context: NotificationContext = self.service.context.http.state.context
        return context

    def clock(self) -> datetime:
        return utc_now() + self.ahead

    def contact(self, subject: UUID, **contact: Any) -> Sealed:
        """Encrypted, as intake publishes it. Default: a new mobile number, with consent."""
        self.numbers += 1
        address = contact or {"phone": f"+43660{self.numbers:07}"}
        return self.context.cipher.seal(
            subject, json.dumps({"consent": "2026-1", "born": "1980-05-04"} | address).encode()
        )

    def case_opened(self, case_id: UUID | None = None, **contact: Any) -> CaseOpened:
        case_id = case_id or uuid7()
        return CaseOpened(
            case_id=case_id,
            service="active_pass",
            stand_id=uuid7(),
            language="de",
            captured_at=self.clock(),
            contact=self.contact(case_id, **contact),
        )

    def document_issued(self, case_id: UUID | None = None, **contact: Any) -> DocumentIssued:
        case_id = case_id or uuid7()
        return DocumentIssued(
            document_id=uuid7(),
            case_id=case_id,
            service="active_pass",
            stand_id=uuid7(),
            number=f"MB-2026-{case_id.int % 10**6:06}",
            sha256="",
            language="de",
            contact=self.contact(case_id, **contact),
            issued_at=self.clock(),
        )

    def needs_visit(self, case_id: UUID, contact: Sealed | None = None, reason: str = "not_found") -> CaseNeedsVisit:
        return CaseNeedsVisit(
            case_id=case_id,
            service="active_pass",
            stand_id=uuid7(),
            language="de",
            reason=reason,
            contact=contact,
            decided_at=self.clock(),
        )

    def case_overdue(self, case_id: UUID) -> CaseHandedOver:
        return CaseHandedOver(
            case_id=case_id,
            service="active_pass",
            stand_id=uuid7(),
            owner="office@linz",
            deadline=self.clock() + timedelta(days=1),
            overdue=True,
        )

    def appointment_booked(
        self, *, place: str = "Südbahnhofmarkt", in_: timedelta = timedelta(days=3), **contact: Any
    ) -> AppointmentBooked:
        appointment_id = uuid7()
        starts_at = (self.clock() + in_).replace(microsecond=0)
        return AppointmentBooked(
            appointment_id=appointment_id,
            stand_id=uuid7(),
            service="active_pass",
            place=place,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=20),
            language="de",
            contact=self.contact(appointment_id, **contact),
            booked_at=self.clock(),
        )

    async def deliver_events(self, *events: Event) -> None:
        """Calls the event handler in one transaction, as the inbox does."""
        items = [
            ReceivedEvent(RawRecord("t", 0, number, b"", b"", ()), self.header(event), event)
            for number, event in enumerate(events)
        ]
        async with self.database.unit_of_work() as uow:
            await on_events(items, uow, context=self.context)

    def header(self, event: Event) -> EventHeader:
        return EventHeader(uuid7(), event.TYPE, "/wanderamt/test", event.aggregate, self.clock(), 1, {})

    async def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        async with self.database.unit_of_work() as uow:
            return [dict(row) for row in await uow.db.fetch(sql, *args)]

    async def notices(self, about_id: UUID | None = None) -> list[dict[str, Any]]:
        where = "WHERE about_id = $1" if about_id else ""
        args = [about_id] if about_id else []
        return await self.rows(f"SELECT * FROM notice {where} ORDER BY created_at, notice_id", *args)

    async def states(self) -> dict[str, int]:
        rows = await self.rows("SELECT state, count(*) AS n FROM notice GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    async def receipts(self) -> dict[str, int]:
        rows = await self.rows("SELECT state, count(*) AS n FROM receipt GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    async def has_receipts(self, expected: dict[str, int]) -> bool:
        return await self.receipts() == expected

    async def has_receipts_only(self, *states: str) -> bool:
        return (await self.receipts()).keys() <= set(states)

    def signed(self, body: bytes) -> dict[str, str]:
        return {SIGNATURE: hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()}

    async def has_states(self, expected: dict[str, int]) -> bool:
        return await self.states() == expected

    async def wait_until(self, condition: Callable[[], Any], *, timeout_s: float = 30) -> None:
        async with asyncio.timeout(timeout_s):
            while True:
                result = condition()
                if await result if asyncio.iscoroutine(result) else result:
                    return
                await asyncio.sleep(0.02)

    async def advance_clock(self, ahead: timedelta) -> None:
        """Ends the calls first: the leap would expire the leases of calls that are in flight."""
        jobs = self.service.components["jobs"]
        await jobs.stop()
        self.ahead += ahead
        await jobs.start()

    async def wait_until_idle(self, *, timeout_s: float = 30) -> None:
        """Until no job is due or leased."""

        async def idle() -> bool:
            due = (
                "SELECT 1 FROM job WHERE run_at <= $1::timestamptz + interval '1 s' OR lease_token IS NOT NULL LIMIT 1"
            )
            return not await self.rows(due, self.clock())

        await self.wait_until(idle, timeout_s=timeout_s)

    async def published(self, kind: type[Event]) -> list[dict[str, Any]]:
        rows = await self.rows("SELECT value FROM outbox WHERE type = $1 ORDER BY id", kind.TYPE)
        return [json.loads(row["value"]) for row in rows]

    def received_sms(self) -> list[tuple[str, str]]:
        """(number, text) of every SMS that reached a telephone, by any provider."""
        by_gate = [(sms["to"], sms["text"]) for sms in self.gate.messages]
        return by_gate + [(f"+{sms.destination}", sms.text) for sms in self.smsc.messages]

    def http_client(self, *roles: Role) -> httpx.AsyncClient:
        """A client of the service's HTTP API; without roles: without a token."""
        headers = {}
        if roles:
            caller = Principal("tester@linz", frozenset(roles))
            signer = TokenSigner(self.secrets.token_private_key)
            token = signer.sign(caller, audience="notifications", now=utc_now(), lifetime=timedelta(hours=1))
            headers = {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(self.service.context.http)
        return httpx.AsyncClient(transport=transport, base_url="http://notices.test", headers=headers)


@asynccontextmanager
async def serve(simulator: HttpSimulator[Any]) -> AsyncIterator[str]:
    port = free_port()
    config = uvicorn.Config(
        simulator.app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


OpenNotificationsEnv = Callable[..., AbstractAsyncContextManager[NotificationsEnv]]


@pytest.fixture
def open_notifications_env(make_database: Any) -> OpenNotificationsEnv:
    """`async with open_notifications_env("gate", "smsc") as env`: connects these providers and runs the jobs."""

    @asynccontextmanager
    async def open_env(
        *names: str,
        components: Iterable[str] = ("providers", "jobs", "receipts"),
        limits: dict[str, Any] | None = None,
        **settings: Any,
    ) -> AsyncIterator[NotificationsEnv]:
        async with AsyncExitStack() as stack:
            gate, courier = Gateway(), Courier()
            smsc = SmppSimulator(system_id="city", password=KEY, faults=SmppFaults(receipts=False))
            post = SmtpSimulator(faults=SmtpFaults())
            gate_url = await stack.enter_async_context(serve(gate))
            courier_url = await stack.enter_async_context(serve(courier))
            smpp = await stack.enter_async_context(smsc.serve("127.0.0.1", 0))
            smtp = await stack.enter_async_context(post.serve("127.0.0.1", 0))
            keys = {"gateway_key": SecretStr(KEY), "receipt_key": SecretStr(KEY), "password": SecretStr(KEY)}
            urls = {
                "gate": ("textgate", gate_url),
                "courier": ("courier", courier_url),
                "smsc": ("smsc", f"smpp://city@127.0.0.1:{smpp}"),
                "post": ("relay", f"smtp://127.0.0.1:{smtp}"),
            }
            connected = {
                name: ProviderConfig(
                    bridge=urls[name][0],
                    url=urls[name][1],
                    secrets=keys,
                    settings={"start_tls": "false"} if name == "post" else {},
                    **(limits or {}).get(name, {}),
                )
                for name in names
            }
            secrets = Secrets.generate()
            url = await make_database("notifications")
            service = build(
                NotificationSettings(
                    database_url=SecretStr(url),
                    kafka_bootstrap_servers="nowhere:9092",
                    token_public_key=secrets.token_public_key,
                    encryption_key=SecretStr(secrets.encryption_key),
                    providers=connected,
                    **({"quiet_hours": "", "day_budget": 1000} | settings),
                )
            )
            plain = service.context.settings.model_dump(mode="json")
            for name, config in plain["providers"].items():
                config["secrets"] = dict.fromkeys(connected[name].secrets, KEY)
            plain |= {"database_url": url, "encryption_key": secrets.encryption_key}
            env = NotificationsEnv(service, secrets, gate, courier, smsc, post, plain)
            env.database.environment = Environment(clock=env.clock)
            await env.database.start()
            running = [service.components[name] for name in components]
            for component in running:
                await component.start()
            try:
                yield env
            finally:
                for component in reversed(running):
                    await component.stop()
                await env.database.stop()

    return open_env
