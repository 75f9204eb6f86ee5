"""Stands: a pitch, crew, vehicle or kit is at one stand at a time, even when many planners act at once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from scheduling.domain.refusals import STAND_STARTED
from scheduling.domain.resources import CityBounds, Crew, CrewMember, OpeningHours, Pitch, ResourceKind, Vehicle
from scheduling.domain.stand import Stand, StandDetails, StandState
from scheduling.handlers import stands
from scheduling.store.stands import put_resource
from scheduling_fixtures import SchedulingEnv
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("field", "kind"), [("place", "pitch"), ("crew", "crew"), ("vehicle", "vehicle"), ("kit", "kit")]
)
async def test_a_resource_of_one_stand_cannot_be_at_another(
    scheduling_env: SchedulingEnv, details: StandDetails, elsewhere: StandDetails, field: str, kind: str
) -> None:
    assert isinstance(await scheduling_env.schedule(details), Stand)
    assert isinstance(await scheduling_env.schedule(elsewhere), Stand)
    third = replace(details, place="JKU", crew="Team C", vehicle="Bus 3", kit="Koffer 3")
    refused = await scheduling_env.schedule(replace(third, **{field: getattr(details, field)}))
    assert isinstance(refused, Refusal)
    assert refused.code == "stand.resource_taken"
    assert kind in refused.hint


async def test_set_up_and_tear_down_are_busy_time_too(scheduling_env: SchedulingEnv, details: StandDetails) -> None:
    await scheduling_env.stand(replace(details, teardown_min=30))
    after = replace(details, starts_at=details.ends_at, ends_at=details.ends_at + timedelta(hours=2))
    refused = await scheduling_env.schedule(after)
    assert isinstance(refused, Refusal)
    assert refused.code == "stand.resource_taken"
    later = replace(after, starts_at=after.starts_at + timedelta(minutes=30))
    assert isinstance(await scheduling_env.schedule(later), Stand)


async def test_a_draft_occupies_no_resources_and_a_planned_stand_does(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    draft = await scheduling_env.stand(details, state=StandState.DRAFT)
    assert isinstance(await scheduling_env.schedule(details), Stand)
    async with scheduling_env.database.unit_of_work() as uow:
        refused = await stands.advance_stand(draft.id, StandState.PLANNED, uow, context=scheduling_env.context)
    assert isinstance(refused, Refusal)
    assert refused.code == "stand.resource_taken"


async def test_a_stand_passes_its_states_and_publishes_its_public_events(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    now = scheduling_env.database.environment.clock()
    soon = replace(details, starts_at=now + timedelta(hours=1), ends_at=now + timedelta(hours=3))
    draft = await scheduling_env.stand(soon, state=StandState.DRAFT)
    for to in (StandState.PLANNED, StandState.CONFIRMED, StandState.RUNNING, StandState.CLOSED):
        async with scheduling_env.database.unit_of_work() as uow:
            stand = await stands.advance_stand(draft.id, to, uow, context=scheduling_env.context)
        assert isinstance(stand, Stand), stand
        assert stand.state is to
    published = [row["type"].split(".")[-2] for row in await scheduling_env.rows("SELECT type FROM outbox ORDER BY id")]
    assert published == ["scheduled", "opened", "closed"]
    async with scheduling_env.database.unit_of_work() as uow:
        assert await stands.cancel_stand(draft.id, uow, reason="late") == STAND_STARTED


async def test_a_transition_out_of_order_is_refused_with_a_hint(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    draft = await scheduling_env.stand(details, state=StandState.DRAFT)
    async with scheduling_env.database.unit_of_work() as uow:
        refused = await stands.advance_stand(draft.id, StandState.RUNNING, uow, context=scheduling_env.context)
    assert isinstance(refused, Refusal)
    assert "draft, planned, confirmed" in refused.hint


async def test_sixteen_planners_at_once_get_one_stand(scheduling_env: SchedulingEnv, details: StandDetails) -> None:
    outcomes = await asyncio.gather(*(scheduling_env.schedule(details) for _ in range(16)))
    assert sum(isinstance(outcome, Stand) for outcome in outcomes) == 1
    assert (await scheduling_env.rows("SELECT count(*) FROM stand"))[0][0] == 1
    assert (await scheduling_env.rows("SELECT count(*) FROM outbox"))[0][0] == 1


async def test_a_cancelled_stand_frees_its_resources_and_is_published_once(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    async with scheduling_env.database.unit_of_work() as uow:
        cancelled = await stands.cancel_stand(stand.id, uow, reason="rain")
        again = await stands.cancel_stand(stand.id, uow, reason="rain")
    assert isinstance(cancelled, Stand)
    assert cancelled.state is StandState.CANCELLED
    assert isinstance(again, Refusal)
    assert isinstance(await scheduling_env.schedule(details), Stand)


async def test_the_same_plan_under_the_same_id_twice_is_one_stand_and_another_plan_is_refused(
    scheduling_env: SchedulingEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand_id = StandId(uuid7())
    first, second = await scheduling_env.schedule(details, stand_id), await scheduling_env.schedule(details, stand_id)
    assert first == second
    assert isinstance(await scheduling_env.schedule(elsewhere, stand_id), Refusal)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ends_at": datetime(2027, 5, 4, 7, tzinfo=UTC)}, "stand.window_backwards"),
        ({"ends_at": datetime(2027, 5, 5, 7, tzinfo=UTC)}, "stand.window_too_long"),
        ({"setup_min": -5}, "stand.numbers"),
        ({"desks": 0}, "stand.numbers"),
        ({"latitude": 47.8, "longitude": 13.0}, "stand.unfit"),
    ],
)
async def test_an_invalid_stand_is_refused_and_not_stored(
    scheduling_env: SchedulingEnv, details: StandDetails, change: dict[str, Any], code: str
) -> None:
    scheduling_env.context = replace(
        scheduling_env.context, bounds=CityBounds(south=48.2, north=48.4, west=14.2, east=14.45)
    )
    refused = await scheduling_env.schedule(replace(details, **change))
    assert isinstance(refused, Refusal)
    assert refused.code == code
    assert await scheduling_env.rows("SELECT 1 FROM stand") == []


async def test_a_conflict_names_the_resource_and_the_date(scheduling_env: SchedulingEnv, details: StandDetails) -> None:
    driver, clerk = CrewMember(role="driver 1", skills=("driver",), weekdays=(0, 1, 2, 3)), CrewMember(role="clerk 1")
    async with scheduling_env.database.unit_of_work() as uow:
        await put_resource(uow, ResourceKind.CREW, "Team A", Crew(members=(driver, clerk), latest=time(18)))
        await put_resource(uow, ResourceKind.VEHICLE, "Bus 1", Vehicle(needs=("driver",)))
        opens = OpeningHours(weekdays=(0, 1, 2, 3, 4), opens=time(8), closes=time(18))
        await put_resource(uow, ResourceKind.PITCH, "Hauptplatz", Pitch(hours=(opens,)))
    friday = replace(
        details, starts_at=datetime(2027, 5, 7, 8, tzinfo=UTC), ends_at=datetime(2027, 5, 7, 12, tzinfo=UTC)
    )
    refused = await scheduling_env.schedule(friday)
    assert isinstance(refused, Refusal)
    assert "Team A has no driver on Friday, 07.05.2027" in refused.hint
    late = replace(details, ends_at=datetime(2027, 5, 4, 17, tzinfo=UTC))
    refused = await scheduling_env.schedule(late)
    assert isinstance(refused, Refusal)
    assert "Team A does not work after 18:00" in refused.hint
    assert "Hauptplatz is not open on Tuesday from 10:00 until 19:00" in refused.hint
    assert isinstance(await scheduling_env.schedule(details), Stand)


async def test_a_shift_may_pass_midnight_only_if_the_stand_allows_it(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    """A missing limit of a crew forbids nothing."""
    evening = datetime(2027, 5, 4, 19, tzinfo=UTC)
    night = replace(details, starts_at=evening, ends_at=evening + timedelta(hours=5))
    assert isinstance(await scheduling_env.schedule(night), Stand)
    async with scheduling_env.database.unit_of_work() as uow:
        await put_resource(uow, ResourceKind.CREW, "Team B", Crew(latest=time(23)))
    refused = await scheduling_env.schedule(
        replace(night, crew="Team B", place="Urfahr", vehicle="Bus 2", kit="Koffer 2")
    )
    assert isinstance(refused, Refusal)
    assert "Team B does not work after 23:00" in refused.hint


async def test_a_crew_rests_between_days_and_works_no_more_days_than_it_may(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    async with scheduling_env.database.unit_of_work() as uow:
        await put_resource(uow, ResourceKind.CREW, "Team A", Crew(rest_h=11, days_a_week=2))
    evening = datetime(2027, 5, 4, 17, tzinfo=UTC)
    await scheduling_env.stand(replace(details, starts_at=evening, ends_at=evening + timedelta(hours=4)))
    morning = datetime(2027, 5, 5, 5, tzinfo=UTC)
    refused = await scheduling_env.schedule(replace(details, starts_at=morning, ends_at=morning + timedelta(hours=4)))
    assert isinstance(refused, Refusal)
    assert "needs 11 hours of rest" in refused.hint
    for day in (6, 7):
        at = datetime(2027, 5, day, 8, tzinfo=UTC)
        outcome = await scheduling_env.schedule(replace(details, starts_at=at, ends_at=at + timedelta(hours=4)))
    assert isinstance(outcome, Refusal)
    assert "works 2 days per week" in outcome.hint


async def test_a_series_keeps_its_hour_when_the_clocks_change_and_leaves_holidays_out(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    first = datetime(2027, 3, 23, 9, tzinfo=VIENNA)
    repeated = replace(details, starts_at=first, ends_at=first.replace(hour=13))
    ids = [uuid7() for _ in range(12)]
    async with scheduling_env.database.unit_of_work() as uow:
        made = await stands.schedule_series(
            repeated,
            "FREQ=WEEKLY;BYDAY=TU;COUNT=9",
            ids,
            uow,
            context=scheduling_env.context,
            state=StandState.PLANNED,
            on_holidays=False,
        )
    assert not isinstance(made, Refusal)
    planned = [row.outcome.details for row in made if isinstance(row.outcome, Stand)]
    assert {planned_details.starts_at.astimezone(VIENNA).hour for planned_details in planned} == {9}
    assert {planned_details.starts_at.astimezone(UTC).hour for planned_details in planned} == {8, 7}
    assert {planned_details.ends_at - planned_details.starts_at for planned_details in planned} == {timedelta(hours=4)}
    async with scheduling_env.database.unit_of_work() as uow:
        thursdays = await stands.schedule_series(
            replace(repeated, starts_at=first.replace(day=25), ends_at=first.replace(day=25, hour=13)),
            "FREQ=WEEKLY;BYDAY=TH;UNTIL=20270601T000000Z",
            ids,
            uow,
            context=scheduling_env.context,
            state=StandState.PLANNED,
            on_holidays=False,
        )
    assert not isinstance(thursdays, Refusal)
    assert [row.holiday for row in thursdays if row.holiday] == ["Christi Himmelfahrt", "Fronleichnam"]


@pytest.mark.parametrize(
    "rule",
    [
        *("FREQ=WEEKLY", "FREQ=SOMETIMES;COUNT=3", "COUNT=", "", "FREQ=SECONDLY;COUNT=999999"),
        *(
            "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
            "FREQ=HOURLY;COUNT=3",
            "FREQ=YEARLY;BYEASTER=9999999999;COUNT=2",
        ),
        *("FREQ=YEARLY;INTERVAL=0;BYMONTH=2;BYMONTHDAY=30;COUNT=1", "FREQ=DAILY;INTERVAL=0;COUNT=3"),
        *("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=1", "FREQ=DAILY;FREQ=MINUTELY;COUNT=2"),
    ],
)
async def test_an_endless_or_invalid_series_rule_is_refused(
    scheduling_env: SchedulingEnv, details: StandDetails, rule: str
) -> None:
    async with scheduling_env.database.unit_of_work() as uow:
        refused = await stands.schedule_series(
            details, rule, [uuid7()], uow, context=scheduling_env.context, state=StandState.PLANNED, on_holidays=False
        )
    assert isinstance(refused, Refusal)
    assert refused.code == "series.rule"
