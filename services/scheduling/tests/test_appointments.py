"""Appointments: a place is booked once, and no appointment stays at a cancelled stand."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from scheduling.domain.appointment import SLOT, Appointment, AppointmentState, bookable_times, offered_slots
from scheduling.domain.booking_limits import BookingLimits
from scheduling.domain.refusals import (
    APPOINTMENT_ENDED,
    FULL,
    HOLD_EXPIRED,
    NO_APPOINTMENT,
    NO_SLOT,
    NOT_OFFERED,
    TOO_MANY_APPOINTMENTS,
    TOO_MANY_HOLDS,
)
from scheduling.domain.stand import Stand, StandDetails
from scheduling.handlers import appointments, expiry, stands, waiting_list
from scheduling_fixtures import SchedulingEnv
from uuid_utils.compat import uuid7
from wanderamt.contracts import Language, case_code
from wanderamt.kernel.refusal import Refusal

VIENNA = ZoneInfo("Europe/Vienna")
BORN = date(1980, 5, 4)


async def times(scheduling_env: SchedulingEnv, stand: Stand, service: str = "active_pass") -> list[datetime]:
    async with scheduling_env.database.unit_of_work() as uow:
        available: list[datetime] = await appointments.available_times(
            stand, service, uow, context=scheduling_env.context
        )
    return available


async def published(scheduling_env: SchedulingEnv) -> list[str]:
    return [row["type"].split(".", 2)[2] for row in await scheduling_env.rows("SELECT type FROM outbox ORDER BY id")]


async def test_a_service_takes_as_many_slots_in_a_row_as_it_needs(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    booked = await scheduling_env.book(stand, details.starts_at, "registration")
    assert booked.ends_at - booked.starts_at == timedelta(minutes=20)
    taken = [
        row["starts_at"] for row in await scheduling_env.rows("SELECT starts_at FROM slot WHERE booked = 1 ORDER BY 1")
    ]
    assert taken == [details.starts_at, details.starts_at + SLOT]
    assert await scheduling_env.hold(stand, details.starts_at + SLOT) == FULL
    assert (await times(scheduling_env, stand))[0] == details.starts_at + 2 * SLOT


async def test_a_booking_of_several_slots_takes_all_of_them_or_none(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    await scheduling_env.book(stand, details.starts_at + 2 * SLOT)
    assert await scheduling_env.hold(stand, details.starts_at + SLOT, "registration") == FULL
    assert sum(row["booked"] for row in await scheduling_env.rows("SELECT booked FROM slot")) == 2
    assert await scheduling_env.hold(stand, details.ends_at - SLOT, "registration") == NO_SLOT
    assert details.starts_at + SLOT not in await times(scheduling_env, stand, "registration")


async def test_forty_simultaneous_holds_fill_exactly_the_free_places(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(replace(details, desks=2))
    outcomes = await asyncio.gather(*(scheduling_env.hold(stand, details.starts_at) for _ in range(40)))
    assert sum(isinstance(outcome, Appointment) for outcome in outcomes) == 2
    assert {outcome for outcome in outcomes if isinstance(outcome, Refusal)} == {FULL}


async def test_crossing_bookings_of_several_slots_never_deadlock(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(replace(details, desks=20))
    many = [scheduling_env.hold(stand, details.starts_at + n % 3 * SLOT, "registration") for n in range(30)]
    outcomes = await asyncio.wait_for(asyncio.gather(*many), 20)
    assert all(isinstance(outcome, Appointment) for outcome in outcomes)


async def test_an_expired_hold_releases_its_place_once(scheduling_env: SchedulingEnv, details: StandDetails) -> None:
    scheduling_env.context = replace(scheduling_env.context, hold=timedelta(0))
    stand = await scheduling_env.stand(details)
    held = await scheduling_env.held(stand, details.starts_at)
    assert await scheduling_env.confirm(held.id) == HOLD_EXPIRED
    for _ in range(2):
        async with scheduling_env.database.unit_of_work() as uow:
            await expiry.release_holds(uow)
    assert sum(row["booked"] for row in await scheduling_env.rows("SELECT booked FROM slot")) == 0
    assert await scheduling_env.confirm(held.id) == NO_APPOINTMENT


async def test_confirming_while_the_hold_expires_keeps_the_place_or_loses_it_never_both(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    for number in range(12):
        scheduling_env.context = replace(scheduling_env.context, hold=timedelta(milliseconds=5))
        held = await scheduling_env.held(stand, details.starts_at + number * 2 * SLOT)

        async def release() -> None:
            await asyncio.sleep(0.004)
            async with scheduling_env.database.unit_of_work() as uow:
                await expiry.release_holds(uow)

        outcome, _ = await asyncio.gather(scheduling_env.confirm(held.id, phone=f"+43660{number:07}"), release())
        async with scheduling_env.database.unit_of_work() as uow:
            await asyncio.sleep(0.01)
            await expiry.release_holds(uow)
        taken = (await scheduling_env.rows("SELECT coalesce(sum(booked), 0) AS n FROM slot"))[0]["n"]
        contact_retention = (await scheduling_env.rows("SELECT count(*) AS n FROM appointment"))[0]["n"]
        assert taken == 2 * contact_retention
        assert isinstance(outcome, Appointment) or outcome in {HOLD_EXPIRED, NO_APPOINTMENT}


async def test_moving_keeps_the_old_place_until_the_new_place_is_reserved(
    scheduling_env: SchedulingEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    first_stand, second_stand = await scheduling_env.stand(details), await scheduling_env.stand(elsewhere)
    appointment = await scheduling_env.book(first_stand, details.starts_at)
    await scheduling_env.book(second_stand, details.starts_at, phone="+436601111111")
    async with scheduling_env.database.unit_of_work() as uow:
        assert (
            await appointments.move_appointment(
                appointment.id, second_stand.id, details.starts_at, uow, context=scheduling_env.context
            )
            == FULL
        )
    async with scheduling_env.database.unit_of_work() as uow:
        moved = await appointments.move_appointment(
            appointment.id, second_stand.id, details.starts_at + 2 * SLOT, uow, context=scheduling_env.context
        )
    assert isinstance(moved, Appointment)
    assert (moved.stand_id, moved.state) == (second_stand.id, AppointmentState.BOOKED)
    assert {row["stand_id"] for row in await scheduling_env.rows("SELECT stand_id FROM slot WHERE booked > 0")} == {
        second_stand.id
    }
    assert (await published(scheduling_env))[-1] == "appointment.moved.v1"


async def test_moving_by_one_slot_over_itself_needs_no_second_place(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    appointment = await scheduling_env.book(stand, details.starts_at, "registration")
    async with scheduling_env.database.unit_of_work() as uow:
        moved = await appointments.move_appointment(
            appointment.id, stand.id, details.starts_at + SLOT, uow, context=scheduling_env.context
        )
    assert isinstance(moved, Appointment)
    taken = [
        row["starts_at"] for row in await scheduling_env.rows("SELECT starts_at FROM slot WHERE booked = 1 ORDER BY 1")
    ]
    assert taken == [details.starts_at + SLOT, details.starts_at + 2 * SLOT]


async def test_booked_appointments_of_a_cancelled_stand_need_rebooking(
    scheduling_env: SchedulingEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand, other = await scheduling_env.stand(details), await scheduling_env.stand(elsewhere)
    booked = await scheduling_env.book(stand, details.starts_at)
    held = await scheduling_env.held(stand, details.starts_at + 4 * SLOT)
    async with scheduling_env.database.unit_of_work() as uow:
        await stands.cancel_stand(stand.id, uow, reason="Sturm")
    rows = await scheduling_env.rows("SELECT appointment_id, state, contact FROM appointment")
    assert {row["appointment_id"]: row["state"] for row in rows} == {
        booked.id: "needs_rebooking",
        held.id: "needs_rebooking",
    }
    assert any(row["contact"] for row in rows), "nothing is deleted"
    assert await scheduling_env.rows("SELECT 1 FROM slot WHERE stand_id = $1", stand.id) == []
    assert isinstance(await scheduling_env.hold(stand, details.starts_at), Refusal)
    async with scheduling_env.database.unit_of_work() as uow:
        moved = await appointments.move_appointment(
            booked.id, other.id, details.starts_at, uow, context=scheduling_env.context
        )
    assert isinstance(moved, Appointment)
    assert moved.state is AppointmentState.BOOKED


async def test_a_moved_stand_moves_its_appointments_where_they_fit(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    early = await scheduling_env.book(stand, details.starts_at, phone="+436601111111")
    late = await scheduling_env.book(stand, details.ends_at - 2 * SLOT, phone="+436602222222")
    later = replace(details, starts_at=details.starts_at + timedelta(hours=1), ends_at=details.ends_at)
    async with scheduling_env.database.unit_of_work() as uow:
        await stands.move_stand(stand.id, later, uow, reason="Baustelle", context=scheduling_env.context)
    rows = {row["appointment_id"]: row for row in await scheduling_env.rows("SELECT * FROM appointment")}
    assert rows[early.id]["starts_at"] == details.starts_at + timedelta(hours=1)
    assert (rows[early.id]["state"], rows[late.id]["state"]) == ("booked", "needs_rebooking")
    assert sum(row["booked"] for row in await scheduling_env.rows("SELECT booked FROM slot")) == 2
    assert set((await published(scheduling_env))[-3:]) == {
        "stand.moved.v1",
        "appointment.moved.v1",
        "appointment.cancelled.v1",
    }


async def test_cancelling_frees_the_place_once_and_is_published_once(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    appointment = await scheduling_env.book(stand, details.starts_at)
    for _ in range(2):
        async with scheduling_env.database.unit_of_work() as uow:
            outcome = await appointments.cancel_appointment(appointment.id, uow, by_citizen=True)
        assert isinstance(outcome, Appointment)
    assert sum(row["booked"] for row in await scheduling_env.rows("SELECT booked FROM slot")) == 0
    assert (await published(scheduling_env)).count("appointment.cancelled.v1") == 1


async def test_the_first_free_place_goes_to_the_oldest_waiting_list_entry(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(replace(details, ends_at=details.starts_at + 2 * SLOT))
    appointment = await scheduling_env.book(stand, details.starts_at)
    ids = [uuid7(), uuid7()]
    for number, id_ in enumerate(ids):
        citizen = appointments.encrypt_citizen(
            id_,
            phone=f"+43660000000{number}",
            email=None,
            born=BORN,
            language=Language.EN,
            consent="2026-1",
            context=scheduling_env.context,
        )
        async with scheduling_env.database.unit_of_work() as uow:
            assert (
                await waiting_list.join_waiting_list(
                    id_, stand.id, "active_pass", citizen, uow, network="192.0.2.1", context=scheduling_env.context
                )
                is None
            )
    async with scheduling_env.database.unit_of_work() as uow:
        assert await waiting_list.promote_waiting_list(uow, context=scheduling_env.context) == 0
        await appointments.cancel_appointment(appointment.id, uow, by_citizen=True)
    async with scheduling_env.database.unit_of_work() as uow:
        assert await waiting_list.promote_waiting_list(uow, context=scheduling_env.context) == 1
    rows = await scheduling_env.rows("SELECT appointment_id FROM appointment WHERE state = 'booked'")
    assert [row["appointment_id"] for row in rows] == ids[:1]
    wishes = await scheduling_env.rows("SELECT district, service, times FROM wish")
    assert [tuple(row) for row in wishes] == [("Innere Stadt", "active_pass", 2.0)]


async def test_overbooking_happens_only_where_it_is_allowed(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(replace(details, overbook=1))
    outcomes = [await scheduling_env.hold(stand, details.starts_at) for _ in range(3)]
    assert [isinstance(outcome, Appointment) for outcome in outcomes] == [True, True, False]
    with pytest.raises(Exception, match="never_overbooked"):
        await scheduling_env.rows("UPDATE slot SET booked = 3 WHERE starts_at = $1 RETURNING 1", details.starts_at)


async def test_open_appointments_per_address_and_holds_per_client_are_limited(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    limits = BookingLimits(max_appointments=1, max_holds=2)
    scheduling_env.context = replace(scheduling_env.context, limits=limits)
    stand = await scheduling_env.stand(details)
    await scheduling_env.book(stand, details.starts_at)
    held = await scheduling_env.held(stand, details.starts_at + 2 * SLOT)
    assert await scheduling_env.confirm(held.id) == TOO_MANY_APPOINTMENTS
    outcomes = [
        await scheduling_env.hold(stand, details.starts_at + n * 2 * SLOT, network="192.0.2.1") for n in range(2, 5)
    ]
    assert outcomes[2] == TOO_MANY_HOLDS


async def test_only_code_and_date_of_birth_find_an_appointment(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    booked = await scheduling_env.book(stand, details.starts_at)
    code = case_code(booked.id)

    async def look(code: str, born: date) -> Appointment | Refusal:
        async with scheduling_env.database.unit_of_work() as uow:
            outcome, _ = await appointments.look_up(
                code, born, uow, network="192.0.2.1", context=scheduling_env.context
            )
        return outcome

    appointment = await look(code, BORN)
    assert isinstance(appointment, Appointment)
    assert await look(code, date(1980, 5, 5)) == await look("00000-00000", BORN) == NO_APPOINTMENT
    for _ in range(9):
        refused = await look(code, date(1990, 1, 1))
    assert isinstance(refused, Refusal)
    assert refused.code == "appointment.too_many_tries"


async def test_a_citizen_who_does_not_come_is_a_no_show_and_may_still_arrive(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    now = scheduling_env.database.environment.clock().replace(second=0, microsecond=0)
    stand = await scheduling_env.stand(replace(details, starts_at=now + SLOT, ends_at=now + 3 * SLOT))
    appointment = await scheduling_env.book(stand, now + SLOT)
    update = "UPDATE {} SET {} WHERE stand_id = $1 RETURNING 1"
    hours = "interval '6 hours'"
    await scheduling_env.rows(
        update.format("appointment", f"starts_at = starts_at - {hours}, ends_at = ends_at - {hours}"), stand.id
    )
    shift = f"tstzrange(lower(during) - {hours}, upper(during) - {hours})"
    await scheduling_env.rows(update.format("stand", f"during = {shift}"), stand.id)
    async with scheduling_env.database.unit_of_work() as uow:
        assert await expiry.mark_no_shows(uow, context=scheduling_env.context) == 1
    async with scheduling_env.database.unit_of_work() as uow:
        arrived = await appointments.mark_arrived(appointment.id, uow, context=scheduling_env.context)
    assert isinstance(arrived, Appointment)
    assert arrived.state is AppointmentState.ARRIVED
    assert (await published(scheduling_env))[-1] == "appointment.no-show.v1"


async def test_contacts_are_deleted_after_a_while_and_the_count_stays(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    await scheduling_env.book(stand, details.starts_at)
    scheduling_env.context = replace(scheduling_env.context, contact_retention=timedelta(days=-3650))
    async with scheduling_env.database.unit_of_work() as uow:
        await expiry.anonymise(uow, context=scheduling_env.context)
    rows = await scheduling_env.rows("SELECT state, contact, address_hash, birth_date_hash FROM appointment")
    assert [tuple(row) for row in rows] == [("booked", None, None, None)]


async def test_a_service_that_is_not_offered_and_an_ended_appointment_are_refused(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    assert await scheduling_env.hold(stand, details.starts_at, "voting_card") == NOT_OFFERED
    appointment = await scheduling_env.book(stand, details.starts_at)
    async with scheduling_env.database.unit_of_work() as uow:
        await appointments.cancel_appointment(appointment.id, uow, by_citizen=True)
        assert (
            await appointments.move_appointment(
                appointment.id, stand.id, details.starts_at + 2 * SLOT, uow, context=scheduling_env.context
            )
            == APPOINTMENT_ENDED
        )


def test_slots_follow_the_stand_across_a_clock_change(details: StandDetails) -> None:
    """The night at the end of summer time has one more hour of slots, each at its own moment."""
    night = replace(
        details,
        starts_at=datetime(2027, 10, 31, 1, tzinfo=VIENNA),
        ends_at=datetime(2027, 10, 31, 5, tzinfo=VIENNA).astimezone(UTC),
    )
    night = replace(night, starts_at=night.starts_at.astimezone(UTC))
    slots = offered_slots(night)
    assert len(slots) == 5 * 6
    assert len({slot.starts_at.timestamp() for slot in slots}) == 30


def test_walk_ins_keep_exactly_their_share(details: StandDetails) -> None:
    day = replace(details, desks=2, walk_in_share=0.3, ends_at=details.starts_at + 10 * SLOT)
    assert [slot.capacity for slot in offered_slots(day)] == [1, 1, 2, 1, 2, 1, 1, 2, 1, 2]
    assert [slot.capacity for slot in offered_slots(replace(day, walk_in_share=1.0))] == [0] * 10


def test_a_full_first_slot_does_not_hide_the_day(details: StandDetails) -> None:
    free = {details.starts_at + n * SLOT: 1 for n in (1, 2, 4)}
    assert bookable_times(free, 2 * SLOT, after=details.starts_at) == [details.starts_at + SLOT]
    assert bookable_times(free, SLOT, after=details.starts_at + 2 * SLOT) == [
        details.starts_at + n * SLOT for n in (2, 4)
    ]
