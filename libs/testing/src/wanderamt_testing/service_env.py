"""A service with a real database and without Kafka, as tests of one service use it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
from wanderamt.backbone.environment import Environment, utc_now
from wanderamt.backbone.persistence.database import Database
from wanderamt.contracts import Event
from wanderamt.security.roles import Role
from wanderamt.shell.http import Component
from wanderamt.shell.service import Service

from wanderamt_testing.run_keys import RunKeys

C = TypeVar("C")


@dataclass
class MovableClock:
    """A clock that tests move: `clock()` is its time. `ahead`: how far it is ahead of the real time."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


def component(components: Mapping[str, Component], name: str, kind: type[C]) -> C:
    """The component of a service with this name and type."""
    present = components[name]
    assert isinstance(present, kind), present
    return present


@dataclass
class ServiceEnv:
    """A service whose event handlers and HTTP routes are called by a test.

    Invariants: the database of the service takes its time from `clock`.
    """

    service: Service
    keys: RunKeys
    clock: MovableClock = field(default_factory=MovableClock)

    def __post_init__(self) -> None:
        self.database.environment = Environment(clock=self.clock)

    @property
    def database(self) -> Database:
        return self.service.context.database

    async def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        async with self.database.unit_of_work() as uow:
            return [dict(row) for row in await uow.db.fetch(sql, *args)]

    async def published(self, kind: type[Event]) -> list[dict[str, Any]]:
        """The bodies of the events of this kind in the outbox."""
        rows = await self.rows("SELECT value FROM outbox WHERE type = $1 ORDER BY id", kind.TYPE)
        return [json.loads(row["value"]) for row in rows]

    def http_client(
        self, *roles: Role, subject: str = "tester@city", device: UUID | None = None, stand: UUID | None = None
    ) -> httpx.AsyncClient:
        """A client of the service's HTTP API; without roles: without a token."""
        audience = self.service.context.name
        return self.keys.client(self.service, *roles, audience=audience, subject=subject, device=device, stand=stand)
