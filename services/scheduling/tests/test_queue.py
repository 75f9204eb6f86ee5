"""The queue in the database: a number is called at one desk only; devices send tickets that they issued offline."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from scheduling.domain.queue import QueueEntry, QueueEntryKind, TicketState
from scheduling.domain.refusals import NO_TICKET, NOT_CALLED, OF_LATER_DAY, QUEUE_EMPTY, TICKET_EXISTS
from scheduling.domain.stand import StandDetails
from scheduling.handlers import appointments, queue
from scheduling_fixtures import SchedulingEnv
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import Environment
from wanderamt.kernel.refusal import Refusal


async def test_tickets_and_appointments_are_called_in_one_order_and_each_once(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    now = scheduling_env.database.environment.clock().replace(second=0, microsecond=0)
    stand = await scheduling_env.stand(
        replace(details, starts_at=now + timedelta(minutes=5), ends_at=now + timedelta(hours=3))
    )
    appointment = await scheduling_env.book(stand, now + timedelta(minutes=5))
    ids = [uuid7() for _ in range(3)]
    async with scheduling_env.database.unit_of_work() as uow:
        await appointments.mark_arrived(appointment.id, uow, context=scheduling_env.context)
        for number, id_ in enumerate(ids):
            issued = now - timedelta(minutes=30 - 14 * number)
            refused = await queue.record_ticket(
                id_, stand.id, uow, label=f"SA-{number:03}", service="active_pass", issued_at=issued
            )
            assert refused is None

    async def call(desk: str) -> QueueEntry | Refusal:
        async with scheduling_env.database.unit_of_work() as uow:
            return await queue.call_next(stand.id, uow, desk=desk, context=scheduling_env.context)

    called = await asyncio.gather(*(call(str(desk)) for desk in range(5)))
    labels = [entry.label for entry in called if isinstance(entry, QueueEntry)]
    assert len(labels) == len(set(labels)) == 4
    assert [entry for entry in called if isinstance(entry, Refusal)] == [QUEUE_EMPTY]
    async with scheduling_env.database.unit_of_work() as uow:
        assert (
            await queue.end_entry(
                stand.id, ids[0], QueueEntryKind.TICKET, TicketState.WAITING, uow, context=scheduling_env.context
            )
            is None
        )
        assert (
            await queue.end_entry(
                stand.id,
                appointment.id,
                QueueEntryKind.APPOINTMENT,
                TicketState.SERVED,
                uow,
                context=scheduling_env.context,
            )
            is None
        )
        state = await queue.queue_state(stand.id, uow, context=scheduling_env.context)
    assert not isinstance(state, Refusal)
    assert [entry.label for entry in state.next] == ["SA-000"]
    assert len(state.called) == 2


async def test_a_ticket_sent_twice_counts_once_and_a_reused_number_is_refused(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    id_, now = uuid7(), scheduling_env.database.environment.clock()
    record = partial(queue.record_ticket, stand_id=stand.id, label="SA-001", service="active_pass", issued_at=now)
    async with scheduling_env.database.unit_of_work() as uow:
        for _ in range(2):
            assert await record(id_, uow=uow) is None
        assert await record(uuid7(), uow=uow) == TICKET_EXISTS


async def test_a_stand_ends_no_appointment_of_another_stand(
    scheduling_env: SchedulingEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand, other = await scheduling_env.stand(details), await scheduling_env.stand(elsewhere)
    appointment = await scheduling_env.book(stand, details.starts_at)
    scheduling_env.database.environment = Environment(clock=lambda: details.starts_at)
    end = partial(queue.end_entry, kind=QueueEntryKind.APPOINTMENT, context=scheduling_env.context)
    async with scheduling_env.database.unit_of_work() as uow:
        assert await end(other.id, appointment.id, outcome=TicketState.SERVED, uow=uow) == NO_TICKET
        assert await end(stand.id, appointment.id, outcome=TicketState.SERVED, uow=uow) is None


@pytest.mark.parametrize("outcome", TicketState)
async def test_nobody_arrives_at_or_ends_an_appointment_of_a_later_day(
    scheduling_env: SchedulingEnv, details: StandDetails, outcome: TicketState
) -> None:
    stand = await scheduling_env.stand(details)
    appointment = await scheduling_env.book(stand, details.starts_at)
    kind, context = QueueEntryKind.APPOINTMENT, scheduling_env.context
    async with scheduling_env.database.unit_of_work() as uow:
        assert await queue.end_entry(stand.id, appointment.id, kind, outcome, uow, context=context) == NOT_CALLED
        assert await appointments.mark_arrived(appointment.id, uow, context=context) == OF_LATER_DAY
    [row] = await scheduling_env.rows("SELECT state FROM appointment")
    assert row["state"] == "booked"
