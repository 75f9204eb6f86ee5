"""Builders for intake's tests: a service with a fresh database, an enrolled device, and entries."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from due_date_fixtures import MovedIntake
from intake.app import build
from intake.events import on_stand_scheduled
from intake.settings import IntakeSettings
from intake.signing.authority import Authority, TrustedCertificate, new_authority
from intake_fixtures import IntakeClient
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.contracts import StandScheduled
from wanderamt_testing.databases import MakeDatabase
from wanderamt_testing.run_keys import RunKeys
from wanderamt_testing.servers import Servers


@pytest_asyncio.fixture
async def intake_client(
    make_database: MakeDatabase, run_keys: RunKeys, servers: Servers, previous_authority: Authority
) -> AsyncIterator[IntakeClient]:
    settings = IntakeSettings(
        database_url=SecretStr(await make_database("intake")),
        kafka_bootstrap_servers=servers.kafka.bootstrap_servers,
        trusted_proxies="none",
        token_public_key=run_keys.public_key,
        encryption_key=SecretStr(run_keys.encryption_key),
        document_key=SecretStr(run_keys.secrets.document_key),
        document_certificate=run_keys.secrets.document_certificate,
        assertion_key=SecretStr(run_keys.secrets.assertion_key),
        session_key=SecretStr(run_keys.secrets.session_key),
        public_addresses=["https://linz.example"],
        previous_certificates=previous_authority.certificate.pem,
    )
    service = build(settings)
    await service.context.database.start()
    await service.components["change_waits"].start()
    transport = httpx.ASGITransport(service.context.http, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as http:
        client = IntakeClient(service, http, run_keys, uuid7(), uuid7())
        await client.enrol(client.device_id)
        for series in ("GZ", "BE", "UK"):
            await client.lease(series)
        yield client
    for name in ("pdf_workers", "verification_workers", "change_waits"):
        await service.components[name].stop()
    await service.context.database.stop()


@pytest.fixture
def moved_intake(intake_client: IntakeClient) -> MovedIntake:
    return MovedIntake(intake_client)


@pytest.fixture(scope="session")
def authority() -> Authority:
    key, certificate = new_authority("Stadt Linz", now=utc_now())
    return Authority.load("at-linz", SecretStr(key), certificate)


@pytest.fixture(scope="session")
def previous_authority() -> Authority:
    """The same authority with its previous key."""
    key, certificate = new_authority("Stadt Linz", now=utc_now())
    return Authority.load("at-linz", SecretStr(key), certificate)


@pytest.fixture(scope="session")
def other_authority() -> TrustedCertificate:
    return TrustedCertificate.parse(new_authority("Stadt Anderswo", now=utc_now())[1])


@pytest.fixture
def megabytes() -> str:
    return "x" * (2 * 1024 * 1024)


@pytest.fixture
async def stand(intake_client: IntakeClient) -> UUID:
    begin = utc_now()
    event = StandScheduled(
        stand_id=uuid7(), place="Markt", district="Mitte", starts_at=begin, ends_at=begin + timedelta(hours=4),
        crew="A", vehicle="B", kit="C", services=("registration_confirmation",),
    )  # fmt: skip
    async with intake_client.service.context.database.unit_of_work() as uow:
        await on_stand_scheduled(event, uow)
    return event.stand_id
