"""What planners and crews want of stands, and what becomes of the appointments there.

Kept true: a stand the public sees has its slots; one that is cancelled or moved leaves no appointment behind unseen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.contracts import AppointmentCancelled, AppointmentMoved
from wanderamt.kernel.decision import Decision
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.appointment import OPEN, Appointment, State, lose_stand, shifted, slots_for
from scheduling.domain.refusals import NO_STAND, unfit
from scheduling.domain.resources import Crew, Facts, Kind, Kit, Pitch, Vehicle, tired, unfits
from scheduling.domain.series import occurrences
from scheduling.domain.stand import PUBLIC, Plan, Stand, StandState, advance, cancel, check_plan, move, schedule
from scheduling.handlers.ground import Ground
from scheduling.store import appointments, stands

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Repeated:
    """One of a series: the stand, or why there is none."""

    starts_at: datetime
    outcome: Stand | Refusal
    holiday: str = ""


async def schedule_stand(
    stand_id: StandId,
    plan: Plan,
    work: Work,
    *,
    ground: Ground,
    state: StandState = StandState.CONFIRMED,
    series: str | None = None,
) -> Stand | Refusal:
    plan = await _placed(plan, work)
    outcome = schedule(
        await stands.lock_stand(work, stand_id), stand_id, plan, state=state, now=work.now, series=series
    )
    if isinstance(outcome, Refusal):
        return outcome
    if outcome.state.changed_at != work.now:
        return outcome.state
    if refusal := await _fit(outcome.state, work, ground):
        return refusal
    if refusal := await stands.add_stand(work, outcome.state):
        return refusal
    return await _told(outcome, work)


async def schedule_series(
    plan: Plan, rule: str, ids: Sequence[UUID], work: Work, *, ground: Ground, state: StandState, on_holidays: bool
) -> list[Repeated] | Refusal:
    """`ids`: made by the caller, one a stand; what is refused leaves the others be."""
    if refusal := check_plan(plan):
        return refusal
    found = occurrences(rule, plan.starts_at, plan.ends_at, ground.zone)
    if isinstance(found, Refusal):
        return found
    made: list[Repeated] = []
    for id_, one in zip(ids, found, strict=False):
        if one.holiday and not on_holidays:
            made.append(Repeated(one.starts_at, unfit([f"{one.starts_at:%d.%m.%Y} is {one.holiday}"]), one.holiday))
            continue
        dated = replace(plan, starts_at=one.starts_at, ends_at=one.ends_at)
        outcome = await schedule_stand(StandId(id_), dated, work, ground=ground, state=state, series=rule)
        made.append(Repeated(one.starts_at, outcome, one.holiday))
    return made


async def advance_stand(stand_id: StandId, to: StandState, work: Work, *, ground: Ground) -> Stand | Refusal:
    stand = await stands.lock_stand(work, stand_id)
    if not stand:
        return NO_STAND
    outcome = advance(stand, to, now=work.now)
    if isinstance(outcome, Refusal) or outcome.state == stand:
        return outcome if isinstance(outcome, Refusal) else stand
    if to is StandState.PLANNED and (refusal := await _fit(outcome.state, work, ground)):
        return refusal
    if refusal := await stands.save_stand(work, outcome.state):
        return refusal
    return await _told(outcome, work)


async def move_stand(stand_id: StandId, plan: Plan, work: Work, *, reason: str, ground: Ground) -> Stand | Refusal:
    """Its appointments move with it; those that no longer fit are told and may choose another."""
    stand = await stands.lock_stand(work, stand_id)
    if not stand:
        return NO_STAND
    plan = await _placed(plan, work)
    outcome = move(stand, plan, reason=reason, now=work.now)
    if isinstance(outcome, Refusal) or outcome.state == stand:
        return outcome if isinstance(outcome, Refusal) else stand
    if stand.state is not StandState.DRAFT and (refusal := await _fit(outcome.state, work, ground)):
        return refusal
    if refusal := await stands.save_stand(work, outcome.state):
        return refusal
    work.emit(*outcome.events, version=outcome.state.version)
    if stand.state in PUBLIC:
        await _move_appointments(stand, outcome.state, work)
    return outcome.state


async def cancel_stand(stand_id: StandId, work: Work, *, reason: str) -> Stand | Refusal:
    stand = await stands.lock_stand(work, stand_id)
    if not stand:
        return NO_STAND
    outcome = cancel(stand, reason=reason, now=work.now)
    if isinstance(outcome, Refusal):
        return outcome
    if refusal := await stands.save_stand(work, outcome.state):
        return refusal
    work.emit(*outcome.events, version=outcome.state.version)
    await appointments.lock_slots_of(work, stand_id)
    lost = await appointments.lock_appointments_of(work, stand_id, states={*OPEN, State.ARRIVED})
    await appointments.replace_slots(work, stand_id, [], {})
    await appointments.save_appointments(work, [lose_stand(one) for one in lost])
    return outcome.state


async def show_stand(stand_id: StandId, work: Work) -> Stand | Refusal:
    return await stands.find_stand(work, stand_id) or NO_STAND


async def _told(outcome: Decision[Stand], work: Work) -> Stand:
    """Says it, and offers slots where the public may come now."""
    stand = outcome.state
    if outcome.events:
        work.emit(*outcome.events, version=stand.version)
    if stand.state is StandState.CONFIRMED:
        await appointments.offer_slots(work, stand.id, slots_for(stand.plan))
    return stand


async def _move_appointments(before: Stand, after: Stand, work: Work) -> None:
    await appointments.lock_slots_of(work, before.id)
    there = await appointments.lock_appointments_of(work, before.id, states=OPEN)
    booked: dict[datetime, int] = {}
    changed: list[Appointment] = []
    for one, at in shifted(there, before.plan, after.plan):
        if at is None:
            lost = lose_stand(one)
            changed.append(lost)
            if one.state is State.BOOKED:
                event = AppointmentCancelled(appointment_id=one.id, by_citizen=False, cancelled_at=work.now)
                work.emit(event, version=lost.version)
            continue
        kept = replace(one, starts_at=at, ends_at=at + (one.ends_at - one.starts_at), version=one.version + 1)
        changed.append(kept)
        for slot in kept.slots:
            booked[slot] = booked.get(slot, 0) + 1
        if one.state is State.BOOKED and (at, after.plan.place) != (one.starts_at, before.plan.place):
            _tell_moved(kept, after.plan.place, work)
    await appointments.replace_slots(work, before.id, slots_for(after.plan), booked)
    await appointments.save_appointments(work, changed)


def _tell_moved(one: Appointment, place: str, work: Work) -> None:
    event = AppointmentMoved(
        appointment_id=one.id,
        stand_id=one.stand_id,
        place=place,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        moved_at=work.now,
    )
    work.emit(event, version=one.version)


async def _placed(plan: Plan, work: Work) -> Plan:
    """With the coordinates of its pitch, where the plan has none of its own."""
    if plan.latitude is not None and plan.longitude is not None:
        return plan
    pitch = (await stands.facts_of(work, plan))[Kind.PITCH]
    assert isinstance(pitch, Pitch)  # noqa: S101 -- by its kind
    return replace(plan, latitude=pitch.latitude, longitude=pitch.longitude)


async def _fit(stand: Stand, work: Work, ground: Ground) -> Refusal | None:
    """Whether these people and things can do it, by their own rules. Overlap is the database's to refuse."""
    plan, facts = stand.plan, await stands.facts_of(work, stand.plan)
    pitch, crew, vehicle, kit = _typed(facts)
    told = unfits(plan, pitch=pitch, crew=crew, vehicle=vehicle, kit=kit, zone=ground.zone, city=ground.city)
    if crew.rest_h or crew.days_a_week < 7 or crew.longest_h < 16:
        others = await stands.stands_of_crew(
            work, plan.crew, since=plan.busy_from - WEEK, until=plan.busy_until + WEEK, but=stand.id
        )
        told += tired(plan.crew, crew, plan.busy_from, plan.busy_until, others, ground.zone)
    return unfit(told) if told else None


def _typed(facts: dict[Kind, Facts]) -> tuple[Pitch, Crew, Vehicle, Kit]:
    pitch, crew, vehicle, kit = (facts[kind] for kind in Kind)
    assert isinstance(pitch, Pitch)  # noqa: S101 -- by their kinds
    assert isinstance(crew, Crew)  # noqa: S101
    assert isinstance(vehicle, Vehicle)  # noqa: S101
    assert isinstance(kit, Kit)  # noqa: S101
    return pitch, crew, vehicle, kit
