"""A city with two places, and stands in it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from scheduling.domain.appointment import Appointment
from scheduling.domain.stand import Plan, Stand, StandState
from scheduling.handlers import appointments, stands
from scheduling.handlers.ground import Ground
from scheduling.offers.shelf import read_offers
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.contracts import Language
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer, new_master_key

START = datetime(2027, 5, 4, 8, tzinfo=UTC)  # a Tuesday
BORN = date(1980, 5, 4)


@dataclass
class Office:
    """Scheduling without its doors: each call is a transaction of its own."""

    database: Database
    ground: Ground

    async def schedule(
        self, plan: Plan, stand_id: StandId | None = None, *, state: StandState = StandState.CONFIRMED
    ) -> Stand | Refusal:
        async with self.database.work() as work:
            id_ = stand_id or StandId(uuid7())
            return await stands.schedule_stand(id_, plan, work, ground=self.ground, state=state)

    async def stand(self, plan: Plan) -> Stand:
        made = await self.schedule(plan)
        assert isinstance(made, Stand), made
        return made

    async def hold(
        self, stand: Stand, at: datetime, service: str = "active_pass", *, place: str = "", id_: Any = None
    ) -> Appointment | Refusal:
        async with self.database.work() as work:
            return await appointments.hold_time(
                id_ or uuid7(), stand.id, service, at, work, place=place, ground=self.ground
            )

    async def confirm(self, id_: Any, *, phone: str = "+436601234567") -> Appointment | Refusal:
        person = appointments.person_of(
            id_, phone=phone, email=None, born=BORN, language=Language.DE, consent="2026-1", ground=self.ground
        )
        async with self.database.work() as work:
            return await appointments.confirm_hold(id_, person, work, ground=self.ground)

    async def book(
        self, stand: Stand, at: datetime, service: str = "active_pass", *, phone: str = "+436601234567"
    ) -> Appointment:
        held = await self.hold(stand, at, service)
        assert isinstance(held, Appointment), held
        booked = await self.confirm(held.id, phone=phone)
        assert isinstance(booked, Appointment), booked
        return booked

    async def rows(self, sql: str, *args: Any) -> list[Any]:
        async with self.database.work() as work:
            return list(await work.db.fetch(sql, *args))


@pytest.fixture
def plan() -> Plan:
    return Plan(
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
def elsewhere(plan: Plan) -> Plan:
    return replace(plan, place="solarCity", district="Pichling", crew="Team B", vehicle="Bus 2", kit="Koffer 2")


@pytest_asyncio.fixture
async def office(open_database: Callable[[str], Any]) -> AsyncIterator[Office]:
    database: Database = await open_database("scheduling")
    yield Office(database, Ground(Sealer(SecretStr(new_master_key())), read_offers()))
