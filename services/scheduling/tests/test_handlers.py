"""A stand's pitch, crew, vehicle and kit are at one place at a time, whoever plans, however many at once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from scheduling import handlers
from scheduling.domain.stand import Plan, Stand, StandState
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

START = datetime(2027, 5, 4, 8, tzinfo=UTC)
PLAN = Plan("Hauptplatz", "Innere Stadt", START, START + timedelta(hours=4), "Team A", "Bus 1", "Koffer 1", ("x",))
ELSEWHERE = replace(PLAN, place="solarCity", crew="Team B", vehicle="Bus 2", kit="Koffer 2")


@pytest_asyncio.fixture
async def database(open_database: Any) -> Database:
    opened: Database = await open_database("scheduling")
    return opened


async def schedule(database: Database, plan: Plan, stand_id: StandId | None = None) -> Stand | Refusal:
    async with database.work() as work:
        return await handlers.schedule_stand(stand_id or StandId(uuid7()), plan, work)


@pytest.mark.parametrize(
    ("field", "kind"), [("place", "pitch"), ("crew", "crew"), ("vehicle", "vehicle"), ("kit", "kit")]
)
async def test_what_is_at_one_stand_cannot_be_at_another(database: Database, field: str, kind: str) -> None:
    assert isinstance(await schedule(database, PLAN), Stand)
    assert isinstance(await schedule(database, ELSEWHERE), Stand)
    third = Plan("JKU", "Dornach-Auhof", START, PLAN.ends_at, "Team C", "Bus 3", "Koffer 3", ("x",))
    refused = await schedule(database, replace(third, **{field: getattr(PLAN, field)}))
    assert isinstance(refused, Refusal)
    assert refused.code == "stand.resource_taken"
    assert kind in refused.hint


async def test_sixteen_planners_at_once_get_one_stand(database: Database) -> None:
    outcomes = await asyncio.gather(*(schedule(database, PLAN) for _ in range(16)))
    assert sum(isinstance(outcome, Stand) for outcome in outcomes) == 1
    async with database.work() as work:
        assert await work.db.fetchval("SELECT count(*) FROM stand") == 1
        assert await work.db.fetchval("SELECT count(*) FROM outbox") == 1


async def test_a_cancelled_stand_frees_what_it_held_and_says_so_once(database: Database) -> None:
    stand = await schedule(database, PLAN)
    assert isinstance(stand, Stand)
    async with database.work() as work:
        cancelled = await handlers.cancel_stand(stand.id, work, reason="rain")
        again = await handlers.cancel_stand(stand.id, work, reason="rain")
    assert isinstance(cancelled, Stand)
    assert cancelled.state is StandState.CANCELLED
    assert isinstance(again, Refusal)
    assert isinstance(await schedule(database, PLAN), Stand)


async def test_the_same_plan_under_the_same_id_twice_is_one_stand_and_another_plan_is_refused(
    database: Database,
) -> None:
    stand_id = StandId(uuid7())
    first, second = await schedule(database, PLAN, stand_id), await schedule(database, PLAN, stand_id)
    assert first == second
    assert isinstance(await schedule(database, ELSEWHERE, stand_id), Refusal)
