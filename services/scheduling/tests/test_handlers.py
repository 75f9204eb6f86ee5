"""A stand's pitch, crew, vehicle and kit are at one place at a time, whoever plans, however many at once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from scheduling.domain.refusals import PAST_MOVING
from scheduling.domain.resources import City, Crew, Hours, Kind, Member, Pitch, Vehicle
from scheduling.domain.stand import Plan, Stand, StandState
from scheduling.handlers import stands
from scheduling.store.stands import put_resource
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("field", "kind"), [("place", "pitch"), ("crew", "crew"), ("vehicle", "vehicle"), ("kit", "kit")]
)
async def test_what_is_at_one_stand_cannot_be_at_another(
    office: Any, plan: Plan, elsewhere: Plan, field: str, kind: str
) -> None:
    assert isinstance(await office.schedule(plan), Stand)
    assert isinstance(await office.schedule(elsewhere), Stand)
    third = replace(plan, place="JKU", crew="Team C", vehicle="Bus 3", kit="Koffer 3")
    refused = await office.schedule(replace(third, **{field: getattr(plan, field)}))
    assert isinstance(refused, Refusal)
    assert refused.code == "stand.resource_taken"
    assert kind in refused.hint


async def test_set_up_and_tear_down_are_busy_time_too(office: Any, plan: Plan) -> None:
    await office.stand(replace(plan, teardown_min=30))
    after = replace(plan, starts_at=plan.ends_at, ends_at=plan.ends_at + timedelta(hours=2))
    refused = await office.schedule(after)
    assert isinstance(refused, Refusal)
    assert refused.code == "stand.resource_taken"
    later = replace(after, starts_at=after.starts_at + timedelta(minutes=30))
    assert isinstance(await office.schedule(later), Stand)


async def test_a_draft_holds_nothing_and_a_planned_stand_does(office: Any, plan: Plan) -> None:
    draft = await office.schedule(plan, state=StandState.DRAFT)
    assert isinstance(await office.schedule(plan), Stand)
    async with office.database.work() as work:
        refused = await stands.advance_stand(draft.id, StandState.PLANNED, work, ground=office.ground)
    assert isinstance(refused, Refusal)
    assert refused.code == "stand.resource_taken"


async def test_a_stand_goes_its_way_and_says_what_the_public_may_know(office: Any, plan: Plan) -> None:
    now = office.database.sources.clock()
    soon = replace(plan, starts_at=now + timedelta(hours=1), ends_at=now + timedelta(hours=3))
    draft = await office.schedule(soon, state=StandState.DRAFT)
    for to in (StandState.PLANNED, StandState.CONFIRMED, StandState.RUNNING, StandState.CLOSED):
        async with office.database.work() as work:
            stand = await stands.advance_stand(draft.id, to, work, ground=office.ground)
        assert isinstance(stand, Stand), stand
        assert stand.state is to
    told = [row["type"].split(".")[-2] for row in await office.rows("SELECT type FROM outbox ORDER BY id")]
    assert told == ["scheduled", "opened", "closed"]
    async with office.database.work() as work:
        assert await stands.cancel_stand(draft.id, work, reason="late") == PAST_MOVING


async def test_a_step_out_of_order_is_refused_with_the_way(office: Any, plan: Plan) -> None:
    draft = await office.schedule(plan, state=StandState.DRAFT)
    async with office.database.work() as work:
        refused = await stands.advance_stand(draft.id, StandState.RUNNING, work, ground=office.ground)
    assert isinstance(refused, Refusal)
    assert "draft, planned, confirmed" in refused.hint


async def test_sixteen_planners_at_once_get_one_stand(office: Any, plan: Plan) -> None:
    outcomes = await asyncio.gather(*(office.schedule(plan) for _ in range(16)))
    assert sum(isinstance(outcome, Stand) for outcome in outcomes) == 1
    assert (await office.rows("SELECT count(*) FROM stand"))[0][0] == 1
    assert (await office.rows("SELECT count(*) FROM outbox"))[0][0] == 1


async def test_a_cancelled_stand_frees_what_it_held_and_says_so_once(office: Any, plan: Plan) -> None:
    stand = await office.stand(plan)
    async with office.database.work() as work:
        cancelled = await stands.cancel_stand(stand.id, work, reason="rain")
        again = await stands.cancel_stand(stand.id, work, reason="rain")
    assert isinstance(cancelled, Stand)
    assert cancelled.state is StandState.CANCELLED
    assert isinstance(again, Refusal)
    assert isinstance(await office.schedule(plan), Stand)


async def test_the_same_plan_under_the_same_id_twice_is_one_stand_and_another_plan_is_refused(
    office: Any, plan: Plan, elsewhere: Plan
) -> None:
    stand_id = StandId(uuid7())
    first, second = await office.schedule(plan, stand_id), await office.schedule(plan, stand_id)
    assert first == second
    assert isinstance(await office.schedule(elsewhere, stand_id), Refusal)


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
async def test_a_stand_that_cannot_be_is_refused_and_leaves_nothing(
    office: Any, plan: Plan, change: dict[str, Any], code: str
) -> None:
    office.ground = replace(office.ground, city=City(south=48.2, north=48.4, west=14.2, east=14.45))
    refused = await office.schedule(replace(plan, **change))
    assert isinstance(refused, Refusal)
    assert refused.code == code
    assert await office.rows("SELECT 1 FROM stand") == []


async def test_the_conflict_is_named_with_who_and_when(office: Any, plan: Plan) -> None:
    driver, clerk = Member(role="driver 1", skills=("driver",), weekdays=(0, 1, 2, 3)), Member(role="clerk 1")
    async with office.database.work() as work:
        await put_resource(work, Kind.CREW, "Team A", Crew(members=(driver, clerk), latest=time(18)))
        await put_resource(work, Kind.VEHICLE, "Bus 1", Vehicle(needs=("driver",)))
        opens = Hours(weekdays=(0, 1, 2, 3, 4), opens=time(8), closes=time(18))
        await put_resource(work, Kind.PITCH, "Hauptplatz", Pitch(hours=(opens,)))
    friday = replace(plan, starts_at=datetime(2027, 5, 7, 8, tzinfo=UTC), ends_at=datetime(2027, 5, 7, 12, tzinfo=UTC))
    refused = await office.schedule(friday)
    assert isinstance(refused, Refusal)
    assert "Team A has no driver on Friday, 07.05.2027" in refused.hint
    late = replace(plan, ends_at=datetime(2027, 5, 4, 17, tzinfo=UTC))
    refused = await office.schedule(late)
    assert isinstance(refused, Refusal)
    assert "Team A does not work after 18:00" in refused.hint
    assert "Hauptplatz is not open on Tuesday from 10:00 until 19:00" in refused.hint
    assert isinstance(await office.schedule(plan), Stand)


async def test_a_night_market_is_past_midnight_and_only_who_said_so_goes_home(office: Any, plan: Plan) -> None:
    """What nobody has said of a crew forbids nothing: a demo in the evening did not start."""
    evening = datetime(2027, 5, 4, 19, tzinfo=UTC)
    night = replace(plan, starts_at=evening, ends_at=evening + timedelta(hours=5))
    assert isinstance(await office.schedule(night), Stand)
    async with office.database.work() as work:
        await put_resource(work, Kind.CREW, "Team B", Crew(latest=time(23)))
    refused = await office.schedule(replace(night, crew="Team B", place="Urfahr", vehicle="Bus 2", kit="Koffer 2"))
    assert isinstance(refused, Refusal)
    assert "Team B does not work after 23:00" in refused.hint


async def test_a_crew_rests_between_days_and_works_no_more_days_than_it_may(office: Any, plan: Plan) -> None:
    async with office.database.work() as work:
        await put_resource(work, Kind.CREW, "Team A", Crew(rest_h=11, days_a_week=2))
    evening = datetime(2027, 5, 4, 17, tzinfo=UTC)
    await office.stand(replace(plan, starts_at=evening, ends_at=evening + timedelta(hours=4)))
    morning = datetime(2027, 5, 5, 5, tzinfo=UTC)
    refused = await office.schedule(replace(plan, starts_at=morning, ends_at=morning + timedelta(hours=4)))
    assert isinstance(refused, Refusal)
    assert "needs 11 hours of rest" in refused.hint
    for day in (6, 7):
        at = datetime(2027, 5, day, 8, tzinfo=UTC)
        outcome = await office.schedule(replace(plan, starts_at=at, ends_at=at + timedelta(hours=4)))
    assert isinstance(outcome, Refusal)
    assert "works 2 days a week" in outcome.hint


async def test_a_series_keeps_its_hour_when_the_clocks_change_and_leaves_holidays_out(office: Any, plan: Plan) -> None:
    first = datetime(2027, 3, 23, 9, tzinfo=VIENNA)
    repeated = replace(plan, starts_at=first, ends_at=first.replace(hour=13))
    ids = [uuid7() for _ in range(12)]
    async with office.database.work() as work:
        made = await stands.schedule_series(
            repeated,
            "FREQ=WEEKLY;BYDAY=TU;COUNT=9",
            ids,
            work,
            ground=office.ground,
            state=StandState.PLANNED,
            on_holidays=False,
        )
    assert not isinstance(made, Refusal)
    planned = [one.outcome.plan for one in made if isinstance(one.outcome, Stand)]
    assert {one.starts_at.astimezone(VIENNA).hour for one in planned} == {9}
    assert {one.starts_at.astimezone(UTC).hour for one in planned} == {8, 7}
    assert {one.ends_at - one.starts_at for one in planned} == {timedelta(hours=4)}
    async with office.database.work() as work:
        thursdays = await stands.schedule_series(
            replace(repeated, starts_at=first.replace(day=25), ends_at=first.replace(day=25, hour=13)),
            "FREQ=WEEKLY;BYDAY=TH;UNTIL=20270601T000000Z",
            ids,
            work,
            ground=office.ground,
            state=StandState.PLANNED,
            on_holidays=False,
        )
    assert not isinstance(thursdays, Refusal)
    assert [one.holiday for one in thursdays if one.holiday] == ["Christi Himmelfahrt", "Fronleichnam"]


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY", "FREQ=SOMETIMES;COUNT=3", "COUNT=", "", "FREQ=SECONDLY;COUNT=999999"])
async def test_a_rule_that_never_ends_or_is_none_is_refused(office: Any, plan: Plan, rule: str) -> None:
    async with office.database.work() as work:
        refused = await stands.schedule_series(
            plan, rule, [uuid7()], work, ground=office.ground, state=StandState.PLANNED, on_holidays=False
        )
    assert isinstance(refused, Refusal)
    assert refused.code == "series.rule"
