"""A small rig: one aggregate's owner, a relay, a listener, and the ledger of what took effect."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest_asyncio
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.backbone.inbox import Inbox
from wanderamt.backbone.relay import Relay
from wanderamt.backbone.work import Work
from wanderamt.contracts import StandCancelled
from wanderamt_faults.audit import Findings, audit_effects, audit_log
from wanderamt_faults.evidence import read_log

PARTITIONS = 3


@dataclass
class SmallRig:
    database: Database
    kafka: str
    topics: Any
    told: dict[str, int] = field(default_factory=dict)
    poisoned: set[tuple[UUID, int]] = field(default_factory=set)

    def relay(self, kind: type[Relay] = Relay) -> Relay:
        return kind(self.database, self.kafka, self.topics)

    def inbox(self, kind: type[Inbox] = Inbox) -> Inbox:
        return kind("listener", {StandCancelled: self._on_cancelled}, self.database, self.kafka, self.topics)

    async def tell(self, subjects: list[UUID], *, versions: range) -> None:
        for version in versions:
            async with self.database.work() as work:
                for subject in subjects:
                    event = {"stand_id": subject, "reason": str(version), "cancelled_at": "2026-05-04T09:30:00+02:00"}
                    work.emit(StandCancelled.model_validate(event), version=version)
                    self.told[str(subject)] = version

    async def sql(self, statement: str) -> list[Any]:
        async with self.database.work() as work:
            return list(await work.db.fetch(statement))

    async def until_sent(self) -> None:
        await self.until(lambda: self._empty("outbox"))

    async def until_effects(self, number: int) -> None:
        await self.until(lambda: self._at_least("effect", number))

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(30):
            while not await holds():
                await asyncio.sleep(0.05)

    async def send_all(self, kind: type[Relay] = Relay) -> None:
        relay = self.relay(kind)
        await relay.start()
        await self.until_sent()
        await relay.stop()

    async def hear_all(self, effects: int, kind: type[Inbox] = Inbox) -> None:
        """Until so many effects are there, and a moment longer: a double would come now."""
        inbox = self.inbox(kind)
        await inbox.start()
        await self.until_effects(effects)
        await asyncio.sleep(1)
        await inbox.stop()

    async def audit(self, *, crashes: int = 0, effects: bool = True) -> Findings:
        findings = audit_log(
            await read_log(self.kafka, [self.topics.name("stand.v1")]), self.told, second_deliveries=crashes * 1000
        )
        if effects:
            rows = await self.sql("SELECT subject::text, version FROM effect ORDER BY id")
            findings.add(audit_effects(self.told, [(row["subject"], row["version"]) for row in rows]))
        return findings

    async def _on_cancelled(self, event: StandCancelled, work: Work) -> None:
        version = int(event.reason)
        if (event.stand_id, version) in self.poisoned:
            raise ValueError
        await work.db.execute("INSERT INTO effect (subject, version) VALUES ($1, $2)", event.stand_id, version)

    async def _empty(self, table: str) -> bool:
        return not (await self.sql(f"SELECT 1 FROM {table} LIMIT 1"))

    async def _at_least(self, table: str, number: int) -> bool:
        return bool((await self.sql(f"SELECT count(*) >= {number} AS enough FROM {table}"))[0]["enough"])


@pytest_asyncio.fixture
async def rig(open_database: Any, servers: Any, topics: Any) -> AsyncIterator[SmallRig]:
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=PARTITIONS)
    made = SmallRig(database, servers.kafka.bootstrap_servers, topics)
    await made.sql("CREATE TABLE effect (id bigserial PRIMARY KEY, subject uuid NOT NULL, version integer NOT NULL)")
    yield made


@pytest_asyncio.fixture
async def stands() -> list[UUID]:
    return [uuid7() for _ in range(5)]
