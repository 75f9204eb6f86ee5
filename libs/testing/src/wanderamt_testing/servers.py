"""Kafka and PostgreSQL of one test run.

Invariants: a server that does not start fails the tests; no test is skipped.
"""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TypeVar

from uuid_utils.compat import uuid7
from wanderamt.backbone.persistence.migrations import migrate
from wanderamt_local.kafka import Kafka
from wanderamt_local.postgres import Postgres

T = TypeVar("T")


class LoopThread:
    """An event loop that outlives single tests, for servers of the whole run."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(180)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@dataclass(frozen=True)
class Servers:
    """`migrated`: by package, the template database for new ones: copying is ten times faster than migrating."""

    kafka: Kafka
    postgres: Postgres
    migrated: dict[str, str] = field(default_factory=dict)

    async def database(self, package: str, name: str) -> str:
        if package not in self.migrated:
            template = f"{package}_{uuid7().hex[-12:]}_migrated"
            await asyncio.to_thread(migrate, await self.postgres.create_database(template), package)
            self.migrated[package] = template
        return await self.postgres.create_database(name, template=self.migrated[package])

    async def drop_templates(self) -> None:
        for template in self.migrated.values():
            await self.postgres.drop_database(template)
