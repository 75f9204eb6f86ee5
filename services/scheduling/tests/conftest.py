"""Fixtures of scheduling: a database, a context, and details of two stands."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from scheduling.domain.appointment import Appointment
from scheduling.domain.stand import Stand, StandDetails, StandState
from scheduling.handlers import appointments, stands
from scheduling.handlers.context import SchedulingContext
from scheduling.reference_data.bookable_services import read_bookable_services
from uuid_utils.compat import uuid7
from wanderamt.backbone.persistence.database import Database
from wanderamt.contracts import Language
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher, generate_master_key

START = datetime(2027, 5, 4, 8, tzinfo=UTC)  # a Tuesday
BORN = date(1980, 5, 4)


@dataclass
class SchedulingEnv:
    """The handlers of scheduling, each call in a transaction of its own."""

    database: Database
    context: SchedulingContext

    async def schedule(
        self, details: StandDetails, stand_id: StandId | None = None, *, state: StandState = StandState.CONFIRMED
    ) -> Stand | Refusal:
        async with self.database.unit_of_work() as uow:
            id_ = stand_id or StandId(uuid7())
            return await stands.schedule_stand(id_, details, uow, context=self.context, state=state)

    async def stand(self, details: StandDetails) -> Stand:
        made = await self.schedule(details)
        assert isinstance(made, Stand), made
        return made

    async def hold(
        self, stand: Stand, at: datetime, service: str = "active_pass", *, client_address: str = "", id_: Any = None
    ) -> Appointment | Refusal:
        async with self.database.unit_of_work() as uow:
            return await appointments.hold_slot(
                id_ or uuid7(), stand.id, service, at, uow, client_address=client_address, context=self.context
            )

    async def confirm(self, id_: Any, *, phone: str = "+436601234567") -> Appointment | Refusal:
        citizen = appointments.encrypt_citizen(
            id_, phone=phone, email=None, born=BORN, language=Language.DE, consent="2026-1", context=self.context
        )
        async with self.database.unit_of_work() as uow:
            return await appointments.book(id_, citizen, uow, context=self.context)

    async def book(
        self, stand: Stand, at: datetime, service: str = "active_pass", *, phone: str = "+436601234567"
    ) -> Appointment:
        held = await self.hold(stand, at, service)
        assert isinstance(held, Appointment), held
        booked = await self.confirm(held.id, phone=phone)
        assert isinstance(booked, Appointment), booked
        return booked

    async def rows(self, sql: str, *args: Any) -> list[Any]:
        async with self.database.unit_of_work() as uow:
            return list(await uow.db.fetch(sql, *args))


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
async def scheduling_env(open_database: Callable[[str], Any]) -> AsyncIterator[SchedulingEnv]:
    database: Database = await open_database("scheduling")
    yield SchedulingEnv(
        database, SchedulingContext(FieldCipher(SecretStr(generate_master_key())), read_bookable_services())
    )
