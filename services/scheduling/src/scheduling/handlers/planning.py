"""Forecasts and plans: expected demand, plan requests, and the acceptance of proposals.

Invariants: a plan is made from the data of the moment of its request, and stored with its result. Accepting it makes
planned stands under the same checks as any other stand: a stand that is no longer possible is refused and named.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.caller_ids import repeated
from wanderamt.kernel.decision import Attempt, DeadlineExceeded
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.coverage_model import DayBlock, check_coverage_problem
from scheduling.domain.demand.forecast import (
    DemandModel,
    ExpectedVisits,
    ForecastError,
    Observation,
    block_of,
    fit_forecast,
    hours_by_block,
    measure_error,
)
from scheduling.domain.demand.wishes import wish_factor
from scheduling.domain.plan_job import MakePlan, PlanRequest, SolverFailure, SolverInput, SolverResult
from scheduling.domain.problem_builder import Resources, build_problem, proposed_stands
from scheduling.domain.refusals import NO_PLAN, NO_RESOURCE, NO_STAND, NOT_READY, PLAN_RUNS
from scheduling.domain.resources import Crew, Kit, Pitch, ResourceKind, Vehicle
from scheduling.domain.stand import Stand, StandDetails, StandState
from scheduling.handlers.context import SchedulingContext
from scheduling.handlers.stands import schedule_stand
from scheduling.store import demand, demand_statements, plans, stands
from scheduling.store.plans import StoredPlan

TRAINING_PERIOD = timedelta(days=730)
WISHES_DAYS = 90
MAX_STANDS = 1_000
NEARBY_SHARE = 0.25  # of a district's residents live near a place about which nothing more is known
FORECAST_HOURS = 3.0  # of a block, in a forecast
UNFINISHED = frozenset({"requested", "running"})


@dataclass(frozen=True, slots=True)
class TrainedForecast:
    """`observations`: the data the model was fitted to."""

    model: DemandModel
    observations: Sequence[Observation]

    @property
    def stands(self) -> int:
        return len({observation.stand_id for observation in self.observations})


@dataclass(frozen=True, slots=True)
class ForecastRow:
    place: str
    day: date
    block: DayBlock
    service: str
    expected: ExpectedVisits


async def train_forecast(resources: Resources, uow: UnitOfWork, *, context: SchedulingContext) -> TrainedForecast:
    """Fits the model in a thread: with much data it takes a second, and the event loop answers citizens."""
    observations = await _observations(resources, uow, context)
    today = uow.now.date()
    wishes = await demand.wishes(
        uow, since=today - timedelta(days=WISHES_DAYS), until=today + timedelta(days=WISHES_DAYS)
    )
    model = await asyncio.to_thread(fit_forecast, observations, context.priors)
    return TrainedForecast(_with_wishes(model, observations, wishes), observations)


async def forecast(
    place: str, first: date, days: int, uow: UnitOfWork, *, context: SchedulingContext
) -> tuple[list[ForecastRow], TrainedForecast, ForecastError] | Refusal:
    """Expected visits per day, block and service at one place, and the error of such forecasts in the past."""
    resources = await _resources(uow, context)
    pitch = resources.pitches.get(place)
    if not pitch:
        return NO_RESOURCE
    trained = await train_forecast(resources, uow, context=context)
    people = _people_nearby(pitch, resources)
    rows = [
        ForecastRow(place, day, block, service, trained.model.expected_visits(
            place=place, people=people, day=day, block=block, service=service, hours=FORECAST_HOURS
        ))
        for day in (first + timedelta(days=number) for number in range(days))
        for block in DayBlock
        for service in context.services
    ]  # fmt: skip
    return rows, trained, await asyncio.to_thread(measure_error, trained.observations, context.priors)


async def request_plan(
    plan_id: UUID, request: PlanRequest, uow: UnitOfWork, *, context: SchedulingContext
) -> StoredPlan | Refusal:
    """The same request under the same id twice is one plan."""
    await uow.lock_id("plan", plan_id)
    known = await plans.find_plan(uow, plan_id)
    if known:
        return repeated(known, first=(known.request,), now=(request,))
    replaced = await stands.find_stand(uow, StandId(request.replaces)) if request.replaces else None
    if request.replaces and not replaced:
        return NO_STAND
    solver_input = await _solver_input(request, replaced, uow, context)
    if isinstance(solver_input, Refusal):
        return solver_input
    if refusal := check_coverage_problem(solver_input.problem):
        return refusal
    await plans.add_plan(uow, plan_id, request, solver_input)
    uow.enqueue(MakePlan(plan_id=plan_id))
    return await get_plan(plan_id, uow)


async def get_plan(plan_id: UUID, uow: UnitOfWork) -> StoredPlan | Refusal:
    return await plans.find_plan(uow, plan_id) or NO_PLAN


async def cancel_plan(plan_id: UUID, uow: UnitOfWork) -> StoredPlan | Refusal:
    plan = await plans.lock_plan(uow, plan_id)
    if not plan:
        return NO_PLAN
    if plan.state in UNFINISHED:
        await plans.end_plan(uow, plan_id, "cancelled")
    return await get_plan(plan_id, uow)


async def accept_plan(
    plan_id: UUID, ids: Sequence[UUID], uow: UnitOfWork, *, context: SchedulingContext
) -> list[tuple[StandDetails, Stand | Refusal]] | Refusal:
    """Makes a planned stand of every proposed one. `ids`: for these stands, in their order."""
    plan = await plans.lock_plan(uow, plan_id)
    if not plan:
        return NO_PLAN
    if plan.state in UNFINISHED:
        return PLAN_RUNS
    if not plan.result:
        return NOT_READY
    outcomes: list[tuple[StandDetails, Stand | Refusal]] = []
    for id_, details in zip(ids, await proposal(plan, uow, context=context), strict=False):
        outcome = await schedule_stand(StandId(id_), details, uow, context=context, state=StandState.PLANNED)
        outcomes.append((details, outcome))
    await plans.end_plan(uow, plan_id, "accepted")
    return outcomes


async def proposal(plan: StoredPlan, uow: UnitOfWork, *, context: SchedulingContext) -> list[StandDetails]:
    """The stands that a plan proposes; empty while it has no result."""
    resources = await _resources(uow, context)
    if not plan.result:
        return []
    return proposed_stands(plan.result, plan.solver_input, plan.request, resources, context.zone)


async def prepare_plan(job: MakePlan, attempt: Attempt, uow: UnitOfWork) -> tuple[UUID, SolverInput] | None:
    """Another attempt after a crash is harmless: a plan has no effect before it is accepted."""
    del attempt
    plan = await plans.find_plan(uow, job.plan_id)
    return (plan.id, plan.solver_input) if plan and plan.state in UNFINISHED else None


async def complete_plan(
    job: MakePlan, outcome: SolverResult | SolverFailure | DeadlineExceeded, uow: UnitOfWork
) -> None:
    plan = await plans.lock_plan(uow, job.plan_id)
    if not plan or plan.state not in UNFINISHED:
        return
    match outcome:
        case SolverResult():
            await plans.end_plan(uow, job.plan_id, "ready", result=outcome)
        case SolverFailure(reason) | DeadlineExceeded(reason):
            await plans.end_plan(uow, job.plan_id, "failed", reason=reason)


async def _solver_input(
    request: PlanRequest, replaced: Stand | None, uow: UnitOfWork, context: SchedulingContext
) -> SolverInput | Refusal:
    resources = await _resources(uow, context)
    trained = await train_forecast(resources, uow, context=context)
    first = request.first_day
    begin = _midnight(first - timedelta(days=7), context)  # crews may have worked in that week already
    end = _midnight(first + timedelta(days=request.days + 7), context)
    known_stands = await stands.stands_between(uow, since=begin, until=end, limit=MAX_STANDS)
    return build_problem(request, resources, trained.model, known_stands, zone=context.zone, replaced=replaced)


async def _resources(uow: UnitOfWork, context: SchedulingContext) -> Resources:
    rows = await stands.resources(uow)
    return Resources(
        pitches={name: facts for kind, name, facts in rows if kind is ResourceKind.PITCH and isinstance(facts, Pitch)},
        crews={name: facts for kind, name, facts in rows if kind is ResourceKind.CREW and isinstance(facts, Crew)},
        vehicles={
            name: facts for kind, name, facts in rows if kind is ResourceKind.VEHICLE and isinstance(facts, Vehicle)
        },
        kits={name: facts for kind, name, facts in rows if kind is ResourceKind.KIT and isinstance(facts, Kit)},
        districts=context.districts,
        services=context.services,
    )


async def _observations(resources: Resources, uow: UnitOfWork, context: SchedulingContext) -> list[Observation]:
    """One row for every service of a past stand and every block it was open: zero visits count too."""
    since = uow.now - TRAINING_PERIOD
    past = [
        stand
        for stand in await stands.stands_between(uow, since=since, until=uow.now, limit=MAX_STANDS)
        if stand.state not in {StandState.DRAFT, StandState.PLANNED, StandState.CANCELLED}
        and stand.details.ends_at < uow.now
    ]
    visits: dict[tuple[UUID, DayBlock, str], float] = {}
    for row in await demand_statements.visits_at_stands(uow, since=since, zone=str(context.zone)):
        block = block_of(_midnight(uow.now.date(), context).replace(hour=row["hour"]))
        key = row["stand_id"], block, row["service"]
        visits[key] = visits.get(key, 0.0) + row["visits"]
    observations = []
    for stand in past:
        details = stand.details
        people = _people_nearby(resources.pitches.get(details.place, Pitch(district=details.district)), resources)
        day = details.starts_at.astimezone(context.zone).date()
        for block, hours in hours_by_block(details.starts_at, details.ends_at, context.zone).items():
            for service in details.services:
                count = visits.get((stand.id, block, service), 0.0)
                observations.append(Observation(stand.id, details.place, day, block, service, hours, people, count))
    return observations


def _people_nearby(pitch: Pitch, resources: Resources) -> float:
    residents = next(
        (district.residents * NEARBY_SHARE for district in resources.districts if district.name == pitch.district),
        1_000.0,
    )
    return pitch.people + residents


def _with_wishes(
    model: DemandModel, observations: Sequence[Observation], wishes: Mapping[str, Mapping[str, float]]
) -> DemandModel:
    """Unmet demand and expiring obligations raise the rate of their service, in proportion to all known visits."""
    served: dict[str, float] = defaultdict(float)
    for observation in observations:
        served[observation.service] += observation.visits
    rate = {
        service: visits * wish_factor(wishes.get(service, {}), served[service])
        for service, visits in model.rate.items()
    }
    return DemandModel(rate, model.place, model.weekday, model.block, model.evidence)


def _midnight(day: date, context: SchedulingContext) -> datetime:
    return datetime.combine(day, time(0), context.zone)
