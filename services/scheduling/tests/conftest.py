"""Fixtures of scheduling: a database, a context, and details of two stands."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from public_fixtures import PublicEnv
from pydantic import SecretStr
from scheduling.app import build
from scheduling.domain.stand import StandDetails
from scheduling.handlers.context import SchedulingContext
from scheduling.reference_data.bookable_services import read_bookable_services
from scheduling.settings import SchedulingSettings
from scheduling_fixtures import SchedulingEnv
from service_catalogue.authority import shipped_profile
from wanderamt.security.keys import FieldCipher, generate_master_key
from wanderamt_testing.databases import MakeDatabase, OpenDatabase
from wanderamt_testing.run_keys import RunKeys

START = datetime(2027, 5, 4, 8, tzinfo=UTC)  # a Tuesday


@pytest.fixture
def details() -> StandDetails:
    return StandDetails(
        "Hauptplatz",
        "Innere Stadt",
        START,
        START + timedelta(hours=4),
        "Team A",
        "Bus 1",
        "Koffer 1",
        ("active_pass", "registration"),
        walk_in_share=0.0,
    )


@pytest.fixture
def elsewhere(details: StandDetails) -> StandDetails:
    return replace(details, place="solarCity", district="Pichling", crew="Team B", vehicle="Bus 2", kit="Koffer 2")


@pytest_asyncio.fixture
async def scheduling_env(open_database: OpenDatabase) -> SchedulingEnv:
    database = await open_database("scheduling")
    cipher = FieldCipher(SecretStr(generate_master_key()))
    context = SchedulingContext(shipped_profile(), cipher, read_bookable_services())
    return SchedulingEnv(database, context)


@pytest_asyncio.fixture
async def public_env(make_database: MakeDatabase, run_keys: RunKeys) -> AsyncIterator[PublicEnv]:
    settings = SchedulingSettings(
        database_url=SecretStr(await make_database("scheduling")),
        kafka_bootstrap_servers="nowhere:9092",
        trusted_proxies="none",
        token_public_key=run_keys.public_key,
        encryption_key=SecretStr(run_keys.encryption_key),
    )
    env = PublicEnv(build(settings), run_keys)
    await env.database.start()
    yield env
    await env.database.stop()
