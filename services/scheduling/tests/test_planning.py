"""Plans from request to acceptance: the solver process makes them, explains them, and assigns crews."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from scheduling.domain.comparison import compare
from scheduling.domain.demand.wishes import PUBLIC_SHARE
from scheduling.domain.plan_job import MakePlan, PlanRequest, SolverInput
from scheduling.domain.refusals import NO_PLACES, PLAN_RUNS
from scheduling.domain.resources import Crew, CrewMember, Kit, ResourceKind, Vehicle
from scheduling.domain.stand import Stand, StandDetails
from scheduling.handlers import planning, stands
from scheduling.handlers.planning import complete_plan, prepare_plan
from scheduling.jobs import plans as plan_jobs
from scheduling.reference_data.city import read_districts, read_places
from scheduling.store import plans as plan_store
from scheduling.store.demand import add_wish
from scheduling.store.plans import StoredPlan
from scheduling.store.stands import put_resource
from scheduling_fixtures import SchedulingEnv
from uuid_utils.compat import uuid7
from wanderamt.backbone.jobs.handler import JobHandler, complete_each, prepare_each
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.kernel.refusal import Refusal

VIENNA = ZoneInfo("Europe/Vienna")
FIRST = date(2027, 5, 3)
WAIT_S = 90


@pytest_asyncio.fixture
async def planning_env(scheduling_env: SchedulingEnv) -> AsyncIterator[SchedulingEnv]:
    """Linz with two crews, two vehicles and a kit, and a runner that makes plans."""
    scheduling_env.context = type(scheduling_env.context)(
        scheduling_env.context.authority,
        scheduling_env.context.cipher,
        scheduling_env.context.services,
        districts=tuple(read_districts()),
    )
    driver = CrewMember(role="driver 1", skills=("driver",))
    async with scheduling_env.database.unit_of_work() as uow:
        for name, pitch in read_places().items():
            await put_resource(uow, ResourceKind.PITCH, name, pitch)
        for name in ("Team A", "Team B"):
            crew = Crew(members=(driver, CrewMember(role="clerk 1")), rest_h=11, days_a_week=5)
            await put_resource(uow, ResourceKind.CREW, name, crew)
        for name in ("Bus 1", "Bus 2"):
            await put_resource(uow, ResourceKind.VEHICLE, name, Vehicle(needs=("driver",)))
        await put_resource(uow, ResourceKind.KIT, "Koffer 1", Kit())

    async def report(plan_id: UUID, progress: float, objective: float, bound: float) -> bool:
        async with scheduling_env.database.unit_of_work() as uow:
            return await plan_store.save_progress(uow, plan_id, progress=progress, objective=objective, bound=bound)

    async def call(prepared: tuple[UUID, SolverInput]) -> object:
        return await plan_jobs.run_solver(prepared, report=report)

    handler = JobHandler(
        job=MakePlan,
        prepare=prepare_each(prepare_plan),
        execute=call,
        complete=complete_each(complete_plan),
        concurrency=1,
        timeout_s=300,
    )
    runner = JobRunner(scheduling_env.database, [handler])
    await runner.start()
    yield scheduling_env
    await runner.stop()


async def ask(scheduling_env: SchedulingEnv, **more: Any) -> UUID:
    plan_id = uuid7()
    request = PlanRequest(first_day=FIRST, **{"days": 7, "seconds": 2} | more)
    async with scheduling_env.database.unit_of_work() as uow:
        requested = await planning.request_plan(plan_id, request, uow, context=scheduling_env.context)
    assert not isinstance(requested, Refusal), requested
    return plan_id


async def until(scheduling_env: SchedulingEnv, plan_id: UUID, *states: str) -> StoredPlan:
    async with asyncio.timeout(WAIT_S):
        while True:
            async with scheduling_env.database.unit_of_work() as uow:
                plan = await planning.get_plan(plan_id, uow)
            assert isinstance(plan, StoredPlan)
            if plan.state in states:
                return plan
            assert plan.state in {"requested", "running"}, (plan.state, plan.reason)
            await asyncio.sleep(0.1)


async def test_a_week_is_proposed_explained_and_accepted_without_a_conflict(planning_env: SchedulingEnv) -> None:
    details = StandDetails(
        "Hauptplatz",
        "Innere Stadt",
        datetime.combine(FIRST, time(9), VIENNA),
        datetime.combine(FIRST, time(13), VIENNA),
        "Team A",
        "Bus 1",
        "Koffer 1",
        ("active_pass",),
    )
    fixed_stand = await planning_env.stand(details)
    plan = await until(planning_env, await ask(planning_env), "ready", "failed")
    assert plan.state == "ready", plan.reason
    assert plan.result
    assert plan.objective is not None
    assert plan.bound is not None
    assert plan.objective <= plan.bound
    async with planning_env.database.unit_of_work() as uow:
        proposal = await planning.proposal(plan, uow, context=planning_env.context)
        outcomes = await planning.accept_plan(plan.id, [uuid7() for _ in proposal], uow, context=planning_env.context)
    assert not isinstance(outcomes, Refusal)
    assert len(proposal) >= 6
    refused = [(details.place, outcome.hint) for details, outcome in outcomes if isinstance(outcome, Refusal)]
    assert refused == []
    assert len(plan.result.explanations) >= len(proposal)
    assert all(explanation.total_served > 0 for explanation in plan.result.explanations[: len(proposal)])
    assert plan.result.unserved[0].share >= plan.result.unserved[-1].share
    assert "Hauptplatz" not in {details.place for details in proposal}, "it rests: there is a stand that week already"
    states = {
        row["state"] for row in await planning_env.rows("SELECT state FROM stand WHERE stand_id <> $1", fixed_stand.id)
    }
    assert states == {"planned"}


async def test_a_cancelled_stand_is_replaced_and_no_other_changes(planning_env: SchedulingEnv) -> None:
    first = await until(planning_env, await ask(planning_env), "ready")
    async with planning_env.database.unit_of_work() as uow:
        proposal = await planning.proposal(first, uow, context=planning_env.context)
        outcomes = await planning.accept_plan(first.id, [uuid7() for _ in proposal], uow, context=planning_env.context)
    assert not isinstance(outcomes, Refusal)
    accepted = [outcome for _, outcome in outcomes if isinstance(outcome, Stand)]
    before = {row["stand_id"]: tuple(row) for row in await planning_env.rows("SELECT * FROM stand")}
    cancelled = accepted[len(accepted) // 2]
    async with planning_env.database.unit_of_work() as uow:
        await stands.cancel_stand(cancelled.id, uow, reason="Sturm")
    plan = await until(planning_env, await ask(planning_env, replaces=cancelled.id), "ready", "failed")
    assert plan.state == "ready", plan.reason
    async with planning_env.database.unit_of_work() as uow:
        second_proposal = await planning.proposal(plan, uow, context=planning_env.context)
    assert cancelled.details.place not in {details.place for details in second_proposal}
    after = {row["stand_id"]: tuple(row) for row in await planning_env.rows("SELECT * FROM stand")}
    assert {id_ for id_ in before if before[id_] != after[id_]} == {cancelled.id}
    assert first.result
    assert plan.result
    comparison = compare(proposal, first.result.explanations, second_proposal, plan.result.explanations)
    assert len(comparison.only_first) + len(comparison.in_both) == len(proposal)


async def test_a_cancelled_plan_ends_its_process(planning_env: SchedulingEnv) -> None:
    plan_id = await ask(planning_env, seconds=60)
    await until(planning_env, plan_id, "running")
    async with planning_env.database.unit_of_work() as uow:
        assert await planning.accept_plan(plan_id, [], uow, context=planning_env.context) == PLAN_RUNS
        await planning.cancel_plan(plan_id, uow)
    async with asyncio.timeout(10):
        while await planning_env.rows("SELECT 1 FROM job WHERE status <> 'succeeded'"):
            await asyncio.sleep(0.1)
    assert (await until(planning_env, plan_id, "cancelled")).result is None


async def test_a_solver_that_dies_leaves_a_failed_plan(
    planning_env: SchedulingEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_jobs, "sys", type("Nowhere", (), {"executable": "/bin/false"}))
    plan = await until(planning_env, await ask(planning_env), "failed")
    assert "ended without a plan" in str(plan.reason)


async def test_without_places_the_refusal_names_the_import_command(scheduling_env: SchedulingEnv) -> None:
    async with scheduling_env.database.unit_of_work() as uow:
        request = PlanRequest(first_day=FIRST, days=7, seconds=1)
        assert await planning.request_plan(uuid7(), request, uow, context=scheduling_env.context) == NO_PLACES


async def test_visits_and_unmet_demand_change_the_forecast(planning_env: SchedulingEnv) -> None:
    now = planning_env.database.environment.clock()
    today = now.astimezone(VIENNA).date()
    tuesday = today - timedelta(days=7 + (today.weekday() - 1) % 7)  # not all places are open at weekends
    begin = datetime.combine(tuesday, time(8), VIENNA)
    plan = StandDetails(
        "JKU Campus", "Dornach-Auhof", begin, begin + timedelta(hours=4), "T", "B", "K", ("active_pass",)
    )
    stand = await planning_env.stand(plan)

    async def expected() -> float:
        async with planning_env.database.unit_of_work() as uow:
            outcome = await planning.forecast("JKU Campus", FIRST, 1, uow, context=planning_env.context)
        assert not isinstance(outcome, Refusal)
        rows, trained, _ = outcome
        assert trained.stands == 1
        return sum(row.expected.visits for row in rows if row.service == "active_pass")

    empty = await expected()
    sql = (
        "INSERT INTO visit SELECT gen_random_uuid(), $1, 'active_pass', 'completed', $2, $2 FROM generate_series(1, 60)"
    )
    await planning_env.rows(f"{sql} RETURNING 1", stand.id, begin + timedelta(hours=1))
    crowded = await expected()
    assert crowded > 1.5 * empty
    async with planning_env.database.unit_of_work() as uow:
        await add_wish(uow, day=now.date(), district="Urfahr", service="active_pass", source="due", times=60)
    wished = await expected()
    assert wished > 1.3 * crowded
    async with planning_env.database.unit_of_work() as uow:
        await add_wish(uow, day=now.date(), district="Ebelsberg", service="active_pass", source="due", times=60)
    assert await expected() - wished == pytest.approx(wished - crowded), "wishes of districts add up"


@pytest.mark.parametrize("wishes", [60, 6_000])
async def test_wishes_of_the_public_raise_the_forecast_by_a_fifth_at_most(
    planning_env: SchedulingEnv, details: StandDetails, wishes: int
) -> None:
    now = planning_env.database.environment.clock()
    last_tuesday = now - timedelta(days=now.weekday() + 6)
    begin = last_tuesday.replace(hour=9, minute=0, second=0, microsecond=0)
    at_campus = replace(details, place="JKU Campus", district="Dornach-Auhof")
    stand = await planning_env.stand(replace(at_campus, starts_at=begin, ends_at=begin + timedelta(hours=4)))

    async def expected() -> dict[str, float]:
        async with planning_env.database.unit_of_work() as uow:
            outcome = await planning.forecast("JKU Campus", FIRST, 1, uow, context=planning_env.context)
        assert not isinstance(outcome, Refusal)
        by_service: dict[str, float] = {}
        for row in outcome[0]:
            by_service[row.service] = by_service.get(row.service, 0.0) + row.expected.visits
        return by_service

    before = await expected()
    async with planning_env.database.unit_of_work() as uow:
        for number in range(60):
            day, district, times = now.date() - timedelta(days=number % 5), f"District {number % 12}", wishes / 60
            await add_wish(uow, day=day, district=district, service="active_pass", source="searched", times=times)
    waiting = """
        INSERT INTO waiting SELECT gen_random_uuid(), $1, 'active_pass', 'de', '{}', '', '', $2, 'past'
        FROM generate_series(1, $3::int) RETURNING 1
        """
    await planning_env.rows(waiting, stand.id, begin, wishes)
    after = await expected()
    assert after["active_pass"] == pytest.approx(before["active_pass"] * (1 + PUBLIC_SHARE))
    others = set(before) - {"active_pass"}
    assert {name: after[name] for name in others} == {name: before[name] for name in others}
    async with planning_env.database.unit_of_work() as uow:
        await add_wish(uow, day=now.date(), district="Urfahr", service="active_pass", source="asked", times=60)
    assert (await expected())["active_pass"] > 2 * before["active_pass"], "what staff record counts in full"


async def test_the_same_order_twice_is_one_plan(planning_env: SchedulingEnv) -> None:
    plan_id = await ask(planning_env, seconds=1)
    request = PlanRequest(first_day=FIRST, days=7, seconds=1)
    async with planning_env.database.unit_of_work() as uow:
        second_proposal = await planning.request_plan(plan_id, request, uow, context=planning_env.context)
    assert not isinstance(second_proposal, Refusal)
    assert second_proposal.id == plan_id
    assert len(await planning_env.rows("SELECT 1 FROM plan")) == 1
