"""An obligation through intake, Kafka and notifications, with one moved clock: set, reminded of, missed, fulfilled, and at
the end of the retention forgotten by both.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from due_date_fixtures import MovedIntake
from intake.app import build as build_intake
from intake.handlers.retention import close_ended_cases, delete_expired_cases
from intake.settings import IntakeSettings
from intake_fixtures import CATALOGUE, IntakeClient
from notifications.app import build as build_notifications
from notifications.providers.connections import ProviderConfig
from notifications.providers.textgate.simulator import Gateway
from notifications.settings import NotificationSettings
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.contracts import case_code
from wanderamt.shell.service import Service
from wanderamt_testing.databases import MakeDatabase
from wanderamt_testing.run_keys import RunKeys
from wanderamt_testing.servers import Servers
from wanderamt_testing.service_env import MovableClock
from wanderamt_testing.simulator_server import serve_simulator
from wanderamt_testing.waiting import wait_until

DAY = timedelta(days=1)
KEY = "receipt-key"


@dataclass(frozen=True)
class Pair:
    """Intake and notifications, with one clock and a broker between them. `gate`: what citizens receive."""

    intake: MovedIntake
    notifications: Service
    gate: Gateway

    @property
    def views(self) -> Database:
        return self.notifications.context.database

    def texts(self, part: str) -> list[str]:
        return [message["text"] for message in self.gate.messages if part in message["text"]]

    async def page(self, case_id: str, language: str = "de") -> str:
        """The status page of the citizen."""
        transport = httpx.ASGITransport(self.notifications.context.http, raise_app_exceptions=False)
        form = {"code": case_code(UUID(case_id)), "born": "1.4.1990"}
        async with httpx.AsyncClient(transport=transport, base_url="http://notifications") as http:
            return (await http.post(f"/status?lang={language}", data=form)).text


@asynccontextmanager
async def running_pair(
    make_database: MakeDatabase, run_keys: RunKeys, servers: Servers, topics: Topics
) -> AsyncIterator[Pair]:
    shared: dict[str, Any] = {
        "kafka_bootstrap_servers": servers.kafka.bootstrap_servers,
        "topic_prefix": topics.prefix,
        "token_public_key": run_keys.public_key,
        "trusted_proxies": "none",
        "encryption_key": SecretStr(run_keys.encryption_key),
    }
    async with AsyncExitStack() as stack:
        await topics.create(servers.kafka.bootstrap_servers, partitions=1)
        intake = build_intake(
            IntakeSettings(
                database_url=SecretStr(await make_database("intake")),
                document_key=SecretStr(run_keys.secrets.document_key),
                document_certificate=run_keys.secrets.document_certificate,
                assertion_key=SecretStr(run_keys.secrets.assertion_key),
                session_key=SecretStr(run_keys.secrets.session_key),
                public_addresses=["http://intake.test"],
                **shared,
            )
        )
        gate = Gateway()
        url = await stack.enter_async_context(serve_simulator(gate))
        keys = {"gateway_key": SecretStr(KEY), "receipt_key": SecretStr(KEY)}
        notifications = build_notifications(
            NotificationSettings(
                database_url=SecretStr(await make_database("notifications")),
                providers={"gate": ProviderConfig(bridge="textgate", url=url, secrets=keys)},
                quiet_hours="",
                case_opened_wait_s=0,
                **shared,
            )
        )
        clock = MovableClock()
        for service, names in ((intake, ("relay",)), (notifications, ("providers", "jobs", "inbox"))):
            await service.context.database.start()
            stack.push_async_callback(service.context.database.stop)
            for name in names:
                await service.components[name].start()
                stack.push_async_callback(service.components[name].stop)
        transport = httpx.ASGITransport(intake.context.http, raise_app_exceptions=False)
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://intake"))
        client = IntakeClient(intake, http, run_keys, uuid7(), uuid7())
        await client.enrol(client.device_id)
        await client.lease("GZ")
        yield Pair(MovedIntake(client, clock), notifications, gate)


async def test_an_obligation_from_the_end_of_its_case_to_the_end_of_its_retention(
    make_database: MakeDatabase, run_keys: RunKeys, servers: Servers, topics: Topics
) -> None:
    async with running_pair(make_database, run_keys, servers, topics) as pair:
        moved = pair.intake
        case_id = await moved.finished_dog(pet_database_shown=True, large_dog=False)
        due_at = await moved.due_at(case_id, "levy")

        async def shows(text: str, *, is_there: bool = True) -> None:
            async def as_expected() -> bool:
                return (text in await pair.page(case_id)) is is_there

            await wait_until(as_expected, timeout_s=30, interval_s=0.5)

        async def arrives(text: str) -> None:
            async def arrived() -> bool:
                return len(pair.texts(text)) == 1

            await wait_until(arrived, timeout_s=30)

        await shows("Hundeabgabe zahlen, bis ")
        moved.move_to(due_at - 7 * DAY + timedelta(minutes=1))
        assert await moved.follow() == 1
        await arrives("Die Hundeabgabe ist fällig. Frist: ")
        moved.move_to(due_at + timedelta(minutes=1))
        assert await moved.follow() == 1
        await arrives("Die Hundeabgabe ist fällig. Die Frist war am ")
        await shows("Die Frist ist abgelaufen")
        for code in ("levy", "size_proof"):
            assert await moved.fulfil(case_id, code) == "accepted"
        await shows("Hundeabgabe zahlen", is_there=False)

        client = moved.client
        await client.rows("UPDATE document SET issued_at = now() WHERE revoked_at IS NULL RETURNING 1")
        for days in (31, 8 * 365):
            moved.pass_days(days)
            async with client.service.context.database.unit_of_work() as uow:
                await close_ended_cases(uow, after=30 * DAY, cipher=client.cipher, catalogue=CATALOGUE)
            async with client.service.context.database.unit_of_work() as uow:
                await delete_expired_cases(uow, catalogue=CATALOGUE)

        async def forgotten() -> bool:
            async with pair.views.unit_of_work() as uow:
                views = await uow.db.fetch("SELECT 1 FROM citizen_case")
                contents = await uow.db.fetch("SELECT 1 FROM notice WHERE address IS NOT NULL OR variables IS NOT NULL")
            return not views and not contents

        await wait_until(forgotten, timeout_s=30)
