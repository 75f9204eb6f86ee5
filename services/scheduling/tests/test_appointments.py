"""Appointments: a place is given once, whoever asks; nobody is left at a stand that is gone."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from scheduling.domain.appointment import SLOT, Appointment, State, slots_for, starts
from scheduling.domain.refusals import ENDED, FULL, HOLD_OVER, NO_APPOINTMENT, NO_SLOT, NOT_OFFERED, TOO_MANY
from scheduling.domain.stand import Plan, Stand
from scheduling.handlers import appointments, stands
from uuid_utils.compat import uuid7
from wanderamt.contracts import Language, case_code
from wanderamt.kernel.refusal import Refusal

VIENNA = ZoneInfo("Europe/Vienna")
BORN = date(1980, 5, 4)


async def times(office: Any, stand: Stand, service: str = "active_pass") -> list[datetime]:
    async with office.database.work() as work:
        found: list[datetime] = await appointments.free_times(stand, service, work, ground=office.ground)
    return found


async def told(office: Any) -> list[str]:
    return [row["type"].split(".", 2)[2] for row in await office.rows("SELECT type FROM outbox ORDER BY id")]


async def test_a_service_takes_as_many_slots_in_a_row_as_it_needs(office: Any, plan: Plan) -> None:
    stand = await office.stand(plan)
    booked = await office.book(stand, plan.starts_at, "registration")
    assert booked.ends_at - booked.starts_at == timedelta(minutes=20)
    taken = [row["starts_at"] for row in await office.rows("SELECT starts_at FROM slot WHERE booked = 1 ORDER BY 1")]
    assert taken == [plan.starts_at, plan.starts_at + SLOT]
    assert await office.hold(stand, plan.starts_at + SLOT) == FULL
    assert (await times(office, stand))[0] == plan.starts_at + 2 * SLOT


async def test_a_booking_of_several_slots_takes_all_of_them_or_none(office: Any, plan: Plan) -> None:
    stand = await office.stand(plan)
    await office.book(stand, plan.starts_at + 2 * SLOT)
    assert await office.hold(stand, plan.starts_at + SLOT, "registration") == FULL
    assert sum(row["booked"] for row in await office.rows("SELECT booked FROM slot")) == 2
    assert await office.hold(stand, plan.ends_at - SLOT, "registration") == NO_SLOT
    assert plan.starts_at + SLOT not in await times(office, stand, "registration")


async def test_forty_at_once_get_as_many_places_as_there_are(office: Any, plan: Plan) -> None:
    stand = await office.stand(replace(plan, desks=2))
    outcomes = await asyncio.gather(*(office.hold(stand, plan.starts_at) for _ in range(40)))
    assert sum(isinstance(one, Appointment) for one in outcomes) == 2
    assert {one for one in outcomes if isinstance(one, Refusal)} == {FULL}


async def test_crossing_bookings_of_several_slots_never_lock_each_other_out(office: Any, plan: Plan) -> None:
    stand = await office.stand(replace(plan, desks=20))
    many = [office.hold(stand, plan.starts_at + n % 3 * SLOT, "registration") for n in range(30)]
    outcomes = await asyncio.wait_for(asyncio.gather(*many), 20)
    assert all(isinstance(one, Appointment) for one in outcomes)


async def test_a_hold_that_is_over_gives_its_place_back_once(office: Any, plan: Plan) -> None:
    office.ground = replace(office.ground, hold=timedelta(0))
    stand = await office.stand(plan)
    held = await office.hold(stand, plan.starts_at)
    assert await office.confirm(held.id) == HOLD_OVER
    for _ in range(2):
        async with office.database.work() as work:
            await appointments.release_holds(work)
    assert sum(row["booked"] for row in await office.rows("SELECT booked FROM slot")) == 0
    assert await office.confirm(held.id) == NO_APPOINTMENT


async def test_who_confirms_while_the_hold_runs_out_keeps_the_place_or_loses_it_never_both(
    office: Any, plan: Plan
) -> None:
    stand = await office.stand(plan)
    for number in range(12):
        office.ground = replace(office.ground, hold=timedelta(milliseconds=5))
        held = await office.hold(stand, plan.starts_at + number * 2 * SLOT)

        async def release() -> None:
            await asyncio.sleep(0.004)
            async with office.database.work() as work:
                await appointments.release_holds(work)

        outcome, _ = await asyncio.gather(office.confirm(held.id, phone=f"+43660{number:07}"), release())
        async with office.database.work() as work:
            await asyncio.sleep(0.01)
            await appointments.release_holds(work)
        taken = (await office.rows("SELECT coalesce(sum(booked), 0) AS n FROM slot"))[0]["n"]
        kept = (await office.rows("SELECT count(*) AS n FROM appointment"))[0]["n"]
        assert taken == 2 * kept
        assert isinstance(outcome, Appointment) or outcome in {HOLD_OVER, NO_APPOINTMENT}


async def test_moving_keeps_the_old_place_until_the_new_one_is_sure(office: Any, plan: Plan, elsewhere: Plan) -> None:
    here, there = await office.stand(plan), await office.stand(elsewhere)
    mine = await office.book(here, plan.starts_at)
    await office.book(there, plan.starts_at, phone="+436601111111")
    async with office.database.work() as work:
        assert await appointments.move_appointment(mine.id, there.id, plan.starts_at, work) == FULL
    async with office.database.work() as work:
        moved = await appointments.move_appointment(mine.id, there.id, plan.starts_at + 2 * SLOT, work)
    assert isinstance(moved, Appointment)
    assert (moved.stand_id, moved.state) == (there.id, State.BOOKED)
    assert {row["stand_id"] for row in await office.rows("SELECT stand_id FROM slot WHERE booked > 0")} == {there.id}
    assert (await told(office))[-1] == "appointment.moved.v1"


async def test_moving_by_one_slot_over_itself_needs_no_second_place(office: Any, plan: Plan) -> None:
    stand = await office.stand(plan)
    mine = await office.book(stand, plan.starts_at, "registration")
    async with office.database.work() as work:
        moved = await appointments.move_appointment(mine.id, stand.id, plan.starts_at + SLOT, work)
    assert isinstance(moved, Appointment)
    taken = [row["starts_at"] for row in await office.rows("SELECT starts_at FROM slot WHERE booked = 1 ORDER BY 1")]
    assert taken == [plan.starts_at + SLOT, plan.starts_at + 2 * SLOT]


async def test_a_stand_cancelled_under_booked_appointments_leaves_them_to_choose_another(
    office: Any, plan: Plan, elsewhere: Plan
) -> None:
    stand, other = await office.stand(plan), await office.stand(elsewhere)
    booked = await office.book(stand, plan.starts_at)
    held = await office.hold(stand, plan.starts_at + 4 * SLOT)
    async with office.database.work() as work:
        await stands.cancel_stand(stand.id, work, reason="Sturm")
    rows = await office.rows("SELECT appointment_id, state, contact FROM appointment")
    assert {row["appointment_id"]: row["state"] for row in rows} == {booked.id: "conflict", held.id: "conflict"}
    assert any(row["contact"] for row in rows), "nothing is deleted"
    assert await office.rows("SELECT 1 FROM slot WHERE stand_id = $1", stand.id) == []
    assert isinstance(await office.hold(stand, plan.starts_at), Refusal)
    async with office.database.work() as work:
        moved = await appointments.move_appointment(booked.id, other.id, plan.starts_at, work)
    assert isinstance(moved, Appointment)
    assert moved.state is State.BOOKED


async def test_a_moved_stand_takes_its_appointments_along_where_they_fit(office: Any, plan: Plan) -> None:
    stand = await office.stand(plan)
    early = await office.book(stand, plan.starts_at, phone="+436601111111")
    late = await office.book(stand, plan.ends_at - 2 * SLOT, phone="+436602222222")
    later = replace(plan, starts_at=plan.starts_at + timedelta(hours=1), ends_at=plan.ends_at)
    async with office.database.work() as work:
        await stands.move_stand(stand.id, later, work, reason="Baustelle", ground=office.ground)
    rows = {row["appointment_id"]: row for row in await office.rows("SELECT * FROM appointment")}
    assert rows[early.id]["starts_at"] == plan.starts_at + timedelta(hours=1)
    assert (rows[early.id]["state"], rows[late.id]["state"]) == ("booked", "conflict")
    assert sum(row["booked"] for row in await office.rows("SELECT booked FROM slot")) == 2
    assert set((await told(office))[-3:]) == {"stand.moved.v1", "appointment.moved.v1", "appointment.cancelled.v1"}


async def test_cancelling_frees_the_place_once_and_is_told_once(office: Any, plan: Plan) -> None:
    stand = await office.stand(plan)
    mine = await office.book(stand, plan.starts_at)
    for _ in range(2):
        async with office.database.work() as work:
            outcome = await appointments.cancel_appointment(mine.id, work, by_citizen=True)
        assert isinstance(outcome, Appointment)
    assert sum(row["booked"] for row in await office.rows("SELECT booked FROM slot")) == 0
    assert (await told(office)).count("appointment.cancelled.v1") == 1


async def test_who_waits_longest_gets_the_first_place_that_becomes_free(office: Any, plan: Plan) -> None:
    stand = await office.stand(replace(plan, ends_at=plan.starts_at + 2 * SLOT))
    mine = await office.book(stand, plan.starts_at)
    ids = [uuid7(), uuid7()]
    for number, id_ in enumerate(ids):
        person = appointments.person_of(
            id_,
            phone=f"+43660000000{number}",
            email=None,
            born=BORN,
            language=Language.EN,
            consent="2026-1",
            ground=office.ground,
        )
        async with office.database.work() as work:
            assert await appointments.wait_for_place(id_, stand.id, "active_pass", person, work) is None
    async with office.database.work() as work:
        assert await appointments.book_waiting(work, ground=office.ground) == 0
        await appointments.cancel_appointment(mine.id, work, by_citizen=True)
    async with office.database.work() as work:
        assert await appointments.book_waiting(work, ground=office.ground) == 1
    rows = await office.rows("SELECT appointment_id FROM appointment WHERE state = 'booked'")
    assert [row["appointment_id"] for row in rows] == ids[:1]
    wishes = await office.rows("SELECT district, service, times FROM wish")
    assert [tuple(row) for row in wishes] == [("Innere Stadt", "active_pass", 2.0)]


async def test_overbooking_happens_where_it_is_wanted_and_nowhere_else(office: Any, plan: Plan) -> None:
    stand = await office.stand(replace(plan, overbook=1))
    outcomes = [await office.hold(stand, plan.starts_at) for _ in range(3)]
    assert [isinstance(one, Appointment) for one in outcomes] == [True, True, False]
    with pytest.raises(Exception, match="never_overbooked"):
        await office.rows("UPDATE slot SET booked = 3 WHERE starts_at = $1 RETURNING 1", plan.starts_at)


async def test_one_address_has_few_appointments_open_and_one_place_few_holds(office: Any, plan: Plan) -> None:
    office.ground = replace(office.ground, most_open=1, most_holds=2)
    stand = await office.stand(plan)
    await office.book(stand, plan.starts_at)
    held = await office.hold(stand, plan.starts_at + 2 * SLOT)
    assert await office.confirm(held.id) == TOO_MANY
    outcomes = [await office.hold(stand, plan.starts_at + n * 2 * SLOT, place="192.0.2.1") for n in range(2, 5)]
    assert outcomes[2] == TOO_MANY


async def test_code_and_date_find_an_appointment_and_nothing_else_does(office: Any, plan: Plan) -> None:
    stand = await office.stand(plan)
    mine = await office.book(stand, plan.starts_at)
    code = case_code(mine.id)

    async def look(code: str, born: date) -> Appointment | Refusal:
        async with office.database.work() as work:
            return await appointments.look_up(code, born, work, ground=office.ground)

    found = await look(code, BORN)
    assert isinstance(found, Appointment)
    assert await look(code, date(1980, 5, 5)) == await look("00000-00000", BORN) == NO_APPOINTMENT
    for _ in range(9):
        refused = await look(code, date(1990, 1, 1))
    assert isinstance(refused, Refusal)
    assert refused.code == "appointment.too_many_tries"


async def test_who_does_not_come_is_missed_and_may_still_arrive(office: Any, plan: Plan) -> None:
    now = office.database.sources.clock().replace(second=0, microsecond=0)
    stand = await office.stand(replace(plan, starts_at=now + SLOT, ends_at=now + 3 * SLOT))
    mine = await office.book(stand, now + SLOT)
    past = "UPDATE {} SET {} WHERE stand_id = $1 RETURNING 1"
    hours = "interval '6 hours'"
    await office.rows(
        past.format("appointment", f"starts_at = starts_at - {hours}, ends_at = ends_at - {hours}"), stand.id
    )
    shift = f"tstzrange(lower(during) - {hours}, upper(during) - {hours})"
    await office.rows(past.format("stand", f"during = {shift}"), stand.id)
    async with office.database.work() as work:
        assert await appointments.note_missed(work, ground=office.ground) == 1
    async with office.database.work() as work:
        arrived = await appointments.note_arrival(mine.id, work)
    assert isinstance(arrived, Appointment)
    assert arrived.state is State.ARRIVED
    assert (await told(office))[-1] == "appointment.missed.v1"


async def test_who_it_was_is_forgotten_after_a_while_and_the_count_stays(office: Any, plan: Plan) -> None:
    stand = await office.stand(plan)
    await office.book(stand, plan.starts_at)
    office.ground = replace(office.ground, kept=timedelta(days=-3650))
    async with office.database.work() as work:
        await appointments.forget(work, ground=office.ground)
    rows = await office.rows("SELECT state, contact, who, born FROM appointment")
    assert [tuple(row) for row in rows] == [("booked", None, None, None)]


async def test_a_service_that_is_not_offered_and_an_ended_appointment_are_refused(office: Any, plan: Plan) -> None:
    stand = await office.stand(plan)
    assert await office.hold(stand, plan.starts_at, "voting_card") == NOT_OFFERED
    mine = await office.book(stand, plan.starts_at)
    async with office.database.work() as work:
        await appointments.cancel_appointment(mine.id, work, by_citizen=True)
        assert await appointments.move_appointment(mine.id, stand.id, plan.starts_at + 2 * SLOT, work) == ENDED


def test_slots_are_those_of_the_stand_whatever_the_clocks_do(plan: Plan) -> None:
    """The night in which clocks go back: an hour more of slots, each at a moment of its own."""
    night = replace(
        plan,
        starts_at=datetime(2027, 10, 31, 1, tzinfo=VIENNA),
        ends_at=datetime(2027, 10, 31, 5, tzinfo=VIENNA).astimezone(UTC),
    )
    night = replace(night, starts_at=night.starts_at.astimezone(UTC))
    found = slots_for(night)
    assert len(found) == 5 * 6
    assert len({one.starts_at.timestamp() for one in found}) == 30


def test_walk_ins_keep_exactly_their_share(plan: Plan) -> None:
    day = replace(plan, desks=2, walk_in_share=0.3, ends_at=plan.starts_at + 10 * SLOT)
    assert [one.capacity for one in slots_for(day)] == [1, 1, 2, 1, 2, 1, 1, 2, 1, 2]
    assert [one.capacity for one in slots_for(replace(day, walk_in_share=1.0))] == [0] * 10


def test_a_full_first_slot_does_not_hide_the_day(plan: Plan) -> None:
    free = {plan.starts_at + n * SLOT: 1 for n in (1, 2, 4)}
    assert starts(free, 2 * SLOT, after=plan.starts_at) == [plan.starts_at + SLOT]
    assert starts(free, SLOT, after=plan.starts_at + 2 * SLOT) == [plan.starts_at + n * SLOT for n in (2, 4)]
