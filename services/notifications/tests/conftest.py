"""Notifications with a real database and providers on real sockets, without Kafka: events go in by its handler."""

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
from connector_kit.simulator import HttpRegister
from connector_kit.smpp.simulator import Operator, OperatorKnobs
from connector_kit.smtp_simulator import MailKnobs, PostOffice
from notifications.app import Office, build
from notifications.handlers.events import on_events
from notifications.providers.connected import Contract
from notifications.providers.courier.simulator import Courier
from notifications.providers.textgate.adapter import SIGNATURE
from notifications.providers.textgate.simulator import Gateway
from notifications.settings import Settings
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.arrivals import Item
from wanderamt.backbone.parked import Arrival
from wanderamt.backbone.sources import Sources, utc_now
from wanderamt.contracts import (
    AppointmentBooked,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    DocumentIssued,
    Event,
    Head,
)
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller, TokenSigner
from wanderamt_local.state import Secrets, free_port

KEY = "receipt-key"


@dataclass
class City:
    """`ahead`: how far the service's clock runs ahead of ours. Providers that were not asked for are not connected.

    `settings`: the service's, in the clear, for another process of it.
    """

    service: Office
    secrets: Secrets
    gate: Gateway
    courier: Courier
    smsc: Operator
    post: PostOffice
    settings: dict[str, Any] = field(default_factory=dict)
    ahead: timedelta = timedelta()
    numbers: int = 0
    heard: list[Event] = field(default_factory=list)

    @property
    def database(self) -> Any:
        return self.service.ground.database

    @property
    def sealer(self) -> Sealer:
        return self.service.notices.sealer

    def clock(self) -> datetime:
        return utc_now() + self.ahead

    def contact(self, subject: UUID, **left: Any) -> Sealed:
        """Sealed as intake does it. Without anything given: a mobile number, with consent."""
        self.numbers += 1
        told = left or {"phone": f"+43660{self.numbers:07}"}
        return self.sealer.seal(subject, json.dumps({"consent": "2026-1", "born": "1980-05-04"} | told).encode())

    def opened(self, case_id: UUID | None = None, **left: Any) -> CaseOpened:
        case_id = case_id or uuid7()
        return CaseOpened(
            case_id=case_id,
            service="active_pass",
            stand_id=uuid7(),
            language="de",
            captured_at=self.clock(),
            contact=self.contact(case_id, **left),
        )

    def issued(self, case_id: UUID | None = None, **left: Any) -> DocumentIssued:
        case_id = case_id or uuid7()
        return DocumentIssued(
            document_id=uuid7(),
            case_id=case_id,
            service="active_pass",
            stand_id=uuid7(),
            number=f"MB-2026-{case_id.int % 10**6:06}",
            sha256="",
            language="de",
            contact=self.contact(case_id, **left),
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

    def overdue(self, case_id: UUID) -> CaseHandedOver:
        return CaseHandedOver(
            case_id=case_id,
            service="active_pass",
            stand_id=uuid7(),
            owner="office@linz",
            deadline=self.clock() + timedelta(days=1),
            overdue=True,
        )

    def booked(
        self, *, place: str = "Südbahnhofmarkt", in_: timedelta = timedelta(days=3), **left: Any
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
            contact=self.contact(appointment_id, **left),
            booked_at=self.clock(),
        )

    async def hear(self, *events: Event) -> None:
        """As the inbox hands them on: in one transaction."""
        items = [Item(Arrival("t", 0, n, b"", b"", ()), self._head(one), one) for n, one in enumerate(events)]
        async with self.database.work() as work:
            await on_events(items, work, ground=self.service.notices)

    def _head(self, event: Event) -> Head:
        return Head(uuid7(), event.TYPE, "/wanderamt/test", event.aggregate, self.clock(), 1, {})

    async def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        async with self.database.work() as work:
            return [dict(row) for row in await work.db.fetch(sql, *args)]

    async def notices(self, about_id: UUID | None = None) -> list[dict[str, Any]]:
        where = "WHERE about_id = $1" if about_id else ""
        args = [about_id] if about_id else []
        return await self.rows(f"SELECT * FROM notice {where} ORDER BY decided_at, notice_id", *args)

    async def states(self) -> dict[str, int]:
        rows = await self.rows("SELECT state, count(*) AS n FROM notice GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    async def receipts(self) -> dict[str, int]:
        rows = await self.rows("SELECT state, count(*) AS n FROM receipt GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    async def receipts_are(self, wanted: dict[str, int]) -> bool:
        return await self.receipts() == wanted

    async def receipts_are_all(self, state: str, but: set[str] = frozenset()) -> bool:  # type: ignore[assignment]
        return (await self.receipts()).keys() - but <= {state}

    def signed(self, body: bytes) -> dict[str, str]:
        return {SIGNATURE: hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()}

    async def states_are(self, wanted: dict[str, int]) -> bool:
        return await self.states() == wanted

    async def until(self, holds: Callable[[], Any], *, timeout_s: float = 30) -> None:
        async with asyncio.timeout(timeout_s):
            while True:
                found = holds()
                if await found if asyncio.iscoroutine(found) else found:
                    return
                await asyncio.sleep(0.02)

    async def jump(self, ahead: timedelta) -> None:
        """A clock that jumped over a call would take its lease away: what is under way ends before."""
        jobs = self.service.parts["jobs"]
        await jobs.stop()
        self.ahead += ahead
        await jobs.start()

    async def settled(self, *, timeout_s: float = 30) -> None:
        """No job is left that could go on by itself now."""

        async def idle() -> bool:
            due = "SELECT 1 FROM job WHERE run_at <= $1::timestamptz + interval '1 s' OR lease IS NOT NULL LIMIT 1"
            return not await self.rows(due, self.clock())

        await self.until(idle, timeout_s=timeout_s)

    async def told(self, kind: type[Event]) -> list[dict[str, Any]]:
        rows = await self.rows("SELECT value FROM outbox WHERE type = $1 ORDER BY id", kind.TYPE)
        return [json.loads(row["value"]) for row in rows]

    def texts(self) -> list[tuple[str, str]]:
        """(number, text) of every SMS that reached a telephone, by whichever provider."""
        by_gate = [(one["to"], one["text"]) for one in self.gate.messages]
        return by_gate + [(f"+{one.destination}", one.text) for one in self.smsc.messages]

    def door(self, *roles: Role) -> httpx.AsyncClient:
        """At the service's HTTP door; without roles, as anybody."""
        headers = {}
        if roles:
            caller = Caller("tester@linz", frozenset(roles))
            signer = TokenSigner(self.secrets.token_private_key)
            token = signer.sign(caller, audience="notifications", now=utc_now(), lifetime=timedelta(hours=1))
            headers = {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(self.service.ground.http)
        return httpx.AsyncClient(transport=transport, base_url="http://notices.test", headers=headers)


@asynccontextmanager
async def serving(simulator: HttpRegister[Any]) -> AsyncIterator[str]:
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


Open = Callable[..., AbstractAsyncContextManager[City]]


@pytest.fixture
def open_city(make_database: Any) -> Open:
    """`async with open_city("gate", "smsc") as city`: these are connected, its jobs run."""

    @asynccontextmanager
    async def opened(
        *names: str,
        parts: Iterable[str] = ("providers", "jobs", "receipts"),
        limits: dict[str, Any] | None = None,
        **settings: Any,
    ) -> AsyncIterator[City]:
        async with AsyncExitStack() as stack:
            gate, courier = Gateway(), Courier()
            smsc = Operator(system_id="city", password=KEY, knobs=OperatorKnobs(receipts=False))
            post = PostOffice(knobs=MailKnobs())
            gate_url = await stack.enter_async_context(serving(gate))
            courier_url = await stack.enter_async_context(serving(courier))
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
                name: Contract(
                    bridge=urls[name][0],
                    url=urls[name][1],
                    secrets=keys,
                    settings={"start_tls": "false"} if name == "post" else {},
                    **(limits or {}).get(name, {}),
                )
                for name in names
            }
            secrets = Secrets.make()
            url = await make_database("notifications")
            service = build(
                Settings(
                    database_url=SecretStr(url),
                    kafka_bootstrap_servers="nowhere:9092",
                    token_public_key=secrets.token_public_key,
                    sealing_key=SecretStr(secrets.sealing_key),
                    providers=connected,
                    **({"quiet_hours": "", "day_budget": 1000} | settings),
                )
            )
            plain = service.ground.settings.model_dump(mode="json")
            for name, one in plain["providers"].items():
                one["secrets"] = dict.fromkeys(connected[name].secrets, KEY)
            plain |= {"database_url": url, "sealing_key": secrets.sealing_key}
            city = City(service, secrets, gate, courier, smsc, post, plain)
            city.database.sources = Sources(clock=city.clock)
            await city.database.start()
            running = [service.parts[name] for name in parts]
            for part in running:
                await part.start()
            try:
                yield city
            finally:
                for part in reversed(running):
                    await part.stop()
                await city.database.stop()

    return opened
