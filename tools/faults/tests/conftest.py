"""Fixtures: a small messaging pipeline and ids of stands."""

from uuid import UUID

import pytest
import pytest_asyncio
from faults_fixtures import PARTITIONS, MessagingPipeline
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.topics import Topics
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.servers import Servers


@pytest_asyncio.fixture
async def pipeline(open_database: OpenDatabase, servers: Servers, topics: Topics) -> MessagingPipeline:
    database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=PARTITIONS)
    pipeline = MessagingPipeline(database, servers.kafka.bootstrap_servers, topics)
    await pipeline.sql(
        "CREATE TABLE effect (id bigserial PRIMARY KEY, subject uuid NOT NULL, version integer NOT NULL)"
    )
    return pipeline


@pytest.fixture
def stands() -> list[UUID]:
    return [uuid7() for _ in range(5)]
