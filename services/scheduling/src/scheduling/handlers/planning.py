"""Forecasts and plans: what is to be expected, where to go, and what becomes of a proposal.

Kept true: a plan is made from what is in the database when it is asked for, kept with its answer; accepting it makes
planned stands, each by the same guard as any other, so whatever has changed since is refused and named.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.decision import Attempt, Expired
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.demand.forecast import Error, Expected, Model, Seen, block_of, error, fit, hours_by_block
from scheduling.domain.planbuild import Means, build, plans_of
from scheduling.domain.planmaking import Failed, Made, MakePlan, Order, Wanted
from scheduling.domain.planning import Block, check_cover
from scheduling.domain.refusals import NO_PLAN, NO_RESOURCE, NO_STAND, NOT_READY, PLAN_RUNS
from scheduling.domain.resources import Crew, Kind, Kit, Pitch, Vehicle
from scheduling.domain.stand import Plan, Stand, StandState
from scheduling.handlers.ground import Ground
from scheduling.handlers.stands import schedule_stand
from scheduling.store import demand, plans, stands
from scheduling.store.plans import KeptPlan

LEARN_DAYS = timedelta(days=730)
WISHES_DAYS = 90
MOST_STANDS = 1_000
NEAR_SHARE = 0.25  # of a district's people live near a place nothing more is known of
BUSY_HOURS = 3.0  # of a block, in a forecast


@dataclass(frozen=True, slots=True)
class Learnt:
    """`rows`: what the model was learnt from."""

    model: Model
    rows: Sequence[Seen]

    @property
    def stands(self) -> int:
        return len({row.stand_id for row in self.rows})


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a forecast."""

    place: str
    day: date
    block: Block
    service: str
    expected: Expected


async def learn(means: Means, work: Work, *, ground: Ground) -> Learnt:
    """Fitting takes a second where there is much to learn from: not in the loop that answers citizens."""
    rows = await _seen(means, work, ground)
    extra = await demand.wishes(
        work, since=work.now.date() - timedelta(days=WISHES_DAYS), until=work.now.date() + timedelta(days=WISHES_DAYS)
    )
    model = await asyncio.to_thread(fit, rows, ground.priors)
    return Learnt(_with_wishes(model, rows, extra), rows)


async def forecast(
    place: str, first: date, days: int, work: Work, *, ground: Ground
) -> tuple[list[Row], Learnt, Error] | Refusal:
    """Per day, block and service at one place; and how wrong such forecasts were."""
    means = await _means(work, ground)
    pitch = means.pitches.get(place)
    if not pitch:
        return NO_RESOURCE
    learnt = await learn(means, work, ground=ground)
    people = _people(pitch, means)
    rows = [
        Row(place, day, block, service, learnt.model.expected(
            place=place, people=people, day=day, block=block, service=service, hours=BUSY_HOURS
        ))
        for day in (first + timedelta(days=number) for number in range(days))
        for block in Block
        for service in ground.offers
    ]  # fmt: skip
    return rows, learnt, await asyncio.to_thread(error, learnt.rows, ground.priors)


async def ask_plan(plan_id: UUID, wanted: Wanted, work: Work, *, ground: Ground) -> KeptPlan | Refusal:
    """The same id twice is one plan."""
    known = await plans.find_plan(work, plan_id)
    if known:
        return known
    gone = await stands.find_stand(work, StandId(wanted.instead_of)) if wanted.instead_of else None
    if wanted.instead_of and not gone:
        return NO_STAND
    order = await _order(wanted, gone, work, ground)
    if isinstance(order, Refusal):
        return order
    if refusal := check_cover(order.problem):
        return refusal
    await plans.add_plan(work, plan_id, wanted, order)
    work.enqueue(MakePlan(plan_id=plan_id))
    return await show_plan(plan_id, work)


async def show_plan(plan_id: UUID, work: Work) -> KeptPlan | Refusal:
    return await plans.find_plan(work, plan_id) or NO_PLAN


async def cancel_plan(plan_id: UUID, work: Work) -> KeptPlan | Refusal:
    plan = await plans.lock_plan(work, plan_id)
    if not plan:
        return NO_PLAN
    if plan.state in {"asked", "running"}:
        await plans.end_plan(work, plan_id, "cancelled")
    return await show_plan(plan_id, work)


async def accept_plan(
    plan_id: UUID, ids: Sequence[UUID], work: Work, *, ground: Ground
) -> list[tuple[Plan, Stand | Refusal]] | Refusal:
    """Every stand of the proposal becomes planned. `ids`: for them, in their order."""
    plan = await plans.lock_plan(work, plan_id)
    if not plan:
        return NO_PLAN
    if plan.state in {"asked", "running"}:
        return PLAN_RUNS
    if not plan.made:
        return NOT_READY
    outcomes: list[tuple[Plan, Stand | Refusal]] = []
    for id_, one in zip(ids, await proposed(plan, work, ground=ground), strict=False):
        made = await schedule_stand(StandId(id_), one, work, ground=ground, state=StandState.PLANNED)
        outcomes.append((one, made))
    await plans.end_plan(work, plan_id, "accepted")
    return outcomes


async def proposed(plan: KeptPlan, work: Work, *, ground: Ground) -> list[Plan]:
    means = await _means(work, ground)
    return plans_of(plan.made, plan.order, plan.wanted, means, ground.zone) if plan.made else []


async def claim_plan(job: MakePlan, attempt: Attempt, work: Work) -> tuple[UUID, Order] | None:
    """Trying again after a crash is harmless: a plan has no effect before it is accepted."""
    del attempt
    plan = await plans.find_plan(work, job.plan_id)
    return (plan.id, plan.order) if plan and plan.state in {"asked", "running"} else None


async def record_plan(job: MakePlan, outcome: Made | Failed | Expired, work: Work) -> None:
    plan = await plans.lock_plan(work, job.plan_id)
    if not plan or plan.state not in {"asked", "running"}:
        return
    match outcome:
        case Made():
            await plans.end_plan(work, job.plan_id, "ready", made=outcome)
        case Failed(reason) | Expired(reason):
            await plans.end_plan(work, job.plan_id, "failed", reason=reason)


async def _order(wanted: Wanted, gone: Stand | None, work: Work, ground: Ground) -> Order | Refusal:
    means = await _means(work, ground)
    learnt = await learn(means, work, ground=ground)
    first = wanted.first_day
    begin = _midnight(first - timedelta(days=7), ground)  # who has worked that week already
    end = _midnight(first + timedelta(days=wanted.days + 7), ground)
    there = await stands.stands_between(work, since=begin, until=end, limit=MOST_STANDS)
    return build(wanted, means, learnt.model, there, zone=ground.zone, gone=gone)


async def _means(work: Work, ground: Ground) -> Means:
    found = await stands.resources(work)
    return Means(
        pitches={name: one for kind, name, one in found if kind is Kind.PITCH and isinstance(one, Pitch)},
        crews={name: one for kind, name, one in found if kind is Kind.CREW and isinstance(one, Crew)},
        vehicles={name: one for kind, name, one in found if kind is Kind.VEHICLE and isinstance(one, Vehicle)},
        kits={name: one for kind, name, one in found if kind is Kind.KIT and isinstance(one, Kit)},
        districts=ground.districts,
        offers=ground.offers,
    )


async def _seen(means: Means, work: Work, ground: Ground) -> list[Seen]:
    """Every service a stand offered in every block it was open in: that nobody came counts, too."""
    since = work.now - LEARN_DAYS
    over = [
        one
        for one in await stands.stands_between(work, since=since, until=work.now, limit=MOST_STANDS)
        if one.state not in {StandState.DRAFT, StandState.PLANNED, StandState.CANCELLED} and one.plan.ends_at < work.now
    ]
    came: dict[tuple[UUID, Block, str], float] = {}
    for row in await demand.seen_at_stands(work, since=since, zone=str(ground.zone)):
        block = block_of(_midnight(work.now.date(), ground).replace(hour=row["hour"]))
        key = row["stand_id"], block, row["service"]
        came[key] = came.get(key, 0.0) + row["came"]
    rows = []
    for stand in over:
        plan = stand.plan
        people = _people(means.pitches.get(plan.place, Pitch(district=plan.district)), means)
        day = plan.starts_at.astimezone(ground.zone).date()
        for block, hours in hours_by_block(plan.starts_at, plan.ends_at, ground.zone).items():
            for service in plan.services:
                seen = came.get((stand.id, block, service), 0.0)
                rows.append(Seen(stand.id, plan.place, day, block, service, hours, people, seen))
    return rows


def _people(pitch: Pitch, means: Means) -> float:
    near = next((one.residents * NEAR_SHARE for one in means.districts if one.name == pitch.district), 1_000.0)
    return pitch.people + near


def _with_wishes(model: Model, rows: Sequence[Seen], extra: Sequence[Mapping[str, float]]) -> Model:
    """What nobody served and what falls due raise the rate of their service, by their share of all that is known."""
    served: dict[str, float] = {}
    for row in rows:
        served[row.service] = served.get(row.service, 0.0) + row.came
    rate = dict(model.rate)
    for wish in extra:
        service = str(wish["service"])
        known = served.get(service, 0.0) + 50.0
        rate[service] = rate.get(service, 0.0) * (1 + float(wish["times"]) / known)
    return Model(rate, model.place, model.weekday, model.block, model.evidence)


def _midnight(day: date, ground: Ground) -> datetime:
    return datetime.combine(day, time(0), ground.zone)
