"""A small messaging pipeline: a producer of events, a relay, a consumer, and a table of the effects."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest_asyncio
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import StandCancelled
from wanderamt_faults.audit import Findings, audit_effects, audit_log
from wanderamt_faults.evidence import read_log

PARTITIONS = 3


@dataclass
class MessagingPipeline:
    database: Database
    kafka: str
    topics: Any
    published: dict[str, int] = field(default_factory=dict)
    poisoned: set[tuple[UUID, int]] = field(default_factory=set)

    def relay(self, kind: type[Relay] = Relay) -> Relay:
        return kind(self.database, self.kafka, self.topics)

    def inbox(self, kind: type[Inbox] = Inbox) -> Inbox:
        return kind("consumer", {StandCancelled: self._on_cancelled}, self.database, self.kafka, self.topics)

    async def publish(self, subjects: list[UUID], *, versions: range) -> None:
        for version in versions:
            async with self.database.unit_of_work() as uow:
                for subject in subjects:
                    event = {"stand_id": subject, "reason": str(version), "cancelled_at": "2026-05-04T09:30:00+02:00"}
                    uow.emit(StandCancelled.model_validate(event), version=version)
                    self.published[str(subject)] = version

    async def sql(self, statement: str) -> list[Any]:
        async with self.database.unit_of_work() as uow:
            return list(await uow.db.fetch(statement))

    async def wait_until_sent(self) -> None:
        await self.wait_until(lambda: self._empty("outbox"))

    async def wait_for_effects(self, number: int) -> None:
        await self.wait_until(lambda: self._at_least("effect", number))

    async def wait_until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(30):
            while not await holds():
                await asyncio.sleep(0.05)

    async def relay_all(self, kind: type[Relay] = Relay) -> None:
        relay = self.relay(kind)
        await relay.start()
        await self.wait_until_sent()
        await relay.stop()

    async def consume_all(self, effects: int, kind: type[Inbox] = Inbox) -> None:
        """Consumes until so many effects exist, and one second longer, in which a duplicate would arrive."""
        inbox = self.inbox(kind)
        await inbox.start()
        await self.wait_for_effects(effects)
        await asyncio.sleep(1)
        await inbox.stop()

    async def audit(self, *, crashes: int = 0, effects: bool = True) -> Findings:
        findings = audit_log(
            await read_log(self.kafka, [self.topics.name("stand.v1")]), self.published, second_deliveries=crashes * 1000
        )
        if effects:
            rows = await self.sql("SELECT subject::text, version FROM effect ORDER BY id")
            findings.add(audit_effects(self.published, [(row["subject"], row["version"]) for row in rows]))
        return findings

    async def _on_cancelled(self, event: StandCancelled, uow: UnitOfWork) -> None:
        version = int(event.reason)
        if (event.stand_id, version) in self.poisoned:
            raise ValueError
        await uow.db.execute("INSERT INTO effect (subject, version) VALUES ($1, $2)", event.stand_id, version)

    async def _empty(self, table: str) -> bool:
        return not (await self.sql(f"SELECT 1 FROM {table} LIMIT 1"))

    async def _at_least(self, table: str, number: int) -> bool:
        return bool((await self.sql(f"SELECT count(*) >= {number} AS enough FROM {table}"))[0]["enough"])


@pytest_asyncio.fixture
async def pipeline(open_database: Any, servers: Any, topics: Any) -> AsyncIterator[MessagingPipeline]:
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=PARTITIONS)
    pipeline = MessagingPipeline(database, servers.kafka.bootstrap_servers, topics)
    await pipeline.sql(
        "CREATE TABLE effect (id bigserial PRIMARY KEY, subject uuid NOT NULL, version integer NOT NULL)"
    )
    yield pipeline


@pytest_asyncio.fixture
async def stands() -> list[UUID]:
    return [uuid7() for _ in range(5)]
