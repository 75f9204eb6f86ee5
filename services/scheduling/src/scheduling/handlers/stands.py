"""Stands as planners and crews change them, and the consequences for the appointments there.

Invariants: a public stand has its slots; no appointment stays at a stand that was cancelled or moved away from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import AppointmentCancelled, AppointmentMoved
from wanderamt.kernel.decision import Decision
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.appointment import (
    OPEN_STATES,
    Appointment,
    AppointmentState,
    mark_needs_rebooking,
    offered_slots,
    shift_with_stand,
)
from scheduling.domain.refusals import NO_STAND, unsuitable
from scheduling.domain.resources import (
    Crew,
    Kit,
    Pitch,
    ResourceFacts,
    ResourceKind,
    Vehicle,
    resource_conflicts,
    rest_conflicts,
)
from scheduling.domain.series import occurrences
from scheduling.domain.stand import (
    PUBLIC_STATES,
    Stand,
    StandDetails,
    StandState,
    advance,
    cancel,
    check_details,
    move,
    schedule,
)
from scheduling.handlers.context import SchedulingContext
from scheduling.store import appointments, slot_statements, stands

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SeriesStand:
    """One date of a series: the stand, or the refusal."""

    starts_at: datetime
    outcome: Stand | Refusal
    holiday: str = ""


async def schedule_stand(
    stand_id: StandId,
    details: StandDetails,
    uow: UnitOfWork,
    *,
    context: SchedulingContext,
    state: StandState = StandState.CONFIRMED,
    series: str | None = None,
) -> Stand | Refusal:
    details = await _with_coordinates(details, uow)
    await uow.lock_id("stand", stand_id)
    known = await stands.lock_stand(uow, stand_id)
    outcome = schedule(known, stand_id, details, state=state, now=uow.now, series=series)
    if isinstance(outcome, Refusal):
        return outcome
    if outcome.state.changed_at != uow.now:
        return outcome.state
    if refusal := await _check_resources(outcome.state, uow, context):
        return refusal
    if refusal := await stands.add_stand(uow, outcome.state):
        return refusal
    return await _publish(outcome, uow)


async def schedule_series(
    details: StandDetails,
    rule: str,
    ids: Sequence[UUID],
    uow: UnitOfWork,
    *,
    context: SchedulingContext,
    state: StandState,
    on_holidays: bool,
) -> list[SeriesStand] | Refusal:
    """`ids`: made by the caller, one per stand. A refused date does not affect the others."""
    if refusal := check_details(details):
        return refusal
    dates = occurrences(rule, details.starts_at, details.ends_at, context.authority.calendar)
    if isinstance(dates, Refusal):
        return dates
    series: list[SeriesStand] = []
    for id_, occurrence in zip(ids, dates, strict=False):
        begin, holiday = occurrence.starts_at, occurrence.holiday
        if holiday and not on_holidays:
            series.append(SeriesStand(begin, unsuitable([f"{begin:%d.%m.%Y} is {holiday}"]), holiday))
            continue
        dated = replace(details, starts_at=begin, ends_at=occurrence.ends_at)
        outcome = await schedule_stand(StandId(id_), dated, uow, context=context, state=state, series=rule)
        series.append(SeriesStand(begin, outcome, holiday))
    return series


async def advance_stand(
    stand_id: StandId, to: StandState, uow: UnitOfWork, *, context: SchedulingContext
) -> Stand | Refusal:
    stand = await stands.lock_stand(uow, stand_id)
    if not stand:
        return NO_STAND
    outcome = advance(stand, to, now=uow.now)
    if isinstance(outcome, Refusal) or outcome.state == stand:
        return outcome if isinstance(outcome, Refusal) else stand
    if to is StandState.PLANNED and (refusal := await _check_resources(outcome.state, uow, context)):
        return refusal
    if refusal := await stands.save_stand(uow, outcome.state):
        return refusal
    return await _publish(outcome, uow)


async def move_stand(
    stand_id: StandId, details: StandDetails, uow: UnitOfWork, *, reason: str, context: SchedulingContext
) -> Stand | Refusal:
    """The appointments move with the stand. Citizens whose time no longer fits are notified and can rebook."""
    stand = await stands.lock_stand(uow, stand_id)
    if not stand:
        return NO_STAND
    details = await _with_coordinates(details, uow)
    outcome = move(stand, details, reason=reason, now=uow.now)
    if isinstance(outcome, Refusal) or outcome.state == stand:
        return outcome if isinstance(outcome, Refusal) else stand
    if stand.state is not StandState.DRAFT and (refusal := await _check_resources(outcome.state, uow, context)):
        return refusal
    if refusal := await stands.save_stand(uow, outcome.state):
        return refusal
    uow.emit(*outcome.events, version=outcome.state.version)
    if stand.state in PUBLIC_STATES:
        await _move_appointments(stand, outcome.state, uow)
    return outcome.state


async def cancel_stand(stand_id: StandId, uow: UnitOfWork, *, reason: str) -> Stand | Refusal:
    stand = await stands.lock_stand(uow, stand_id)
    if not stand:
        return NO_STAND
    outcome = cancel(stand, reason=reason, now=uow.now)
    if isinstance(outcome, Refusal):
        return outcome
    if refusal := await stands.save_stand(uow, outcome.state):
        return refusal
    uow.emit(*outcome.events, version=outcome.state.version)
    await slot_statements.lock_slots_of(uow, stand_id)
    states = {*OPEN_STATES, AppointmentState.ARRIVED}
    affected = await appointments.lock_appointments_of(uow, stand_id, states=states)
    await slot_statements.replace_slots(uow, stand_id, [], {})
    await appointments.save_appointments(uow, [mark_needs_rebooking(appointment) for appointment in affected])
    return outcome.state


async def get_stand(stand_id: StandId, uow: UnitOfWork) -> Stand | Refusal:
    return await stands.find_stand(uow, stand_id) or NO_STAND


async def _publish(outcome: Decision[Stand], uow: UnitOfWork) -> Stand:
    """Emits the events, and offers slots once the stand is confirmed."""
    stand = outcome.state
    if outcome.events:
        uow.emit(*outcome.events, version=stand.version)
    if stand.state is StandState.CONFIRMED:
        await slot_statements.offer_slots(uow, stand.id, offered_slots(stand.details))
    return stand


async def _move_appointments(before: Stand, after: Stand, uow: UnitOfWork) -> None:
    await slot_statements.lock_slots_of(uow, before.id)
    affected = await appointments.lock_appointments_of(uow, before.id, states=OPEN_STATES)
    booked: dict[datetime, int] = {}
    changed: list[Appointment] = []
    for appointment, at in shift_with_stand(affected, before.details, after.details):
        if at is None:
            unplaced = mark_needs_rebooking(appointment)
            changed.append(unplaced)
            if appointment.state is AppointmentState.BOOKED:
                event = AppointmentCancelled(appointment_id=appointment.id, by_citizen=False, cancelled_at=uow.now)
                uow.emit(event, version=unplaced.version)
            continue
        length = appointment.ends_at - appointment.starts_at
        moved = replace(appointment, starts_at=at, ends_at=at + length, version=appointment.version + 1)
        changed.append(moved)
        for slot in moved.slots:
            booked[slot] = booked.get(slot, 0) + 1
        place = after.details.place
        if appointment.state is AppointmentState.BOOKED and (at, place) != (
            appointment.starts_at,
            before.details.place,
        ):
            _emit_moved(moved, place, uow)
    await slot_statements.replace_slots(uow, before.id, offered_slots(after.details), booked)
    await appointments.save_appointments(uow, changed)


def _emit_moved(appointment: Appointment, place: str, uow: UnitOfWork) -> None:
    event = AppointmentMoved(
        appointment_id=appointment.id,
        stand_id=appointment.stand_id,
        place=place,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        moved_at=uow.now,
    )
    uow.emit(event, version=appointment.version)


async def _with_coordinates(details: StandDetails, uow: UnitOfWork) -> StandDetails:
    """Takes the coordinates of the pitch if the details have none."""
    if details.latitude is not None and details.longitude is not None:
        return details
    pitch = (await stands.facts_of(uow, details))[ResourceKind.PITCH]
    assert isinstance(pitch, Pitch)  # noqa: S101 -- by its kind
    return replace(details, latitude=pitch.latitude, longitude=pitch.longitude)


async def _check_resources(stand: Stand, uow: UnitOfWork, context: SchedulingContext) -> Refusal | None:
    """Checks the rules of the stand's resources. The database refuses overlaps."""
    details, facts = stand.details, await stands.facts_of(uow, stand.details)
    pitch, crew, vehicle, kit = _typed(facts)
    conflicts = resource_conflicts(
        details, pitch=pitch, crew=crew, vehicle=vehicle, kit=kit, zone=context.zone, bounds=context.bounds
    )
    if crew.rest_h or crew.days_a_week < 7 or crew.longest_h < 16:
        others = await stands.stands_of_crew(
            uow,
            details.crew,
            since=details.busy_from - WEEK,
            until=details.busy_until + WEEK,
            except_id=stand.id,
        )
        conflicts += rest_conflicts(details.crew, crew, details.busy_from, details.busy_until, others, context.zone)
    return unsuitable(conflicts) if conflicts else None


def _typed(facts: dict[ResourceKind, ResourceFacts]) -> tuple[Pitch, Crew, Vehicle, Kit]:
    pitch, crew, vehicle, kit = (facts[kind] for kind in ResourceKind)
    assert isinstance(pitch, Pitch)  # noqa: S101 -- by their kinds
    assert isinstance(crew, Crew)  # noqa: S101
    assert isinstance(vehicle, Vehicle)  # noqa: S101
    assert isinstance(kit, Kit)  # noqa: S101
    return pitch, crew, vehicle, kit
