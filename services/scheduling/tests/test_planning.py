"""From the city's places and people to named stands: asked, made by the solver's process, explained, accepted."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest_asyncio
from scheduling.domain.comparison import compare
from scheduling.domain.planmaking import MakePlan, Wanted
from scheduling.domain.refusals import NO_PLACES, PLAN_RUNS
from scheduling.domain.resources import Crew, Kind, Kit, Member, Vehicle
from scheduling.domain.stand import Plan, Stand
from scheduling.handlers import planning, stands
from scheduling.handlers.planning import claim_plan, record_plan
from scheduling.jobs import plans as work_room
from scheduling.offers.city import read_districts, read_places
from scheduling.store import plans as plan_store
from scheduling.store.demand import add_wish
from scheduling.store.stands import put_resource
from uuid_utils.compat import uuid7
from wanderamt.backbone.jobs import Jobs, Lane
from wanderamt.kernel.refusal import Refusal

VIENNA = ZoneInfo("Europe/Vienna")
FIRST = date(2027, 5, 3)
WAIT_S = 90


@pytest_asyncio.fixture
async def city(office: Any) -> AsyncIterator[Any]:
    """Linz with two crews, two vehicles and a kit, and a runner that makes plans."""
    office.ground = type(office.ground)(office.ground.sealer, office.ground.offers, districts=tuple(read_districts()))
    driver = Member(role="driver 1", skills=("driver",))
    async with office.database.work() as work:
        for name, pitch in read_places().items():
            await put_resource(work, Kind.PITCH, name, pitch)
        for name in ("Team A", "Team B"):
            crew = Crew(members=(driver, Member(role="clerk 1")), rest_h=11, days_a_week=5)
            await put_resource(work, Kind.CREW, name, crew)
        for name in ("Bus 1", "Bus 2"):
            await put_resource(work, Kind.VEHICLE, name, Vehicle(needs=("driver",)))
        await put_resource(work, Kind.KIT, "Koffer 1", Kit())

    async def note(plan_id: Any, share: float, worth: float, bound: float) -> bool:
        async with office.database.work() as work:
            return await plan_store.note_progress(work, plan_id, share=share, worth=worth, bound=bound)

    async def call(claimed: Any) -> object:
        return await work_room.make_plan(claimed, note=note)

    lane = Lane(job=MakePlan, claim=claim_plan, call=call, record=record_plan, slots=1, timeout_s=300)
    runner = Jobs(office.database, [lane])
    await runner.start()
    yield office
    await runner.stop()


async def ask(office: Any, **more: Any) -> Any:
    plan_id = uuid7()
    wanted = Wanted(first_day=FIRST, **{"days": 7, "seconds": 2} | more)
    async with office.database.work() as work:
        asked = await planning.ask_plan(plan_id, wanted, work, ground=office.ground)
    assert not isinstance(asked, Refusal), asked
    return plan_id


async def until(office: Any, plan_id: Any, *states: str) -> Any:
    async with asyncio.timeout(WAIT_S):
        while True:
            async with office.database.work() as work:
                plan = await planning.show_plan(plan_id, work)
            if plan.state in states:
                return plan
            assert plan.state in {"asked", "running"}, (plan.state, plan.reason)
            await asyncio.sleep(0.1)


async def test_a_week_is_proposed_explained_and_accepted_without_a_conflict(city: Any) -> None:
    fixed = Plan(
        "Hauptplatz",
        "Innere Stadt",
        datetime.combine(FIRST, time(9), VIENNA),
        datetime.combine(FIRST, time(13), VIENNA),
        "Team A",
        "Bus 1",
        "Koffer 1",
        ("active_pass",),
    )
    there = await city.stand(fixed)
    plan = await until(city, await ask(city), "ready", "failed")
    assert plan.state == "ready", plan.reason
    assert plan.worth <= plan.bound
    async with city.database.work() as work:
        proposed = await planning.proposed(plan, work, ground=city.ground)
        outcomes = await planning.accept_plan(plan.id, [uuid7() for _ in proposed], work, ground=city.ground)
    assert not isinstance(outcomes, Refusal)
    assert len(proposed) >= 6
    refused = [(one.place, outcome.hint) for one, outcome in outcomes if isinstance(outcome, Refusal)]
    assert refused == []
    assert len(plan.made.why) >= len(proposed)
    assert all(why.total > 0 for why in plan.made.why[: len(proposed)])
    assert plan.made.left_out[0].share >= plan.made.left_out[-1].share
    assert "Hauptplatz" not in {one.place for one in proposed}, "it rests: there is a stand that week already"
    states = {row["state"] for row in await city.rows("SELECT state FROM stand WHERE stand_id <> $1", there.id)}
    assert states == {"planned"}


async def test_a_stand_that_falls_out_is_replaced_and_no_other_is_touched(city: Any) -> None:
    first = await until(city, await ask(city), "ready")
    async with city.database.work() as work:
        proposed = await planning.proposed(first, work, ground=city.ground)
        outcomes = await planning.accept_plan(first.id, [uuid7() for _ in proposed], work, ground=city.ground)
    assert not isinstance(outcomes, Refusal)
    made = [one for _, one in outcomes if isinstance(one, Stand)]
    before = {row["stand_id"]: tuple(row) for row in await city.rows("SELECT * FROM stand")}
    gone = made[len(made) // 2]
    async with city.database.work() as work:
        await stands.cancel_stand(gone.id, work, reason="Sturm")
    plan = await until(city, await ask(city, instead_of=gone.id), "ready", "failed")
    assert plan.state == "ready", plan.reason
    async with city.database.work() as work:
        again = await planning.proposed(plan, work, ground=city.ground)
    assert gone.plan.place not in {one.place for one in again}
    after = {row["stand_id"]: tuple(row) for row in await city.rows("SELECT * FROM stand")}
    assert {id_ for id_ in before if before[id_] != after[id_]} == {gone.id}
    found = compare(proposed, first.made.why, again, plan.made.why)
    assert len(found.only_one) + len(found.both) == len(proposed)


async def test_a_plan_is_cancelled_while_it_is_made_and_its_process_is_gone(city: Any) -> None:
    plan_id = await ask(city, seconds=60)
    await until(city, plan_id, "running")
    async with city.database.work() as work:
        assert await planning.accept_plan(plan_id, [], work, ground=city.ground) == PLAN_RUNS
        await planning.cancel_plan(plan_id, work)
    async with asyncio.timeout(10):
        while await city.rows("SELECT 1 FROM job"):
            await asyncio.sleep(0.1)
    assert (await until(city, plan_id, "cancelled")).made is None


async def test_a_solver_that_dies_leaves_a_plan_that_says_so(city: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(work_room, "sys", type("Nowhere", (), {"executable": "/bin/false"}))
    plan = await until(city, await ask(city), "failed")
    assert "ended without a plan" in plan.reason


async def test_without_places_the_refusal_says_what_to_put_in(office: Any) -> None:
    async with office.database.work() as work:
        wanted = Wanted(first_day=FIRST, days=7, seconds=1)
        assert await planning.ask_plan(uuid7(), wanted, work, ground=office.ground) == NO_PLACES


async def test_what_was_seen_and_what_nobody_served_move_the_forecast(city: Any) -> None:
    now = city.database.sources.clock()
    today = now.astimezone(VIENNA).date()
    tuesday = today - timedelta(days=7 + (today.weekday() - 1) % 7)  # not all places are open at weekends
    begin = datetime.combine(tuesday, time(8), VIENNA)
    plan = Plan("JKU Campus", "Dornach-Auhof", begin, begin + timedelta(hours=4), "T", "B", "K", ("active_pass",))
    stand = await city.stand(plan)

    async def expected() -> float:
        async with city.database.work() as work:
            found = await planning.forecast("JKU Campus", FIRST, 1, work, ground=city.ground)
        assert not isinstance(found, Refusal)
        rows, learnt, _ = found
        assert learnt.stands == 1
        return sum(row.expected.visits for row in rows if row.service == "active_pass")

    empty = await expected()
    sql = (
        "INSERT INTO visit SELECT gen_random_uuid(), $1, 'active_pass', 'finished', $2, $2 FROM generate_series(1, 60)"
    )
    await city.rows(f"{sql} RETURNING 1", stand.id, begin + timedelta(hours=1))
    crowded = await expected()
    assert crowded > 1.5 * empty
    async with city.database.work() as work:
        await add_wish(work, day=now.date(), district="Urfahr", service="active_pass", source="due", times=60)
    assert await expected() > 1.3 * crowded


async def test_the_same_order_twice_is_one_plan(city: Any) -> None:
    plan_id = await ask(city, seconds=1)
    wanted = Wanted(first_day=FIRST, days=7, seconds=1)
    async with city.database.work() as work:
        again = await planning.ask_plan(plan_id, wanted, work, ground=city.ground)
    assert not isinstance(again, Refusal)
    assert again.id == plan_id
    assert len(await city.rows("SELECT 1 FROM plan")) == 1
