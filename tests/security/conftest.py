"""Intake and scheduling in this process, each with a fresh database and without Kafka."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from caller_id_fixtures import Callers
from intake.app import build as build_intake
from intake.settings import IntakeSettings
from intake_fixtures import IntakeClient
from pydantic import SecretStr
from scheduling.app import build as build_scheduling
from scheduling.settings import SchedulingSettings
from uuid_utils.compat import uuid7
from wanderamt_testing.databases import MakeDatabase
from wanderamt_testing.run_keys import RunKeys
from wanderamt_testing.servers import Servers


@pytest_asyncio.fixture
async def callers(make_database: MakeDatabase, run_keys: RunKeys, servers: Servers) -> AsyncIterator[Callers]:
    shared: dict[str, Any] = {
        "kafka_bootstrap_servers": servers.kafka.bootstrap_servers,
        "token_public_key": run_keys.public_key,
        "trusted_proxies": "127.0.0.0/8",
        "encryption_key": SecretStr(run_keys.encryption_key),
    }
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
    scheduling = build_scheduling(
        SchedulingSettings(
            database_url=SecretStr(await make_database("scheduling")),
            max_holds=1000,
            **shared,
        )
    )
    services = [intake, scheduling]
    for service in services:
        await service.context.database.start()
    clients = [
        httpx.AsyncClient(
            transport=httpx.ASGITransport(service.context.http, raise_app_exceptions=False),
            base_url=f"http://{service.context.name}",
        )
        for service in services
    ]
    device = IntakeClient(intake, clients[0], run_keys, uuid7(), uuid7())
    yield await Callers.enrol(device, scheduling, clients[1])
    for client in clients:
        await client.aclose()
    for name in ("pdf_workers", "verification_workers"):
        await intake.components[name].stop()
    for service in services:
        await service.context.database.stop()
